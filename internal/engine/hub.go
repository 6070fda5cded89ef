package engine

import (
	"sync"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Event is an outcome of a delivery, told to whoever listens at that moment. The ledger, not the event, is the record.
type Event struct {
	Zap     string
	Number  uint64
	Row     int // 1-based sheet row; 0 where it is not at hand
	State   ledger.State
	Code    string
	Message string
	At      time.Time // UTC
	// Missed stands alone: the listener did not keep up, and events were dropped in this place.
	Missed bool
}

// behind is how many events a listener may be behind.
const behind = 1024

// hub passes events on to listeners. A listener that does not keep up misses some, and gets an event that says so in their place.
type hub struct {
	mu        sync.Mutex
	listeners map[chan Event]bool // true: the last event that it got says that it has missed some
}

func newHub() *hub { return &hub{listeners: map[chan Event]bool{}} }

// Subscribe returns a channel of the events from now on, and what ends them.
func (e *Engine) Subscribe() (events <-chan Event, cancel func()) {
	c := make(chan Event, behind+1) // the last place is for the event that says what was missed
	h := e.hub
	h.mu.Lock()
	h.listeners[c] = false
	h.mu.Unlock()
	return c, func() {
		h.mu.Lock()
		delete(h.listeners, c)
		h.mu.Unlock()
	}
}

// count returns how many listen.
func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners)
}

func (h *hub) publish(ev Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, missed := range h.listeners { // nobody else sends, so that what has room here does not block
		switch {
		case len(c) < behind:
			c <- ev
			h.listeners[c] = false
		case !missed:
			c <- Event{Missed: true, At: ev.At}
			h.listeners[c] = true
		}
	}
}

// told publishes and counts an outcome; row is the sheet row, 0 where it is not at hand.
func (e *Engine) told(zapName string, row int, o ledger.Outcome) {
	ev := Event{Zap: zapName, Number: o.Number, Row: row, State: o.State, Message: o.Reason, At: e.now()}
	if o.Problem != nil {
		ev.Code, ev.Message = o.Problem.Code, o.Problem.Message
	}
	e.hub.publish(ev)
	e.metrics.rows.WithLabelValues(zapName, o.State.String()).Inc()
}
