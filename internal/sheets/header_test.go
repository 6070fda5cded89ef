package sheets_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// headerOf reads the header row of the fake's worksheet like a poll, and makes a header of it.
func headerOf(ctx context.Context, a *sheets.Account, f *fake) (row.Header, error) {
	response, err := a.Ranges(ctx, "id", []sheets.Range{{Title: f.title, First: 1, Last: 1}}, sheets.Serials, sheets.Polling)
	if err != nil {
		return row.Header{}, err
	}
	return a.Header(ctx, "id", f.title, 1, response.Blocks[0].Cells(1), sheets.Finishing)
}

// Header cells that are not text are named as the sheet shows them. That takes one more read,
// repeated when their values change.
func TestHeaderAsShown(t *testing.T) {
	f := &fake{title: "T", rows: [][]any{{"Email", "Score", "2024"}}}
	a := open(t, f)
	steps := []struct {
		name  string
		row   []any
		want  []string
		reads int // beyond that of the header row
	}{
		{"texts", []any{"Email", "Score", "2024"}, []string{"Email", "Score", "2024"}, 0},
		{
			"dates, shares, amounts",
			[]any{"Email", date{45292, "1/1/2024"}, amount{0.1, "10%"}, nil, amount{5, "€5.00"}, true, 7.0},
			[]string{"Email", "1/1/2024", "10%", "", "€5.00", "TRUE", "7"},
			1,
		},
		{
			"the same",
			[]any{"Email", date{45292, "1/1/2024"}, amount{0.1, "10%"}, nil, amount{5, "€5.00"}, true, 7.0},
			[]string{"Email", "1/1/2024", "10%", "", "€5.00", "TRUE", "7"},
			0,
		},
		{"another value", []any{"Email", date{45323, "Feb 2024"}}, []string{"Email", "Feb 2024"}, 1},
		{"another text", []any{"Mail", date{45323, "Feb 2024"}}, []string{"Mail", "Feb 2024"}, 1},
		{"a column was inserted", []any{"Mail", "Name", date{45323, "Feb 2024"}}, []string{"Mail", "Name", "Feb 2024"}, 1},
		{"shown as nothing", []any{amount{7, ""}, "Mail"}, []string{"7", "Mail"}, 1},
		{"a percentage appended", []any{amount{7, "VII"}, "Mail", amount{0.2, "20%"}}, []string{"VII", "Mail", "20%"}, 1},
		{"texts again", []any{"Email"}, []string{"Email"}, 0},
	}
	for _, s := range steps {
		f.rows[0] = s.row
		before := len(f.reads)
		h, err := headerOf(t.Context(), a, f)
		if err != nil || !slices.Equal(h.Names(), s.want) {
			t.Errorf("%s: %q, %v; want %q", s.name, h.Names(), err, s.want)
		}
		if n := len(f.reads) - before - 1; n != s.reads {
			t.Errorf("%s: %d further reads, want %d", s.name, n, s.reads)
		}
	}
}

// A header that changes between the two reads is not combined from both.
func TestHeaderChangesMeanwhile(t *testing.T) {
	was := []any{"Email", "Name", date{45292, "1/1/2024"}}
	tests := []struct {
		name  string
		now   []any // found by the further reads
		torn  bool
		reads int
	}{
		{"as it was", was, false, 2},
		{"columns swapped", []any{"Email", date{45292, "1/1/2024"}, "Name"}, true, 3},
		{"a column was deleted", []any{"Name", date{45292, "1/1/2024"}}, true, 3},
		{"cleared", []any{}, true, 3},
	}
	for _, test := range tests {
		f := &fake{title: "T", rows: [][]any{was}}
		f.before = func(read int) {
			if read == 2 {
				f.rows[0] = test.now
			}
		}
		a := open(t, f)
		h, err := headerOf(t.Context(), a, f)
		if errors.Is(err, sheets.ErrTorn) != test.torn || !test.torn && (err != nil || h.Name(2) != "1/1/2024") || len(f.reads) != test.reads {
			t.Errorf("%s: %q, %v after %d reads; want torn %v, %d reads", test.name, h.Names(), err, len(f.reads), test.torn, test.reads)
		}
	}
}

// Nor is one whose row is below the end of the grid by then.
func TestHeaderGoesMeanwhile(t *testing.T) {
	f := &fake{title: "T", rows: [][]any{{"above"}}}
	cells := []row.Cell{row.TextCell("Email"), row.NumberCell(45292)}
	if h, err := open(t, f).Header(t.Context(), "id", "T", 2, cells, sheets.Finishing); !errors.Is(err, sheets.ErrTorn) {
		t.Errorf("%q, %v, want ErrTorn", h.Names(), err)
	}
}

// A format such as "Dr. "@ shows a text differently. A third read then proves that the header is
// the same.
func TestHeaderWithFormattedText(t *testing.T) {
	f := &fake{title: "T", rows: [][]any{{"Smith", date{45292, "1/1/2024"}}}}
	f.before = func(read int) {
		f.rows[0][0] = "Smith"
		if read == 2 {
			f.rows[0][0] = "Dr. Smith"
		}
	}
	a := open(t, f)
	for range 2 {
		h, err := headerOf(t.Context(), a, f)
		if want := []string{"Smith", "1/1/2024"}; err != nil || !slices.Equal(h.Names(), want) {
			t.Errorf("%q, %v; want %q", h.Names(), err, want)
		}
	}
	if len(f.reads) != 4 {
		t.Errorf("%d reads, want 3 and then 1", len(f.reads))
	}
}
