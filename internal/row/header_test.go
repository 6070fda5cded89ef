package row

import (
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
		{"C", 2},      // blank: by its letter
		{"Score", -1}, // two of them
		{"D", 3},      // … each by its letter
		{"E", 4},
		{"F", 5},  // a name before a letter: column F is the sixth, and has that name
		{"A", -1}, // it has a usable name
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
		t.Error("Doubled: want Score alone")
	}
}

func TestHeaderNameLeadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"", "A", "B", "Email", "Email ", "C", "é", "First name"}), 0, 12).Draw(t, "names")
		h := header(names...)
		for i := range names {
			name := h.Name(i)
			got, ok := h.Index(name)
			// A letter may be another column's own name; then that name wins, and nothing reaches this column.
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
