package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// glimpse reads pages, which are separated by slashes and do not overlap unless written so.
func glimpse(c detect.Cursor, o detect.Options, pages string) *detect.Glimpse {
	var g *detect.Glimpse
	number := 1
	list := strings.Split(pages, "/")
	for k, page := range list {
		t := table(page)
		if g == nil {
			g = c.Glimpse(t.Header, o)
		}
		for i := range t.Rows {
			number++
			t.Rows[i].Number = number
		}
		g.Add(t.Rows, k == 0, k == len(list)-1)
	}
	return g
}

// TestDiffTorn: what two torn reads prove to be new, and what a full read finds after them.
func TestDiffTorn(t *testing.T) {
	const known = "abcdefghij"
	o := detect.Options{Require: []string{"Email"}, SettleCopies: time.Minute}
	keyed := detect.Options{Key: []string{"Email"}}
	tests := []struct {
		name          string
		o             detect.Options
		first, second string // torn reads
		want          string // their result; "no": they cannot be compared
		whole, then   string // the next full read, and its result
	}{
		{"nothing", o, "abcde/efghij", "abcde/efghij", "", known, ""},
		{"a row at the top of both", o, "xabcd/defghij", "yxabc/cdefghij", "x", "yx" + known, "y"},
		{"two rows at the top of both", o, "yxabc/cdefghij", "zyxab/bcdefghij", "y, x", "zyx" + known, "z"},
		{"a row at the end", o, "abcd/defghijx", "abcd/defghijx", "x", known + "x", ""},
		{"a row in one read only", o, "xabcd/defghij", "abcde/efghij", "", known, ""},
		{"a row at a seam is on two pages", o, "abcdx/xefghij", "abcdx/xefghij", "x", "abcdxefghij", ""},
		{"two equal rows on a page", o, "xxabcd/efghij", "xxabcd/efghij", "x, x", "xx" + known, ""},
		{"two equal rows on two pages", o, "xabcd/defghixj", "xabcd/defghixj", "x", "xabcdefghixj", "x:waiting"},
		{"two equal rows on a page of one read", o, "xabcd/efghij", "xxabcd/efghij", "x", "xx" + known, "x:waiting"},
		{"a known row that was read twice", o, "abcde/efghij", "abcde/defghij", "", known, ""},
		{"known rows that were not read", o, "xabcd/ghij", "xabcd/fghij", "x", "x" + known, ""},
		{"an edited row", o, "ab2cd/efghij", "ab2cd/efghij", "", "ab2cdefghij", ""},
		{"a row edited beyond recognition", o, "ab5cd/efghij", "ab5cd/efghij", "", "ab5cdefghij", ""},
		{"a row edited while it was read", o, "abcd/d2efghij", "abcd2/defghij", "", known, ""},
		{"a new row next to an edited one", o, "ab2xcd/efghij", "ab2xcd/efghij", "x", "ab2xcdefghij", ""},
		{"tidied", o, "abcd/efghij", "abcd/efghij", "", known, ""},
		{"a copy", o, "abbcd/efghij", "abbcd/efghij", "", "abbcdefghij", "b:waiting"},
		{"a copy that is typed over", o, "abb2cd/efghij", "abb2cd/efghij", "", "abb2cdefghij", "b"},
		{"the original is typed over, the copy moved", o, "ab2cd/efghbij", "ab2cd/efghbij", "", "ab2cdefghbij", "b:held"},
		{"a row like one elsewhere, between neighbors", o, "b2abcd/efghij", "b2abcd/efghij", "b", "b2" + known, ""},
		{"half-typed", o, "x-abcd/efghij", "x-abcd/efghij", "", "x-" + known, "x:waiting"},
		{"shows an error", o, "x!abcd/efghij", "x!abcd/efghij", "", "x!" + known, "x"},
		{"recalculated", o, "a1b1c1d1e1f1/xg1h1i1j1", "a1b1c1d1e1f1/xg1h1i1j1", "no", "a1b1c1d1e1f1xg1h1i1j1", "x"},
		{"four are missing, and the row is among others", o, "xabcdx/j", "xabcdx/j", "no", "x" + known, "x"},
		{"four are edited, the row is at the top", o, "xabcd2/e2f2g2hij", "xabcd2/e2f2g2hij", "x", "xabcd2e2f2g2hij", ""},
		{"four are edited, the row is among them", o, "abcd2/xe2f2g2hij", "abcd2/xe2f2g2hij", "", "abcd2xe2f2g2hij", "x"},
		{"keyed", keyed, "xabcd/efghij", "xabcd/efghij", "x", "x" + known, ""},
		{"keyed, a known key", keyed, "ab5cd/efghijb2", "ab5cd/efghijb2", "", "ab5cdefghij", ""},
		{"keyed, a key twice", keyed, "xabcdx2/efghij", "xabcdx2/efghij", "", "xabcdx2efghij", "x, x:held"},
		{"a flood", detect.Options{Require: []string{"Email"}, MaxNewRows: 1}, "yxabcd/efghij", "yxabcd/efghij", "y:held, x:held", "yx" + known, ""},
		{"settling", detect.Options{Require: []string{"Email"}, Settle: time.Hour}, "xabcd/efghij", "xabcd/efghij", "x:waiting", "x" + known, ""},
	}
	for _, tt := range tests {
		c := begin(table(known), tt.o, 1<<30, 1, start).Cursor
		now := start.Add(time.Minute)
		r, rows, ok := diffTorn(t, c, tt.o, tt.first, tt.second, now)
		got := "no"
		if ok {
			r.table.Rows = rows
			got = said(r)
		}
		if got != tt.want {
			t.Errorf("%s: %q then %q: got %q, want %q", tt.name, tt.first, tt.second, got, tt.want)
		}
		holdsAll(t, c, r.Cursor)
		r.Cursor = recoded(t, r.Cursor)
		if got := said(r.then(table(tt.whole), tt.o, now.Add(time.Minute))); !sameBut(got, tt.then) {
			t.Errorf("%s: %q after that: got %q, want %q", tt.name, tt.whole, got, tt.then)
		}
	}
}

// sameBut reports whether the rows in a formatted result are as wanted, ignoring changes.
func sameBut(got, want string) bool {
	var found []string
	for s := range strings.SplitSeq(got, ", ") {
		if s != "" && (s[0] < '0' || s[0] > '9') {
			found = append(found, s)
		}
	}
	return strings.Join(found, ", ") == want
}

func diffTorn(t fataler, c detect.Cursor, o detect.Options, first, second string, now time.Time) (outcome, []row.Row, bool) {
	t.Helper()
	before := glimpse(c, o, first)
	before.Rest()
	r, rows, ok := detect.DiffTorn(before, glimpse(c, o, second), now)
	return outcome{}.took(r), rows, ok
}

// holdsAll fails if a known row left the cursor or changed in it, or if its rows are out of order.
func holdsAll(t fataler, before, after detect.Cursor) {
	t.Helper()
	w, at := len(before.Columns), 0
	for i, s := range after.Rows {
		if i > 0 && s.Number <= after.Rows[i-1].Number {
			t.Fatalf("row %d of the cursor comes after %d", s.Number, after.Rows[i-1].Number)
		}
		if at < len(before.Rows) && before.Rows[at].Delivery == s.Delivery && slices.Equal(before.Cells[at*w:(at+1)*w], after.Cells[i*w:(i+1)*w]) {
			at++
		}
	}
	taken := map[uint64]bool{}
	for i, s := range after.Rows {
		if s.Delivery != 0 && taken[s.Delivery] || s.Delivery >= after.Next {
			t.Fatalf("delivery %d has two rows, or was not assigned: next is %d", s.Delivery, after.Next)
		}
		taken[s.Delivery] = true
		if len(after.KeyedBy) > 0 && !slices.ContainsFunc(after.Keys, func(k detect.Key) bool { return k.Sum == after.RowKeys[i].Sum }) {
			t.Fatalf("the key of row %d is not in Keys", s.Number)
		}
	}
	if len(after.KeyedBy) > 0 && len(after.RowKeys) != len(after.Rows) {
		t.Fatalf("%d keys of %d rows", len(after.RowKeys), len(after.Rows))
	}
	if at != len(before.Rows) || len(after.Cells) != len(after.Rows)*w || len(after.Folds) != len(after.Cells) || !slices.Equal(before.Gone, after.Gone) {
		t.Fatalf("only %d of %d known rows are in the cursor, in their order", at, len(before.Rows))
	}
}

// TestRenumber: LikeDelivery stays the same, unless it refers to another new row.
func TestRenumber(t *testing.T) {
	r := detect.Result{Found: []detect.Found{{Delivery: 5, LikeDelivery: detect.Unknown}, {Delivery: 6, LikeDelivery: 5}, {Delivery: 7, LikeDelivery: 4}, {Delivery: 8}}}
	for _, first := range []uint64{9, 30, 6} {
		r.Renumber(first)
		want := []uint64{detect.Unknown, first, 4, 0}
		for i, f := range r.Found {
			if f.Delivery != first+uint64(i) || f.LikeDelivery != want[i] {
				t.Errorf("from %d on, row %d is delivery %d like %d, want like %d", first, i, f.Delivery, f.LikeDelivery, want[i])
			}
		}
	}
}

// TestDiffTornSettles: a settling row is ready after two torn reads that show it unchanged, even if
// its delivery was renumbered.
func TestDiffTornSettles(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}, Settle: time.Minute}
	c := begin(table("abcdefghij"), o, 1<<30, 1, start).Cursor
	r, _, _ := diffTorn(t, c, o, "xabcd/efghij", "yxabcd/efghij", start)
	r.Renumber(7)
	if got := said(outcome{Result: r.Result}); len(r.Found) != 1 || r.Found[0].Delivery != 7 || r.Recheck != time.Minute {
		t.Fatalf("%s, %+v", got, r.Found)
	}
	o.Open = map[uint64]detect.Open{7: detect.OpenWaiting}
	for _, step := range []struct {
		first, second string
		after         time.Duration
		want          string
	}{
		{"xabcd/efghij", "xabcd/efghij", 30 * time.Second, ""},
		{"abcd/efghij", "xabcd/efghij", time.Hour, ""},
		{"x1abcd/efghij", "x1abcd/efghij", time.Hour, ""},
		{"xabcd/efghij", "xabcd/efghij", time.Hour, "7 became ready"},
	} {
		got, rows, ok := diffTorn(t, r.Cursor, o, step.first, step.second, start.Add(step.after))
		if s := said(got); !ok || s != step.want || len(rows) != len(got.Changes) || got.Unchanged != (s == "") {
			t.Errorf("%s after %s: %q with %d rows, want %q", step.second, step.after, s, len(rows), step.want)
		}
	}
}

// tornModel is a sheet that changes between the reads of its pages and whose rows have hidden ids.
type tornModel struct {
	*rapid.T
	o      detect.Options
	rows   []tornRow
	lastID int
	undo   []tornRow
	cursor detect.Cursor
	open   map[uint64]detect.Open
	now    time.Time
	done   map[int]bool // by id: was there at a full read, has fired, or is held
	// shown holds, by content, the ids of the rows that had it during the second read.
	shown map[string]map[int]bool
	twin  map[int]int // by id: the row added with the same cells
	fired int         // rows fired by torn reads
}

type tornRow struct {
	id   int
	back bool // was deleted and restored; if edited now, it is new
	// fresh means that the row was added or edited since the last full read; if it vanishes and
	// comes back, it is new.
	fresh bool
	cells []row.Cell
}

var tornColumns = []string{"Email", "Name", "City", "Plan", "Score", "Token"}

func (m *tornModel) n(most int) int { return rapid.IntRange(0, most-1).Draw(m.T, "n") }

func (m *tornModel) fresh() tornRow {
	m.lastID++
	id := m.lastID
	return tornRow{id: id, fresh: true, cells: []row.Cell{
		row.TextCell(fmt.Sprintf("u%d@example.com", id)), row.TextCell(fmt.Sprintf("name %d", id*7919)), row.TextCell(fmt.Sprintf("city %d", m.n(12))),
		row.TextCell(fmt.Sprintf("plan %d", m.n(3))), row.NumberCell(float64(m.n(101))), row.TextCell(fmt.Sprintf("t%x", id*104729)),
	}}
}

func contentOf(cells []row.Cell) string { return fmt.Sprint(cells) }

func (m *tornModel) insert(at int, r tornRow) { m.rows = slices.Insert(m.rows, at, r) }

// change runs a random operation.
func (m *tornModel) change() {
	at := 0
	if len(m.rows) > 0 {
		at = m.n(len(m.rows))
	}
	switch what := m.n(16); {
	case what < 5 || len(m.rows) < 12:
		m.insert(0, m.fresh())
	case what < 7:
		m.insert(at, m.fresh())
	case what < 8:
		m.insert(len(m.rows), m.fresh())
	case what < 10: // an edit
		k := 2 + m.n(3)
		if r := m.rows[at]; !r.back {
			m.rows[at].cells = slices.Clone(r.cells)
			m.rows[at].cells[k], m.rows[at].fresh = m.fresh().cells[k], true
		}
	case what < 11:
		if r := m.rows[at]; !r.fresh && m.twin[r.id] == 0 {
			m.undo = append(m.undo, m.rows[at])
		}
		m.rows = slices.Delete(m.rows, at, at+1)
	case what < 12 && len(m.undo) > 0:
		r := m.undo[len(m.undo)-1]
		r.back = true
		m.insert(at, r)
		m.undo = m.undo[:len(m.undo)-1]
	case what < 13: // another row typed in the place of one
		m.rows[at] = m.fresh()
	case what < 14:
		r := m.rows[at]
		m.rows = slices.Delete(m.rows, at, at+1)
		m.insert(m.n(len(m.rows)+1), r)
	case what < 15: // tidied
		if r := m.rows[at]; !r.back {
			m.rows[at].cells = slices.Clone(r.cells)
			m.rows[at].cells[1], m.rows[at].fresh = row.TextCell(strings.ToUpper(r.cells[1].Text)), true
		}
	default: // two equal rows
		r := m.fresh()
		m.insert(at, r)
		m.lastID++
		m.twin[r.id], m.twin[m.lastID] = m.lastID, r.id
		r.id = m.lastID
		m.insert(m.n(len(m.rows)+1), r)
	}
}

// glimpse reads page by page while the sheet changes in between.
func (m *tornModel) glimpse() *detect.Glimpse {
	g := m.cursor.Glimpse(row.HeaderOf(slices.Clone(tornColumns)), m.options())
	size := 10 + m.n(30)
	m.shown = map[string]map[int]bool{}
	for first := 0; ; {
		last := min(first+size, len(m.rows))
		var page []row.Row
		for i := first; i < last; i++ {
			r := m.rows[i]
			page = append(page, row.Row{Number: i + 2, Cells: r.cells})
			c := contentOf(r.cells)
			if m.shown[c] == nil {
				m.shown[c] = map[int]bool{}
			}
			m.shown[c][r.id] = true
		}
		end := last == len(m.rows)
		g.Add(page, first == 0, end)
		for range m.n(3) {
			m.change()
		}
		if end || last-1 >= len(m.rows) {
			return g
		}
		first = last - 1
	}
}

func (m *tornModel) options() detect.Options {
	o := m.o
	o.Open = m.open
	return o
}

// take records that a row fired or is held. It returns false if the row and its twin already had.
func (m *tornModel) take(id int) bool {
	if m.done[id] {
		id = m.twin[id]
	}
	was := id == 0 || m.done[id]
	m.done[id] = true
	return !was
}

// fire records that a row fired and fails unless one of the given ids has not fired yet.
func (m *tornModel) fire(content string, ids map[int]bool, how string) {
	m.Helper()
	for id := range ids {
		if m.take(id) {
			return
		}
	}
	m.Fatalf("%s: an old row fired, or one fired twice: %s", how, content)
}

func (m *tornModel) tornPoll() {
	m.now = m.now.Add(time.Minute)
	before := m.glimpse()
	before.Rest()
	r, rows, ok := detect.DiffTorn(before, m.glimpse(), m.now)
	if !ok {
		return
	}
	holdsAll(m.T, m.cursor, r.Cursor)
	at := map[int]row.Row{}
	for _, line := range rows {
		at[line.Number] = line
	}
	for _, f := range r.Found {
		c := contentOf(at[f.Row].Cells)
		m.fire(c, m.shown[c], "torn")
		m.fired++
	}
	o := outcome{open: m.open}.took(r)
	m.cursor, m.open = recoded(m.T, r.Cursor), o.open
}

func (m *tornModel) wholePoll() {
	names := row.HeaderOf(slices.Clone(tornColumns))
	sheet := wholeSheet{Header: names}
	byContent, there := map[string]map[int]bool{}, map[int]bool{}
	for i, r := range m.rows {
		sheet.Rows = append(sheet.Rows, row.Row{Number: i + 2, Cells: r.cells})
		c := contentOf(r.cells)
		if byContent[c] == nil {
			byContent[c] = map[int]bool{}
		}
		byContent[c][r.id], there[r.id] = true, true
	}
	o := outcome{Result: detect.Result{Cursor: m.cursor}, open: m.open}
	for range 3 {
		m.now = m.now.Add(2 * time.Minute)
		if o = o.then(sheet, m.o, m.now); o.Doubt == "" {
			break
		}
	}
	for _, f := range o.Found {
		r := m.rows[f.Row-2]
		if f.State == detect.Held {
			m.take(r.id)
			continue
		}
		m.fire(contentOf(r.cells), byContent[contentOf(r.cells)], "whole")
	}
	m.cursor, m.open = o.Cursor, o.open
	for _, r := range m.rows {
		// Of two equal rows, one may have fired and the other one gone.
		if twin := m.twin[r.id]; !m.done[r.id] && (!m.done[twin] || there[twin]) {
			m.Fatalf("row %d is lost: %v", r.id, r.cells)
		}
		m.done[r.id] = true
	}
	for i := range m.rows {
		m.rows[i].fresh = false
	}
}

// TestTornModel changes a sheet all the time, mostly at the top: torn reads fire no old row and
// none twice, and the full read after them finds all others.
func TestTornModel(t *testing.T) {
	fired, added := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := &tornModel{
			T: t, now: start, done: map[int]bool{}, twin: map[int]int{},
			o: detect.Options{Require: []string{"Email"}},
		}
		for range 30 + m.n(40) {
			m.rows = append(m.rows, m.fresh())
		}
		for i, r := range m.rows {
			m.done[r.id], m.rows[i].fresh = true, false
		}
		sheet := wholeSheet{Header: row.HeaderOf(slices.Clone(tornColumns))}
		for i, r := range m.rows {
			sheet.Rows = append(sheet.Rows, row.Row{Number: i + 2, Cells: r.cells})
		}
		m.cursor = begin(sheet, m.o, 1<<30, 1, m.now).Cursor
		was := m.lastID
		for range 1 + m.n(3) {
			for range 1 + m.n(4) {
				m.tornPoll()
			}
			m.wholePoll()
		}
		fired, added = fired+m.fired, added+m.lastID-was
	})
	t.Logf("%d rows added, %d found by torn reads", added, fired)
}
