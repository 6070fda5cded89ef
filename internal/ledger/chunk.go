package ledger

import (
	"encoding/binary"
	"time"
)

// chunkRows is how many numbers share a value of the bucket state. The boundaries are fixed: 1,
// 1001, 2001 and so on.
const chunkRows = 1000

// chunkOf returns the first number in the chunk of n.
func chunkOf(n uint64) uint64 { return n - (n-1)%chunkRows }

// entry is the part of a delivery that changes. Times are in milliseconds since 1970, 0 for none.
// The zero entry is a tombstone: a finished delivery that is older than the history, of which only
// the fact remains that its number was used.
type entry struct {
	state    State
	flags    uint8
	attempts uint32
	detected int64
	updated  int64
	retry    int64
	commit   uint64 // number of its Commit: the order of detection, whatever the clock did
	first    uint64 // the row's first delivery; 0: this one
	next     uint64 // the row's next delivery; 0: none
	like     uint64 // the delivery of the row that this one may duplicate; 0: none
	upload   uint64 // key of its record in the bucket sent; 0: none
	key      uint64 // hash of the row's key, if the zap keeps keys (keys.go); 0: none
	steps    []step // oldest first
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
	flagCells // the row is in the bucket cells
	// flagRepeat: the row repeats a key that another row has. If an operator releases or replays
	// it, it is sent.
	flagRepeat
	flagWasSent // it was sent before, and an operator replayed it
	flagOld     // the row was there at the start, and a backfill found it
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
	base    uint64 // number of the first entry; after a Prune it may be inside the boundaries
	entries []entry

	queuedBefore bool // as stored
	dirty        bool
}

// entry returns the entry of a number, nil if the chunk does not have it or it is a tombstone.
func (c *chunk) entry(n uint64) *entry {
	if c == nil || n < c.base || n-c.base >= uint64(len(c.entries)) || c.entries[n-c.base].tombstone() {
		return nil
	}
	return &c.entries[n-c.base]
}

func (e *entry) tombstone() bool { return e.state == 0 }

// tied reports whether an entry refers to other deliveries. Most do not.
func (e *entry) tied() bool { return e.first != 0 || e.next != 0 || e.like != 0 }

// summary is the uncompressed head of a stored chunk.
type summary struct {
	base    uint64
	counts  [states]int // by state; state 0 counts tombstones
	updated int64       // latest update of its rows
	oldest  int64       // earliest update of its finished rows; 0: none
	form    byte        // version of its seal
}

// rows returns how many numbers the chunk has, including tombstones.
func (s summary) rows() int {
	n := 0
	for _, c := range s.counts {
		n += c
	}
	return n
}

// done reports whether all of its rows are finished and were last updated before a time in
// milliseconds.
func (s summary) done(before int64) bool { return !s.open() && s.updated < before }

// open reports whether some of its rows are not finished.
func (s summary) open() bool {
	for state := Waiting; state <= lastState; state++ {
		if s.counts[state] > 0 && !state.done() {
			return true
		}
	}
	return false
}

func (c *chunk) summary() summary {
	s := summary{base: c.base, form: sealSent}
	for i := range c.entries {
		e := &c.entries[i]
		if e.key != 0 {
			s.form = sealKeys
		}
		s.counts[e.state]++
		s.updated = max(s.updated, e.updated)
		if e.state.done() && (s.oldest == 0 || e.updated < s.oldest) {
			s.oldest = e.updated
		}
	}
	return s
}

func appendSummary(b []byte, s summary) []byte {
	b = appendUvarint(b, s.base)
	for _, n := range s.counts {
		b = appendUvarint(b, n)
	}
	return binary.AppendVarint(binary.AppendVarint(b, s.updated), s.oldest)
}

func (r *reader) summary(form byte) summary {
	s := summary{base: r.uvarint(), form: form}
	from, to := State(0), lastState
	if form < sealTombs {
		from, to = Waiting, Discarded
	}
	for i := from; i <= to; i++ {
		n := r.uvarint()
		if n > chunkRows {
			r.fail()
		}
		s.counts[i] = int(n)
	}
	s.updated = r.varint()
	if form >= sealTombs {
		s.oldest = r.varint()
	}
	if form == sealTombs {
		r.uvarint() // version of the recipe
	}
	if s.rows() > chunkRows || s.base == 0 {
		r.fail()
	}
	return s
}

// readSummary returns the summary of a stored chunk.
func readSummary(key, value []byte) (summary, error) {
	s, _, err := splitChunk(key, value)
	return s, err
}

// summaryAt returns the first number and the summary of a stored chunk of a zap.
func summaryAt(zap string, key, value []byte) (first uint64, s summary, err error) {
	if first, err = numberOf(key); err == nil {
		s, err = readSummary(key, value)
	}
	if err == nil && chunkOf(s.base) != first {
		err = errMalformed
	}
	if err != nil {
		err = damaged(zap, bucketState, first, err)
	}
	return first, s, err
}

// splitChunk returns a stored chunk's summary and its compressed rest.
func splitChunk(key, value []byte) (summary, []byte, error) {
	form, payload, err := unsealUpTo(sealKeys, key, value)
	if err != nil {
		return summary{}, nil, err
	}
	const longest = (4 + states) * binary.MaxVarintLen64
	r := reader{s: string(payload[:min(len(payload), longest)])}
	n := len(r.s)
	s := r.summary(form)
	if r.bad {
		return summary{}, nil, errMalformed
	}
	return s, payload[n-len(r.s):], nil
}

// origin returns the number of the row's first delivery, given the number of this one.
func (e *entry) origin(n uint64) uint64 {
	if e.first != 0 {
		return e.first
	}
	return n
}

// newEntry returns the entry of a new row.
func newEntry(n NewRow, first uint64, at time.Time) entry {
	like := n.Like
	if n.LikeNew > 0 {
		like = first + uint64(n.LikeNew) - 1
	}
	en := entry{state: n.State, reason: n.Reason, like: like, detected: millis(at), updated: millis(at)}
	en.set(flagRepeat, n.Repeat)
	en.set(flagOld, n.Old)
	return en
}
