package detect_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/detect"
)

// actions lets rapid do the operations and poll at any time. After each, check holds.
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

// exact fails if any row was lost, fired wrongly or held that is not grey.
func (m *model) exact(t *rapid.T) {
	if m.tally.lost+m.tally.wrong+m.tally.held > 0 {
		t.Fatalf("%+v", m.tally)
	}
}

// TestPlainRows: rows of their own content, added, deleted and moved anywhere, fire exactly once each.
func TestPlainRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(0, 40).Draw(t, "rows"), plain, detect.Options{})
		t.Repeat(m.actions(slices.Concat(additions(), deletions(), moves()), m.exact))
	})
}

// TestKeyedRows: with a key everything else may change, in any way.
func TestKeyedRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(drawn(t), rapid.IntRange(0, 40).Draw(t, "rows"), leads, detect.Options{Key: []string{"ID"}})
		t.Repeat(m.actions(everything(), m.exact))
	})
}

// TestEditsKeepHalf: edits of a cell or two between polls, without any row coming or going, fire nothing.
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
