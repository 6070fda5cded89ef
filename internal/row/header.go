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
	names  []string       // by column, tidy; "" where the header cell is blank
	former []string       // by column: the name in earlier releases; nil: same as names
	usable map[string]int // column by name; doubled if several columns share it
	// outdated maps a former name, where it differs from the current one, to its column; doubled if
	// several columns share it.
	outdated map[string]int
}

const doubled = -1

// NewHeader returns the header with the given cells as column names, tidied by [TidyName].
func NewHeader(cells []Cell) Header { return ShownHeader(cells, nil) }

// ShownHeader returns the header for a row of cells and the text that the sheet shows for each of
// them. A cell that is not text, such as a date, a percentage or an amount, is named by the text
// shown. Earlier releases named it by its value, so [Header.Index] still finds it under that name.
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

// HeaderOf returns a header with the given names, which must be tidy as in [Header.Names]: one for
// each column of the worksheet, "" for a column without a header cell. It keeps the slice.
func HeaderOf(names []string) Header {
	return Header{names: names, usable: columnsByName(names, nil)}
}

// Formerly returns the header with the names that its columns had in earlier releases, as in
// [Header.FormerNames]. It keeps the slice.
func (h Header) Formerly(former []string) Header {
	if slices.Equal(former, h.names) {
		former = nil
	}
	h.former, h.outdated = former, columnsByName(former, h.names)
	return h
}

// columnsByName maps names to columns, and names shared by several columns to doubled. It skips a
// column whose name is the same in other.
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

// Wide returns the header extended with blank names to the given width, for columns that only rows
// reach.
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

// TidyName returns the form of a column name that headers store and compare: in NFC, without
// invisible characters (zero width, byte order and direction marks, control characters), each run
// of white space or line breaks replaced by one space. Names that look alike are therefore equal,
// and each fits on one line of YAML. All column names go through this function.
func TidyName(s string) string {
	s = strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(norm.NFC.String(s)), " ")
}

// tidyFormer returns a column name as earlier releases stored it in their cursors.
func tidyFormer(s string) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(s, "\ufeff")), " ")
}

// invisible reports whether a character shows nothing: it is in Unicode's
// Default_Ignorable_Code_Point (https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point)
// or a control character other than white space.
func invisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' && !unicode.IsSpace(r) || r == 0x7f
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r) || unicode.Is(unicode.Cc, r) && !unicode.IsSpace(r)
}

// Names returns the tidy name of each column, "" where the header cell is blank. The caller must
// not modify it.
func (h Header) Names() []string { return h.names }

// FormerNames returns the name of each column in earlier releases, which named cells other than
// text by their values and kept the characters that [TidyName] drops or changes. The caller must
// not modify it.
func (h Header) FormerNames() []string {
	if h.former == nil {
		return h.names
	}
	return h.former
}

// Updated returns the header of a stored row with current names: a column stored under its former
// name in now gets the name it has there.
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

// Equal reports whether two headers have the same names and the same former names.
func (h Header) Equal(other Header) bool {
	return slices.Equal(h.names, other.names) && slices.Equal(h.FormerNames(), other.FormerNames())
}

// Len returns the number of columns.
func (h Header) Len() int { return len(h.names) }

// Index returns the 0-based column for a name used in a mapping: the only column with that name,
// else the column with that letter ("C") if it has no usable name, else the only column with that
// former name. ok is false if there is no such column or several share the name; [Header.Doubled]
// tells the two apart.
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

// Outdated returns the current name of a column that a mapping refers to by its former name; ok is
// false for any other name.
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

// Doubled reports whether several columns share the name.
func (h Header) Doubled(name string) bool {
	name = TidyName(name)
	if i, named := h.usable[name]; named {
		return i == doubled
	}
	return h.outdated[name] == doubled
}

// Name returns how a mapping refers to the 0-based column i: by its name, or by its letter if the
// name is blank or shared.
func (h Header) Name(i int) string {
	if i < len(h.names) && h.names[i] != "" && h.usable[h.names[i]] == i {
		return h.names[i]
	}
	return Letter(i)
}

// Letter returns the letters of the 0-based column i: A, B, … Z, AA. It panics if i is negative.
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

// maxColumns is the largest number of columns in a worksheet, up to column ZZZ
// (https://support.google.com/drive/answer/37603).
const maxColumns = 18278

// ParseLetter returns the 0-based column for letters such as "C" or "AB"; ok is false for anything
// else.
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
