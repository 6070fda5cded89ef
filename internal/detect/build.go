package detect

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// builder makes the result of a read, row after row in sheet order.
type builder struct {
	old     Cursor
	rd      *reading
	now     time.Time
	since   int64 // now, as Seen.Since has it
	rows    []Seen
	keys    []uint64 // of rows, with Options.Key
	found   []Found
	foundAt []int // index in rows of each one found
	doubled []int // indexes in found of those whose key stands in another row
	changes []Change
	gone    []Gone
	recheck time.Duration
	back    map[int32]Gone // by row read: the vanished row that it is
	present map[uint64]int // sheet row by key
	newKeys []uint64
	changed bool   // the rows are not all as they were
	next    uint64 // number of the next delivery

	// For the flood guard: the rows that became complete with this read, and which of them have a change.
	complete int
	ripened  []ripened
}

// ripened is a waiting delivery that became complete.
type ripened struct{ row, change int } // indexes in rows and changes

func newBuilder(old Cursor, rd *reading, now time.Time) *builder {
	b := &builder{old: old, rd: rd, now: now, since: now.Unix(), gone: old.Gone}
	if now.Nanosecond() > 0 {
		b.since++
	}
	if rd.keys != nil {
		b.present = make(map[uint64]int, len(rd.keys))
	}
	return b
}

// keyed tells whether the old cursor's keys are those of the options.
func (b *builder) keyed() bool { return slices.Equal(b.old.KeyedBy, b.rd.opts.Key) }

// first takes a row of a worksheet that is read for the first time.
func (b *builder) first(j int, old bool) {
	if !old {
		b.add(j, noRow, nil)
		return
	}
	s := b.seen(j)
	if b.rd.lacks(j) != "" {
		s.Mark = MarkWaiting
	}
	b.keep(s, b.rd.keyOf(j))
}

// seen returns what is remembered of a row that looks as it does for the first time.
func (b *builder) seen(j int) Seen {
	return Seen{Number: b.rd.rows[j], Since: b.since}
}

// keep appends a row and its key to the new cursor.
func (b *builder) keep(s Seen, key uint64) {
	b.rows = append(b.rows, s)
	if b.present == nil {
		return
	}
	b.keys = append(b.keys, key)
	if key == 0 {
		return
	}
	if _, ok := b.present[key]; !ok {
		b.present[key] = int(s.Number)
	}
	if !b.seenKey(key) {
		b.newKeys = append(b.newKeys, key)
	}
}

// compare takes all rows of a read that is believed, then the known rows that are not there any more.
func (b *builder) compare(m *matching) {
	m.oldSums, m.nowSums = nil, nil // of a million rows, memory that is needed now
	b.rows = make([]Seen, 0, len(b.rd.rows))
	if b.rd.keys != nil {
		for j, i := range m.oldOf {
			if key := b.rd.keys[j]; i >= 0 && key != 0 {
				b.present[key] = b.rd.number(j)
			}
		}
	}
	for j, i := range m.oldOf {
		switch gone, ok := b.back[int32(j)]; {
		case i >= 0:
			b.known(j, int(i), m.differ(int(i), j))
		case ok:
			b.comesBack(j, gone)
		default:
			like := int32(noRow)
			if m.likeOf != nil {
				like = m.likeOf[j]
			}
			b.add(j, like, m)
		}
	}
	b.remember(m)
}

// known takes a row that was there at the last read.
func (b *builder) known(j, i int, edited bool) {
	s, key := b.old.Rows[i], b.rd.keyOf(j)
	if key == 0 && b.keyed() {
		key = b.old.keyOf(i) // cleared: the row is known by it still
	}
	moved := s.Number != b.rd.rows[j]
	s.Number = b.rd.rows[j]
	if edited || s.Mark == MarkWaiting && s.Since > b.since { // the clock was set back: it settles from now on
		s.Since = b.since
	}
	kind := Moved
	if edited {
		kind = Edited
	}
	b.carry(j, s, key, kind, edited, edited || moved)
	b.changed = b.changed || b.rows[len(b.rows)-1] != b.old.Rows[i] || key != b.old.keyOf(i)
}

// comesBack takes a row that had vanished.
func (b *builder) comesBack(j int, g Gone) {
	s := b.seen(j)
	s.Mark, s.Delivery = g.Mark, g.Delivery
	b.carry(j, s, b.rd.keyOf(j), Back, true, true)
	b.changed = true
}

// carry keeps a row with what it is to the zap, and lets it fire if it waited and is ready now. Its change, if there is
// one to tell, is of the kind given.
func (b *builder) carry(j int, s Seen, key uint64, kind ChangeKind, edited, tell bool) {
	reason := ""
	if s.Mark == MarkWaiting {
		var complete bool
		reason, complete = b.waits(j, s)
		switch {
		case s.Delivery == 0 && reason == "":
			s.Mark = MarkFired
			b.complete++
			b.find(Found{Row: b.rd.number(j), State: Ready}, s, key)
			return
		case s.Delivery == 0:
		case reason == "":
			s.Mark = MarkFired
			kind, tell = BecameReady, true
		}
		if s.Delivery != 0 && complete && (edited || b.rd.opts.Settle <= 0) {
			b.complete++
			b.ripened = append(b.ripened, ripened{len(b.rows), len(b.changes)})
		}
	}
	if tell && s.Delivery != 0 {
		b.changes = append(b.changes, Change{Delivery: s.Delivery, Kind: kind, Row: b.rd.number(j), Reason: reason})
	}
	b.keep(s, key)
}

// add takes a row that is not known. like is the known row that it may be; noRow: none.
func (b *builder) add(j int, like int32, m *matching) {
	b.changed = true
	s, key := b.seen(j), b.rd.keyOf(j)
	f := Found{Row: b.rd.number(j), State: Ready}
	s.Mark = MarkFired
	var complete bool
	if f.Reason, complete = b.waits(j, s); f.Reason != "" {
		f.State, s.Mark = Waiting, MarkWaiting
	}
	other := ""
	if like >= 0 {
		f.Like, f.LikeDelivery = int(b.old.Rows[like].Number), b.old.Rows[like].Delivery
		other = "row " + strconv.Itoa(f.Like) + " edited" + differences(m.differences(int(like), j, b.rd.columns))
	}
	first, doubled := b.present[key]
	switch {
	case doubled:
		f.State, s.Mark, f.Like = Held, MarkHeld, first
		f.Reason = "the key of row " + strconv.Itoa(first) + " stands here again"
		b.doubled = append(b.doubled, len(b.found))
	case b.seenKey(key):
		// A key seen before is not new, even if its row vanished more than a day ago.
		s.Mark = MarkOld
		b.keep(s, key)
		return
	case m != nil && !complete && m.silent(j):
		// It was there, silent, before a column was added: it waits as those at the start do.
		b.keep(s, key)
		return
	case like >= 0 && b.rd.opts.Unsure == UnsureSkip:
		f.State, s.Mark = Skipped, MarkOld
		f.Reason = "taken for " + other
	case like >= 0 && b.rd.opts.Unsure != UnsureSend:
		f.State, s.Mark = Held, MarkHeld
		f.Reason = "may be " + other
	case complete:
		b.complete++
	}
	b.find(f, s, key)
}

// find keeps a new row.
func (b *builder) find(f Found, s Seen, key uint64) {
	b.found = append(b.found, f)
	b.foundAt = append(b.foundAt, len(b.rows))
	b.keep(s, key)
}

// holdFlood holds all that was found, and all that became ready, if it is more than a poll may find.
func (b *builder) holdFlood() {
	most := b.rd.opts.MaxNewRows
	if most <= 0 || b.complete <= most {
		return
	}
	reason := count(b.complete) + " new rows in one poll (max_new_rows is " + strconv.Itoa(most) + ")"
	for k, f := range b.found {
		if f.State == Ready || f.State == Waiting {
			b.found[k].State, b.found[k].Reason = Held, reason
			b.rows[b.foundAt[k]].Mark = MarkHeld
		}
	}
	for _, r := range b.ripened {
		b.changes[r.change].Kind, b.changes[r.change].Reason = BecameHeld, reason
		b.rows[r.row].Mark = MarkHeld
	}
}

// seenKey tells whether a key was there at an earlier read.
func (b *builder) seenKey(key uint64) bool {
	if key == 0 || !b.keyed() {
		return false
	}
	_, ok := slices.BinarySearch(b.old.Keys, key)
	return ok
}

// waits says why a row is not ready, "" if it is, and whether it is complete: ready but for settle.
func (b *builder) waits(j int, s Seen) (reason string, complete bool) {
	if lacking := b.rd.lacks(j); lacking != "" {
		return "waits for " + lacking, false
	}
	left := time.Unix(s.Since, 0).Add(b.rd.opts.Settle).Sub(b.now)
	if b.rd.opts.Settle <= 0 || left <= 0 {
		return "", true
	}
	if b.recheck == 0 || left < b.recheck {
		b.recheck = left
	}
	return "settling", true
}

// number gives the rows found their deliveries.
func (b *builder) number() {
	b.next = b.old.Next
	for k := range b.found {
		b.found[k].Delivery = b.next
		b.rows[b.foundAt[k]].Delivery = b.next
		b.next++
	}
	for _, k := range b.doubled {
		f := &b.found[k]
		if i, ok := slices.BinarySearchFunc(b.rows, f.Like, func(s Seen, n int) int { return int(s.Number) - n }); ok {
			f.LikeDelivery = b.rows[i].Delivery
		}
	}
}

// differences says which columns tell a row from the one that it may be; "" if none does.
func differences(columns []string) string {
	const most = 3
	switch n := len(columns); {
	case n == 0:
		return ""
	case n == 1:
		return ": " + columns[0] + " differs"
	case n <= most:
		return ": " + strings.Join(columns[:n-1], ", ") + " and " + columns[n-1] + " differ"
	default:
		return ": " + strings.Join(columns[:most], ", ") + " and " + strconv.Itoa(n-most) + " more columns differ"
	}
}

// keysNow returns the keys ever seen.
func (b *builder) keysNow() []uint64 {
	switch {
	case b.rd.keys == nil:
		return nil
	case len(b.newKeys) == 0 && b.keyed():
		return b.old.Keys
	}
	keys := b.newKeys
	if b.keyed() {
		keys = slices.Concat(b.old.Keys, b.newKeys)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// result finishes the cursor.
func (b *builder) result() Result {
	b.number()
	c := Cursor{
		Columns: b.rd.columns, Broken: b.rd.broken, Rows: b.rows, Cells: b.rd.cells, RowKeys: b.keys, Gone: b.gone,
		Keys: b.keysNow(), KeyedBy: slices.Clone(b.rd.opts.Key), Next: b.next,
	}
	r := Result{Found: b.found, Changes: b.changes, Recheck: b.recheck}
	if !b.changed && b.old.Doubt == c.Doubt && b.keyed() && len(b.newKeys) == 0 && slices.Equal(b.old.Columns, c.Columns) &&
		slices.Equal(b.old.Broken, c.Broken) && slices.Equal(b.old.Cells, c.Cells) {
		r.Cursor, r.Unchanged = b.old, true
		return r
	}
	r.Cursor = c
	return r
}
