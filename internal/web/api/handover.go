package api

import (
	"errors"
	"net/http"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/problem"
)

// handOver gives the lease up to a standby, and responds once it is free.
func (s *Server) handOver(w http.ResponseWriter, r *http.Request) {
	if s.HandOver == nil {
		problem.Write(w, http.StatusConflict, "the state is not on PostgreSQL, so there is no standby", "set state.postgres in rowtap.yaml")
		return
	}
	switch err := s.HandOver(r.Context()); {
	case err == nil:
		respond(w, map[string]bool{"handed_over": true})
	case errors.Is(err, ledger.ErrNotActive):
		problem.Write(w, http.StatusServiceUnavailable, err.Error(), "rowtap status names the active machine")
	default:
		problem.Write(w, http.StatusConflict, err.Error(), "start rowtap with the same state.postgres and state.lease on another machine, "+
			"or stop this one without a standby: systemctl stop rowtap")
	}
}
