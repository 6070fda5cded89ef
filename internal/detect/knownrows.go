package detect

import "github.com/rowtap/rowtap/internal/row"

// KnownRows compares rows that are read again with a cursor.
type KnownRows struct {
	c  Cursor
	at []int // by column of the cursor: the sheet column; -1: missing
}

// Under returns the known rows of the cursor for comparison with rows under the given header.
func (c Cursor) Under(h row.Header) KnownRows {
	c = c.named(h, nil)
	where := make(map[string]int, h.Len())
	for col, name := range distinct(h.Names(), h.Len()) {
		where[name] = col
	}
	s := KnownRows{c: c, at: make([]int, len(c.Columns))}
	for k, name := range c.Columns {
		col, there := where[name]
		if !there {
			col = -1
		}
		s.at[k] = col
	}
	return s
}

// nearRows is the distance in rows up to which Shows looks for a better match.
const nearRows = 64

// Shows reports whether a row is about the one known under its number: at least half of the cells
// are the same, and no known row nearby has as many in common. This detects rows that have shifted
// even if they have most of their words in common.
func (s KnownRows) Shows(r row.Row) bool {
	same, other := s.compare(r)
	if same < 0 || other == 0 {
		return same >= 0
	}
	at, _ := s.c.index(r.Number)
	for i := max(0, at-nearRows); i < min(len(s.c.Rows), at+nearRows+1); i++ {
		if alike, _ := s.compareAt(i, r); i != at && alike >= same {
			return false
		}
	}
	return same >= other
}

// compare counts the cells that a row has in common with the known row under its number, and those
// that differ. same is negative if there is no such known row.
func (s KnownRows) compare(r row.Row) (same, other int) {
	i, ok := s.c.index(r.Number)
	if !ok {
		return -1, 0
	}
	return s.compareAt(i, r)
}

// compareAt compares a row with the known row at index i.
func (s KnownRows) compareAt(i int, r row.Row) (same, other int) {
	for k, was := range s.c.row(i) {
		switch {
		case was == 0 || s.at[k] < 0:
		case hashCell(r.Cell(s.at[k])) == was:
			same++
		default:
			other++
		}
	}
	return same, other
}
