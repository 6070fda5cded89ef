package sheets

import "slices"

// Urgency orders an account's requests when they have to wait for its quota. Requests of the same
// urgency are served in order of arrival.
type Urgency uint8

// The urgencies, the most urgent first.
const (
	// Finishing is for one more request of a poll that found something. Its requests are bounded by
	// the number of polls.
	Finishing Urgency = iota
	// Polling is for the first request of a poll.
	Polling
	// Bulk is for the later pages of complete reads. If some wait, every fifth read is theirs.
	Bulk
)

// bulkEvery is how often a Bulk request is served if more urgent ones wait: one in so many.
const bulkEvery = 5

// queue holds the requests that wait for a turn. A turn is a channel that is closed when it comes.
// The zero value is empty.
type queue struct {
	waiting [Bulk + 1][]chan struct{} // by urgency, first in, first out
	passed  int                       // turns since the last Bulk one
}

func (q *queue) len() int {
	n := 0
	for _, turns := range q.waiting {
		n += len(turns)
	}
	return n
}

// before returns how many waiting requests are certain to be served before one that joins now.
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

// leave gives up a turn that has not come yet.
func (q *queue) leave(urgency Urgency, turn chan struct{}) {
	if i := slices.Index(q.waiting[urgency], turn); i >= 0 {
		q.waiting[urgency] = slices.Delete(q.waiting[urgency], i, i+1)
	}
}

// pop removes and returns the next turn. The queue must not be empty.
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
