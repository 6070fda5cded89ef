package sandbox

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// shown writes the rows of T as cellsOf reads them.
func shown(t testing.TB, s *Sandbox) string {
	t.Helper()
	rows, err := s.Sheets().Rows("book", "T")
	must(t, err)
	lines := make([]string, len(rows))
	for i, cells := range rows {
		fields := make([]string, len(cells))
		for j, v := range cells {
			if fields[j] = v.Shown(); v.empty() {
				fields[j] = "-"
			}
		}
		lines[i] = strings.Join(fields, " ")
	}
	return strings.Join(lines, "|")
}

func TestEdits(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Sheets) error
		want string
		grid string
	}{
		{"append", func(s *Sheets) error { _, err := s.Append("book", "T", cellsOf("x", "y")...); return err }, "h k|b 2|a 10|- 1|x|y", "1000×26"},
		{"insert", func(s *Sheets) error { return s.Insert("book", "T", 2, cellsOf("x", "y")...) }, "h k|x|y|b 2|a 10|- 1", "1002×26"},
		{"insert at the end of the grid", func(s *Sheets) error { return s.Insert("book", "T", 1001, []Value{}) }, "h k|b 2|a 10|- 1", "1001×26"},
		{"delete", func(s *Sheets) error { return s.Delete("book", "T", 2, 3) }, "h k|- 1", "998×26"},
		{"delete below", func(s *Sheets) error { return s.Delete("book", "T", 4, 1000) }, "h k|b 2|a 10", "3×26"},
		{"set", func(s *Sheets) error { return s.Set("book", "T", 6, 3, Number(7)) }, "h k|b 2|a 10|- 1||- - 7", "1000×26"},
		{"sort", func(s *Sheets) error { return s.Sort("book", "T", 1, false) }, "h k|a 10|b 2|- 1", "1000×26"},
		{"sort down", func(s *Sheets) error { return s.Sort("book", "T", 2, true) }, "h k|a 10|b 2|- 1", "1000×26"},
		{"empty cells are last either way", func(s *Sheets) error { return s.Sort("book", "T", 1, true) }, "h k|b 2|a 10|- 1", "1000×26"},
		{"move down", func(s *Sheets) error { return s.Move("book", "T", 2, 4) }, "h k|a 10|- 1|b 2", "1000×26"},
		{"move up", func(s *Sheets) error { return s.Move("book", "T", 4, 2) }, "h k|- 1|b 2|a 10", "1000×26"},
		{"clear", func(s *Sheets) error { return s.Clear("book", "T") }, "", "1000×26"},
		{"insert column", func(s *Sheets) error { return s.InsertColumn("book", "T", 2) }, "h - k|b - 2|a - 10|- - 1", "1000×27"},
		{"delete column", func(s *Sheets) error { return s.DeleteColumn("book", "T", 1) }, "k|2|10|1", "1000×25"},
		{"widen", func(s *Sheets) error { _, err := s.Append("book", "T", make([]Value, 30)); return err }, "h k|b 2|a 10|- 1", "1000×30"},
	}
	for _, tt := range tests {
		s := newSandbox(t, Options{}, cellsOf("h k", "b 2", "a 10", "- 1")...)
		must(t, tt.edit(s.Sheets()))
		w, err := s.sheets.worksheet("book", "T")
		must(t, err)
		if got, grid := shown(t, s), fmt.Sprintf("%d×%d", w.height, w.width); got != tt.want || grid != tt.grid {
			t.Errorf("%s: got %q in %s, want %q in %s", tt.name, got, grid, tt.want, tt.grid)
		}
	}
}

func TestEditsOutsideTheGridAreRefused(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Sheets) error
	}{
		{"insert", func(s *Sheets) error { return s.Insert("book", "T", 1002, []Value{}) }},
		{"delete", func(s *Sheets) error { return s.Delete("book", "T", 999, 1001) }},
		{"delete all", func(s *Sheets) error { return s.Delete("book", "T", 1, 1000) }},
		{"delete backwards", func(s *Sheets) error { return s.Delete("book", "T", 3, 2) }},
		{"set", func(s *Sheets) error { return s.Set("book", "T", 1, 27, Text("x")) }},
		{"set NaN", func(s *Sheets) error { return s.Set("book", "T", 1, 1, Number(math.NaN())) }},
		{"set a long text", func(s *Sheets) error { return s.Set("book", "T", 1, 1, Text(strings.Repeat("é", 50_001))) }},
		{"sort", func(s *Sheets) error { return s.Sort("book", "T", 0, false) }},
		{"move", func(s *Sheets) error { return s.Move("book", "T", 1, 1001) }},
		{"insert column", func(s *Sheets) error { return s.InsertColumn("book", "T", 28) }},
		{"delete column", func(s *Sheets) error { return s.DeleteColumn("book", "T", 27) }},
		{"too many cells", func(s *Sheets) error { _, err := s.Append("book", "T", make([]Value, 10_001)); return err }},
		{"too many columns", func(s *Sheets) error { _, err := s.Append("book", "T", make([]Value, 18_279)); return err }},
		{"the last worksheet", func(s *Sheets) error { return s.DeleteWorksheet("book", "T") }},
		{"a title twice", func(s *Sheets) error { return s.AddWorksheet("book", "T", 5) }},
		{"a gid twice", func(s *Sheets) error { return s.AddWorksheet("book", "U", 0) }},
		{"an id twice", func(s *Sheets) error { return s.AddSpreadsheet("book", "", "") }},
		{"a zone that is none", func(s *Sheets) error { return s.AddSpreadsheet("b", "", "Mars/Base") }},
	}
	for _, tt := range tests {
		s := newSandbox(t, Options{}, cellsOf("h k", "b 2")...)
		before := shown(t, s)
		if err := tt.edit(s.Sheets()); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %v, want it refused", tt.name, err)
		}
		if after := shown(t, s); after != before {
			t.Errorf("%s: refused, but %q became %q", tt.name, before, after)
		}
	}
	if err := newSandbox(t, Options{}).Sheets().Clear("book", "U"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown worksheet: got %v", err)
	}
}

// Rows carry ids; whatever the editing, the worksheet holds what a plain list of ids holds after the same edits.
func TestEditsKeepRows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSheets(func(string, string) {})
		must(t, s.AddSpreadsheet("book", "Book", ""))
		must(t, s.AddWorksheet("book", "T", 0, []Value{Text("id")}))
		want, next := []int{0}, 0
		one := func() []Value { next++; return []Value{Number(float64(next))} }
		at := func(label string) int { return rapid.IntRange(1, len(want)).Draw(rt, label) }
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(*rapid.T) {
				first, err := s.Append("book", "T", one(), one())
				must(t, err)
				if first != len(want)+1 {
					rt.Fatalf("appended at %d, want %d", first, len(want)+1)
				}
				want = append(want, next-1, next)
			},
			"insert": func(*rapid.T) {
				row := at("row")
				must(t, s.Insert("book", "T", row, one()))
				want = slices.Insert(want, row-1, next)
			},
			"delete": func(rt *rapid.T) {
				from := at("from")
				to := rapid.IntRange(from, len(want)).Draw(rt, "to")
				must(t, s.Delete("book", "T", from, to))
				if want = slices.Delete(want, from-1, to); len(want) == 0 {
					must(t, s.Insert("book", "T", 1, one()))
					want = []int{next}
				}
			},
			"move": func(*rapid.T) {
				from, to := at("from"), at("to")
				must(t, s.Move("book", "T", from, to))
				id := want[from-1]
				want = slices.Insert(slices.Delete(want, from-1, from), to-1, id)
			},
			"": func(rt *rapid.T) {
				rows, err := s.Rows("book", "T")
				must(t, err)
				got := make([]int, len(rows))
				for i, cells := range rows {
					got[i] = int(cells[0].num)
				}
				if !slices.Equal(got, want) {
					rt.Fatalf("got %v, want %v", got, want)
				}
			},
		})
	})
}
