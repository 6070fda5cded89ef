package detect_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestColumnChurn measures how many rows are lost and fired wrongly in sheets whose columns are
// added, deleted and renamed while rows are added, filled in, edited, copied, sorted and deleted:
// 25 polls each, after up to 30 operations each. In the first kind of sheet, new rows have values
// in added columns, in the second only an x. $DETECT_SEQUENCES is the number of sheets; the limits
// are then percentages of the rows added.
//
//	DETECT_SEQUENCES=800 go test ./internal/detect -run TestColumnChurn -v -timeout 1h
func TestColumnChurn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		few   bool     // added columns have few values: an x
		seeds []uint64 // of an ordinary run, which loses no row; it would without the rules
		most  float64  // percent
	}{
		{"telling values", false, []uint64{0, 1}, 0},
		{"few values", true, []uint64{14, 38, 54}, 0.05},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seeds, most := tt.seeds, 0.0
			if n, err := strconv.Atoi(os.Getenv("DETECT_SEQUENCES")); err == nil && n > 0 {
				seeds, most = make([]uint64, n), tt.most
				for k := range seeds {
					seeds[k] = uint64(k)
				}
			}
			var sum tally
			for _, seed := range seeds {
				sum.add(churned(t, seed, tt.few))
			}
			t.Log(sum)
			limit := most / 100 * float64(sum.added)
			if float64(sum.lost) > limit || float64(sum.wrong) > limit {
				t.Errorf("%d rows lost, %d fired wrongly of %d added, want at most %.2f %%", sum.lost, sum.wrong, sum.added, most)
			}
			if float64(sum.held) > max(2, 0.003*float64(sum.added)) {
				t.Errorf("%d rows held of %d added, want at most 0.3 %%", sum.held, sum.added)
			}
		})
	}
}

// churn is a worksheet whose columns change.
type churn struct {
	*model
	few   bool
	bound map[int]bool // by id: rows not to delete, as they could not be told from their copies
	begun int          // the highest id at the first read
	fired map[int]bool // by id
}

func churned(t testing.TB, seed uint64, few bool) tally {
	t.Helper()
	c := churn{model: seeded(t, seed), few: few, bound: map[int]bool{}, fired: map[int]bool{}}
	c.begin(30+c.intn(200), func() []modelColumn {
		return []modelColumn{
			{name: "Ref", values: 1 << 40, form: "R%d"},
			{name: "Email", values: 1 << 30, form: "u%d@example.com"},
			{name: "Name", values: 5000, form: "name %d"},
			{name: "Plan", values: 3, form: "plan %d"},
			{name: "Score", values: 1000},
			{name: "City", values: 8, form: "city %d"},
			{name: "When", values: 3_650_000},
			{name: "Rank", values: 5000},
		}
	}, detect.Options{Require: []string{"Email"}})
	c.begun = c.lastID
	for range 25 {
		added := len(c.log)
		for range 1 + c.intn(30) {
			c.step()
		}
		c.settle(t, c.read(t), c.log[added:])
	}
	c.tally.sequences = 1
	return c.tally
}

// step runs one of the operations, each with the given percentage.
func (c *churn) step() {
	for n := c.intn(100); ; {
		for _, op := range []struct {
			often int
			name  string
			do    func(*churn)
		}{
			{25, "append", func(c *churn) { c.put(len(c.rows), c.fresh()) }},
			{10, "insert", func(c *churn) { c.put(c.place(), c.fresh()); c.put(c.place(), c.fresh()) }},
			{10, "edit", (*churn).edit},
			{7, "delete", (*churn).remove},
			{5, "sort", func(c *churn) { c.sortRows() }},
			{2, "shuffle", func(c *churn) { c.shuffle() }},
			{7, "move", func(c *churn) { c.moveSeveral() }},
			{4, "half-typed", (*churn).halfTyped},
			{6, "fill", (*churn).fill},
			{6, "copy", (*churn).editedCopy},
			{7, "insert column", (*churn).addColumn},
			{4, "delete column", (*churn).dropColumn},
			{3, "rename", (*churn).rename},
			{1, "recalculate", (*churn).recalculateRank},
			{2, "move column", func(c *churn) { c.moveColumn() }},
			{1, "blank row", func(c *churn) { c.insertBlank() }},
		} {
			if n -= op.often; n < 0 {
				c.log = append(c.log, op.name)
				op.do(c)
				return
			}
		}
	}
}

func (c *churn) at(name string) int {
	return slices.IndexFunc(c.columns, func(m modelColumn) bool { return m.name == name })
}

func (c *churn) put(at int, r modelRow) {
	c.rows = slices.Insert(c.rows, at, r)
	c.tally.added++
}

// set sets a cell of a row.
func (c *churn) set(i int, column string, v row.Cell) {
	c.rows[i].cells = slices.Clone(c.rows[i].cells)
	c.rows[i].cells[c.at(column)] = v
}

func (c *churn) text(form string) row.Cell { return row.TextCell(fmt.Sprintf(form, c.intn(1<<30))) }

func (c *churn) edit() {
	i, ok := c.some()
	for range 1 + c.intn(2) {
		if name := []string{"Name", "Plan", "Score", "City", "When", "Rank"}[c.intn(6)]; ok && c.at(name) >= 0 {
			c.set(i, name, c.text("edited %d"))
		}
	}
}

func (c *churn) remove() {
	n := 1 + c.intn(4)
	if len(c.rows) <= 20 {
		return
	}
	i := c.intn(len(c.rows) - n)
	if !slices.ContainsFunc(c.rows[i:i+n], func(r modelRow) bool { return r.blank() || c.bound[r.id] }) {
		c.rows = slices.Delete(c.rows, i, i+n)
	}
}

func (c *churn) halfTyped() {
	r := c.fresh()
	r.cells[c.at("Email")] = row.Cell{}
	c.bound[r.id] = true
	c.put(c.place(), r)
}

func (c *churn) fill() {
	for i, r := range c.rows {
		if !r.blank() && r.cells[c.at("Email")].Blank() {
			c.set(i, "Email", c.text("late%d@example.com"))
			return
		}
	}
}

func (c *churn) editedCopy() {
	i, ok := c.some()
	if !ok || c.rows[i].cells[c.at("Email")].Blank() {
		return
	}
	c.bound[c.rows[i].id] = true
	r, at := c.copied(i), c.place()
	c.bound[r.id] = true
	c.put(at, r)
	c.set(at, "Ref", c.text("R%d"))
	c.set(at, "Email", c.text("copy%d@example.com"))
	c.set(at, "Score", row.NumberCell(float64(c.intn(100_000))))
}

// addColumn adds a column that is blank, has one value, or has many, in the existing rows.
func (c *churn) addColumn() {
	c.lastID++
	k := c.intn(len(c.columns) + 1)
	there := []modelColumn{{}, {values: 1, form: "same %d"}, {values: 1_000_000}}[c.intn(3)]
	column := there
	if c.few {
		column = modelColumn{values: 1, form: "x%d"}
	}
	column.id, column.name = c.lastID, "Extra "+strconv.Itoa(c.lastID)
	c.lay(slices.Insert(slices.Clone(c.columns), k, column))
	for i, r := range c.rows {
		if !r.blank() {
			c.rows[i].cells = slices.Insert(slices.Clone(r.cells), k, c.value(there))
		}
	}
}

// dropColumn deletes the first added column.
func (c *churn) dropColumn() {
	k := slices.IndexFunc(c.columns, func(m modelColumn) bool { return strings.HasPrefix(m.name, "Extra") })
	if k < 0 {
		return
	}
	c.lay(slices.Delete(slices.Clone(c.columns), k, k+1))
	for i, r := range c.rows {
		if !r.blank() {
			c.rows[i].cells = slices.Delete(slices.Clone(r.cells), k, k+1)
		}
	}
}

// rename renames a dropdown, or back.
func (c *churn) rename() {
	c.lay(slices.Clone(c.columns))
	if k := c.at("City"); k >= 0 {
		c.columns[k].name = "Town"
	} else {
		c.columns[c.at("Town")].name = "City"
	}
}

func (c *churn) recalculateRank() {
	for i, r := range c.rows {
		if !r.blank() {
			c.set(i, "Rank", row.NumberCell(float64(c.intn(1_000_000))))
		}
	}
}

// settle counts the results of a read: a row is wrong if it fires although it was there at the
// start or fired before, and lost if it is complete and neither fires nor is held.
func (c *churn) settle(t testing.TB, r detect.Result, log []string) {
	t.Helper()
	bad := func(what string, at int, count *int) {
		*count++
		if c.trace != nil {
			c.trace("%s row %d, id %d: %v; %v", what, at, c.rows[at-2].id, c.rows[at-2].cells, log)
		}
	}
	fire := func(at int) {
		id := c.rows[at-2].id
		if id <= c.begun || c.fired[id] {
			bad("wrong", at, &c.tally.wrong)
		}
		c.fired[id] = true
	}
	for _, f := range r.Found {
		switch f.State {
		case detect.Ready:
			fire(f.Row)
		case detect.Held:
			bad("held", f.Row, &c.tally.held)
		case detect.Waiting, detect.Skipped:
		}
	}
	for _, ch := range r.Changes {
		if ch.Kind == detect.BecameReady {
			fire(ch.Row)
		}
	}
	for i, row := range c.rows {
		if row.blank() || row.id <= c.begun || c.fired[row.id] || row.cells[c.at("Email")].Blank() {
			continue
		}
		if s, ok := c.cursor.At(i + 2); !ok || c.open[s.Delivery] != detect.OpenHeld {
			bad("lost", i+2, &c.tally.lost)
			c.fired[row.id] = true
		}
	}
}
