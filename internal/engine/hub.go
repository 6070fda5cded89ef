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
}

// hub passes events on to listeners. A listener that does not keep up misses some.
type hub struct {
	mu        sync.Mutex
	listeners map[chan Event]struct{}
}

func newHub() *hub { return &hub{listeners: map[chan Event]struct{}{}} }

// Subscribe returns a channel of the events from now on, and what ends them.
func (e *Engine) Subscribe() (events <-chan Event, cancel func()) {
	const behind = 1024
	c := make(chan Event, behind)
	h := e.hub
	h.mu.Lock()
	h.listeners[c] = struct{}{}
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
	for c := range h.listeners {
		select {
		case c <- ev:
		default:
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
