package row

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func header(names ...string) Header {
	cells := make([]Cell, len(names))
	for i, n := range names {
		cells[i] = TextCell(n)
	}
	return NewHeader(cells)
}

func TestHeaderIndex(t *testing.T) {
	h := header("\ufeffEmail", " First \n name ", "", "Score", "Score", "F")
	tests := []struct {
		name string
		want int // -1: not found
	}{
		{"Email", 0},
		{"email", -1},
		{"First name", 1},
		{" First  name ", 1},
		{"C", 2},      // blank, so known by its letter
		{"Score", -1}, // shared by two columns
		{"D", 3},      // … each known by its letter
		{"E", 4},
		{"F", 5},  // a name wins over a letter: the sixth column is named F
		{"A", -1}, // the column has a usable name
		{"G", -1}, // past the last column
		{"ID", -1},
		{"", -1},
	}
	for _, tt := range tests {
		got, ok := h.Index(tt.name)
		if !ok {
			got = -1
		}
		if got != tt.want {
			t.Errorf("Index(%q) = %d, want %d", tt.name, got, tt.want)
		}
	}
	if !h.Doubled("Score") || h.Doubled("Email") || h.Doubled("nowhere") {
		t.Error("Doubled: want only Score")
	}
}

func TestHeaderNameLeadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"", "A", "B", "Email", "Email ", "C", "é", "First name"}), 0, 12).Draw(t, "names")
		h := header(names...)
		for i := range names {
			name := h.Name(i)
			got, ok := h.Index(name)
			// A letter may be the name of another column. That name then wins, and this column
			// cannot be reached.
			if ok && got != i && h.Names()[got] != name {
				t.Fatalf("header %q: column %d is called %q, which leads to column %d", names, i, name, got)
			}
		}
	})
}

func TestLetters(t *testing.T) {
	tests := []struct {
		i    int
		want string
	}{{0, "A"}, {25, "Z"}, {26, "AA"}, {51, "AZ"}, {52, "BA"}, {701, "ZZ"}, {702, "AAA"}, {18277, "ZZZ"}}
	for _, tt := range tests {
		if got := Letter(tt.i); got != tt.want {
			t.Errorf("Letter(%d) = %q, want %q", tt.i, got, tt.want)
		}
		if got, ok := ParseLetter(tt.want); !ok || got != tt.i {
			t.Errorf("ParseLetter(%q) = %d, %v, want %d", tt.want, got, ok, tt.i)
		}
	}
	for _, s := range []string{"", "a", "A1", "AAAA", "É"} {
		if i, ok := ParseLetter(s); ok {
			t.Errorf("ParseLetter(%q) = %d, want none", s, i)
		}
	}
}

// TestTidyName: names that look alike are equal.
func TestTidyName(t *testing.T) {
	tests := []struct{ name, want string }{
		{"Email", "Email"},
		{"Pre\u0301nom", "Pr\u00e9nom"},                // combining accent
		{"Zero\u200bwidth", "Zerowidth"},               // zero width space
		{"\ufeff\u200eEmail\u200f\u202c", "Email"},     // byte order mark, direction marks
		{"soft\u00adhyphen\u2060\u200d", "softhyphen"}, // soft hyphen, word joiner, zero width joiner
		{"e\u200d\u0301", "\u00e9"},                    // the accent belongs to the letter before the joiner
		{"Heart \u2764\ufe0f", "Heart \u2764"},         // variation selector
		{"bell\x07 nul\x00 del\x7f csi\u009b", "bell nul del csi"},
		{" First\u00a0\u2003name\r\n\tand\u0085last ", "First name and last"},
		{"\u200b \ufeff", ""},
		{"\u0600 12", "\u0600 12"}, // the Arabic number sign is visible
		{"日本語 नाम", "日本語 नाम"},
	}
	for _, tt := range tests {
		if got := TidyName(tt.name); got != tt.want {
			t.Errorf("TidyName(%+q) = %+q, want %+q", tt.name, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		if tidy := TidyName(name); TidyName(tidy) != tidy || strings.ContainsRune(tidy, 0) {
			t.Fatalf("%+q: %+q is not tidy", name, tidy)
		}
	})
}

// TestShownHeader: a header cell that is not text is named by the text shown, and still found by
// its value.
func TestShownHeader(t *testing.T) {
	cells := []Cell{
		TextCell("Email"), NumberCell(45292), NumberCell(0.1), NumberCell(45323), NumberCell(45340),
		TextCell("0.1"), BoolCell(true), NumberCell(7), NumberCell(9), NumberCell(9),
		{},
	}
	shown := []string{`"Email"`, "1/1/2024", "10%", "Feb 2024", "Feb 2024", "0.1", "WAHR", "", "IX", "9,0"}
	h := ShownHeader(cells, shown)
	tests := []struct {
		name     string
		want     int // -1: not found
		outdated string
	}{
		{"Email", 0, ""}, // text is named by its value
		{"1/1/2024", 1, ""},
		{"45292", 1, "1/1/2024"},
		{"10%", 2, ""},
		{"0.1", 5, ""},       // a column's own name wins over a former one
		{"Feb 2024", -1, ""}, // shared by two columns
		{"45323", 3, "D"},
		{"45340", 4, "E"},
		{"WAHR", 6, ""},
		{"TRUE", 6, "WAHR"},
		{"7", 7, ""}, // the sheet shows nothing
		{"9", -1, ""},
		{"K", 10, ""},
		{"9,0", 9, ""},
		{"12", -1, ""},
	}
	for _, h := range []Header{h, HeaderOf(h.Names()).Formerly(h.FormerNames()), h.Wide(3), h.Wide(20)} {
		for _, tt := range tests {
			got, ok := h.Index(tt.name)
			if !ok {
				got = -1
			}
			now, _ := h.Outdated(tt.name)
			if got != tt.want || now != tt.outdated {
				t.Errorf("Index(%q) = %d, now called %q; want %d, %q", tt.name, got, now, tt.want, tt.outdated)
			}
		}
		if !h.Doubled("Feb 2024") || !h.Doubled("9") || h.Doubled("45323") || h.Doubled("12") {
			t.Error("Doubled: want only Feb 2024 and 9")
		}
	}
	if n := h.Wide(20).Len(); n != 20 || h.Len() != 11 {
		t.Errorf("%d columns of 20, %d before", n, h.Len())
	}
}

// TestHeaderUpdated: columns of a stored row that are named by their values get their current
// names.
func TestHeaderUpdated(t *testing.T) {
	now := ShownHeader([]Cell{NumberCell(45292), TextCell("Mail"), NumberCell(7), NumberCell(7)}, []string{"1/1/2024", "Mail", "VII", "7,0"})
	stored := HeaderOf([]string{"Email", "45292", "7"})
	h := stored.Updated(now)
	for name, want := range map[string]int{"Email": 0, "1/1/2024": 1, "45292": 1, "7": 2, "VII": -1, "Mail": -1} {
		got, ok := h.Index(name)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q is column %d, want %d", name, got, want)
		}
	}
	if !now.Updated(now).Equal(now) || !stored.Updated(stored).Equal(stored) || !stored.Updated(Header{}).Equal(stored) {
		t.Error("Updated changed a header without outdated names")
	}
}
