package web

import (
	"net/http"
	"strconv"
	"strings"
)

// whyView is the answer to why a sheet row did or did not fire.
type whyView struct {
	Zap      string
	Asked    string
	Why      *Why // nil: nothing was asked yet
	Problem  string
	RowLink  string
	Delivery *historyLine
}

func (s *server) whyPage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	if !s.knows(w, r, name) {
		return
	}
	seen, err := s.newsNow(r.Context(), name)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	v := whyView{Zap: name, Asked: strings.TrimSpace(r.URL.Query().Get("row"))}
	f := frame{Title: "Why", News: &news{name, seen}, Trail: []crumb{{"Zaps", "/"}, {name, zapPath(name)}}}
	number, err := strconv.Atoi(v.Asked)
	switch {
	case v.Asked == "":
	case err != nil || number < 1:
		v.Problem = "A sheet row is a number from 1, as it stands at the left of the sheet."
	default:
		why, err := s.Engine.Why(r.Context(), name, number)
		if err != nil {
			s.showFailure(w, r, err)
			return
		}
		v.Why = &Why{Zap: why.Zap, Row: why.Row, Reason: why.Reason}
		kept, err := s.Engine.StoredZap(r.Context(), name)
		if err != nil {
			s.showFailure(w, r, err)
			return
		}
		if kept.SpreadsheetID != "" {
			v.RowLink = s.sheetLink(kept.SpreadsheetID, kept.GID, number)
		}
		if why.Delivery != nil {
			line, err := s.lineOf(r.Context(), *why.Delivery)
			if err != nil {
				s.showFailure(w, r, err)
				return
			}
			v.Delivery = &line
		}
	}
	s.render(w, r, http.StatusOK, "why", f, v)
}
