package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// Poll is the result of a poll of a worksheet: how far it was read, its new rows, and changes of
// known rows.
type Poll struct {
	SpreadsheetID string
	GID           int64
	Title         string // of the worksheet in the zap file; "" if the file gives the gid
	Shown         string // title in the spreadsheet; "": unchanged
	Start         *Start // how the stay at the worksheet began; nil: unchanged
	// Cursor returns the changes of the stored cursor, given the number of the first row of New;
	// nil leaves the cursor unchanged. It is called again if other commits have taken the numbers
	// in the meantime.
	Cursor  func(first uint64) CursorUpdate
	Doubted bool // the read was rejected: the zap still counts as watching its previous worksheet

	Header row.Header // of the rows in New and Changes
	Zone   string     // time zone of their dates: that of the spreadsheet (IANA name)
	Action string     // action of the new rows
	Shadow bool       // the new rows were found in shadow mode

	Keys *Keys // nil: unchanged

	// New has the new rows. Of those to be queued, Commit makes repeats Skipped in place
	// ([Keys].Skip), and likewise those of Changes.
	New []NewRow
	// Cells returns the cells of the i-th new row; nil means those of New. It is called in order,
	// so that 100,000 rows need not be in memory at once.
	Cells   func(i int) []row.Cell
	Changes []Change
	At      time.Time
}

// NewRow is a row that becomes a delivery.
type NewRow struct {
	Row     row.Row
	State   State  // Waiting, Queued, Held or Skipped
	Reason  string // what it waits for, or why it is held
	Like    uint64 // the delivery of the row that it may duplicate, or whose key it has; 0: none
	LikeNew int    // the same for a row of New, counted from 1; 0: none
	Key     uint64 // hash of its key; 0: none
	Repeat  bool   // another row has its key, and it is held for that
	Old     bool   // the row was there at the start, and a backfill found it
}

// Change is a change of the sheet row of a known delivery. It applies only to waiting, held and
// failed deliveries, because queued rows are sent as found. DeletedInSheet applies in any state.
type Change struct {
	Delivery uint64
	// Row is under the poll's header; nil: unchanged. A waiting row that changes state also gets
	// the poll's Shadow.
	Row            *row.Row
	State          State  // Waiting, Queued, Held, Skipped or Discarded; 0: unchanged
	Reason         string // with State 0, "" means unchanged
	Key            uint64 // hash of the row's key; 0: none, or unchanged
	DeletedInSheet *bool  // nil: unchanged
}

// Commit makes a poll durable, completely or not at all, and returns the number of its first new
// row; the others follow. Of the cursor, only changed chunks are written.
func (l *Ledger) Commit(ctx context.Context, zap string, p Poll) (first uint64, err error) {
	err = checkNew(p.New)
	if err == nil {
		err = checkChanges(p.Changes)
	}
	if err == nil {
		first, err = l.commitPoll(ctx, zap, p)
	}
	if err != nil {
		return 0, fmt.Errorf("commit a poll of zap %s with %d new rows: %w", zap, len(p.New), err)
	}
	return first, nil
}

// encodedAhead is how often a poll is encoded before its turn to write, with numbers that other
// commits may take in the meantime: encoding a large cursor takes seconds. After that it is encoded
// during its turn, because rows that go on to their next action take numbers all the time.
const encodedAhead = 3

var errTaken = errors.New("its numbers were taken")

func (l *Ledger) commitPoll(ctx context.Context, zap string, p Poll) (first uint64, err error) {
	for try := 1; ; try++ {
		known, _, err := l.record(ctx, zap)
		if err != nil {
			return 0, err
		}
		encoded, err := l.codec.encodePoll(p, known.next)
		if err != nil {
			return 0, err
		}
		if p.Keys != nil && try == 1 { // once the cursor has the numbers of new rows
			if p.Keys, err = l.stageKeys(ctx, zap, p.Keys); err != nil {
				return 0, err
			}
		}
		err = l.edit(ctx, zap, true, func(e *edit) (err error) {
			if len(p.New) > 0 && encoded.first != e.record.next {
				if try < encodedAhead {
					return errTaken
				}
				if encoded, err = l.codec.encodePoll(p, e.record.next); err != nil {
					return err
				}
			}
			return e.commit(p, encoded)
		})
		if !errors.Is(err, errTaken) {
			return encoded.first, err
		}
	}
}

func checkChanges(changes []Change) error {
	for _, c := range changes {
		switch c.State {
		case 0, Waiting, Queued, Held, Skipped, Discarded:
		case Sent, Validated, Failed:
			return fmt.Errorf("a change in the sheet cannot make delivery %d %s", c.Delivery, c.State)
		default:
			return fmt.Errorf("a change of delivery %d has an unknown state (%d)", c.Delivery, c.State)
		}
	}
	return nil
}

func checkNew(rows []NewRow) error {
	for _, n := range rows {
		switch n.State {
		case Waiting, Queued, Held, Skipped:
		case Sent, Validated, Failed, Discarded:
			return fmt.Errorf("new row %d cannot be %s", n.Row.Number, n.State)
		default:
			return fmt.Errorf("new row %d has an unknown state (%d)", n.Row.Number, n.State)
		}
		if n.LikeNew < 0 || n.LikeNew > len(rows) {
			return fmt.Errorf("new row %d is like new row %d of %d", n.Row.Number, n.LikeNew, len(rows))
		}
	}
	return nil
}

// found is a segment of new rows. value is nil if the segment may be merged with the previous one.
type found struct {
	first uint64
	segment
	value []byte
}

// encodedPoll has the encoded values of a poll.
type encodedPoll struct {
	first    uint64
	chunks   int // of the cursor; 0: unchanged
	cursor   []encodedChunk
	segments []found
}

func (c codec) encodePoll(p Poll, first uint64) (encoded encodedPoll, err error) {
	encoded.first = first
	if p.Cursor != nil {
		cursor := p.Cursor(first)
		encoded.chunks = cursor.Chunks
		if encoded.cursor, err = c.encodeCursor(p.SpreadsheetID, p.GID, cursor); err != nil {
			return encoded, err
		}
	}
	encoded.segments, err = c.encodeNew(p, first)
	return encoded, err
}

func (c codec) encodeNew(p Poll, first uint64) ([]found, error) {
	cut := cutting{codec: c}
	for i, n := range p.New {
		r := n.Row
		if p.Cells != nil {
			r.Cells = p.Cells(i)
		}
		if err := cut.add(first+uint64(i), segment{header: p.Header, zone: p.Zone, action: p.Action, shadow: p.Shadow}, r); err != nil {
			return nil, err
		}
	}
	return cut.all()
}

// cutting splits the rows of consecutive new deliveries into segments and encodes each full one.
type cutting struct {
	codec    codec
	segments []found
	size     int // of the last segment, in bytes
}

// add adds the next row. common has what all rows of its segment share, and no rows.
func (c *cutting) add(n uint64, common segment, r row.Row) error {
	last := len(c.segments) - 1
	if last < 0 || len(c.segments[last].rows) == segmentRows || chunkOf(c.segments[last].first) != chunkOf(n) ||
		c.size > segmentBytes || !c.segments[last].alike(common) {
		if err := c.encodeLast(); err != nil {
			return err
		}
		c.segments = append(c.segments, found{first: n, segment: common})
		last, c.size = last+1, 0
	}
	c.segments[last].rows = append(c.segments[last].rows, r)
	c.size += sizeOf(r)
	return nil
}

// all returns the segments. Encoded ones have no rows any more.
func (c *cutting) all() ([]found, error) { return c.segments, c.encodeLast() }

// encodeLast encodes the last segment unless it is the first and small.
func (c *cutting) encodeLast() (err error) {
	last := len(c.segments) - 1
	if last < 0 || last == 0 && len(c.segments[0].rows) < segmentSmall {
		return nil
	}
	s := &c.segments[last]
	s.value, err = c.codec.encodeSegment(key(s.first), s.segment)
	s.rows = nil
	return err
}

// sizeOf estimates the uncompressed size of a row in bytes.
func sizeOf(r row.Row) int {
	n := 9 * len(r.Cells)
	for _, c := range r.Cells {
		n += len(c.Text)
	}
	return n
}

func (e *edit) commit(p Poll, encoded encodedPoll) error {
	if encoded.chunks > 0 {
		if err := e.putCursor(p.SpreadsheetID, p.GID, encoded); err != nil {
			return err
		}
	}
	if encoded.chunks > 0 || e.record.worksheet(p.SpreadsheetID, p.GID) >= 0 {
		e.recordWorksheet(p)
	}
	if p.Keys != nil {
		if err := e.useKeys(p.Keys); err != nil {
			return err
		}
	}
	for i := range p.Changes { // before new rows: those that became ready were found earlier
		if err := e.change(p, &p.Changes[i]); err != nil {
			return err
		}
	}
	return e.addAll(encoded.segments, len(p.New), func(i int) (entry, error) {
		return e.newEntry(&p.New[i], i, encoded.first, p)
	})
}

func (p Poll) skipsRepeats() bool { return p.Keys != nil && p.Keys.Skip }

// newEntry returns the entry of the ith new row, of which the first is delivery first. A repeat is
// skipped.
func (e *edit) newEntry(n *NewRow, i int, first uint64, p Poll) (entry, error) {
	en := newEntry(*n, first, p.At)
	if e.record.keyedBy != nil {
		en.key = n.Key
	}
	if n.State != Queued {
		return en, nil
	}
	number := first + uint64(i)
	if !p.skipsRepeats() {
		return en, e.claim(en.key, number)
	}
	reason, err := e.queue(&en, number)
	if reason != "" {
		n.State, n.Reason = Skipped, reason
		en.state, en.reason = Skipped, reason
	}
	return en, err
}

// addAll appends the zap's next deliveries, with entries made by entryOf, and stores their rows.
func (e *edit) addAll(segments []found, n int, entryOf func(i int) (entry, error)) error {
	if n == 0 {
		return nil
	}
	for _, s := range segments {
		if err := e.putSegment(s); err != nil {
			return err
		}
	}
	number, err := e.tx.Bucket([]byte(bucketZaps)).NextSequence()
	if err != nil {
		return err
	}
	for i := range n {
		en, err := entryOf(i)
		if err != nil {
			return err
		}
		en.commit = number
		if err := e.add(en); err != nil {
			return err
		}
	}
	return nil
}

// recordWorksheet records which worksheet was read last, and when it was first read.
func (e *edit) recordWorksheet(p Poll) {
	e.record.stays = e.record.known() // another worksheet must not hide the earlier one
	i := e.record.worksheet(p.SpreadsheetID, p.GID)
	if i < 0 {
		i = len(e.record.worksheets)
		e.record.worksheets = append(e.record.worksheets, worksheet{spreadsheetID: p.SpreadsheetID, gid: p.GID, started: millis(p.At)})
	}
	e.record.worksheets[i].title = p.Title
	if p.Shown != "" {
		e.record.worksheets[i].shown = p.Shown
	}
	if !p.Doubted {
		e.record.recordStay(i, p)
		e.record.current = i
	}
}

// putSegment stores new rows, merged with the rows before them if both are few and share a header.
func (e *edit) putSegment(s found) error {
	rows := e.sub(bucketRows)
	if s.value == nil {
		first, before, err := segmentAt(e.codec, rows, e.name, s.first-1)
		if err != nil {
			return err
		}
		if chunkOf(max(first, 1)) == chunkOf(s.first) && before.takes(s.segment) {
			s.first = first
			s.rows = append(slices.Clip(before.rows), s.rows...)
		}
		if s.value, err = e.codec.encodeSegment(key(s.first), s.segment); err != nil {
			return err
		}
	}
	return e.put(bucketRows, key(s.first), s.value)
}

// takes reports whether rows may be appended to a stored segment.
func (s segment) takes(more segment) bool {
	size := 0
	for _, r := range s.rows {
		size += sizeOf(r)
	}
	return len(s.rows) > 0 && len(s.rows)+len(more.rows) <= segmentSmall && size <= segmentBytes && s.alike(more)
}

// alike reports whether two segments differ only in their rows.
func (s segment) alike(other segment) bool {
	return s.zone == other.zone && s.action == other.action && s.shadow == other.shadow &&
		s.header.Equal(other.header)
}

func (e *edit) change(p Poll, c *Change) error {
	en, err := e.entry(c.Delivery)
	if err != nil || en == nil { // a pruned one is finished
		return err
	}
	if c.DeletedInSheet != nil && *c.DeletedInSheet != en.is(flagDeleted) {
		en.set(flagDeleted, *c.DeletedInSheet)
		e.touch(c.Delivery, time.Time{}) // no update for a finished row
	}
	if !en.state.follows() || c.Row == nil && c.State == 0 && c.Reason == "" {
		return nil
	}
	if c.Key != 0 && c.Key != en.key && en.first == 0 && e.record.keyedBy != nil {
		if err := e.forget(c.Delivery, en); err != nil {
			return err
		}
		en.key = c.Key
		en.set(flagRepeat, false) // it has another key now
	}
	if c.State == Queued {
		if err := e.queueChanged(p, c, en); err != nil {
			return err
		}
	}
	if c.Row != nil {
		shadow := p.Shadow
		if en.state != Waiting || c.State == 0 || c.State == Waiting {
			r := rows{codec: e.codec, zap: e.name, bucket: e.bucket}
			d, err := r.delivery(c.Delivery, en)
			if err != nil {
				return err
			}
			shadow = d.Shadow
		}
		value, err := e.codec.encodeSegment(key(c.Delivery), segment{header: p.Header, zone: p.Zone, shadow: shadow, rows: []row.Row{*c.Row}})
		if err != nil {
			return err
		}
		if err := e.put(bucketCells, key(c.Delivery), value); err != nil {
			return err
		}
		if err := e.tx.forget(e.name, chunkOf(c.Delivery)); err != nil {
			return err
		}
		en.set(flagCells, true)
	}
	if c.State != 0 && c.State != en.state {
		en.step(c.State, p.At, c.Reason)
	}
	if c.State != 0 || c.Reason != "" {
		en.reason = c.Reason
	}
	if c.State != 0 {
		e.move(en, c.State, p.At)
		en.retry = 0
		en.set(flagSolo, false)
	}
	e.touch(c.Delivery, p.At)
	return nil
}

// queueChanged decides whether a row that a change queues is a repeat, which is skipped.
func (e *edit) queueChanged(p Poll, c *Change, en *entry) error {
	if !p.skipsRepeats() {
		return e.claim(en.key, c.Delivery)
	}
	reason, err := e.queue(en, c.Delivery)
	if reason != "" {
		c.State, c.Reason = Skipped, reason
	}
	return err
}
