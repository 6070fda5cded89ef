package ledger

import (
	"encoding/binary"
	"slices"
)

// table numbers distinct values from 1; 0 means none.
type table[T comparable] struct {
	index  map[T]int
	values []T
}

func (t *table[T]) of(v T) int {
	if i, ok := t.index[v]; ok {
		return i
	}
	if t.index == nil {
		t.index = map[T]int{}
	}
	t.values = append(t.values, v)
	t.index[v] = len(t.values)
	return len(t.values)
}

// answerKey is a comparable Answer.
type answerKey struct {
	at                          int64
	httpStatus, processed, sent int
	status                      string
}

// problemKey is a comparable Problem. next is the number of its next one in the same table; 0:
// none.
type problemKey struct {
	code, message, column, hint string
	next                        int
}

// numbered numbers a problem after the ones that follow it, so that next is less than its own
// number.
func numbered(t *table[problemKey], p *Problem) int {
	next := 0
	for _, one := range slices.Backward(slices.Collect(p.All())) {
		next = t.of(problemKey{one.Code, one.Message, one.Column, one.Hint, next})
	}
	return next
}

// appendNextProblems stores the next numbers of problems, and nothing if none has a next one.
func appendNextProblems(b []byte, problems []problemKey) []byte {
	if !slices.ContainsFunc(problems, func(p problemKey) bool { return p.next != 0 }) {
		return b
	}
	for _, p := range problems {
		b = appendUvarint(b, p.next)
	}
	return b
}

func (r *reader) nextProblems(problems []Problem) {
	if r.s == "" { // none has a next one, or the release kept one problem per row
		return
	}
	some := false
	for i := range problems {
		next := r.uvarint()
		if next > uint64(i) { // they precede it
			r.fail()
			return
		}
		if next > 0 {
			problems[i].Next, some = &problems[next-1], true
		}
	}
	if !some {
		r.fail()
	}
}

// encodeChunk stores entries column by column, numbers as differences from the entry before: rows
// that were sent together have most of them in common. What identifies open rows comes first. Of
// tombstones only the state is stored.
func (c codec) encodeChunk(key []byte, ch *chunk) ([]byte, error) {
	var (
		texts    table[string]
		problems table[problemKey]
		answers  table[answerKey]
	)
	raw := make([]byte, 0, 64*len(ch.entries)+1024)
	live := make([]*entry, 0, len(ch.entries))
	for i := range ch.entries {
		e := &ch.entries[i]
		raw = append(raw, byte(e.state))
		if !e.tombstone() {
			live = append(live, e)
		}
	}
	raw = appendTies(raw, live)

	columns := make([]byte, 0, 64*len(live))
	var before entry
	for _, e := range live {
		columns = appendUvarint(append(columns, e.flags), e.attempts)
		columns = binary.AppendVarint(columns, e.detected-before.detected)
		columns = binary.AppendVarint(columns, e.updated-before.updated)
		columns = binary.AppendVarint(columns, e.retry-before.retry)
		columns = binary.AppendVarint(columns, int64(e.commit-before.commit))
		columns = binary.AppendVarint(columns, int64(e.upload-before.upload))
		before = *e
	}
	for _, e := range live {
		reason, problem, answer := 0, 0, 0
		if e.reason != "" {
			reason = texts.of(e.reason)
		}
		if e.problem != nil {
			problem = numbered(&problems, e.problem)
		}
		if a := e.answer; a != nil {
			answer = answers.of(answerKey{millis(a.At), a.HTTPStatus, a.Processed, a.Sent, a.Status})
		}
		columns = appendUvarint(appendUvarint(appendUvarint(columns, reason), problem), answer)
	}
	columns = appendSteps(columns, live, &texts)
	for _, e := range live {
		columns = appendString(columns, e.identity)
	}
	s := ch.summary()
	if s.form >= sealKeys {
		columns = appendFew(columns, live, func(e *entry) bool { return e.key != 0 }, func(b []byte, e *entry) []byte {
			return binary.LittleEndian.AppendUint64(b, e.key)
		})
	}

	raw = appendUvarint(raw, len(texts.values))
	for _, s := range texts.values {
		raw = appendString(raw, s)
	}
	raw = appendUvarint(raw, len(problems.values))
	for _, p := range problems.values {
		raw = appendString(appendString(appendString(appendString(raw, p.code), p.message), p.column), p.hint)
	}
	raw = appendUvarint(raw, len(answers.values))
	for _, a := range answers.values {
		raw = binary.AppendVarint(raw, a.at)
		for _, n := range [...]int{a.httpStatus, a.processed, a.sent} {
			raw = binary.AppendVarint(raw, int64(n))
		}
		raw = appendString(raw, a.status)
	}
	raw = appendNextProblems(append(raw, columns...), problems.values)
	return c.packAs(s.form, key, appendSummary(newSeal(64+len(raw)/2), s), raw)
}

// appendFew stores something that few entries have: their number and, before each, its distance
// from the one before.
func appendFew(b []byte, entries []*entry, has func(*entry) bool, one func([]byte, *entry) []byte) []byte {
	few := 0
	for _, e := range entries {
		if has(e) {
			few++
		}
	}
	b = appendUvarint(b, few)
	before := 0
	for i, e := range entries {
		if has(e) {
			b = one(appendUvarint(b, i-before), e)
			before = i
		}
	}
	return b
}

// few reads what appendFew stored.
func (r *reader) few(entries []*entry, one func(*entry)) {
	i := uint64(0)
	for range r.count() {
		if i += r.uvarint(); i >= uint64(len(entries)) {
			r.fail()
			return
		}
		one(entries[i])
	}
}

func appendTies(b []byte, entries []*entry) []byte {
	return appendFew(b, entries, (*entry).tied, func(b []byte, e *entry) []byte {
		return appendUvarint(appendUvarint(appendUvarint(b, e.first), e.next), e.like)
	})
}

func (r *reader) ties(e *entry) { e.first, e.next, e.like = r.uvarint(), r.uvarint(), r.uvarint() }

func appendSteps(b []byte, entries []*entry, texts *table[string]) []byte {
	return appendFew(b, entries, func(e *entry) bool { return len(e.steps) > 0 }, func(b []byte, e *entry) []byte {
		b = appendUvarint(b, len(e.steps))
		for _, s := range e.steps {
			b = append(binary.AppendVarint(b, s.at-e.detected), byte(s.state))
			b = appendUvarint(b, texts.of(s.text))
		}
		return b
	})
}

func (r *reader) steps(e *entry, texts []string) {
	for range r.count() {
		s := step{at: e.detected + r.varint(), state: State(r.byte())}
		text := r.uvarint()
		if text == 0 || text > uint64(len(texts)) {
			r.fail()
			return
		}
		s.text = texts[text-1]
		e.steps = append(e.steps, s)
	}
}

func (c codec) decodeChunk(key, value []byte) (*chunk, error) {
	s, raw, err := c.unpackChunk(key, value)
	if err != nil {
		return nil, err
	}
	return parseChunk(s, raw)
}

// unpackChunk returns a stored chunk's summary and its decompressed rest.
func (c codec) unpackChunk(key, value []byte) (summary, string, error) {
	s, packed, err := splitChunk(key, value)
	if err != nil {
		return summary{}, "", err
	}
	raw, err := c.unpack(packed)
	return s, raw, err
}

func parseChunk(s summary, raw string) (*chunk, error) {
	r := reader{s: raw}
	entries := make([]entry, s.rows())
	var live []*entry
	if s.form >= sealTombs {
		live = r.states(s, entries)
		r.few(live, r.ties)
	}
	texts := make([]string, r.count())
	for i := range texts {
		texts[i] = r.string()
	}
	problems := make([]Problem, r.count())
	for i := range problems {
		problems[i] = Problem{Code: r.string(), Message: r.string(), Column: r.string(), Hint: r.string()}
	}
	answers := make([]Answer, r.count())
	for i := range answers {
		answers[i] = Answer{At: timeOf(r.varint()), HTTPStatus: int(r.varint()), Processed: int(r.varint()), Sent: int(r.varint()), Status: r.string()}
	}
	if s.form < sealTombs {
		live = r.states(s, entries)
	}
	if r.bad {
		return nil, errMalformed
	}
	var before entry
	for _, e := range live {
		if s.form >= sealTombs {
			e.flags = r.byte()
		}
		e.attempts = uint32(r.uvarint())
		e.detected = before.detected + r.varint()
		e.updated = before.updated + r.varint()
		e.retry = before.retry + r.varint()
		e.commit = before.commit + uint64(r.varint())
		if s.form >= sealSent {
			e.upload = before.upload + uint64(r.varint())
		}
		before = *e
	}
	for _, e := range live {
		reason, problem, answer := r.uvarint(), r.uvarint(), r.uvarint()
		if reason > uint64(len(texts)) || problem > uint64(len(problems)) || answer > uint64(len(answers)) {
			return nil, errMalformed
		}
		if reason > 0 {
			e.reason = texts[reason-1]
		}
		if problem > 0 {
			e.problem = &problems[problem-1]
		}
		if answer > 0 {
			e.answer = &answers[answer-1]
		}
	}
	r.few(live, func(e *entry) {
		if s.form < sealTombs { // until schema 4, ties and steps were stored together
			r.ties(e)
		}
		r.steps(e, texts)
	})
	if s.form < sealSent {
		for range live {
			r.varint() // version of a recipe
		}
		r.take(4 * uint64(len(live))) // hashes of records
	}
	for _, e := range live {
		e.identity = r.string()
	}
	if s.form >= sealKeys {
		r.few(live, func(e *entry) { e.key = r.uint64() })
	}
	r.nextProblems(problems)
	if err := r.done(); err != nil {
		return nil, err
	}
	return &chunk{base: s.base, entries: entries, queuedBefore: s.counts[Queued] > 0}, nil
}

// states reads the states of entries, in schema 4 each with its flags, and returns those that are
// not tombstones. It fails if the states differ from the counts of the summary.
func (r *reader) states(s summary, entries []entry) (live []*entry) {
	live = make([]*entry, 0, len(entries))
	var counts [states]int
	for i := range entries {
		e := &entries[i]
		if e.state = State(r.byte()); e.state > lastState {
			r.fail()
			return nil
		}
		if s.form < sealTombs {
			e.flags = r.byte()
		}
		if counts[e.state]++; !e.tombstone() {
			live = append(live, e)
		}
	}
	if counts != s.counts {
		r.fail()
	}
	return live
}

// eachState calls fn for the deliveries of a chunk without decoding all of it: with the number, the
// state, and the number of the row's first delivery.
func eachState(s summary, raw string, fn func(n uint64, state State, origin uint64)) error {
	if s.form < sealTombs { // here the ties come after everything else
		ch, err := parseChunk(s, raw)
		if err != nil {
			return err
		}
		for i := range ch.entries {
			e, n := &ch.entries[i], s.base+uint64(i)
			fn(n, e.state, e.origin(n))
		}
		return nil
	}
	r := reader{s: raw}
	states := r.take(uint64(s.rows()))
	ties, at := r.count(), uint64(0) // ties left, and the position of the next one
	if ties > 0 {
		at = r.uvarint()
	}
	place := uint64(0)
	for i := range states {
		state, n := State(states[i]), s.base+uint64(i)
		if state == 0 {
			continue
		}
		var tied entry
		if ties > 0 && place == at {
			r.ties(&tied)
			if ties--; ties > 0 {
				at += r.uvarint()
			}
		}
		place++
		fn(n, state, tied.origin(n))
	}
	if r.bad {
		return errMalformed
	}
	return nil
}
