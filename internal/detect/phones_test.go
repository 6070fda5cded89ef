package detect_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestPhonesWithoutPrefix: people also write phone numbers without +, 00 or (. If a column mostly
// holds texts of ten or more digits with separators, other separators do not make another number,
// even if the sheet has no other column. The same is true of digits without separators.
func TestPhonesWithoutPrefix(t *testing.T) {
	number := func(i int) (string, string) { return fmt.Sprint(98450 + i*7), fmt.Sprintf("%05d", 12345+i*1031) }
	written := map[string]func(i int) row.Cell{
		"98450 12345": func(i int) row.Cell { a, b := number(i); return row.TextCell(a + " " + b) },
		"98450-12345": func(i int) row.Cell { a, b := number(i); return row.TextCell(a + "-" + b) },
		"9845012345":  func(i int) row.Cell { a, b := number(i); return row.TextCell(a + b) },
		"#9845012345": func(i int) row.Cell { a, b := number(i); return textOrNumber("#" + a + b) },
	}
	for from, was := range written {
		for to, is := range written {
			for _, header := range [][]string{{"Phone"}, {"Phone", "Plan"}} {
				for _, n := range []int{6, 12, 60} {
					t.Run(fmt.Sprintf("%s to %s/%d columns/%d rows", from, to, len(header), n), func(t *testing.T) {
						of := func(cell func(int) row.Cell, n int) wholeSheet {
							s := wholeSheet{Header: row.HeaderOf(slices.Clone(header))}
							for i := range n {
								s.Rows = append(s.Rows, row.Row{Number: i + 2, Cells: []row.Cell{cell(i), row.TextCell("Gold")}[:len(header)]})
							}
							return s
						}
						o := detect.Options{Require: []string{"Phone"}}
						c := begin(of(was, n), o, 1<<30, 1, start).Cursor
						r := diff(c, of(is, n+1), o, start.Add(time.Minute))
						if len(r.Found) != 1 || r.Found[0].Row != n+2 || r.Found[0].State != detect.Ready {
							t.Errorf("found %+v, want row %d; doubt %q", r.Found, n+2, r.Doubt)
						}
					})
				}
			}
		}
	}
}

// TestPhoneColumnStays: a column of phone numbers stays one if a tool removes their prefixes.
func TestPhoneColumnStays(t *testing.T) {
	written := func(form string) wholeSheet {
		return list(6, func(i int) string { return fmt.Sprintf(form, 123+i, 4567+i) }).sheet()
	}
	o := detect.Options{Require: []string{"A"}}
	r := begin(written("+%d %d"), o, 1<<30, 1, start)
	for k, form := range []string{"%d%d", "%d-%d", "%d.%d"} {
		if r = r.then(written(form), o, start.Add(time.Duration(k+1)*time.Minute)); len(r.Found) > 0 || r.Doubt != "" {
			t.Errorf("%s: found %+v, doubt %q", form, r.Found, r.Doubt)
		}
	}
}

// TestDigitsPunctuated: a text of ten or more digits with separators is the row that had the digits
// alone; with fewer digits it may be another code.
func TestDigitsPunctuated(t *testing.T) {
	bare := func(from int) lines { return list(12, func(i int) string { return fmt.Sprint(from + i*1031) }) }
	for _, tt := range []struct {
		name          string
		before, after lines
		want          string
	}{
		{"one of ten digits", bare(9_845_012_345), bare(9_845_012_345).with(4, 0, "98450 16469"), ""},
		{"one of ten digits, at the end", bare(9_845_012_345), bare(9_845_012_345).with(4, 0, "98450 16469").moved(4, 12), "1 held"},
		{"one of nine digits", bare(984_501_234), bare(984_501_234).with(4, 0, "98450 5358"), "1 ready"},
		{"other digits", bare(9_845_012_345), bare(9_845_012_345).with(4, 0, "98450 16470"), "1 ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := detect.Options{Require: []string{"A"}}
			r := begin(tt.before.sheet(), o, 1<<30, 1, start).then(tt.after.sheet(), o, start.Add(time.Minute))
			if got := verdict(r.Result); got != tt.want {
				t.Errorf("got %q, want %q: %+v", got, tt.want, r.Found)
			}
		})
	}
}

// TestLongNumbers: numbers with more digits than a double holds exactly, and texts of the same
// digits, are the same if most rows change this way at once; one or two rows are held.
func TestLongNumbers(t *testing.T) {
	texts := func(n int) lines {
		return list(n, func(i int) string { return fmt.Sprint(1_234_567_890_123_400 + 7*i) })
	}
	numbers := func(n int) lines {
		return list(n, func(i int) string { return fmt.Sprint("#", 1_234_567_890_123_400+7*i) })
	}
	mixed := func(n int) lines { return append(numbers(n), texts(12)[n:]...) }
	twins := lines{{"12345678901234567"}, {"12345678901234568"}, {"12345678901234999"}, {"12345678901235999"}}
	rounded := list(4, func(i int) string { return "#" + twins[i][0] })
	for _, tt := range []struct {
		name          string
		before, after lines
		want          string
	}{
		{"all become text, and one is added", numbers(12), texts(13), "1 ready"},
		{"all become numbers, and one is added", texts(12), numbers(13), "1 ready"},
		{"three become numbers", texts(12), mixed(3), ""},
		{"two become numbers", texts(12), mixed(2), "2 held"},
		{"texts of which two are the same number", rounded, twins, "4 held"},
		{"two texts are one of the numbers", rounded[1:], twins, "1 ready, 3 held"},
		{"two numbers are one of the texts", rounded, append(slices.Clone(twins[1:]), lines{{"12345678901239999"}}...), "1 ready, 3 held"},
		{"with zeros before it", numbers(12), numbers(12).with(3, 0, "001234567890123421"), "1 ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := detect.Options{Require: []string{"A"}}
			r := begin(tt.before.sheet(), o, 1<<30, 1, start).then(tt.after.sheet(), o, start.Add(time.Minute))
			if r.Doubt != "" {
				r = r.then(tt.after.sheet(), o, start.Add(2*time.Minute))
			}
			if got := verdict(r.Result); got != tt.want {
				t.Errorf("got %q, want %q: %+v", got, tt.want, r.Found)
			}
		})
	}
}
