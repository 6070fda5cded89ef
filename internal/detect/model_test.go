package detect_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// model is a simulated worksheet whose rows and columns have hidden ids, so that it is known which
// rows are new. The operations below change it; poll reads it and checks the result.
type model struct {
	intn    func(n int) int
	columns []modelColumn
	rows    []modelRow
	lastID  int
	cursor  detect.Cursor
	open    map[uint64]detect.Open
	options detect.Options
	now     time.Time
	log     []string   // operations since the last poll without doubt
	deleted []modelRow // rows that undelete can restore
	cleared []modelRow // rows that rewrite can restore

	asMeant bool // reads show what is meant instead of how it is written

	seen   map[int]seenRow // by id: every row that was there at a poll without doubt
	polled []modelColumn   // columns at the last such poll
	tally  tally
	trace  func(format string, args ...any) // nil: none
}

// modelColumn is a column with its range of values.
type modelColumn struct {
	id     int
	name   string
	values int     // number of distinct values; 0: blank
	bits   float64 // information in a value
	form   string  // format of a value; "" is a number
	gaps   int     // one cell in this many is blank; 0: none

	kind  *kind // makes typed values instead of form; nil: use form
	ways  []way // ways to write a value, the cleanest first; nil: as meant
	usual int   // index of the way in which values are typed, or messy
}

// modelRow is a row. One without cells is blank and has no id.
type modelRow struct {
	id    int
	cells []row.Cell // what is meant; decides the truth
	shown []row.Cell // how it is written; nil: as meant
}

func (r modelRow) blank() bool { return r.cells == nil }

// cellsRead returns the cells as a poll reads them.
func (m *model) cellsRead(r modelRow) []row.Cell {
	if r.shown == nil || m.asMeant {
		return r.cells
	}
	return r.shown
}

// A scheme returns the columns of a worksheet for some purpose.
type scheme func() []modelColumn

func leads() []modelColumn {
	return []modelColumn{
		{name: "Name", values: 60_000, form: "name %d"},
		{name: "Email", values: 1 << 40, form: "u%d@example.com"},
		{name: "Phone", values: 1 << 40, gaps: 10},
		{name: "City", values: 40, form: "city %d"},
		{name: "Country", values: 6, form: "country %d"},
		{name: "Plan", values: 3, form: "plan %d"},
		{name: "Score", values: 101},
		{name: "Signed up", values: 86_400 * 60},
	}
}

// plain is leads with unique values in all columns but one.
func plain() []modelColumn {
	columns := leads()
	for k := range columns {
		if columns[k].name != "Plan" {
			columns[k].values, columns[k].gaps = 1<<40, 0
		}
	}
	return columns
}

// signups has one identifying column; the others are dropdowns.
func signups() []modelColumn {
	return []modelColumn{
		{name: "Email", values: 1 << 40, form: "u%d@example.com"},
		{name: "Event", values: 5, form: "event %d"},
		{name: "City", values: 12, form: "city %d"},
		{name: "Plan", values: 3, form: "plan %d"},
		{name: "Source", values: 4, form: "source %d"},
		{name: "Consent", values: 2, form: "yes or no %d"},
	}
}

// scores has three columns.
func scores() []modelColumn {
	return []modelColumn{
		{name: "Email", values: 1 << 40, form: "u%d@example.com"},
		{name: "Name", values: 60_000, form: "name %d"},
		{name: "Score", values: 101},
	}
}

// orders has returning customers.
func orders() []modelColumn {
	return []modelColumn{
		{name: "Order", values: 1 << 40},
		{name: "Email", values: 60, form: "u%d@example.com"},
		{name: "Product", values: 30, form: "product %d"},
		{name: "Pieces", values: 5},
		{name: "Total", values: 5000},
		{name: "Day", values: 60},
		{name: "Note", values: 1000, form: "note %d", gaps: 2},
	}
}

// wide has many columns, several of them half blank.
func wide() []modelColumn {
	columns := leads()
	for k := range 10 {
		columns = append(columns, modelColumn{name: "Answer " + strconv.Itoa(k), values: 1 + 1<<k, form: "answer %d", gaps: k % 3})
	}
	return columns
}

func newModel(intn func(n int) int, rows int, of scheme, o detect.Options) *model {
	return (&model{intn: intn}).begin(rows, of, o)
}

// begin fills the sheet and reads it for the first time.
func (m *model) begin(rows int, of scheme, o detect.Options) *model {
	m.options, m.now = o, start
	for _, c := range of() {
		m.lastID++
		c.id = m.lastID
		m.columns = append(m.columns, c)
	}
	if len(o.Key) > 0 {
		m.lastID++
		m.columns = append(m.columns, modelColumn{id: m.lastID, name: "ID"})
	}
	for k, c := range m.columns {
		m.columns[k].bits = min(bitsOf(c.values), 12)
		if len(c.ways) > 0 {
			m.columns[k].usual = m.typicalWay(c)
		}
	}
	for range rows {
		m.rows = append(m.rows, m.fresh())
	}
	m.cursor = begin(m.table(), o, 1<<30, 1, m.now).Cursor
	m.remember()
	return m
}

func (m *model) value(c modelColumn) row.Cell {
	switch {
	case c.kind != nil:
		return c.kind.value(m)
	case c.name == "ID":
		m.lastID++
		return row.NumberCell(float64(m.lastID))
	case c.values == 0 || c.gaps > 0 && m.intn(c.gaps) == 0:
		return row.Cell{}
	case c.form != "":
		return row.TextCell(fmt.Sprintf(c.form, m.intn(c.values)))
	}
	return row.NumberCell(float64(m.intn(c.values)))
}

func (m *model) fresh() modelRow {
	m.lastID++
	r := modelRow{id: m.lastID}
	for _, c := range m.columns {
		r.cells = append(r.cells, m.value(c))
	}
	r.shown = m.written(r.cells)
	return r
}

// table returns what a poll reads: blank rows are left out, but keep their numbers.
func (m *model) table() wholeSheet {
	names := make([]string, len(m.columns))
	for k, c := range m.columns {
		names[k] = c.name
	}
	t := wholeSheet{Header: row.HeaderOf(names)}
	for i, r := range m.rows {
		if !r.blank() {
			t.Rows = append(t.Rows, row.Row{Number: i + 2, Cells: m.cellsRead(r)})
		}
	}
	return t
}

// bound reports whether the options name a column, so that it must not change.
func (m *model) bound(k int) bool {
	name := m.columns[k].name
	return slices.Contains(m.options.Key, name) || slices.Contains(m.options.Require, name)
}

// some returns the index of a row that is not blank; ok is false if there is none.
func (m *model) some() (i int, ok bool) {
	if len(m.rows) == 0 {
		return 0, false
	}
	at := m.intn(len(m.rows))
	for n := range m.rows {
		if i := (at + n) % len(m.rows); !m.rows[i].blank() {
			return i, true
		}
	}
	return 0, false
}

func (m *model) place() int { return m.intn(len(m.rows) + 1) }

// Rows are added.

func (m *model) appendRow() { m.rows = append(m.rows, m.fresh()) }

func (m *model) insertRow() { m.rows = slices.Insert(m.rows, m.place(), m.fresh()) }

func (m *model) insertAbove() { m.rows = slices.Insert(m.rows, 0, m.fresh()) }

func (m *model) insertSeveral() {
	at := m.place()
	for range 2 + m.intn(4) {
		m.rows = slices.Insert(m.rows, at, m.fresh())
	}
}

func (m *model) insertBlank() { m.rows = slices.Insert(m.rows, m.place(), modelRow{}) }

// copied returns a copy of a row, which is a different row.
func (m *model) copied(i int) modelRow {
	m.lastID++
	c := modelRow{id: m.lastID, cells: slices.Clone(m.rows[i].cells), shown: slices.Clone(m.rows[i].shown)}
	if k := slices.IndexFunc(m.columns, func(c modelColumn) bool { return c.name == "ID" }); k >= 0 {
		c.cells[k] = m.value(m.columns[k])
	}
	return c
}

// pasteRows copies one to three rows and inserts them right below, at the end, or anywhere.
func (m *model) pasteRows() {
	i, ok := m.some()
	if !ok {
		return
	}
	var copies []modelRow
	for n := i; n < min(i+1+m.intn(3), len(m.rows)) && !m.rows[n].blank(); n++ {
		copies = append(copies, m.copied(n))
	}
	m.rows = slices.Insert(m.rows, [...]int{i + len(copies), len(m.rows), m.place()}[m.intn(3)], copies...)
}

// copyRow copies a row below itself or to the end, and edits the copy.
func (m *model) copyRow() {
	i, ok := m.some()
	if !ok {
		return
	}
	at := [...]int{i + 1, len(m.rows)}[m.intn(2)]
	m.rows = slices.Insert(m.rows, at, m.copied(i))
	m.editCells(at, 1+m.intn(3))
}

// Rows are deleted.

func (m *model) deleteAt(i, n int) {
	n = min(n, len(m.rows)-i)
	for _, r := range m.rows[i : i+n] {
		if !r.blank() {
			m.deleted = append(m.deleted, r)
		}
	}
	m.rows = slices.Delete(m.rows, i, i+n)
}

func (m *model) deleteRow() {
	if i, ok := m.some(); ok {
		m.deleteAt(i, 1)
	}
}

func (m *model) deleteLast() {
	if len(m.rows) > 0 {
		m.deleteAt(len(m.rows)-1, 1)
	}
}

func (m *model) deleteSeveral() {
	if i, ok := m.some(); ok {
		m.deleteAt(i, 2+m.intn(3))
	}
}

// replaceRow types another row in the place of one.
func (m *model) replaceRow() {
	if i, ok := m.some(); ok {
		m.deleteAt(i, 1)
		m.rows = slices.Insert(m.rows, i, m.fresh())
	}
}

// undelete restores the row deleted last.
func (m *model) undelete() {
	if n := len(m.deleted); n > 0 {
		m.rows = slices.Insert(m.rows, m.place(), m.deleted[n-1])
		m.deleted = m.deleted[:n-1]
	}
}

// clear empties the sheet or keeps its first part; rewrite restores the rest.
func (m *model) clear() {
	if m.cleared == nil && len(m.rows) > 0 {
		left := [...]int{0, m.intn(len(m.rows))}[m.intn(2)]
		m.cleared = slices.Clone(m.rows[left:])
		m.rows = m.rows[:left]
	}
}

func (m *model) rewrite() {
	m.rows = append(m.rows, m.cleared...)
	m.cleared = nil
}

// Rows move.

func (m *model) moveRow() {
	if i, ok := m.some(); ok {
		r := m.rows[i]
		m.rows = slices.Delete(m.rows, i, i+1)
		m.rows = slices.Insert(m.rows, m.place(), r)
	}
}

func (m *model) moveSeveral() {
	if i, ok := m.some(); ok {
		end := min(len(m.rows), i+2+m.intn(5))
		rows := slices.Clone(m.rows[i:end])
		m.rows = slices.Delete(m.rows, i, end)
		m.rows = slices.Insert(m.rows, m.place(), rows...)
	}
}

func (m *model) sortRows() {
	k := m.intn(len(m.columns))
	slices.SortStableFunc(m.rows, func(a, b modelRow) int {
		if a.blank() || b.blank() {
			return cmp.Compare(len(b.cells), len(a.cells))
		}
		return cmp.Or(cmp.Compare(a.cells[k].Text, b.cells[k].Text), cmp.Compare(a.cells[k].Num, b.cells[k].Num))
	})
}

func (m *model) shuffle() {
	for i := range m.rows {
		j := m.intn(i + 1)
		m.rows[i], m.rows[j] = m.rows[j], m.rows[i]
	}
}

// Cells change.

// editCells gives a row new values in at most n cells, never in the key.
func (m *model) editCells(i, n int) {
	r := &m.rows[i]
	r.cells = slices.Clone(r.cells)
	for range n {
		m.editCell(r, m.intn(len(r.cells)))
	}
}

// editCell gives a cell a new value, unless that would make the row blank.
func (m *model) editCell(r *modelRow, k int) {
	c := m.columns[k]
	if c.name == "ID" {
		return
	}
	was := r.cells[k]
	r.cells[k] = m.value(c)
	if !slices.ContainsFunc(r.cells, func(c row.Cell) bool { return !c.Blank() }) {
		r.cells[k] = was
	} else if r.shown != nil {
		r.shown = slices.Clone(r.shown)
		r.shown[k] = m.cellWritten(m.columns[k], r.cells[k])
	}
}

func (m *model) editRow() {
	if i, ok := m.some(); ok {
		m.editCells(i, 1+m.intn(3))
	}
}

// editOne gives a row a new value in one cell.
func (m *model) editOne() {
	if i, ok := m.some(); ok {
		m.editCells(i, 1)
	}
}

// recalculate changes a column in every row, recalculatePart in many.
func (m *model) recalculate() { m.changeColumn(1) }

func (m *model) recalculatePart() { m.changeColumn(2 + m.intn(3)) }

func (m *model) changeColumn(oneIn int) {
	k := m.intn(len(m.columns))
	for i := range m.rows {
		if !m.rows[i].blank() && m.intn(oneIn) == 0 {
			m.rows[i].cells = slices.Clone(m.rows[i].cells)
			m.editCell(&m.rows[i], k)
		}
	}
}

// Columns are added, deleted and renamed.

// lay replaces the columns. Deleted and cleared rows can then no longer be restored.
func (m *model) lay(columns []modelColumn) {
	m.columns = columns
	m.deleted, m.cleared = nil, nil
}

func (m *model) insertColumn() {
	if len(m.columns) > 20 {
		return
	}
	m.lastID++
	c := modelColumn{id: m.lastID, name: "new" + strconv.Itoa(m.lastID), values: [...]int{0, 2, 1000}[m.intn(3)], gaps: m.intn(3)}
	c.bits = min(bitsOf(c.values), 12)
	k := m.intn(len(m.columns) + 1)
	m.lay(slices.Insert(slices.Clone(m.columns), k, c))
	for i, r := range m.rows {
		if !r.blank() {
			m.rows[i].cells = slices.Insert(slices.Clone(r.cells), k, m.value(c))
		}
	}
}

// deleteColumn deletes a column, but none of the few with the most information.
func (m *model) deleteColumn() {
	k := m.intn(len(m.columns))
	if len(m.columns) <= 3 || m.columns[k].bits > 10 || m.bound(k) {
		return
	}
	m.lay(slices.Delete(slices.Clone(m.columns), k, k+1))
	for i, r := range m.rows {
		if r.blank() {
			continue
		}
		m.rows[i].cells = slices.Delete(slices.Clone(r.cells), k, k+1)
		if !slices.ContainsFunc(m.rows[i].cells, func(c row.Cell) bool { return !c.Blank() }) {
			m.rows[i] = modelRow{}
		}
	}
}

func (m *model) moveColumn() {
	from, to := m.intn(len(m.columns)), m.intn(len(m.columns))
	c := m.columns[from]
	m.lay(slices.Insert(slices.Delete(slices.Clone(m.columns), from, from+1), to, c))
	for i, r := range m.rows {
		if !r.blank() {
			m.rows[i].cells = slices.Insert(slices.Delete(slices.Clone(r.cells), from, from+1), to, r.cells[from])
		}
	}
}

func (m *model) renameColumn() {
	if k := m.intn(len(m.columns)); !m.bound(k) {
		m.lastID++
		m.lay(slices.Clone(m.columns))
		m.columns[k].name = "renamed" + strconv.Itoa(m.lastID)
	}
}

// operation is something that people do to a sheet.
type operation struct {
	name string
	do   func(*model)
}

func additions() []operation {
	return []operation{
		{"append", (*model).appendRow},
		{"append", (*model).appendRow},
		{"insert", (*model).insertRow},
		{"insert above", (*model).insertAbove},
		{"insert several", (*model).insertSeveral},
		{"insert blank", (*model).insertBlank},
	}
}

func deletions() []operation {
	return []operation{
		{"delete", (*model).deleteRow},
		{"delete last", (*model).deleteLast},
		{"delete several", (*model).deleteSeveral},
		{"replace", (*model).replaceRow},
		{"undelete", (*model).undelete},
	}
}

func moves() []operation {
	return []operation{{"move", (*model).moveRow}, {"move several", (*model).moveSeveral}, {"sort", (*model).sortRows}, {"shuffle", (*model).shuffle}}
}

func edits() []operation {
	return []operation{{"edit", (*model).editRow}, {"edit", (*model).editRow}, {"edit one", (*model).editOne}}
}

func copies() []operation {
	return []operation{{"copy and edit", (*model).copyRow}, {"paste", (*model).pasteRows}}
}

func columnChanges() []operation {
	return []operation{
		{"recalculate", (*model).recalculate},
		{"recalculate part", (*model).recalculatePart},
		{"insert column", (*model).insertColumn},
		{"delete column", (*model).deleteColumn},
		{"move column", (*model).moveColumn},
		{"rename column", (*model).renameColumn},
	}
}

func rewrites() []operation {
	return []operation{{"clear", (*model).clear}, {"rewrite", (*model).rewrite}, {"rewrite", (*model).rewrite}}
}

func everything() []operation {
	return slices.Concat(additions(), deletions(), moves(), edits(), copies(), columnChanges(), rewrites())
}

// work runs one of the operations.
func (m *model) work(ops []operation) {
	op := ops[m.intn(len(ops))]
	m.log = append(m.log, op.name)
	op.do(m)
}

func drawn(t *rapid.T) func(int) int {
	seed := rapid.Uint64().Draw(t, "seed")
	return rand.New(rand.NewPCG(seed, seed)).IntN
}
