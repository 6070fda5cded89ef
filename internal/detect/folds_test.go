package detect_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestFoldAloneLosesNothing: values that are equal without punctuation, zeros or their last digits
// are different values. If two rows differ only in that cell, and one is deleted and the other
// typed elsewhere, the new one fires. So does one typed in the place of the deleted one, unless
// only leading zeros differ: then the rest of the row decides.
func TestFoldAloneLosesNothing(t *testing.T) {
	codes := []string{"88-10233", "417-2290", "31-77120", "905-6612", "66-40981", "230-1178", "12-90044", "771-3025"}
	plain := []string{"412", "88", "1203", "57", "963", "31", "2240", "605"}
	long := []string{"8412345678901234501", "8412345678901234517", "8412345678901234526", "8412345678901234533", "8412345678901234548", "8412345678901234552", "8412345678901234561", "8412345678901234579"}
	days := []string{"3/4/2024", "5/14/2024", "6/2/2024", "7/21/2024", "8/8/2024", "9/30/2024", "10/5/2024", "12/25/2024"}
	phones := []string{"+91 98200 11223", "+91 98200 44556", "(415) 555-0198", "0091 98111 20304", "+44 20 7946 0958", "+1 415 555 0117", "+91 99300 70809", "+65 6123 4567"}
	tests := []struct {
		name       string
		others     []string
		gone, came string // "#7" is a number; blanks separate several values
	}{
		{"codes whose digits are the same", codes, "12-34567", "123-4567"},
		{"codes whose digits are the same, the other way", codes, "123-4567", "12-34567"},
		{"codes with and without hyphen", codes, "12-34567", "1234567"},
		{"zeros before a number", plain, "007", "7"},
		{"zeros before a number, the other way", plain, "7", "007"},
		{"zeros before a text, then a number", plain, "007", "#7"},
		{"a number, then zeros before a text", plain, "#7", "007"},
		{"one zero more", plain, "0042", "042"},
		{"19 digits, the last one differs", long, "8412345678901234590", "8412345678901234591"},
		{"19 digits, equal as a double", long, "8412345678901234567", "8412345678901234568"},
		{"17 digits, equal as a double", long, "90071992547409931", "90071992547409932"},
		{"19 digits, then the nearest number", long, "8412345678901234567", "#8412345678901234567"},
		{"three codes whose digits are the same", codes, "12-34567 45-67890 78-90123", "123-4567 456-7890 789-0123"},
		{"three of 19 digits", long, "8412345678901234590 8412345678901234602 8412345678901234615", "8412345678901234591 8412345678901234603 8412345678901234616"},
		{"three days, among phones", phones, "1/12/2024 1/11/2024 2/12/2024", "11/2/2024 11/1/2024 21/2/2024"},
		{"days whose digits are the same", days, "1/12/2024", "11/2/2024"},
		{"days whose digits are the same, among phones", phones, "1/12/2024", "11/2/2024"},
		{"days with hyphens, among phones", phones, "1-12-2024", "11-2-2024"},
		{"days with dots, among phones", phones, "1.12.2024", "11.2.2024"},
		{"days with the year first, among phones", phones, "2024/1/12", "2024/11/2"},
	}
	sheets := []struct{ name, header, row string }{ // "?" stands for the value
		{"one column", "Code", "?"},
		{"with a dropdown", "Code|Plan", "?|Gold"},
		{"with dropdowns", "Plan|Code|City", "Gold|?|Pune"},
	}
	places := []struct {
		name string
		at   int // position among the others; the deleted ones were at 4
	}{{"below", 8}, {"above", 0}, {"in place", 4}}
	for _, tt := range tests {
		gone, came := strings.Fields(tt.gone), strings.Fields(tt.came)
		for _, sheet := range sheets {
			of := func(at int, values []string) wholeSheet {
				s := wholeSheet{Header: row.HeaderOf(strings.Split(sheet.header, "|"))}
				for i, v := range slices.Insert(slices.Clone(tt.others), at, values...) {
					r := row.Row{Number: i + 2}
					for c := range strings.SplitSeq(sheet.row, "|") {
						if c == "?" {
							r.Cells = append(r.Cells, textOrNumber(v))
						} else {
							r.Cells = append(r.Cells, row.TextCell(c))
						}
					}
					s.Rows = append(s.Rows, r)
				}
				return s
			}
			for _, place := range places {
				if place.name == "in place" && (strings.Contains(tt.name, "zero") || len(gone) > 1) {
					continue
				}
				for _, require := range [][]string{nil, {"Code"}} {
					t.Run(tt.name+"/"+sheet.name+"/"+place.name+map[bool]string{true: ", required"}[require != nil], func(t *testing.T) {
						o := detect.Options{Require: require}
						c := begin(of(4, gone), o, 1<<30, 1, start).Cursor
						r := diff(c, of(place.at, came), o, start.Add(time.Minute))
						ready := 0
						for _, f := range r.Found {
							if i := f.Row - 2 - place.at; i >= 0 && i < len(came) && f.State == detect.Ready {
								ready++
							}
						}
						if ready != len(came) || ready != len(r.Found) {
							t.Errorf("%q deleted, %q typed %s: found %+v, want them ready; doubt %q", gone, came, place.name, r.Found, r.Doubt)
						}
					})
				}
			}
		}
	}
}

// textOrNumber returns the number of "#7", an unticked checkbox for "#false", and the text of
// anything else.
func textOrNumber(s string) row.Cell {
	if s == "#false" {
		return row.BoolCell(false)
	}
	if n, ok := strings.CutPrefix(s, "#"); ok {
		f, err := strconv.ParseFloat(n, 64)
		if err != nil {
			panic(err)
		}
		return row.NumberCell(f)
	}
	return row.TextCell(s)
}
