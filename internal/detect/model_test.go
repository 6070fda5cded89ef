package detect_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// model is a simulated worksheet whose rows carry hidden ids, so that it is known which of them are new.
type model struct {
	intn    func(n int) int
	names   []string
	rows    []modelRow
	nextID  int
	known   map[int]bool // ids that were there at an earlier poll
	edited  map[int]bool // ids edited by more than half since the last poll, or copied and edited
	plain   bool         // every row's content is its own but for a column
	cursor  detect.Cursor
	options detect.Options
	now     time.Time
	fired   map[int]int // by id, found ready
	tally   tally
}

type modelRow struct {
	id    int
	cells []row.Cell
}

type tally struct{ sequences, added, lost, wrong, held, doubts int }

func newModel(intn func(n int) int, rows int, plain bool, o detect.Options) *model {
	m := &model{
		intn: intn, plain: plain, options: o, now: start,
		names:  []string{"Name", "Email", "Phone", "City", "Country", "Plan", "Score", "Signed up"},
		known:  map[int]bool{},
		edited: map[int]bool{},
		fired:  map[int]int{},
	}
	for range rows {
		m.appendRow()
	}
	r := begin(m.table(), o, 1<<30, 1, m.now)
	m.cursor = r.Cursor
	for _, r := range m.rows {
		m.known[r.id] = true
	}
	return m
}

func (m *model) value(column string) row.Cell {
	text := func(prefix string, n int) row.Cell { return row.TextCell(prefix + strconv.Itoa(m.intn(n))) }
	if m.plain {
		switch column {
		case "City", "Country", "Score":
			return text(column, 1<<30)
		}
	}
	switch column {
	case "Name":
		return row.TextCell(fmt.Sprintf("first%d last%d", m.intn(200), m.intn(300)))
	case "Email":
		return row.TextCell(fmt.Sprintf("u%d@example.com", m.intn(1<<40)))
	case "Phone":
		if !m.plain && m.intn(10) == 0 {
			return row.Cell{}
		}
		return row.NumberCell(float64(m.intn(1 << 40)))
	case "City":
		return text("city", 1+m.intn(50))
	case "Country":
		return text("country", 1+m.intn(8))
	case "Plan":
		return text("plan", 3)
	case "Score":
		return row.NumberCell(float64(m.intn(101)))
	case "Signed up":
		return row.NumberCell(46000 + float64(m.intn(86400*60))/86400)
	case "ID":
		return row.NumberCell(float64(m.nextID))
	}
	return row.Cell{}
}

func (m *model) fresh() modelRow {
	m.nextID++
	r := modelRow{id: m.nextID}
	for _, name := range m.names {
		r.cells = append(r.cells, m.value(name))
	}
	return r
}

func (m *model) table() row.Table {
	t := row.Table{Header: row.HeaderOf(slices.Clone(m.names))}
	for i, r := range m.rows {
		t.Rows = append(t.Rows, row.Row{Number: i + 2, Cells: r.cells})
	}
	return t
}

func (m *model) appendRow() { m.rows = append(m.rows, m.fresh()) }

func (m *model) insertRow() { m.rows = slices.Insert(m.rows, m.intn(len(m.rows)+1), m.fresh()) }

func (m *model) deleteRow() {
	if len(m.rows) > 0 {
		i := m.intn(len(m.rows))
		m.rows = slices.Delete(m.rows, i, i+1)
	}
}

func (m *model) deleteLast() {
	if len(m.rows) > 0 {
		m.rows = m.rows[:len(m.rows)-1]
	}
}

func (m *model) moveRow() {
	if len(m.rows) > 0 {
		i := m.intn(len(m.rows))
		r := m.rows[i]
		m.rows = slices.Delete(m.rows, i, i+1)
		m.rows = slices.Insert(m.rows, m.intn(len(m.rows)+1), r)
	}
}

func (m *model) sortRows() {
	k := m.intn(len(m.names))
	slices.SortStableFunc(m.rows, func(a, b modelRow) int {
		return cmp.Or(cmp.Compare(a.cells[k].Text, b.cells[k].Text), cmp.Compare(a.cells[k].Num, b.cells[k].Num))
	})
}

func (m *model) shuffle() {
	for i := range m.rows {
		j := m.intn(i + 1)
		m.rows[i], m.rows[j] = m.rows[j], m.rows[i]
	}
}

// editCells gives a row new values in at most n cells, never in the key.
func (m *model) editCells(i, n int) {
	r := &m.rows[i]
	r.cells = slices.Clone(r.cells)
	for range n {
		if k := m.intn(len(r.cells)); m.names[k] != "ID" {
			r.cells[k] = m.value(m.names[k])
		}
	}
}

func (m *model) editRow() {
	if len(m.rows) > 0 {
		m.editCells(m.intn(len(m.rows)), 1+m.intn(3))
	}
}

// copyRow copies a row below itself or to the end, and edits the copy.
func (m *model) copyRow() {
	if len(m.rows) == 0 {
		return
	}
	i := m.intn(len(m.rows))
	at := len(m.rows)
	if m.intn(2) == 0 {
		at = i + 1
	}
	m.nextID++
	c := modelRow{id: m.nextID, cells: slices.Clone(m.rows[i].cells)}
	if k := slices.Index(m.names, "ID"); k >= 0 {
		c.cells[k] = m.value("ID")
	}
	m.rows = slices.Insert(m.rows, at, c)
	m.editCells(at, 1+m.intn(3))
}

// recalculate changes a column in every row.
func (m *model) recalculate() {
	k := m.intn(len(m.names))
	if m.names[k] == "ID" {
		return
	}
	for i := range m.rows {
		m.rows[i].cells = slices.Clone(m.rows[i].cells)
		m.rows[i].cells[k] = m.value(m.names[k])
	}
}

func (m *model) insertColumn() {
	if len(m.names) > 12 {
		return
	}
	k := m.intn(len(m.names) + 1)
	m.nextID++
	m.names = slices.Insert(slices.Clone(m.names), k, "new"+strconv.Itoa(m.nextID))
	for i := range m.rows {
		m.rows[i].cells = slices.Insert(slices.Clone(m.rows[i].cells), k, row.Cell{})
	}
}

func (m *model) renameColumn() {
	k := m.intn(len(m.names))
	if m.names[k] == "ID" {
		return
	}
	m.nextID++
	m.names = slices.Clone(m.names)
	m.names[k] = "renamed" + strconv.Itoa(m.nextID)
}

// poll reads the sheet, again while the read is doubted, and counts what is right and wrong.
func (m *model) poll(t fataler) {
	var r detect.Result
	for range 4 {
		m.now = m.now.Add(2 * time.Minute)
		before := m.cursor
		r = diff(before, m.table(), m.options, m.now).Result
		if d := recoded(t, r.Cursor); !sameCursor(d, r.Cursor) {
			t.Fatalf("decoded cursor differs:\ngot  %+v\nwant %+v", d, r.Cursor)
		}
		m.cursor = r.Cursor
		if r.Doubt == "" {
			break
		}
		m.tally.doubts++
	}
	if r.Doubt != "" {
		if len(m.rows) > 0 {
			t.Fatalf("still in doubt: %s", r.Doubt)
		}
		return
	}
	next := m.cursor.Next - uint64(len(r.Found))
	found := map[int]bool{}
	for _, f := range r.Found {
		if f.Delivery != next {
			t.Fatalf("delivery %d, want %d", f.Delivery, next)
		}
		next++
		id := m.rows[f.Row-2].id
		found[id] = true
		switch f.State {
		case detect.Held:
			m.tally.held++
		case detect.Ready:
			m.fired[id]++
			if m.known[id] || m.fired[id] > 1 {
				m.tally.wrong++
			}
		case detect.Waiting, detect.Skipped:
			t.Fatalf("row %d is %s: %s", f.Row, f.State, f.Reason)
		}
	}
	for _, row := range m.rows {
		if !m.known[row.id] {
			m.tally.added++
			if !found[row.id] {
				m.tally.lost++
			}
		}
		m.known[row.id] = true
	}
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func sameCursor(a, b detect.Cursor) bool {
	return slices.Equal(a.Columns, b.Columns) && slices.Equal(a.Rows, b.Rows) && slices.Equal(a.Cells, b.Cells) && slices.Equal(a.Gone, b.Gone) &&
		slices.Equal(a.Keys, b.Keys) && slices.Equal(a.KeyedBy, b.KeyedBy) && a.Next == b.Next && a.Doubt == b.Doubt
}

// TestPlainRows: rows of their own content, added, deleted and moved anywhere, fire exactly once each.
func TestPlainRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(0, 40).Draw(t, "rows"), true, detect.Options{})
		t.Repeat(map[string]func(*rapid.T){
			"append": func(*rapid.T) { m.appendRow() },
			"insert": func(*rapid.T) { m.insertRow() },
			"delete": func(*rapid.T) { m.deleteRow() },
			"move":   func(*rapid.T) { m.moveRow() },
			"sort":   func(*rapid.T) { m.sortRows() },
			"poll":   func(t *rapid.T) { m.poll(t) },
			"":       func(t *rapid.T) { m.exact(t) },
		})
	})
}

// TestKeyedRows: with a key everything else may change, in any way.
func TestKeyedRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newKeyedModel(drawn(t), rapid.IntRange(0, 40).Draw(t, "rows"))
		actions := map[string]func(*rapid.T){
			"poll": func(t *rapid.T) { m.poll(t) },
			"":     func(t *rapid.T) { m.exact(t) },
		}
		for name, op := range m.everything() {
			actions[name] = func(*rapid.T) { op() }
		}
		t.Repeat(actions)
	})
}

// TestEditsKeepHalf: edits of a cell or two between polls, without any row coming or going, fire nothing.
func TestEditsKeepHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(1, 40).Draw(t, "rows"), true, detect.Options{})
		for range 5 {
			for i := range m.rows {
				if m.intn(2) == 0 {
					m.editCells(i, 1+m.intn(2))
				}
			}
			m.poll(t)
			if m.tally.wrong > 0 {
				t.Fatalf("%d rows that were only edited fired", m.tally.wrong)
			}
		}
	})
}

func newKeyedModel(intn func(n int) int, rows int) *model {
	m := newModel(intn, 0, false, detect.Options{Key: []string{"ID"}})
	m.names = append(slices.Clone(m.names), "ID")
	for range rows {
		m.appendRow()
	}
	m.cursor = begin(m.table(), m.options, 1<<30, 1, m.now).Cursor
	for _, r := range m.rows {
		m.known[r.id] = true
	}
	return m
}

func (m *model) exact(t *rapid.T) {
	if m.tally.lost+m.tally.wrong+m.tally.held > 0 {
		t.Fatalf("%+v", m.tally)
	}
}

func (m *model) everything() map[string]func() {
	return map[string]func(){
		"append": m.appendRow, "insert": m.insertRow, "delete": m.deleteRow, "move": m.moveRow, "sort": m.sortRows, "shuffle": m.shuffle,
		"edit": m.editRow, "copy": m.copyRow, "recalculate": m.recalculate, "insert column": m.insertColumn, "rename column": m.renameColumn,
	}
}

func drawn(t *rapid.T) func(int) int {
	seed := rapid.Uint64().Draw(t, "seed")
	return rand.New(rand.NewPCG(seed, seed)).IntN
}

// TestRates measures what random editing between polls loses, fires wrongly and holds. $DETECT_SEQUENCES is the number of
// sequences of a mix.
func TestRates(t *testing.T) {
	sequences := 100
	if s := os.Getenv("DETECT_SEQUENCES"); s != "" {
		sequences, _ = strconv.Atoi(s)
	}
	mixes := []struct {
		name              string
		ops               func(m *model) []func()
		lost, wrong, held float64 // at most, of the rows added
	}{
		{"deletes and appends", func(m *model) []func() {
			return []func(){m.appendRow, m.deleteRow, m.deleteLast}
		}, 0.001, 0, 0.005},
		{"inserts, moves and sorts too", func(m *model) []func() {
			return []func(){m.appendRow, m.deleteRow, m.deleteLast, m.insertRow, m.moveRow, m.sortRows}
		}, 0.001, 0, 0.005},
		{"everything", func(m *model) []func() {
			return []func(){
				m.appendRow, m.deleteRow, m.insertRow, m.moveRow, m.sortRows, m.editRow, m.editRow, m.copyRow, m.recalculate,
				m.insertColumn, m.renameColumn,
			}
		}, 0.01, 0.03, 0.4}, // a few sequences that recalculate the identifying columns and sort hold whole sheets
		{"everything but sorts and recalculations", func(m *model) []func() {
			return []func(){m.appendRow, m.deleteRow, m.insertRow, m.moveRow, m.editRow, m.editRow, m.copyRow}
		}, 0.01, 0.005, 0.05},
	}
	for _, mix := range mixes {
		t.Run(mix.name, func(t *testing.T) {
			var sum tally
			for seed := range sequences {
				intn := rand.New(rand.NewPCG(uint64(seed), 1)).IntN
				m := newModel(intn, 10+intn(90), false, detect.Options{})
				ops := mix.ops(m)
				for range 3 {
					for range 1 + intn(6) {
						ops[intn(len(ops))]()
					}
					m.poll(t)
				}
				sum.add(m.tally)
			}
			sum.sequences = sequences
			rate := func(n int) float64 { return float64(n) / float64(sum.added) }
			t.Logf("%+v: lost %.3f %%, fired wrongly %.3f %%, held %.3f %% of the rows added",
				sum, 100*rate(sum.lost), 100*rate(sum.wrong), 100*rate(sum.held))
			if rate(sum.lost) > mix.lost || rate(sum.wrong) > mix.wrong || rate(sum.held) > mix.held {
				t.Errorf("more than %+v", mix)
			}
		})
	}
}

func (a *tally) add(b tally) {
	a.added += b.added
	a.lost += b.lost
	a.wrong += b.wrong
	a.held += b.held
	a.doubts += b.doubts
}
