package ledger

import (
	"encoding/binary"
	"time"
)

// chunkRows is how many numbers share a value of the bucket state. The boundaries are fixed: 1, 1001, 2001 …
const chunkRows = 1000

// chunkOf returns the first number that is in one chunk with n.
func chunkOf(n uint64) uint64 { return n - (n-1)%chunkRows }

// entry is the part of a delivery that changes. Times are milliseconds since 1970, 0 for none.
type entry struct {
	state    State
	flags    uint8
	attempts uint32
	detected int64
	updated  int64
	retry    int64
	commit   uint64 // which Commit of the file found it: the order of detection, whatever the clock did
	first    uint64 // the row's first delivery; 0: this is it
	next     uint64 // the row's delivery after this one; 0: none
	like     uint64 // the delivery of the row that it may be; 0: none
	recipe   uint64 // version of the zap's recipe that made the record which was tried last; 0: none was
	print    uint32 // of that record; 0: none was
	steps    []step // what happened to it on the way, oldest first
	identity string
	reason   string
	problem  *Problem
	answer   *Answer
}

const (
	flagInFlight uint8 = 1 << iota
	flagMaybeTwice
	flagSolo
	flagDeleted
	flagCells // the bucket cells has its row
)

func (e *entry) is(flag uint8) bool { return e.flags&flag != 0 }

func (e *entry) set(flag uint8, on bool) {
	if on {
		e.flags |= flag
	} else {
		e.flags &^= flag
	}
}

// chunk is a value of the bucket state: the entries of consecutive deliveries.
type chunk struct {
	base    uint64 // number of the first entry; after a Prune it may be within the boundaries
	entries []entry

	queuedBefore bool // as it is stored
	dirty        bool
}

// entry returns the entry of a number, nil if the chunk does not have it.
func (c *chunk) entry(n uint64) *entry {
	if c == nil || n < c.base || n-c.base >= uint64(len(c.entries)) {
		return nil
	}
	return &c.entries[n-c.base]
}

// rare tells whether an entry has something that most have not.
func (e *entry) rare() bool { return e.first != 0 || e.next != 0 || e.like != 0 || len(e.steps) > 0 }

// summary is the beginning of a stored chunk, which can be read without decompressing it.
type summary struct {
	base    uint64
	counts  [states]int
	updated int64 // the latest of its rows
}

// rows returns how many deliveries the chunk has.
func (s summary) rows() int {
	n := 0
	for _, c := range s.counts {
		n += c
	}
	return n
}

// done tells whether all of its rows are done with, and last changed before a time in milliseconds.
func (s summary) done(before int64) bool {
	for state := Waiting; state <= Discarded; state++ {
		if s.counts[state] > 0 && !state.done() {
			return false
		}
	}
	return s.updated < before
}

func (c *chunk) summary() summary {
	s := summary{base: c.base}
	for i := range c.entries {
		s.counts[c.entries[i].state]++
		s.updated = max(s.updated, c.entries[i].updated)
	}
	return s
}

func appendSummary(b []byte, s summary) []byte {
	b = appendUvarint(b, s.base)
	for _, n := range s.counts[Waiting:] {
		b = appendUvarint(b, n)
	}
	return binary.AppendVarint(b, s.updated)
}

func (r *reader) summary() summary {
	s := summary{base: r.uvarint()}
	for i := range s.counts[Waiting:] {
		n := r.uvarint()
		if n > chunkRows {
			r.fail()
		}
		s.counts[int(Waiting)+i] = int(n)
	}
	s.updated = r.varint()
	if s.rows() > chunkRows || s.base == 0 {
		r.fail()
	}
	return s
}

// readSummary returns the beginning of a stored chunk.
func readSummary(key, value []byte) (summary, error) {
	payload, err := unseal(key, value)
	if err != nil {
		return summary{}, err
	}
	s, _, err := splitChunk(payload)
	return s, err
}

// splitChunk returns a chunk's summary and what follows it, compressed.
func splitChunk(payload []byte) (summary, []byte, error) {
	const longest = (1 + states) * binary.MaxVarintLen64
	r := reader{s: string(payload[:min(len(payload), longest)])}
	n := len(r.s)
	s := r.summary()
	if r.bad {
		return summary{}, nil, errMalformed
	}
	return s, payload[n-len(r.s):], nil
}

// table numbers equal values, from 1; 0 is none.
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

// answerKey is an Answer that can be compared.
type answerKey struct {
	at                          int64
	httpStatus, processed, sent int
	status                      string
}

// encodeChunk stores entries column by column, each as its difference from the one before where that is small: rows that
// went together have most of it in common.
func (c codec) encodeChunk(key []byte, ch *chunk) ([]byte, error) {
	var (
		texts    table[string]
		problems table[Problem]
		answers  table[answerKey]
	)
	columns := make([]byte, 0, 64*len(ch.entries))
	for i := range ch.entries {
		columns = append(columns, byte(ch.entries[i].state), ch.entries[i].flags)
	}
	var before entry
	for i := range ch.entries {
		e := &ch.entries[i]
		columns = appendUvarint(columns, e.attempts)
		columns = binary.AppendVarint(columns, e.detected-before.detected)
		columns = binary.AppendVarint(columns, e.updated-before.updated)
		columns = binary.AppendVarint(columns, e.retry-before.retry)
		columns = binary.AppendVarint(columns, int64(e.commit-before.commit))
		before = *e
	}
	for i := range ch.entries {
		e := &ch.entries[i]
		reason, problem, answer := 0, 0, 0
		if e.reason != "" {
			reason = texts.of(e.reason)
		}
		if e.problem != nil {
			problem = problems.of(*e.problem)
		}
		if a := e.answer; a != nil {
			answer = answers.of(answerKey{millis(a.At), a.HTTPStatus, a.Processed, a.Sent, a.Status})
		}
		columns = appendUvarint(appendUvarint(appendUvarint(columns, reason), problem), answer)
	}
	columns = appendRare(columns, ch.entries, &texts)
	columns = appendTried(columns, ch.entries)
	for i := range ch.entries {
		columns = appendString(columns, ch.entries[i].identity)
	}

	raw := make([]byte, 0, len(columns)+1024)
	raw = appendUvarint(raw, len(texts.values))
	for _, s := range texts.values {
		raw = appendString(raw, s)
	}
	raw = appendUvarint(raw, len(problems.values))
	for _, p := range problems.values {
		raw = appendString(appendString(appendString(appendString(raw, p.Code), p.Message), p.Column), p.Hint)
	}
	raw = appendUvarint(raw, len(answers.values))
	for _, a := range answers.values {
		raw = binary.AppendVarint(raw, a.at)
		for _, n := range [...]int{a.httpStatus, a.processed, a.sent} {
			raw = binary.AppendVarint(raw, int64(n))
		}
		raw = appendString(raw, a.status)
	}
	raw = append(raw, columns...)
	return c.pack(key, appendSummary(newSeal(64+len(raw)/2), ch.summary()), raw)
}

// appendRare stores what most entries do not have: their ties to others, and their steps.
func appendRare(b []byte, entries []entry, texts *table[string]) []byte {
	rare := 0
	for i := range entries {
		if entries[i].rare() {
			rare++
		}
	}
	b = appendUvarint(b, rare)
	before := 0
	for i := range entries {
		e := &entries[i]
		if !e.rare() {
			continue
		}
		b = appendUvarint(b, i-before)
		before = i
		b = appendUvarint(appendUvarint(appendUvarint(b, e.first), e.next), e.like)
		b = appendUvarint(b, len(e.steps))
		for _, s := range e.steps {
			b = append(binary.AppendVarint(b, s.at-e.detected), byte(s.state))
			b = appendUvarint(b, texts.of(s.text))
		}
	}
	return b
}

func (r *reader) rare(entries []entry, texts []string) {
	i := uint64(0)
	for range r.count() {
		if i += r.uvarint(); i >= uint64(len(entries)) {
			r.fail()
			return
		}
		e := &entries[i]
		e.first, e.next, e.like = r.uvarint(), r.uvarint(), r.uvarint()
		n := r.count()
		for range n {
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
}

// appendTried stores which records were tried.
func appendTried(b []byte, entries []entry) []byte {
	before := uint64(0)
	for i := range entries {
		b = binary.AppendVarint(b, int64(entries[i].recipe-before))
		before = entries[i].recipe
	}
	for i := range entries {
		b = binary.LittleEndian.AppendUint32(b, entries[i].print)
	}
	return b
}

func (r *reader) tried(entries []entry) {
	before := uint64(0)
	for i := range entries {
		entries[i].recipe = before + uint64(r.varint())
		before = entries[i].recipe
	}
	for i := range entries {
		entries[i].print = r.uint32()
	}
}

func (c codec) decodeChunk(key, value []byte) (*chunk, error) {
	payload, err := unseal(key, value)
	if err != nil {
		return nil, err
	}
	s, packed, err := splitChunk(payload)
	if err != nil {
		return nil, err
	}
	raw, err := c.unpack(packed)
	if err != nil {
		return nil, err
	}
	return parseChunk(s, raw)
}

func parseChunk(s summary, raw string) (*chunk, error) {
	r := reader{s: raw}
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
	entries := make([]entry, s.rows())
	var counts [states]int
	for i := range entries {
		e := &entries[i]
		e.state, e.flags = State(r.byte()), r.byte()
		if e.state < Waiting || e.state > Discarded {
			return nil, errMalformed
		}
		counts[e.state]++
	}
	var before entry
	for i := range entries {
		e := &entries[i]
		e.attempts = uint32(r.uvarint())
		e.detected = before.detected + r.varint()
		e.updated = before.updated + r.varint()
		e.retry = before.retry + r.varint()
		e.commit = before.commit + uint64(r.varint())
		before = *e
	}
	for i := range entries {
		e := &entries[i]
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
	r.rare(entries, texts)
	r.tried(entries)
	for i := range entries {
		entries[i].identity = r.string()
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	if counts != s.counts {
		return nil, errMalformed
	}
	return &chunk{base: s.base, entries: entries, queuedBefore: counts[Queued] > 0}, nil
}

// newEntry returns the entry of a row that has just been found.
func newEntry(n NewRow, at time.Time) entry {
	return entry{state: n.State, reason: n.Reason, like: n.Like, detected: millis(at), updated: millis(at)}
}
