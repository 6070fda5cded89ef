package detect

import (
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/row"
)

func headerOf(names string) row.Header { return row.HeaderOf(strings.Split(names, "|")) }

// TestKeyColumnsByLetter: an unnamed key column is known by its letter, also once only rows reach
// it.
func TestKeyColumnsByLetter(t *testing.T) {
	for _, tt := range []struct {
		header, key string
		want        int
	}{
		{"Email|Phone", "Phone", 1},
		{"Email|", "B", 1},
		{"Email|Phone", "C", 2},
		{"Email|Phone", "B", -1}, // the column has a name
		{"Email|Phone", "ID", 237},
		{"Email|Phone", "Id", -1},
		{"C|Phone", "C", 0},
		{"C|C", "C", -1}, // ambiguous
	} {
		if got := NewReading(headerOf(tt.header), Options{Key: []string{tt.key}}, 0).key.at[0]; got != tt.want {
			t.Errorf("%s of %s is column %d, want %d", tt.key, tt.header, got, tt.want)
		}
	}
}

// TestIgnoredColumns: a column is ignored by its name or letter, and with it all columns of that
// name.
func TestIgnoredColumns(t *testing.T) {
	former := headerOf("1/1/2024|Email").Formerly([]string{"45292", "Email"})
	for _, tt := range []struct {
		header row.Header
		ignore string
		want   []bool
	}{
		{headerOf("Email|Note"), "Note", []bool{false, true}},
		{headerOf("Email|Note"), " Note ", []bool{false, true}},
		{headerOf("Email|Note|Note"), "Note", []bool{false, true, true}},
		{headerOf("Email|"), "B", []bool{false, true}},
		{headerOf("Email|"), "", []bool{false, false}},
		{former, "45292", []bool{true, false}},
	} {
		if got := ignoredColumns(tt.header, []string{tt.ignore}); !slices.Equal(got, tt.want) {
			t.Errorf("%q of %q: %v, want %v", tt.ignore, tt.header.Names(), got, tt.want)
		}
	}
}

// TestReadingOfPages: rows that are wider than those of earlier pages leave these unchanged, and
// blank rows do not count.
func TestReadingOfPages(t *testing.T) {
	line := func(number int, cells ...string) row.Row {
		r := row.Row{Number: number}
		for _, c := range cells {
			r.Cells = append(r.Cells, row.TextCell(c))
		}
		return r
	}
	rows := []row.Row{line(2, "Al", "98450 12345"), line(3, "", ""), line(4, "Bo", "98450 12346"), line(5, "Cy", "98450 12347", "x", "98450 12348")}
	once, paged := NewReading(headerOf("Name|Phone"), Options{}, 0), NewReading(headerOf("Name|Phone"), Options{}, 0)
	once.Add(rows...)
	for _, r := range rows {
		paged.Add(r)
	}
	if !slices.Equal(once.cells, paged.cells) || !slices.Equal(once.folds, paged.folds) || !slices.Equal(once.phones, paged.phones) || len(once.fractions) != len(paged.fractions) {
		t.Errorf("read page by page: %+v, want %+v", paged, once)
	}
	if paged.Len() != 3 || !slices.Equal(paged.numbers, []int32{2, 4, 5}) || len(paged.cells) != 12 {
		t.Errorf("%d rows, %v, %d cells, want the 3 that are not blank", paged.Len(), paged.numbers, len(paged.cells))
	}
}

// TestFractions: a column counts as fractions if nine tenths of its cells are, and at least one.
func TestFractions(t *testing.T) {
	r := NewReading(headerOf("A|B|C|D|E"), Options{}, 0)
	for i := range 10 {
		cells := []row.Cell{row.NumberCell(0.123), row.NumberCell(0.123), {}, row.NumberCell(0.12), row.DateCell(46000.123)}
		if i == 0 {
			cells[0] = row.NumberCell(7)
		}
		if i < 2 {
			cells[1] = row.TextCell("none")
		}
		if i > 3 {
			cells[4] = row.Cell{}
		}
		r.Add(row.Row{Number: i + 2, Cells: cells})
	}
	if got, want := r.under(Options{}, Cursor{}).fractions, []bool{true, false, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestRowsThatSayNothing: a row of unticked checkboxes or ignored cells counts if all required
// columns are filled.
func TestRowsThatSayNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		o     Options
		email string
		want  int
	}{
		{"nothing is required", Options{Ignore: []string{"Email"}}, "a@x", 0},
		{"an ignored column is required", Options{Ignore: []string{"Email"}, Require: []string{"Email"}}, "a@x", 1},
		{"it is blank", Options{Ignore: []string{"Email"}, Require: []string{"Email"}}, "", 0},
		{"the key is blank", Options{Ignore: []string{"Email"}, Require: []string{"Email"}, Key: []string{"ID"}}, "a@x", 1},
		{"a checkbox is required", Options{Require: []string{"Done"}}, "", 1},
		{"the row says something", Options{}, "a@x", 1},
	} {
		r := NewReading(headerOf("Email|Done|ID"), tt.o, 0)
		r.Add(row.Row{Number: 2, Cells: []row.Cell{row.TextCell(tt.email), row.BoolCell(false)}})
		if got := len(r.under(tt.o, Cursor{}).rows); got != tt.want {
			t.Errorf("%s: %d rows, want %d", tt.name, got, tt.want)
		}
	}
}
