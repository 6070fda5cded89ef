package api

import (
	"errors"
	"net/http"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/problem"
)

// StateCheck is the result of a check of the state file.
type StateCheck struct {
	Sound  bool     `json:"sound"`
	Zaps   int      `json:"zaps"` // in the file, including those removed from the configuration; 0 if it is damaged
	Damage []Damage `json:"damage"`
}

// Damage is a damaged place in the state file.
type Damage struct {
	ledger.Damage
	Text string `json:"text"` // the same in words
}

// CheckedState returns the response for the result of a check.
func CheckedState(zaps []string, damage []ledger.Damage) StateCheck {
	c := StateCheck{Sound: len(damage) == 0, Zaps: len(zaps), Damage: make([]Damage, len(damage))}
	for i, d := range damage {
		c.Damage[i] = Damage{d, d.Error()}
	}
	return c
}

func (s *Server) checkState(w http.ResponseWriter, r *http.Request) {
	zaps, damage, err := s.Engine.CheckState(r.Context())
	s.answer(w, CheckedState(zaps, damage), err)
}

func (s *Server) rename(w http.ResponseWriter, r *http.Request) {
	var body struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	if !read(w, r, &body) {
		return
	}
	if err := config.CheckZapName(body.To); err != nil || body.From == body.To {
		if err == nil {
			err = errors.New("both names are the same")
		}
		problem.Write(w, http.StatusBadRequest, err.Error(), `send {"from": "OLD", "to": "NEW"}`)
		return
	}
	err := s.Engine.Rename(r.Context(), body.From, body.To)
	hinted, hasHint := errors.AsType[*hint.Error](err)
	mistakes, invalid := errors.AsType[config.Diagnostics](err)
	switch {
	case err == nil:
		respond(w, map[string]any{"from": body.From, "to": body.To, "configured": s.Engine.Configured(body.To)})
	case invalid:
		refuse(w, err, mistakes)
	case hasHint && !errors.Is(err, engine.ErrNoZap):
		problem.Write(w, http.StatusConflict, err.Error(), hinted.Hint)
	default:
		s.failed(w, err)
	}
}
