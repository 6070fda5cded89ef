package row

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Header names the columns of a worksheet. The zero value has no columns.
type Header struct {
	names    []string       // by column, tidied; "" where the header cell is blank
	former   []string       // by column: what earlier releases called it; nil: as names
	usable   map[string]int // column by name; doubled where several columns share it
	outdated map[string]int // column by former name, where that is another; doubled likewise
}

const doubled = -1

// NewHeader makes a header of its row's cells, whose names are tidied ([TidyName]).
func NewHeader(cells []Cell) Header { return ShownHeader(cells, nil) }

// ShownHeader makes a header of its row's cells and of what the sheet shows for them: a cell that is not text, such as a date, a
// percentage or an amount, is called by that. What it would be called by its value stays understood ([Header.Index]), for so names
// were written before.
func ShownHeader(cells []Cell, shown []string) Header {
	names, former := make([]string, len(cells)), make([]string, len(cells))
	for i, c := range cells {
		former[i] = tidyFormer(c.String())
		names[i] = TidyName(c.String())
		if c.Kind != Text && i < len(shown) {
			if name := TidyName(shown[i]); name != "" {
				names[i] = name
			}
		}
	}
	return HeaderOf(names).Formerly(former)
}

// HeaderOf makes a header of names that are tidy already, as [Header.Names] returns them, one for each column of the
// worksheet ("" for a column that only rows reach). It keeps the slice.
func HeaderOf(names []string) Header {
	return Header{names: names, usable: columnsByName(names, nil)}
}

// Formerly returns the header with what its columns were called before, as [Header.FormerNames] has it. It keeps the slice.
func (h Header) Formerly(former []string) Header {
	if slices.Equal(former, h.names) {
		former = nil
	}
	h.former, h.outdated = former, columnsByName(former, h.names)
	return h
}

// columnsByName returns the columns by their names, doubled for those that several share; but for those called so in other.
func columnsByName(names, other []string) map[string]int {
	by := make(map[string]int, len(names))
	for i, name := range names {
		if name == "" || i < len(other) && name == other[i] {
			continue
		}
		if _, seen := by[name]; seen {
			by[name] = doubled
		} else {
			by[name] = i
		}
	}
	return by
}

// Wide returns the header with blank names for further columns, which only rows reach, where it has fewer than width.
func (h Header) Wide(width int) Header {
	if width <= len(h.names) {
		return h
	}
	wide := func(names []string) []string {
		return append(slices.Clip(names), make([]string, width-len(names))...)
	}
	w := HeaderOf(wide(h.names))
	if h.former != nil {
		w = w.Formerly(wide(h.former))
	}
	return w
}

// TidyName returns a column name as headers keep it and compare it, and is the only place that decides it: in NFC, without
// characters that show nothing (zero width, byte order and direction marks, control characters), and with each run of white space,
// line breaks too, made one space. So names that look alike are the same, and each can be written in one line of YAML.
func TidyName(s string) string {
	s = strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(norm.NFC.String(s)), " ")
}

// tidyFormer returns a column name as earlier releases kept it, by which their cursors know their columns.
func tidyFormer(s string) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(s, "\ufeff")), " ")
}

// invisible tells whether a character shows nothing: Unicode's Default_Ignorable_Code_Point
// (https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point) and control characters that are not white space.
func invisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' && !unicode.IsSpace(r) || r == 0x7f
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r) || unicode.Is(unicode.Cc, r) && !unicode.IsSpace(r)
}

// Names returns the tidied name of each column, "" where the header cell is blank. The caller must not change it.
func (h Header) Names() []string { return h.names }

// FormerNames returns what earlier releases called each column: cells that are not text by their values, and all with the characters
// that [TidyName] drops or changes. The caller must not change it.
func (h Header) FormerNames() []string {
	if h.former == nil {
		return h.names
	}
	return h.former
}

// Updated returns the header of stored rows with columns that were called by their values under the names that these have now.
func (h Header) Updated(now Header) Header {
	if len(now.outdated) == 0 {
		return h
	}
	names, former := slices.Clone(h.names), h.FormerNames()
	for i, name := range names {
		if j, ok := now.outdated[name]; ok && j != doubled && name == former[i] && h.usable[name] == i {
			names[i] = now.names[j]
		}
	}
	return HeaderOf(names).Formerly(former)
}

// Equal tells whether two headers call each column the same, now and before.
func (h Header) Equal(other Header) bool {
	return slices.Equal(h.names, other.names) && slices.Equal(h.FormerNames(), other.FormerNames())
}

// Len returns the number of columns.
func (h Header) Len() int { return len(h.names) }

// Index returns the 0-based column that a mapping calls name: the only column of that name, else the column of that
// letter ("C") if it has no usable name of its own, else the only one of that former name. ok is false where there is none, and
// where several columns share the name; [Header.Doubled] tells which.
func (h Header) Index(name string) (i int, ok bool) {
	name = TidyName(name)
	if i, named := h.usable[name]; named {
		return i, i != doubled
	}
	if i, ok = ParseLetter(name); ok {
		return i, i < len(h.names) && h.Name(i) == name
	}
	i, ok = h.outdated[name]
	return i, ok && i != doubled
}

// Outdated returns the name of the column that a mapping calls by a former name; ok is false for any other name.
func (h Header) Outdated(name string) (now string, ok bool) {
	if len(h.outdated) == 0 {
		return "", false
	}
	i, found := h.Index(name)
	name = TidyName(name)
	if _, outdated := h.outdated[name]; !found || !outdated || h.names[i] == name {
		return "", false
	}
	return h.Name(i), true
}

// Doubled tells whether several columns share the name.
func (h Header) Doubled(name string) bool {
	name = TidyName(name)
	if i, named := h.usable[name]; named {
		return i == doubled
	}
	return h.outdated[name] == doubled
}

// Name returns what a mapping calls the 0-based column i: its name, or its letter where the name is blank or shared.
func (h Header) Name(i int) string {
	if i < len(h.names) && h.names[i] != "" && h.usable[h.names[i]] == i {
		return h.names[i]
	}
	return Letter(i)
}

// Letter returns the letters of the 0-based column i: A, B, … Z, AA.
func Letter(i int) string {
	if i < 0 {
		panic(fmt.Sprintf("row: column %d has no letter", i))
	}
	var b [8]byte
	n := len(b)
	for i++; i > 0; i = (i - 1) / 26 {
		n--
		b[n] = byte('A' + (i-1)%26)
	}
	return string(b[n:])
}

// maxColumns is the width of the widest worksheet, to column ZZZ
// (https://support.google.com/drive/answer/37603).
const maxColumns = 18278

// ParseLetter returns the 0-based column of letters such as "C" or "AB"; ok is false for anything else.
func ParseLetter(s string) (i int, ok bool) {
	if s == "" || len(s) > 3 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < 'A' || c > 'Z' {
			return 0, false
		}
		i = i*26 + int(c-'A') + 1
	}
	return i - 1, i <= maxColumns
}
