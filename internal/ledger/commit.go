package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// Poll is what one poll of a worksheet found: how far it was read, the rows that are new, and what became of known ones.
type Poll struct {
	SpreadsheetID string
	GID           int64
	Title         string // that the zap file gives the worksheet; "": it gives the gid
	Shown         string // that the spreadsheet gives it; "" leaves it as it was
	Start         *Start // how the stay at the worksheet began; nil leaves it as it was
	// Cursor returns what changes of the stored cursor, in which the rows of New have the numbers from first on; nil leaves it as it was.
	// It is called again where other commits have taken these numbers meanwhile.
	Cursor  func(first uint64) CursorUpdate
	Doubted bool // the read was not believed: the zap goes on counting as one that watches the worksheet it did before

	Header row.Header // of the rows in New and Changes
	Zone   string     // of their dates: the spreadsheet's time zone (IANA name)
	Action string     // that the new rows are for
	Shadow bool       // the new rows were found in shadow mode

	New []NewRow
	// Cells returns the cells of the new row of an index, which are asked for in order; nil: those of New. So a hundred thousand rows
	// need not be in memory at once.
	Cells   func(i int) []row.Cell
	Changes []Change
	At      time.Time
}

// NewRow is a row that becomes a delivery.
type NewRow struct {
	Row     row.Row
	State   State  // Waiting, Queued, Held or Skipped
	Reason  string // what it waits for, why it is held
	Like    uint64 // the delivery of the row that it may be, or whose key it has; 0: none
	LikeNew int    // which row of New that is, from 1, where it has no delivery yet; 0: none
}

// Change is what happened to the sheet row of a known delivery. It is taken over only while the delivery is waiting, held
// or failed, for queued rows go as they were found; only DeletedInSheet is kept in any state.
type Change struct {
	Delivery       uint64
	Row            *row.Row // under the poll's header; nil: as it was. A waiting row that gets a state takes the poll's Shadow too
	State          State    // Waiting, Queued, Held, Skipped or Discarded; 0: as it was
	Reason         string   // with State 0, "" leaves it as it was
	DeletedInSheet *bool    // nil: as it was
}

// Commit makes a poll durable, all of it or nothing, and returns the number of the first of its new rows; the others follow it. Only
// chunks of the cursor that differ from the stored ones are written.
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

// encodedAhead is how often a poll is encoded before it has the turn to write, with numbers that others may take meanwhile: a large
// cursor takes seconds. After that it is encoded in its turn, for rows that are sent and have further actions take numbers all the time.
const encodedAhead = 3

var errTaken = errors.New("others have taken its numbers")

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
			return fmt.Errorf("a change in the sheet makes delivery %d %s, which it cannot", c.Delivery, c.State)
		default:
			return fmt.Errorf("a change of delivery %d has no known state (%d)", c.Delivery, c.State)
		}
	}
	return nil
}

func checkNew(rows []NewRow) error {
	for _, n := range rows {
		switch n.State {
		case Waiting, Queued, Held, Skipped:
		case Sent, Validated, Failed, Discarded:
			return fmt.Errorf("row %d is new and cannot be %s", n.Row.Number, n.State)
		default:
			return fmt.Errorf("row %d has no known state (%d)", n.Row.Number, n.State)
		}
		if n.LikeNew < 0 || n.LikeNew > len(rows) {
			return fmt.Errorf("row %d is like new row %d, of %d", n.Row.Number, n.LikeNew, len(rows))
		}
	}
	return nil
}

// found is a segment of new deliveries' rows, and its value unless the ledger may have to put it together with another.
type found struct {
	first uint64
	segment
	value []byte
}

// encodedPoll are the values of a poll whose new rows have numbers.
type encodedPoll struct {
	first    uint64
	chunks   int // of the cursor; 0: it stays as it was
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

// cutting cuts the rows of consecutive new deliveries into segments, and encodes each once it is full.
type cutting struct {
	codec    codec
	segments []found
	size     int // of the last one, in bytes
}

// add takes the next row; what is the same for all rows of its segment is in common, which has none.
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

// all returns the segments. Those that are encoded have no rows any more.
func (c *cutting) all() ([]found, error) { return c.segments, c.encodeLast() }

// encodeLast encodes the last segment, but for a first one that is small.
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

// sizeOf estimates the bytes that a row takes before compression.
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
		e.seeWorksheet(p)
	}
	entryOf := func(i int) entry { return newEntry(p.New[i], encoded.first, p.At) }
	if err := e.addAll(encoded.segments, len(p.New), entryOf); err != nil {
		return err
	}
	for _, c := range p.Changes {
		if err := e.change(p, c); err != nil {
			return err
		}
	}
	return nil
}

// addAll appends the zap's next deliveries, of which entryOf makes the entries, and stores their rows.
func (e *edit) addAll(segments []found, n int, entryOf func(i int) entry) error {
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
		en := entryOf(i)
		en.commit = number
		if err := e.add(en); err != nil {
			return err
		}
	}
	return nil
}

// seeWorksheet notes which worksheet was read last, and when it was read first.
func (e *edit) seeWorksheet(p Poll) {
	e.record.stays = e.record.known() // another worksheet must not make one of before unknown
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
		e.record.see(i, p)
		e.record.current = i
	}
}

// putSegment stores new rows: with those before them, when both are few and have the same header.
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

// takes tells whether a stored segment may have further rows appended.
func (s segment) takes(more segment) bool {
	size := 0
	for _, r := range s.rows {
		size += sizeOf(r)
	}
	return len(s.rows) > 0 && len(s.rows)+len(more.rows) <= segmentSmall && size <= segmentBytes && s.alike(more)
}

// alike tells whether two segments have all in common but their rows.
func (s segment) alike(other segment) bool {
	return s.zone == other.zone && s.action == other.action && s.shadow == other.shadow &&
		s.header.Equal(other.header)
}

func (e *edit) change(p Poll, c Change) error {
	en, err := e.entry(c.Delivery)
	if err != nil || en == nil { // a pruned one is done with
		return err
	}
	if c.DeletedInSheet != nil && *c.DeletedInSheet != en.is(flagDeleted) {
		en.set(flagDeleted, *c.DeletedInSheet)
		e.touch(c.Delivery, time.Time{}) // for a row that is done with, this is no news
	}
	if !en.state.follows() || c.Row == nil && c.State == 0 && c.Reason == "" {
		return nil
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
