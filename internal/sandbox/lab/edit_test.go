package lab

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/sandbox"
)

func TestEdits(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Sheets) error
		want string
		grid string
	}{
		{"move down", func(s *Sheets) error { return s.Move("book", "T", 2, 4) }, "h k|a 10|- 1|b 2", "1000×26"},
		{"move up", func(s *Sheets) error { return s.Move("book", "T", 4, 2) }, "h k|- 1|b 2|a 10", "1000×26"},
		{"clear", func(s *Sheets) error { return s.Clear("book", "T") }, "", "1000×26"},
		{"insert column", func(s *Sheets) error { return s.InsertColumn("book", "T", 2) }, "h - k|b - 2|a - 10|- - 1", "1000×27"},
		{"insert column past the cells", func(s *Sheets) error { return s.InsertColumn("book", "T", 27) }, "h k|b 2|a 10|- 1", "1000×27"},
		{"delete column", func(s *Sheets) error { return s.DeleteColumn("book", "T", 1) }, "k|2|10|1", "1000×25"},
	}
	for _, tt := range tests {
		s := newSandbox(t, cellsOf("h k", "b 2", "a 10", "- 1")...)
		must(t, tt.edit(s.Sheets()))
		var grid string
		must(t, s.Sheets().Edit("book", "T", func(w *sandbox.Worksheet) error {
			grid = fmt.Sprintf("%d×%d", w.Height, w.Width)
			return nil
		}))
		if got := shown(t, s); got != tt.want || grid != tt.grid {
			t.Errorf("%s: got %q in %s, want %q in %s", tt.name, got, grid, tt.want, tt.grid)
		}
	}
}

func TestEditsAreRefused(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Sheets) error
	}{
		{"move", func(s *Sheets) error { return s.Move("book", "T", 1, 1001) }},
		{"insert column", func(s *Sheets) error { return s.InsertColumn("book", "T", 28) }},
		{"delete column", func(s *Sheets) error { return s.DeleteColumn("book", "T", 27) }},
		{"the last worksheet", func(s *Sheets) error { return s.DeleteWorksheet("book", "T") }},
		{"rename to nothing", func(s *Sheets) error { return s.RenameWorksheet("book", "T", "") }},
	}
	for _, tt := range tests {
		s := newSandbox(t, cellsOf("h k", "b 2")...)
		before := shown(t, s)
		if err := tt.edit(s.Sheets()); err == nil || errors.Is(err, sandbox.ErrUnknown) {
			t.Errorf("%s: got %v, want an error", tt.name, err)
		}
		if after := shown(t, s); after != before {
			t.Errorf("%s: refused, but %q became %q", tt.name, before, after)
		}
	}
	if err := newSandbox(t).Sheets().Clear("book", "U"); !errors.Is(err, sandbox.ErrUnknown) {
		t.Errorf("an unknown worksheet: got %v", err)
	}
}

// TestSpreadsheetEdits checks edits of a spreadsheet by the responses to later reads.
func TestSpreadsheetEdits(t *testing.T) {
	s := newSandbox(t, cellsOf("a")...)
	access := bearer(t, s)
	sheets := s.Sheets()
	steps := []struct {
		name string
		edit func() error
		path string // below the spreadsheet
		code int
		want string // part of the response
	}{
		{"not shared", func() error { return sheets.Unshare("book") }, "/values/T", 403, `"message":"The caller does not have permission","status":"PERMISSION_DENIED"`},
		{"shared again", func() error { return sheets.Share("book") }, "/values/T", 200, `"values":[["a"]]`},
		{"renamed", func() error { return sheets.RenameWorksheet("book", "T", "U") }, "/values/T!A1", 400, "Unable to parse range: T!A1"},
		{"by its new title", func() error { return nil }, "/values/U!A1", 200, `"values":[["a"]]`},
		{"another one", func() error { return sheets.AddWorksheet("book", "V", 2) }, "/values/V", 200, `"range":"V!A1:Z1000"`},
		{"deleted", func() error { return sheets.DeleteWorksheet("book", "U") }, "?fields=sheets.properties.title", 200, `{"sheets":[{"properties":{"title":"V"}}]}`},
		{"office file", func() error { return sheets.SetOfficeFile("book") }, "", 400, "This operation is not supported for this document"},
	}
	for _, step := range steps {
		must(t, step.edit())
		if code, got := read(t, s, "/v4/spreadsheets/book"+step.path, access); code != step.code || !strings.Contains(got, step.want) {
			t.Errorf("%s: got %d %s\nwant %d with %q", step.name, code, got, step.code, step.want)
		}
	}
}

// TestEditsKeepRows compares the worksheet with a plain list of row IDs after the same random
// edits.
func TestEditsKeepRows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSandbox(t, cellsOf("0")...).Sheets()
		want, next := []int{0}, 0
		one := func() []sandbox.Value { next++; return []sandbox.Value{sandbox.Number(float64(next))} }
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
					id, err := strconv.Atoi(cells[0].Shown())
					must(t, err)
					got[i] = id
				}
				if !slices.Equal(got, want) {
					rt.Fatalf("got %v, want %v", got, want)
				}
			},
		})
	})
}
