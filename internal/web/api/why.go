package api

import (
	"net/http"
	"strconv"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/problem"
)

// Why is the reason why a sheet row did or did not fire.
type Why struct {
	engine.Why
	Delivery *Delivery `json:"delivery"` // null: the row has none
}

func (s *Server) why(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("row"))
	if err != nil || number < 1 {
		problem.Write(w, http.StatusBadRequest, "a sheet row is a number of 1 or more, not "+problem.Quote(r.PathValue("row")), "")
		return
	}
	why, err := s.Engine.Why(r.Context(), r.PathValue("zap"), number)
	if err != nil {
		s.failed(w, err)
		return
	}
	v := Why{Why: why}
	if why.Delivery != nil {
		d := s.Show(r.Context(), *why.Delivery)
		v.Delivery = &d
	}
	respond(w, v)
}
