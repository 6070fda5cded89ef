package sheets

import "slices"

// Urgency says which of an account's requests go first when they have to wait for its quota. Those of one urgency go in
// the order they came.
type Urgency uint8

// The urgencies, the most urgent first.
const (
	Finishing Urgency = iota // of a poll under way that found something and needs one more request; polls thus bound them
	Polling                  // of a poll that begins
	Bulk                     // of whole reads, for their pages after the first; every fifth read goes to one that waits
)

// bulkEvery is the share of the reads that whole reads have when polls take all they can: one of so many.
const bulkEvery = 5

// queue is who waits for a turn. A turn is a channel that is closed when it comes. The zero value is empty.
type queue struct {
	waiting [Bulk + 1][]chan struct{} // by urgency, the first to be served first
	passed  int                       // turns since one of Bulk's
}

func (q *queue) len() int {
	n := 0
	for _, turns := range q.waiting {
		n += len(turns)
	}
	return n
}

// before returns how many of those that wait are served before one that joins, whatever comes.
func (q *queue) before(urgency Urgency) int {
	n := len(q.waiting[urgency])
	if urgency == Polling {
		n += len(q.waiting[Finishing])
	}
	return n
}

func (q *queue) join(urgency Urgency) chan struct{} {
	turn := make(chan struct{})
	q.waiting[urgency] = append(q.waiting[urgency], turn)
	return turn
}

// leave gives up a turn, if it has not come yet.
func (q *queue) leave(urgency Urgency, turn chan struct{}) {
	if i := slices.Index(q.waiting[urgency], turn); i >= 0 {
		q.waiting[urgency] = slices.Delete(q.waiting[urgency], i, i+1)
	}
}

// pop takes out the one whose turn is next, of which there is one.
func (q *queue) pop() chan struct{} {
	urgency := Bulk
	if len(q.waiting[Bulk]) == 0 || q.passed < bulkEvery-1 {
		for u, turns := range q.waiting {
			if len(turns) > 0 {
				urgency = Urgency(u)
				break
			}
		}
	}
	if q.passed++; urgency == Bulk {
		q.passed = 0
	}
	turn := q.waiting[urgency][0]
	q.waiting[urgency] = slices.Delete(q.waiting[urgency], 0, 1)
	return turn
}
