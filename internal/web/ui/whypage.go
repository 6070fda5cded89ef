package ui

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/engine"
)

// whyView says why a sheet row did or did not fire.
type whyView struct {
	Zap      string
	Asked    string
	Why      *engine.Why // nil: no row was given
	Problem  string
	RowLink  string
	Delivery *historyLine
}

func (s *Server) whyPage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	asked := strings.TrimSpace(r.URL.Query().Get("row"))
	f := frame{Title: "Why", Trail: []crumb{{"Zaps", "/"}, {name, zapPath(name)}}}
	s.show(w, r, view{name: "why", frame: f, of: name, main: func(*snapshot) (any, error) { return s.whyViewOf(r, name, asked) }})
}

func (s *Server) whyViewOf(r *http.Request, name, asked string) (whyView, error) {
	v := whyView{Zap: name, Asked: asked}
	if err := s.mustKnow(r.Context(), name); err != nil {
		return v, err
	}
	if asked == "" {
		return v, nil
	}
	number, _ := strconv.Atoi(asked) // 0 if it is not a number
	if number < 1 {
		v.Problem = "A sheet row is a number of 1 or more."
		return v, nil
	}
	why, err := s.Engine.Why(r.Context(), name, number)
	if err != nil {
		return v, err
	}
	v.Why = &why
	stored, err := s.Engine.StoredZap(r.Context(), name)
	if err != nil {
		return v, err
	}
	if stored.SpreadsheetID != "" {
		v.RowLink = s.sheetLink(stored.SpreadsheetID, stored.GID, wholeRow(number))
	}
	if why.Delivery != nil {
		line, err := s.lineOf(r.Context(), *why.Delivery)
		if err != nil {
			return v, err
		}
		v.Delivery = &line
	}
	return v, nil
}
