package ledger

import (
	"slices"
	"time"
)

// Step is an event in the life of a delivery: it waited, an attempt failed, an operator intervened.
type Step struct {
	At    time.Time
	State State  // the new state
	Text  string // why, for operators; "" if the state says it
}

// step is a Step as stored.
type step struct {
	at    int64
	state State
	text  string
}

// maxSteps bounds the stored steps of a delivery: the first one and the last ones are kept.
const maxSteps = 16

// step records that an entry is about to change to a state and, if that is not obvious, its state
// before.
func (e *entry) step(to State, at time.Time, text string) {
	if last := len(e.steps) - 1; e.state != Queued && (last < 0 || e.steps[last].state != e.state) {
		since := e.updated
		if e.state == Waiting || e.state == Held {
			since = e.detected
		}
		e.addStep(step{since, e.state, e.reason})
	}
	e.addStep(step{millis(at), to, text})
}

func (e *entry) addStep(s step) {
	if len(e.steps) == maxSteps {
		e.steps = slices.Delete(e.steps, 1, 2)
	}
	e.steps = append(e.steps, s)
}

func (e *entry) exportSteps() []Step {
	var way []Step
	for _, s := range e.steps {
		way = append(way, Step{timeOf(s.at), s.state, s.text})
	}
	return way
}
