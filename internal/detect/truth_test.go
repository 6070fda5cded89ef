package detect_test

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// seenRow is a row as of the last poll without doubt that saw it.
type seenRow struct {
	cells   []row.Cell
	read    []row.Cell // as the poll read them, for the trace
	columns []modelColumn
	present bool // at the very last poll
}

// tally counts rows. Cases that cannot be decided from the polls are counted separately, as grey:
// an added row that shares at least a quarter of its information with a row deleted since the last
// poll, or about as much with an edited row as that one kept itself; such edited rows; rows that
// keep less than half, or exactly half if there are many; and rows that come back changed.
type tally struct {
	sequences, added, doubts int
	lost, wrong, held        int
	grey                     struct{ rows, lost, wrong, held int }
}

func (a *tally) add(b tally) {
	a.sequences += b.sequences
	a.added += b.added
	a.doubts += b.doubts
	a.lost += b.lost
	a.wrong += b.wrong
	a.held += b.held
	a.grey.rows += b.grey.rows
	a.grey.lost += b.grey.lost
	a.grey.wrong += b.grey.wrong
	a.grey.held += b.grey.held
}

func bitsOf(values int) float64 { return math.Log2(float64(max(values, 1))) }

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// poll reads the sheet and counts right and wrong results.
func (m *model) poll(t fataler) {
	t.Helper()
	if r := m.read(t); r.Doubt == "" {
		m.judge(t, r)
		m.remember()
	}
}

// read reads the sheet, and again while the read is doubted and not empty.
func (m *model) read(t fataler) detect.Result {
	t.Helper()
	var r detect.Result
	read := m.table()
	for range 3 {
		m.now = m.now.Add(2 * time.Minute)
		o := outcome{Result: detect.Result{Cursor: m.cursor}, open: m.open}.then(read, m.options, m.now)
		r, m.open = o.Result, o.open
		if len(m.rows) < 100 && m.intn(4) == 0 {
			if d := recoded(t, r.Cursor); !sameCursor(d, r.Cursor) {
				t.Fatalf("decoded cursor differs:\ngot  %+v\nwant %+v", d, r.Cursor)
			}
		}
		m.cursor = r.Cursor
		if r.Doubt == "" || len(read.Rows) == 0 || strings.HasPrefix(r.Doubt, "the header row has changed completely") {
			return r // the doubt lasts whatever the rows are
		}
		m.tally.doubts++
	}
	t.Fatalf("still doubted: %s", r.Doubt)
	return r
}

func sameCursor(a, b detect.Cursor) bool {
	return slices.Equal(a.Columns, b.Columns) && slices.Equal(a.Rows, b.Rows) && slices.Equal(a.Cells, b.Cells) && slices.Equal(a.Folds, b.Folds) && slices.Equal(a.RowKeys, b.RowKeys) && slices.Equal(a.Gone, b.Gone) &&
		slices.Equal(a.Keys, b.Keys) && slices.Equal(a.KeyedBy, b.KeyedBy) && a.Next == b.Next && a.Doubt == b.Doubt
}

// remember records all rows as seen.
func (m *model) remember() {
	if m.seen == nil {
		m.seen = map[int]seenRow{}
	}
	for id, s := range m.seen {
		if s.present {
			s.present = false
			m.seen[id] = s
		}
	}
	for _, r := range m.rows {
		if !r.blank() {
			m.seen[r.id] = seenRow{cells: r.cells, read: m.cellsRead(r), columns: m.columns, present: true}
		}
	}
	m.log, m.polled = nil, m.columns
}

// judge compares the rows found with the truth.
func (m *model) judge(t fataler, r detect.Result) {
	t.Helper()
	state := map[int]detect.State{}
	next := m.cursor.Next - uint64(len(r.Found))
	for _, f := range r.Found {
		if f.Delivery != next {
			t.Fatalf("delivery %d, want %d", f.Delivery, next)
		}
		next++
		if f.State != detect.Ready && f.State != detect.Held {
			t.Fatalf("row %d is %s: %s", f.Row, f.State, f.Reason)
		}
		state[m.rows[f.Row-2].id] = f.State
	}
	grey := m.undecidable()
	m.tally.grey.rows += len(grey)
	// By content, because rows that are equal in the columns polled before can stand for each
	// other.
	lost := map[string][]int{}
	taken := map[string]int{} // by content: added rows that took over the delivery of a held row
	for i, r := range m.rows {
		if r.blank() {
			continue
		}
		if _, known := m.seen[r.id]; !known {
			m.tally.added++
			if state[r.id] == 0 {
				if s, ok := m.cursor.At(i + 2); ok && m.open[s.Delivery] == detect.OpenHeld {
					state[r.id] = detect.Held // it has the delivery of a held row that it may be
					taken[m.contentOf(r)]++
					continue
				}
				c := m.contentOf(r)
				lost[c] = append(lost[c], i)
			}
		}
	}
	away := m.respeltElsewhere()
	count := func(i int, what string, clear, unclear *int) {
		if m.trace != nil {
			m.trace("%s%s row %d: %v; was %v; %v", map[bool]string{true: "grey "}[grey[m.rows[i].id]], what, i+2, m.cellsRead(m.rows[i]), m.seen[m.rows[i].id].read, m.log)
		}
		if grey[m.rows[i].id] {
			*unclear++
		} else {
			*clear++
		}
	}
	for i, r := range m.rows {
		_, known := m.seen[r.id]
		switch s := state[r.id]; {
		case r.blank():
		case s == detect.Held && known && away[r.id]:
			m.tally.grey.held++
		case s == detect.Held:
			count(i, "held", &m.tally.held, &m.tally.grey.held)
		case s == detect.Ready && known:
			if c := m.contentOf(r); len(lost[c]) > 0 {
				lost[c] = lost[c][1:]
				continue
			} else if taken[c] > 0 {
				taken[c]--
				continue
			}
			count(i, "wrong", &m.tally.wrong, &m.tally.grey.wrong)
		}
	}
	for _, rows := range lost {
		for _, i := range rows {
			count(i, "lost", &m.tally.lost, &m.tally.grey.lost)
		}
	}
}

func (m *model) contentOf(r modelRow) string {
	var b []byte
	for k, c := range r.cells {
		if slices.ContainsFunc(m.polled, func(p modelColumn) bool { return p.id == m.columns[k].id }) {
			b = append(append(b, byte(c.Kind)), c.String()...)
			b = append(b, 0)
		}
	}
	return string(b)
}

// respeltElsewhere returns the ids of rows whose meaning is unchanged but that are written
// differently, if rows were moved and only a few are written differently: a deletion and a row
// typed elsewhere would look the same. Many such rows are no coincidence.
func (m *model) respeltElsewhere() map[int]bool {
	moved := slices.ContainsFunc(m.log, func(op string) bool { return strings.HasPrefix(op, "move") || op == "sort" })
	away := map[int]bool{}
	for _, r := range m.rows {
		if s, known := m.seen[r.id]; moved && known && slices.Equal(s.cells, r.cells) && !slices.Equal(s.read, m.cellsRead(r)) {
			away[r.id] = true
		}
	}
	if few := max(5, len(m.rows)/8); len(away) > few {
		return nil
	}
	return away
}

// undecidable returns the ids of the grey rows.
func (m *model) undecidable() map[int]bool {
	grey := map[int]bool{}
	if len(m.options.Key) > 0 {
		return grey
	}
	there := map[int]bool{}
	var edited, added, halved, respelt []modelRow
	kept := map[int]float64{} // by id, of edited rows
	for _, r := range m.rows {
		if r.blank() {
			continue
		}
		there[r.id] = true
		s, known := m.seen[r.id]
		switch {
		case !known:
			added = append(added, r)
		case !s.present:
			if !m.unchanged(s, r) {
				grey[r.id] = true
			}
		case !slices.Equal(s.cells, r.cells):
			edited = append(edited, r)
			switch kept[r.id], _ = m.share(s, r); {
			case kept[r.id] < 0.5:
				grey[r.id] = true
			case kept[r.id] == 0.5:
				halved = append(halved, r)
			}
		case !slices.Equal(s.read, m.cellsRead(r)):
			respelt = append(respelt, r)
		}
	}
	if len(halved) >= 4 { // others may have been typed over them
		for _, r := range halved {
			grey[r.id] = true
		}
	}
	for _, x := range added {
		for id, s := range m.seen {
			if there[id] {
				continue
			}
			if of, has := m.share(s, x); s.present && max(of, has) >= 0.25 || slices.Equal(s.cells, x.cells) {
				grey[x.id] = true
			}
		}
		for _, r := range respelt {
			if slices.Equal(r.cells, x.cells) {
				grey[x.id] = true
			}
		}
		for _, r := range edited {
			if of, _ := m.share(m.seen[r.id], x); of >= 0.25 && of > kept[r.id]-0.1 {
				grey[x.id], grey[r.id] = true, true
			}
		}
	}
	return grey
}

// unchanged reports whether a row that was away is unchanged, under the same columns.
func (m *model) unchanged(s seenRow, r modelRow) bool {
	now := map[string]row.Cell{}
	for k, c := range m.columns {
		if !r.cells[k].Blank() {
			now[c.name] = r.cells[k]
		}
	}
	n := 0
	for k, c := range s.columns {
		if !s.cells[k].Blank() {
			n++
			if now[c.name] != s.cells[k] {
				return false
			}
		}
	}
	return n == len(now)
}

// share returns the share of a seen row's information that a row has, and the share of that row's
// own information that this is. Deleted columns do not count.
func (m *model) share(s seenRow, r modelRow) (of, has float64) {
	var was, is, same float64
	for k, c := range m.columns {
		if !r.cells[k].Blank() {
			is += c.bits
		}
		at := k // columns are usually where they were
		if at >= len(s.columns) || s.columns[at].id != c.id {
			at = slices.IndexFunc(s.columns, func(o modelColumn) bool { return o.id == c.id })
		}
		if at < 0 || s.cells[at].Blank() {
			continue
		}
		was += c.bits
		if s.cells[at] == r.cells[k] {
			same += c.bits
		}
	}
	return same / max(was, 1), same / max(is, 1)
}
