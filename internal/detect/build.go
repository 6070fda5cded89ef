package detect

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// nextPage is the delay before the next read if new rows were left.
const nextPage = time.Second

// builder assembles the result of a read, row by row in sheet order.
type builder struct {
	old           Cursor
	rd            *reading
	now           time.Time
	since         int64 // now in the form of Seen.Since
	rows          []Seen
	keys          []RowKey // of rows, with Options.Key
	found         []Found
	foundAt       []int32 // by found row: its index in rows
	duplicates    []int   // indexes in found of rows whose key another row has
	changes       []Change
	left          []int32 // rows read that are left for the next read (Options.AtOnce)
	gone          []Gone
	recheck       time.Duration
	returned      map[int32]Gone // by row read: the vanished row that came back
	maybeReturned map[int32]Gone // by row read: the vanished row that it may be, tidied
	present       map[uint64]int // sheet row by key
	newKeys       []Key
	links         map[uint64]uint64 // by key: the delivery of its vanished row
	gained        []Key             // keys that known rows have gained
	edited        map[uint64]bool   // keys of edited rows (RepeatsSend)
	goneKeys      map[uint64]bool   // sums of gone; nil: not computed yet
	changed       bool              // some row differs from the old cursor
	next          uint64            // number of the next delivery
	backfill      backfilling

	// For the flood guard: the number of rows that this read completed, and the indexes in changes
	// of those with a delivery.
	complete    int
	becameReady []int
}

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

// keyed reports whether the old cursor's keys are those of the options.
func (b *builder) keyed() bool {
	same, _ := b.old.keyedAs(b.rd.opts)
	return same
}

// firstRead adds a row of a worksheet that is read for the first time.
func (b *builder) firstRead(j int, old bool) {
	if !old {
		b.add(j, noRow, nil)
		return
	}
	s := b.seen(j)
	s.Waits = b.rd.lacks(j) != ""
	b.gain(s, b.rd.keyOf(j).Sum)
	b.keep(s, b.rd.keyOf(j).RowKey)
}

// gain records that a known row has a key that it did not have before.
func (b *builder) gain(s Seen, key uint64) {
	switch {
	case key == 0 || s.Waits:
	case s.Delivery == Unknown:
		b.gained = append(b.gained, Key{Sum: key})
	default:
		b.gained = append(b.gained, Key{key, s.Delivery})
	}
}

// seen returns the Seen of a row that has just changed or appeared.
func (b *builder) seen(j int) Seen {
	return Seen{Number: b.rd.rows[j], Since: b.since}
}

// keep appends a row and its key to the new cursor.
func (b *builder) keep(s Seen, key RowKey) {
	b.rows = append(b.rows, s)
	if b.present == nil {
		return
	}
	b.keys = append(b.keys, key)
	if key.Sum == 0 {
		return
	}
	if _, ok := b.present[key.Sum]; !ok {
		b.present[key.Sum] = int(s.Number)
	}
	if _, seen := b.old.seenKey(key.Sum); !seen || !b.keyed() {
		b.newKeys = append(b.newKeys, Key{Sum: key.Sum})
	}
}

// compare adds all rows of a read that is not doubted, then the known rows that vanished.
func (b *builder) compare(m *matching) {
	m.oldSums, m.nowSums = nil, nil // free the memory, which is needed now for a million rows
	b.rows = make([]Seen, 0, len(b.rd.rows))
	b.backfill.begin(b, m.oldOf)
	page := b.page(m)
	if n := len(withoutMatch(m.oldOf)) - page.left; n > 0 {
		b.found, b.foundAt = make([]Found, 0, n), make([]int32, 0, n)
	}
	b.left = make([]int32, 0, page.left)
	if b.rd.keys != nil {
		for j, i := range m.oldOf {
			if key := b.rd.keys[j].Sum; i >= 0 && key != 0 {
				b.present[key] = b.rd.number(j)
				b.noteEdit(m, int(i), j)
			}
		}
	}
	for j, i := range m.oldOf {
		if page.leavesOut(j) {
			b.leave(j)
			continue
		}
		switch gone, ok := b.returned[int32(j)]; {
		case i >= 0:
			edited, look := m.differ(int(i), j)
			b.known(j, int(i), edited, look)
		case ok:
			b.keepReturned(j, gone)
		default:
			like := int32(noRow)
			if m.likeOf != nil {
				like = m.likeOf[j]
			}
			b.add(j, like, m)
		}
	}
	b.rememberGone(m)
}

// noteEdit records the key of a known row that was edited: another row with this key may be the one
// that was known.
func (b *builder) noteEdit(m *matching, i, j int) {
	if b.rd.opts.Repeats != RepeatsSend {
		return
	}
	if _, look := m.differ(i, j); look {
		if b.edited == nil {
			b.edited = map[uint64]bool{}
		}
		b.edited[b.rd.keys[j].Sum] = true
	}
}

// newPage selects the new rows that one comparison returns.
type newPage struct {
	plain func(j int) bool // the row read is certainly new
	take  int              // how many of these may still be taken
	left  int              // how many are left for the next read
}

// page selects the new rows that this read returns. If the header has changed, these are all of
// them, because only the comparison with the old header shows which rows wait.
func (b *builder) page(m *matching) *newPage {
	p := &newPage{plain: func(j int) bool {
		_, maybe := b.maybeReturned[int32(j)]
		return m.oldOf[j] == noRow && (m.likeOf == nil || m.likeOf[j] < 0) && !maybe
	}}
	o := b.rd.opts
	if o.AtOnce <= 0 || !slices.Equal(b.old.Columns, b.rd.columns) {
		return p
	}
	plain, complete := 0, 0 // complete counts rows that would be left
	for j := range m.oldOf {
		if p.plain(j) {
			if plain++; plain > o.AtOnce && b.rd.lacks(j) == "" {
				complete++
			}
		}
	}
	if complete > o.MaxNewRows {
		p.take, p.left = o.AtOnce, plain-o.AtOnce
	}
	return p
}

// leavesOut reports whether a row read is new and left for the next read. Call it once per row, in
// sheet order.
func (p *newPage) leavesOut(j int) bool {
	if p.left == 0 || !p.plain(j) {
		return false
	}
	p.take--
	return p.take < 0
}

// leave leaves a new row for the next read.
func (b *builder) leave(j int) {
	b.left = append(b.left, int32(j))
	if b.rd.lacks(j) == "" {
		b.complete++
	}
}

// known adds a row that was there at the last read. look means that a column other than a volatile
// one was edited.
func (b *builder) known(j, i int, edited, look bool) {
	s, key := b.old.Rows[i], b.rd.keyOf(j).RowKey
	if b.keyed() {
		switch was := b.old.keyOf(i); {
		case key.Sum == 0:
			key = was // cleared: the row keeps its key
		case was.Sum != 0 && was.Sum != key.Sum:
			b.link(was.Sum, s.Delivery)
			b.gain(s, key.Sum)
		case was.Sum == 0:
			b.gain(s, key.Sum)
		}
	}
	moved := s.Number != b.rd.rows[j]
	s.Number = b.rd.rows[j]
	// Settling also starts again if the clock was set back.
	if look || b.rd.opts.waits(s) && s.Since > b.since {
		s.Since = b.since
	}
	if b.backfill.finds(b, j, s, key.Sum) {
		b.changed = true
		b.find(Found{Row: b.rd.number(j), State: Ready, Old: true}, s, key)
		return
	}
	kind := Moved
	if edited {
		kind = Edited
	}
	b.carry(j, s, key, kind, edited, edited || moved)
	b.changed = b.changed || b.rows[len(b.rows)-1] != b.old.Rows[i] || key != b.old.keyOf(i)
}

// keepReturned adds a row that came back, or whose key did.
func (b *builder) keepReturned(j int, g Gone) {
	s := b.seen(j)
	s.Waits, s.Copy, s.Delivery = g.Waits, g.Copy, g.Delivery
	b.carry(j, s, b.rd.keyOf(j).RowKey, Back, true, true)
	b.changed = true
}

// carry adds a row with its delivery, and fires it if it was waiting and is ready now. If tell is
// set, it records a change of the given kind.
func (b *builder) carry(j int, s Seen, key RowKey, kind ChangeKind, edited, tell bool) {
	reason := ""
	if b.rd.opts.waits(s) {
		var complete bool
		reason, complete = b.waits(j, s)
		switch {
		case s.Delivery == 0 && reason == "":
			s.Waits = false
			b.complete++
			b.find(Found{Row: b.rd.number(j), State: Ready}, s, key)
			return
		case s.Delivery == 0:
		case reason == "":
			s.Copy = false
			kind, tell = BecameReady, true
		}
		if s.Delivery != 0 && complete && (edited || b.rd.opts.settle(s) <= 0) {
			b.complete++
			b.becameReady = append(b.becameReady, len(b.changes))
		}
	}
	if tell && s.Delivery != 0 && s.Delivery != Unknown {
		b.changes = append(b.changes, Change{Delivery: s.Delivery, Kind: kind, Row: b.rd.number(j), Reason: reason})
	}
	b.keep(s, key)
}

// add adds a row that is not known. like is the known row that it may be, or noRow.
func (b *builder) add(j int, like int32, m *matching) {
	b.changed = true
	s, key := b.seen(j), b.rd.keyOf(j)
	f := Found{Row: b.rd.number(j), State: Ready}
	original := noRow
	if m != nil && b.rd.opts.SettleCopies > 0 {
		original = m.original(j)
		s.Copy = original >= 0
	}
	var complete bool
	if f.Reason, complete = b.waits(j, s); f.Reason != "" {
		f.State = Waiting
		if s.Copy && complete {
			f.Reason = "copy of row " + strconv.Itoa(b.rd.number(original)) + ": waits until unchanged for " +
				b.rd.opts.settle(s).String()
		}
	}
	other := ""
	gone, maybe := b.maybeReturned[int32(j)]
	first, doubled := b.present[key.Sum]
	seen, seenKey := b.seenKey(key)
	maybe = maybe && (!seenKey || b.rd.opts.Repeats != RepeatsSkip) // its key decides
	switch {
	case like >= 0:
		f.Like, f.LikeDelivery = int(b.old.Rows[like].Number), b.old.Rows[like].Delivery
		other = "an edit of row " + strconv.Itoa(f.Like)
		if f.Like == f.Row {
			other = "an edit of the row that was here before"
		}
		other += m.differences(int(like), j, b.rd)
	case maybe:
		f.LikeDelivery = gone.Delivery
		other = "a row that was deleted within the last day and came back reformatted"
	}
	repeats := b.rd.opts.Repeats
	if seenKey && repeats == RepeatsSkip && seen.Sum != key.Sum { // an earlier release hashed it
		b.gain(Seen{Delivery: seen.Delivery}, key.Sum)
	}
	switch {
	case doubled && (!b.rd.opts.apart() || repeats == RepeatsSend && b.edited[key.Sum]):
		f.State, f.Like, f.Repeat = Held, first, true
		f.Reason = "has the same key as row " + strconv.Itoa(first)
		if repeats == RepeatsSend {
			f.Reason += ", and one of them is an earlier row, edited"
		}
		b.duplicates = append(b.duplicates, len(b.found))
	case seenKey && !doubled && repeats == RepeatsSend && b.keyGone(key.Sum):
		f.State, f.LikeDelivery, f.Repeat = Held, seen.Delivery, true
		f.Reason = "has the same key as a row that was deleted within the last day, and may be that row, edited"
	case seenKey && !b.rd.opts.apart():
		// A key seen before is not new, even if its row vanished more than a day ago.
		b.keepReturned(j, Gone{Delivery: seen.Delivery})
		return
	case m != nil && !complete && m.silent(j):
		// The row was there without content before a column was added: it waits, as rows at the
		// start do.
		s.Waits = true
		b.keep(s, key.RowKey)
		return
	case other != "" && b.rd.opts.Unsure == UnsureSkip:
		f.State = Skipped
		f.Reason = "treated as " + other
	case other != "" && b.rd.opts.Unsure != UnsureSend:
		f.State = Held
		f.Reason = "may be " + other
	case complete:
		b.complete++
	}
	b.find(f, s, key.RowKey)
}

// find adds a new row.
func (b *builder) find(f Found, s Seen, key RowKey) {
	f.Key = key.Sum
	b.found = append(b.found, f)
	b.foundAt = append(b.foundAt, int32(len(b.rows)))
	b.keep(s, key)
}

// holdFlood holds all new rows, and all that became ready, if there are more than MaxNewRows.
func (b *builder) holdFlood() {
	most := b.rd.opts.MaxNewRows
	if most <= 0 || b.complete <= most {
		return
	}
	reason := count(b.complete) + " new rows in one poll (max_new_rows is " + strconv.Itoa(most) + ")"
	for k, f := range b.found {
		if !f.Old && (f.State == Ready || f.State == Waiting) {
			b.found[k].State, b.found[k].Reason = Held, reason
		}
	}
	for _, k := range b.becameReady {
		b.changes[k].Kind, b.changes[k].Reason = BecameHeld, reason
	}
}

// seenKey returns a key if it was seen at an earlier read.
func (b *builder) seenKey(key readKey) (Key, bool) {
	if !b.keyed() {
		return Key{}, false
	}
	return b.old.seen(key)
}

// link records the delivery of a row whose key vanished.
func (b *builder) link(key, delivery uint64) {
	if key == 0 || delivery == 0 {
		return
	}
	if b.links == nil {
		b.links = map[uint64]uint64{}
	}
	b.links[key] = delivery
}

// waits returns why a row is not ready, or "", and whether it is complete, which is ready except
// for settling.
func (b *builder) waits(j int, s Seen) (reason string, complete bool) {
	if lacking := b.rd.lacks(j); lacking != "" {
		return "waits for " + lacking, false
	}
	settle := b.rd.opts.settle(s)
	left := time.Unix(s.Since, 0).Add(settle).Sub(b.now)
	if settle <= 0 || left <= 0 {
		return "", true
	}
	if b.recheck == 0 || left < b.recheck {
		b.recheck = left
	}
	if s.Copy {
		return "copy of another row: waits until unchanged for " + settle.String(), true
	}
	return "settling", true
}

// number assigns deliveries to the new rows.
func (b *builder) number() {
	b.next = b.old.Next
	for k := range b.found {
		b.found[k].Delivery = b.next
		b.rows[b.foundAt[k]].Delivery = b.next
		b.next++
	}
	for _, k := range b.duplicates {
		f := &b.found[k]
		if i, ok := slices.BinarySearchFunc(b.rows, f.Like, func(s Seen, n int) int { return int(s.Number) - n }); ok {
			f.LikeDelivery = b.rows[i].Delivery
		}
	}
}

// keysNow returns all keys seen so far, ascending.
func (b *builder) keysNow() []Key {
	switch {
	case b.rd.keys == nil:
		return nil
	case len(b.newKeys) == 0 && len(b.links) == 0 && b.keyed():
		return b.old.Keys
	}
	keys := b.newKeys
	if b.keyed() {
		keys = slices.Concat(b.old.Keys, b.newKeys)
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(a.Sum, b.Sum) })
	keys = slices.CompactFunc(keys, func(a, b Key) bool { return a.Sum == b.Sum })
	for key, delivery := range b.links {
		if i, ok := slices.BinarySearchFunc(keys, key, func(k Key, sum uint64) int { return cmp.Compare(k.Sum, sum) }); ok {
			keys[i].Delivery = delivery
		}
	}
	return keys
}

// result completes the cursor.
func (b *builder) result() Result {
	b.number()
	b.rd.addPhoneColumns()
	b.rd.drop(b.left)
	c := Cursor{
		Columns: b.rd.columns, Phones: b.rd.phones, Broken: b.rd.broken, Rows: b.rows, Cells: b.rd.cells, Folds: b.rd.folds,
		RowKeys: b.keys, Gone: b.gone, Keys: b.keysNow(), KeyedBy: b.rd.opts.keyedBy(), Next: b.next,
	}
	r := Result{Found: b.found, Changes: b.changes, Recheck: b.recheck, Left: len(b.left), Keys: b.gained, PassedOver: b.backfill.passedOver}
	if r.Left > 0 {
		r.Recheck = nextPage
	}
	if !b.changed && len(b.changes) == 0 && b.old.Doubt == c.Doubt && slices.Equal(b.old.KeyedBy, c.KeyedBy) && len(b.newKeys) == 0 &&
		slices.Equal(b.old.Columns, c.Columns) && slices.Equal(b.old.Broken, c.Broken) && slices.Equal(b.old.Phones, c.Phones) &&
		slices.Equal(b.old.Cells, c.Cells) && slices.Equal(b.old.Folds, c.Folds) {
		r.Cursor, r.Unchanged = b.old, true
		return r
	}
	r.Cursor = c
	return r
}
