package web

import (
	"errors"
	"net/http"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// StateCheck is what a check of the state file found.
type StateCheck struct {
	Sound  bool     `json:"sound"`
	Zaps   int      `json:"zaps"` // in the file, also those that the configuration no longer has; 0 where it is damaged
	Damage []Damage `json:"damage"`
}

// Damage is one thing that is wrong with the state file.
type Damage struct {
	Zap     string `json:"zap,omitempty"`
	Kind    string `json:"kind,omitempty"`  // cursors, rows, cells, state, todo, zap
	First   uint64 `json:"first,omitempty"` // the deliveries that it concerns
	Last    uint64 `json:"last,omitempty"`
	Page    uint64 `json:"page,omitempty"` // of the file
	Problem string `json:"problem"`
	Text    string `json:"text"` // all of it in words
}

// CheckedState makes an answer of what a check found.
func CheckedState(zaps []string, wrong []ledger.Damage) StateCheck {
	c := StateCheck{Sound: len(wrong) == 0, Zaps: len(zaps), Damage: make([]Damage, len(wrong))}
	for i, d := range wrong {
		c.Damage[i] = Damage{Zap: d.Zap, Kind: d.Kind, First: d.First, Last: d.Last, Page: d.Page, Problem: d.Problem, Text: d.Error()}
	}
	return c
}

func (s *server) checkState(w http.ResponseWriter, r *http.Request) {
	zaps, wrong, err := s.Engine.CheckState(r.Context())
	if err != nil {
		s.failed(w, err)
		return
	}
	answer(w, CheckedState(zaps, wrong))
}

func (s *server) rename(w http.ResponseWriter, r *http.Request) {
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
		problem(w, http.StatusBadRequest, err.Error(), `send {"from": "OLD", "to": "NEW"}`)
		return
	}
	err := s.Engine.Rename(r.Context(), body.From, body.To)
	hinted, asked := errors.AsType[*hint.Error](err)
	wrong, refused := errors.AsType[config.Diagnostics](err)
	switch {
	case err == nil:
		answer(w, map[string]any{"from": body.From, "to": body.To, "configured": s.Engine.Configured(body.To)})
	case refused:
		refuse(w, err, wrong)
	case asked && !errors.Is(err, engine.ErrNoZap):
		problem(w, http.StatusConflict, err.Error(), hinted.Hint)
	default:
		s.failed(w, err)
	}
}
