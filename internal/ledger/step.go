package ledger

import (
	"slices"
	"time"
)

// Step is something that happened to a delivery on its way: it waited, an attempt failed, an operator stepped in.
type Step struct {
	At    time.Time
	State State  // that it came to
	Text  string // why, in an operator's words; "" where the state says it
}

// step is a Step as it is stored.
type step struct {
	at    int64
	state State
	text  string
}

// maxSteps bounds what is kept of a delivery's way: of a longer one, the first step and the last ones.
const maxSteps = 16

// step notes that an entry is about to come to a state, and where it stood, if that was not on the way of every row.
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

func (e *entry) way() []Step {
	var way []Step
	for _, s := range e.steps {
		way = append(way, Step{timeOf(s.at), s.state, s.text})
	}
	return way
}
