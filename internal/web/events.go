package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
)

// EventLine is one outcome, as a server-sent event carries it.
type EventLine struct {
	ID    string    `json:"id"`
	Zap   string    `json:"zap"`
	Row   int       `json:"row,omitempty"`
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

// events streams outcomes until the client goes away or the daemon has stopped: an event named delivery each, and one named missed, with
// their number, where some were dropped because the client did not keep up. Their ids are START-N: START differs from one start of the
// daemon to the next, N counts the outcomes since, so that a client that connects again knows how many it has missed.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	events, cancel := s.Engine.Subscribe()
	defer cancel()
	send := eventStream(w)
	tick := time.NewTicker(streamBeat)
	defer tick.Stop()
	if !send(": rowtap\n\n") {
		return
	}
	tell := func(ev engine.Event) bool {
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
			if !s.Engine.Draining() {
				return
			}
			for ev := range events { // a daemon that stops still says what the uploads under way come to
				if !tell(ev) {
					return
				}
			}
			return
		case <-tick.C:
			if !send(": still here\n\n") {
				return
			}
		case ev, ok := <-events:
			if !ok || !tell(ev) {
				return
			}
		}
	}
}
