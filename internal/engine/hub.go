package engine

import (
	"sync"
	"sync/atomic"
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
	// Missed stands alone: the listener did not keep up, and events were dropped in this place, of which Dropped has the number.
	Missed bool
	// Seq counts all events since the daemon's start; that of a Missed one is the last before the gap.
	Seq     uint64
	dropped *atomic.Int64
}

// Dropped returns how many events are missing in the place of a Missed one. It is whole once that event was received.
func (ev Event) Dropped() int64 { return ev.dropped.Load() }

// behind is how many events a listener may be behind.
const behind = 1024

// hub passes events on to listeners. A listener that does not keep up misses some, and gets an event that says so in their place.
type hub struct {
	mu        sync.Mutex
	seq       uint64
	closed    bool                         // nothing happens any more
	listeners map[chan Event]*atomic.Int64 // how many it misses since the last event that it got; nil: none
}

func newHub() *hub { return &hub{listeners: map[chan Event]*atomic.Int64{}} }

// Subscribe returns a channel of the events from now on, and what ends them. The channel is closed once [Engine.Run] has ended, so that
// it brings what the uploads under way come to after a stop was asked for.
func (e *Engine) Subscribe() (events <-chan Event, cancel func()) {
	c := make(chan Event, behind+1) // the last place is for the event that says what was missed
	h := e.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(c)
		return c, func() {}
	}
	h.listeners[c] = nil
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
	h.seq++
	ev.Seq = h.seq
	for c, missed := range h.listeners { // nobody else sends, so that what has room here does not block
		switch {
		case len(c) < behind:
			c <- ev
			h.listeners[c] = nil
		case missed == nil:
			missed = new(atomic.Int64)
			c <- Event{Missed: true, At: ev.At, Seq: ev.Seq - 1, dropped: missed}
			h.listeners[c] = missed
			fallthrough
		default:
			missed.Add(1)
		}
	}
}

// close ends what listeners hear.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.listeners {
		close(c)
		delete(h.listeners, c)
	}
}

// outcome publishes and counts an outcome; row is the sheet row, 0 where it is not at hand.
func (e *Engine) outcome(zapName string, row int, o ledger.Outcome) {
	ev := Event{Zap: zapName, Number: o.Number, Row: row, State: o.State, Message: o.Reason, At: e.now()}
	if o.Problem != nil {
		ev.Code, ev.Message = o.Problem.Code, o.Problem.Message
	}
	e.hub.publish(ev)
	e.metrics.rows.WithLabelValues(zapName, o.State.String()).Inc()
}
