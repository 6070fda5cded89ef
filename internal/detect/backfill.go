package detect

import "slices"

// Passed counts known rows that a backfill passes over.
type Passed struct {
	Delivered int // have a delivery: sent, queued, skipped, failed, held or given up
	Waiting   int // are not complete, and fire once they are
}

// Old returns the sheet rows from..to, both included and 1-based, that were there at the start and have not fired, ascending, and how
// many others there are.
func (c Cursor) Old(from, to int) (rows []int, others Passed) {
	first, _ := c.index(from)
	for _, s := range c.Rows[first:] {
		switch {
		case int(s.Number) > to:
			return rows, others
		case s.Delivery != 0:
			others.Delivered++
		case s.Mark == MarkWaiting:
			others.Waiting++
		default:
			rows = append(rows, int(s.Number))
		}
	}
	return rows, others
}

// Fire lets rows fire that [Cursor.Old] returned, given by their sheet rows in ascending order: it returns the cursor that knows them as
// fired, and their deliveries, numbered from c.Next on. Whether they are complete is not asked.
func (c Cursor) Fire(rows []int) (Cursor, []Found) {
	c.Rows = slices.Clone(c.Rows)
	found := make([]Found, 0, len(rows))
	for _, number := range rows {
		if i, ok := c.index(number); ok {
			c.Rows[i].Mark, c.Rows[i].Delivery = MarkFired, c.Next
			found = append(found, Found{Delivery: c.Next, Row: number, State: Ready})
			c.Next++
		}
	}
	return c, found
}
