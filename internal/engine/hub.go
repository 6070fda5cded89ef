package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Event is an outcome of a delivery, published live. The record of it is in the ledger.
type Event struct {
	Zap     string
	Number  uint64
	Row     int // 1-based sheet row; 0 if not known
	State   ledger.State
	Code    string
	Message string
	At      time.Time // UTC
	// Missed marks a gap: the listener did not keep up and [Event.Dropped] events were dropped
	// here. Only At and Seq are set.
	Missed bool
	// Seq counts all events since the daemon's start. That of a Missed event is that of the last
	// event before the gap.
	Seq     uint64
	dropped *atomic.Int64
}

// Dropped returns how many events are missing at a Missed event. The number is final once that
// event has been received.
func (ev Event) Dropped() int64 { return ev.dropped.Load() }

// listenerBuffer is how many events are buffered for a listener.
const listenerBuffer = 1024

// hub publishes events to listeners. A listener that does not keep up misses events and gets a
// Missed event in their place.
type hub struct {
	mu     sync.Mutex
	seq    uint64
	closed bool // no more events
	// By listener: how many events it has missed since the last one that it got; nil: none.
	listeners map[chan Event]*atomic.Int64
}

func newHub() *hub { return &hub{listeners: map[chan Event]*atomic.Int64{}} }

// Subscribe returns a channel of the events from now on and a function that cancels it. The channel
// is closed once [Engine.Run] has returned, so it also delivers the outcomes of uploads that finish
// after a stop was requested.
func (e *Engine) Subscribe() (events <-chan Event, cancel func()) {
	c := make(chan Event, listenerBuffer+1) // the last slot is for the Missed event
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

// count returns the number of listeners.
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
	for c, missed := range h.listeners { // this is the only sender, so what has room does not block
		switch {
		case len(c) < listenerBuffer:
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

// close closes all channels.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.listeners {
		close(c)
		delete(h.listeners, c)
	}
}

// outcome publishes and counts an outcome; row is the 1-based sheet row, 0 if not known.
func (e *Engine) outcome(zapName string, row int, o ledger.Outcome) {
	ev := Event{Zap: zapName, Number: o.Number, Row: row, State: o.State, Message: o.Reason, At: e.now()}
	if o.Problem != nil {
		ev.Code, ev.Message = o.Problem.Code, o.Problem.Message
	}
	e.hub.publish(ev)
	e.metrics.rows.WithLabelValues(zapName, o.State.String()).Inc()
}
