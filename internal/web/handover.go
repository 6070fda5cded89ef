package web

import (
	"errors"
	"net/http"

	"github.com/rowtap/rowtap/internal/ledger"
)

// handOver gives the lease up to a standby, and answers once it is free.
func (s *server) handOver(w http.ResponseWriter, r *http.Request) {
	if s.HandOver == nil {
		problem(w, http.StatusConflict, "the state is not on PostgreSQL, so there is nobody to hand over to", "set state.postgres in rowtap.yaml")
		return
	}
	switch err := s.HandOver(r.Context()); {
	case err == nil:
		answer(w, map[string]bool{"handed_over": true})
	case errors.Is(err, ledger.ErrNotActive):
		problem(w, http.StatusServiceUnavailable, err.Error(), "rowtap status says who is active")
	default:
		problem(w, http.StatusConflict, err.Error(), "start a rowtap with the same state.postgres and state.lease on another machine; to stop this one all the same: systemctl stop rowtap")
	}
}
