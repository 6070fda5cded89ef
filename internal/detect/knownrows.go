package detect

import "github.com/rowtap/rowtap/internal/row"

// KnownRows compares rows that are read again with a cursor, under a header.
type KnownRows struct {
	c  Cursor
	at []int // by column of the cursor: the sheet column; -1: it is not there
}

// Under returns the known rows of the cursor, under a header.
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

// nearRows is how far around a row others are compared with one that was read again.
const nearRows = 64

// Shows tells whether a row is about the one that stands under its number in the cursor: some cells
// may have changed, but half are the same, and it is more like that one than like any near it. So
// rows that have shifted are seen, though they have most of their words in common.
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

// compare counts the cells of the row that stands under a row's number which the row has, and those
// that are others; same is negative where there is no such row.
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
