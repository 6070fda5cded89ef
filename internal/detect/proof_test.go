package detect_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/detect"
)

// actions returns the operations and poll as rapid actions. check runs after each.
func (m *model) actions(ops []operation, check func(*rapid.T)) map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"poll": func(t *rapid.T) { m.poll(t) },
		"":     check,
	}
	for _, op := range ops {
		actions[op.name] = func(*rapid.T) { m.log = append(m.log, op.name); op.do(m) }
	}
	return actions
}

// exact fails if any row was lost, fired wrongly, or held without being grey.
func (m *model) exact(t *rapid.T) {
	if m.tally.lost+m.tally.wrong+m.tally.held > 0 {
		t.Fatalf("%+v", m.tally)
	}
}

// requires draws options with or without an identity.
func requires(t *rapid.T) detect.Options {
	if rapid.Bool().Draw(t, "require") {
		return detect.Options{Require: []string{"Email"}}
	}
	return detect.Options{}
}

// TestPlainRows: rows with unique content, added, deleted and moved anywhere in any order, fire
// exactly once.
func TestPlainRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(0, 40).Draw(t, "rows"), plain, requires(t))
		t.Repeat(m.actions(slices.Concat(additions(), deletions(), moves()), m.exact))
	})
}

// TestKeyedRows: with a key, anything else may change in any way.
func TestKeyedRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(0, 40).Draw(t, "rows"), leads, detect.Options{Key: []string{"ID"}})
		t.Repeat(m.actions(everything(), m.exact))
	})
}

// TestEqualRows: if the number of equal rows grows, as many fire.
func TestEqualRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(1, 20).Draw(t, "rows"), plain, requires(t))
		count := func() map[string]int {
			n := map[string]int{}
			for _, r := range m.rows {
				if !r.blank() {
					n[m.contentOf(r)]++
				}
			}
			return n
		}
		ops := slices.Concat(moves(), []operation{{"paste", (*model).pasteRows}, {"paste", (*model).pasteRows}, {"delete", (*model).deleteRow}})
		before := count()
		for range rapid.IntRange(1, 12).Draw(t, "operations") {
			m.work(ops)
		}
		r := m.read(t)
		if r.Doubt != "" {
			return // all rows are gone
		}
		found := map[string]int{}
		for _, f := range r.Found {
			if f.State != detect.Ready {
				t.Fatalf("row %d is %s: %s", f.Row, f.State, f.Reason)
			}
			found[m.contentOf(m.rows[f.Row-2])]++
		}
		for c, n := range count() {
			if want := max(0, n-before[c]); found[c] != want {
				t.Fatalf("%d rows %q, %d before: %d fired, want %d; %v", n, c, before[c], found[c], want, m.log)
			}
		}
	})
}

// TestEditsAndAdditions: edits of any number of rows, or of a whole column, do not fire; rows added
// at the same time do.
func TestEditsAndAdditions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(1, 40).Draw(t, "rows"), plain, requires(t))
		// Up to three rows show too little about what identifies them.
		if len(m.rows) <= 3 {
			m.rows = append(m.rows, m.fresh(), m.fresh(), m.fresh())
			m.poll(t)
			m.tally = tally{}
		}
		for range 3 {
			column := rapid.IntRange(0, 2*len(m.columns)).Draw(t, "column recalculated")
			for i := range m.rows {
				r := &m.rows[i]
				if r.blank() {
					continue
				}
				r.cells = slices.Clone(r.cells)
				switch {
				case column < len(m.columns) && !m.bound(column):
					m.editCell(r, column)
				case m.intn(2) == 0:
					for range 1 + m.intn(2) {
						if k := m.intn(len(r.cells)); !m.bound(k) {
							m.editCell(r, k)
						}
					}
				}
			}
			for range rapid.IntRange(0, 5).Draw(t, "additions") {
				m.work(additions())
			}
			m.poll(t)
			m.exact(t)
		}
	})
}

// TestReplaced: a row typed in the place of a deleted one is new, however many there are.
func TestReplaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(1, 40).Draw(t, "rows"), plain, requires(t))
		for range rapid.IntRange(1, 20).Draw(t, "replaced") {
			m.replaceRow()
		}
		m.poll(t)
		m.exact(t)
	})
}

// TestRowAndCopyEdited: a row was copied, and both were edited to the same extent. Nothing shows
// which is which, so both are held.
func TestRowAndCopyEdited(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(8, 40).Draw(t, "rows"), plain, requires(t))
		i := m.intn(len(m.rows))
		m.rows = slices.Insert(m.rows, i+1, m.copied(i))
		columns := []int{0, 2, 3, 4, 6, 7} // with the same information
		a := m.intn(len(columns))
		b := (a + 1 + m.intn(len(columns)-1)) % len(columns)
		for at, k := range map[int]int{i: columns[a], i + 1: columns[b]} {
			m.rows[at].cells = slices.Clone(m.rows[at].cells)
			m.editCell(&m.rows[at], k)
		}
		r := m.read(t)
		if len(r.Found) != 2 || r.Found[0].State != detect.Held || r.Found[1].State != detect.Held {
			t.Fatalf("found %+v, want both held", r.Found)
		}
	})
}

// TestEditsKeepHalf: edits of one or two cells between polls fire nothing if no rows are added or
// deleted.
func TestEditsKeepHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(1, 40).Draw(t, "rows"), plain, detect.Options{})
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
