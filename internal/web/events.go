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

// events streams outcomes until the client goes away: an event named delivery each, and one named missed where some were dropped because
// the client did not keep up.
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
			return send("event: missed\ndata: {}\n\n")
		}
		b, err := json.Marshal(eventLine(ev))
		return err == nil && send("event: delivery\ndata: %s\n\n", b)
	}
	for {
		select {
		case <-r.Context().Done():
			for { // a daemon that stops still sends what has happened
				select {
				case ev := <-events:
					if !tell(ev) {
						return
					}
				default:
					return
				}
			}
		case <-tick.C:
			if !send(": still here\n\n") {
				return
			}
		case ev := <-events:
			if !tell(ev) {
				return
			}
		}
	}
}
