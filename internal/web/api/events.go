package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
)

// EventLine is one outcome, as a server-sent event carries it.
type EventLine struct {
	ID    string    `json:"id"`
	Zap   string    `json:"zap"`
	Row   int       `json:"row,omitempty"` // 1-based sheet row
	State string    `json:"state"`
	At    time.Time `json:"at"`
	Error *Error    `json:"error,omitempty"`
	// Reason says what a row waits for, or why it is held.
	Reason string `json:"reason,omitempty"`
}

func eventLine(ev engine.Event) EventLine {
	line := EventLine{
		ID: ledger.Delivery{Zap: ev.Zap, Number: ev.Number}.ID(), Zap: ev.Zap, Row: ev.Row, State: ev.State.String(), At: ev.At,
	}
	if ev.State == ledger.Failed {
		line.Error = &Error{Code: code(ev.Code), Message: ev.Message}
	} else {
		line.Reason = ev.Message
	}
	return line
}

// heartbeat is the interval of comments on a quiet stream; they keep proxies from closing it.
const heartbeat = 20 * time.Second

// ErrStopping is the cause with which the contexts of requests end when the daemon stops. It tells
// that from a client that is gone.
var ErrStopping = errors.New("the daemon is stopping")

// events streams outcomes until the client disconnects or the daemon has stopped. Each is an event
// named delivery. If some were dropped because the client was too slow, an event named missed has
// their number. Event ids are START-N: START differs from one start of the daemon to the next, N
// counts the outcomes since, so that a client that reconnects knows how many it has missed.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	events, cancel := s.Engine.Subscribe()
	defer cancel()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(format string, args ...any) bool {
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	if !send(": rowtap\n\n") {
		return
	}
	sendEvent := func(ev engine.Event) bool {
		if ev.Missed {
			n := ev.Dropped()
			return send("id: %s-%d\nevent: missed\ndata: {\"missed\":%d}\n\n", s.boot, ev.Seq+uint64(n), n)
		}
		b, err := json.Marshal(eventLine(ev))
		return err == nil && send("id: %s-%d\nevent: delivery\ndata: %s\n\n", s.boot, ev.Seq, b)
	}
	for {
		select {
		case <-r.Context().Done():
			if !errors.Is(context.Cause(r.Context()), ErrStopping) {
				return
			}
			for ev := range events { // the outcomes of uploads in flight while the daemon stops
				if !sendEvent(ev) {
					return
				}
			}
			return
		case <-tick.C:
			if !send(": still here\n\n") {
				return
			}
		case ev, ok := <-events:
			if !ok || !sendEvent(ev) {
				return
			}
		}
	}
}
