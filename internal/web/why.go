package web

import (
	"net/http"
	"strconv"
)

// Why is the reason that a sheet row did or did not fire.
type Why struct {
	Zap      string    `json:"zap"`
	Row      int       `json:"row"`
	Reason   string    `json:"reason"`
	Delivery *Delivery `json:"delivery"` // null: it has none
}

func (s *server) why(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("row"))
	if err != nil || number < 1 {
		problem(w, http.StatusBadRequest, "a sheet row is a number from 1, not "+quoted(r.PathValue("row")), "")
		return
	}
	why, err := s.Engine.Why(r.Context(), r.PathValue("zap"), number)
	if err != nil {
		s.failed(w, err)
		return
	}
	v := Why{Zap: why.Zap, Row: why.Row, Reason: why.Reason}
	if why.Delivery != nil {
		d := s.shown(r.Context(), *why.Delivery)
		v.Delivery = &d
	}
	answer(w, v)
}
