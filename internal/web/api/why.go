package api

import (
	"net/http"
	"strconv"

	"github.com/rowtap/rowtap/internal/web/problem"
)

// Why is the reason why a sheet row did or did not fire.
type Why struct {
	Zap      string    `json:"zap"`
	Row      int       `json:"row"` // 1-based sheet row
	Reason   string    `json:"reason"`
	Next     string    `json:"next,omitempty"` // the command that helps
	Delivery *Delivery `json:"delivery"`       // null: the row has none
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
	v := Why{Zap: why.Zap, Row: why.Row, Reason: why.Reason, Next: why.Next}
	if why.Delivery != nil {
		d := s.Show(r.Context(), *why.Delivery)
		v.Delivery = &d
	}
	respond(w, v)
}
