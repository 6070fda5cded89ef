package detect

import "github.com/rowtap/rowtap/internal/row"

// Sight compares rows that are read again with a cursor, under a header.
type Sight struct {
	c  Cursor
	at []int // by column of the cursor: the sheet column; -1: it is not there
}

// Under returns the sight of the cursor under a header.
func (c Cursor) Under(h row.Header) Sight {
	where := make(map[string]int, h.Len())
	for col, name := range distinct(h.Names(), h.Len()) {
		where[name] = col
	}
	s := Sight{c: c, at: make([]int, len(c.Columns))}
	for k, name := range c.Columns {
		col, there := where[name]
		if !there {
			col = -1
		}
		s.at[k] = col
	}
	return s
}

// Equals tells whether a row is the one that stands under its number in the cursor: it has all the cells that this has.
func (s Sight) Equals(r row.Row) bool {
	same, other := s.compare(r)
	return same >= 0 && other == 0
}

// Shows tells whether a row is about the one that stands under its number in the cursor: half of its cells are the same, or it has
// none to compare.
func (s Sight) Shows(r row.Row) bool {
	same, other := s.compare(r)
	return same >= other
}

// compare counts the cells of the row that stands under a row's number which the row has, and those that are others; same is negative
// where there is no such row.
func (s Sight) compare(r row.Row) (same, other int) {
	i, ok := s.c.index(r.Number)
	if !ok {
		return -1, 0
	}
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
