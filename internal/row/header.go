package row

import (
	"fmt"
	"strings"
)

// Header names the columns of a worksheet. The zero value has no columns.
type Header struct {
	names  []string       // by column, tidied; "" where the header cell is blank
	usable map[string]int // column by name; doubled where several columns share it
}

const doubled = -1

// NewHeader makes a header of its row's cells. Names are tidied: surrounding white space goes, and runs of white space
// (line breaks too) become one space, so that a name can be written in one line of YAML.
func NewHeader(cells []Cell) Header {
	names := make([]string, len(cells))
	for i, c := range cells {
		names[i] = TidyName(c.String())
	}
	return HeaderOf(names)
}

// HeaderOf makes a header of names that are tidy already, as [Header.Names] returns them, one for each column of the
// worksheet ("" for a column that only rows reach). It keeps the slice.
func HeaderOf(names []string) Header {
	h := Header{names: names, usable: make(map[string]int, len(names))}
	for i, name := range names {
		if name == "" {
			continue
		}
		if _, seen := h.usable[name]; seen {
			h.usable[name] = doubled
		} else {
			h.usable[name] = i
		}
	}
	return h
}

// TidyName returns a column name as [NewHeader] keeps it.
func TidyName(s string) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(s, "\ufeff")), " ")
}

// Names returns the tidied name of each column, "" where the header cell is blank. The caller must not change it.
func (h Header) Names() []string { return h.names }

// Len returns the number of columns.
func (h Header) Len() int { return len(h.names) }

// Index returns the 0-based column that a mapping calls name: the only column of that name, else the column of that
// letter ("C") if it has no usable name of its own. ok is false where there is none, and where several columns share
// the name; [Header.Doubled] tells which.
func (h Header) Index(name string) (i int, ok bool) {
	name = TidyName(name)
	if i, named := h.usable[name]; named {
		return i, i != doubled
	}
	i, ok = ParseLetter(name)
	return i, ok && i < len(h.names) && h.Name(i) == name
}

// Doubled tells whether several columns share the name.
func (h Header) Doubled(name string) bool { return h.usable[TidyName(name)] == doubled }

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
