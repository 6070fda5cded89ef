package sandbox

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// shown returns the rows of T in the notation of cellsOf.
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
		{"widen", func(s *Sheets) error { _, err := s.Append("book", "T", make([]Value, 30)); return err }, "h k|b 2|a 10|- 1", "1000×30"},
	}
	for _, tt := range tests {
		s := newSandbox(t, Options{}, cellsOf("h k", "b 2", "a 10", "- 1")...)
		must(t, tt.edit(s.Sheets()))
		w, err := s.sheets.worksheet("book", "T")
		must(t, err)
		if got, grid := shown(t, s), fmt.Sprintf("%d×%d", w.Height, w.Width); got != tt.want || grid != tt.grid {
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
		{"too many cells", func(s *Sheets) error { _, err := s.Append("book", "T", make([]Value, 10_001)); return err }},
		{"too many columns", func(s *Sheets) error { _, err := s.Append("book", "T", make([]Value, 18_279)); return err }},
		{"a title twice", func(s *Sheets) error { return s.AddWorksheet("book", "T", 5) }},
		{"a gid twice", func(s *Sheets) error { return s.AddWorksheet("book", "U", 0) }},
		{"an id twice", func(s *Sheets) error { return s.AddSpreadsheet("book", "", "") }},
		{"a zone that is none", func(s *Sheets) error { return s.AddSpreadsheet("b", "", "Mars/Base") }},
	}
	for _, tt := range tests {
		s := newSandbox(t, Options{}, cellsOf("h k", "b 2")...)
		before := shown(t, s)
		if err := tt.edit(s.Sheets()); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %v, want an error", tt.name, err)
		}
		if after := shown(t, s); after != before {
			t.Errorf("%s: refused, but %q became %q", tt.name, before, after)
		}
	}
	if err := newSandbox(t, Options{}).Sheets().Replace("book", "U"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown worksheet: got %v", err)
	}
}
