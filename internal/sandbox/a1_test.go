package sandbox

import (
	"errors"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	sheet := func(title string, height, width int) *Worksheet {
		return &Worksheet{Title: title, Height: height, Width: width}
	}
	book := []*Worksheet{
		sheet("Sheet1", 1000, 26), sheet("D3", 10, 5), sheet("tab01", 10, 5), sheet("O'Brien & Q1!", 10, 5), sheet("🌵 x 1", 10, 5),
		sheet("2024", 10, 5), sheet("A:B", 10, 5), sheet("a/b", 10, 5),
	}
	const past = " exceeds grid limits. Max rows: 1000, max columns: 26"
	tests := []struct{ in, want string }{
		{"Sheet1!A1:B2", "Sheet1!A1:B2"},
		{"'Sheet1'!A1:B2", "Sheet1!A1:B2"},
		{"Sheet1!a1:b2", "Sheet1!A1:B2"},
		{"Sheet1!$A$1:$B$2", "Sheet1!A1:B2"},
		{"Sheet1!D4:A1", "Sheet1!A1:D4"},
		{"Sheet1!A4:D1", "Sheet1!A1:D4"},
		{"Sheet1!A:C", "Sheet1!A1:C1000"},
		{"Sheet1!C:A", "Sheet1!A1:C1000"},
		{"Sheet1!A1:C", "Sheet1!A1:C1000"},
		{"Sheet1!A1:1", "Sheet1!A1:Z1"},
		{"Sheet1!B5:5", "Sheet1!B5:Z5"},
		{"Sheet1!5:1000", "Sheet1!A5:Z1000"},
		{"Sheet1!5:5", "Sheet1!A5:Z5"},
		{"Sheet1!A5:Z", "Sheet1!A5:Z1000"},
		{"Sheet1!C7", "Sheet1!C7"},
		{"Sheet1!C7:C7", "Sheet1!C7"},
		{"Sheet1!A1:ZZZ1", "Sheet1!A1:Z1"},                      // clipped
		{"Sheet1!A1000:B2000", "Sheet1!A1000:B1000"},            // starts in the last row
		{"Sheet1!A1001:B", "err Range (Sheet1!A1001:B)" + past}, // starts one below it
		{"Sheet1!1001:1002", "err Range (Sheet1!1001:1002)" + past},
		{"Sheet1!AA1", "err Range (Sheet1!AA1)" + past},
		{"Sheet1!AA:AB", "err Range (Sheet1!AA:AB)" + past},
		{"Sheet1", "Sheet1!A1:Z1000"},
		{"'Sheet1'", "Sheet1!A1:Z1000"},
		{"A1:B2", "Sheet1!A1:B2"}, // without a title: the first worksheet
		{"A:C", "Sheet1!A1:C1000"},
		{"2:3", "Sheet1!A2:Z3"},
		{"D3", "Sheet1!D3"}, // a title that looks like a cell needs quotes
		{"'D3'", "'D3'!A1:E10"},
		{"'D3'!A1", "'D3'!A1"},
		{"D3!A1", "err Unable to parse range: D3!A1"},
		{"tab01", "err Range (Sheet1!TAB01)" + past},
		{"'tab01'!A1:B", "'tab01'!A1:B10"},
		{"A:B!A1", "'A:B'!A1"},
		{"2024", "'2024'!A1:E10"},
		{"'O''Brien & Q1!'!A5:Z", "'O''Brien & Q1!'!A5:E10"},
		{"O'Brien & Q1!!A5", "err Unable to parse range: O'Brien & Q1!!A5"},
		{"🌵 x 1!A:A", "'🌵 x 1'!A1:A10"}, // unquoted spaces and emoji are accepted
		{"a/b!A1", "'a/b'!A1"},
		{"NOPE!A5:F15", "err Unable to parse range: NOPE!A5:F15"},
		{"Nope", "err Unable to parse range: Nope"},
		{"sheet1!A1", "err Unable to parse range: sheet1!A1"},
		{"Sheet1!", "err Unable to parse range: Sheet1!"},
		{"Sheet1!A", "err Unable to parse range: Sheet1!A"},
		{"Sheet1!7", "err Unable to parse range: Sheet1!7"},
		{"Sheet1!A:7", "err Unable to parse range: Sheet1!A:7"},
		{"Sheet1!A2:A0", "err Unable to parse range: Sheet1!A2:A0"},
		{"Sheet1!A1:", "err Unable to parse range: Sheet1!A1:"},
		{"Sheet1!:A1", "err Unable to parse range: Sheet1!:A1"},
		{"Sheet1!A1:B2:C3", "err Unable to parse range: Sheet1!A1:B2:C3"},
		{"Sheet1!AAAA1", "err Unable to parse range: Sheet1!AAAA1"},
		{"Sheet1!A1 ", "err Unable to parse range: Sheet1!A1 "},
		{"'Sheet1", "err Unable to parse range: 'Sheet1"},
		{"'Sheet1'A1", "err Unable to parse range: 'Sheet1'A1"},
		{"!A1", "err Unable to parse range: !A1"},
		{"", "err Unable to parse range: "},
	}
	for _, tt := range tests {
		r, err := parseRange(tt.in, book)
		got := ""
		if err != nil {
			got = "err " + err.Error()
		} else {
			got = r.String()
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"T!A1:B2", "'T'!A:C", "T!5:1000", "T!A5:5", "T", "'it''s'!B2", "A1", "T!$A$1", "T!B2:A1", "T!A1001:B", "''!A1", "T!ZZZ999999999"} {
		f.Add(seed)
	}
	book := []*Worksheet{{Title: "T", Height: 1000, Width: 26}, {Title: "it's", Height: 3, Width: 2}}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRange(s, book)
		if err != nil {
			if _, ok := errors.AsType[rangeError](err); !ok || err.Error() == "" {
				t.Fatalf("%q: an error that is not Google's: %v", s, err)
			}
			return
		}
		if r.fromRow < 1 || r.toRow < r.fromRow || r.toRow > r.sheet.Height || r.fromCol < 1 || r.toCol < r.fromCol || r.toCol > r.sheet.Width {
			t.Fatalf("%q: %+v is not in the grid", s, r)
		}
		again, err := parseRange(r.String(), book)
		if err != nil || again != r {
			t.Fatalf("%q: its normal form %q reads as %+v, %v", s, r, again, err)
		}
		if strings.Contains(r.String(), "''!") {
			t.Fatalf("%q: no title in %q", s, r)
		}
	})
}
