package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/web/problem"
)

// ndjson is the media type of a response that reports progress, one JSON object per line.
const ndjson = "application/x-ndjson"

// BackfillLine is a line of the response to a backfill with Accept: application/x-ndjson: progress
// in rows, and in the last line the result or the error.
type BackfillLine struct {
	Through int                `json:"through,omitempty"`
	Of      int                `json:"of,omitempty"`
	Done    *engine.Backfilled `json:"done,omitempty"`
	Problem *problem.Details   `json:"problem,omitempty"`
}

// backfill queues rows that are part of the baseline.
func (s *Server) backfill(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Rows   string `json:"rows"`
		DryRun bool   `json:"dry_run"`
	}
	if !read(w, r, &body) {
		return
	}
	name := r.PathValue("zap")
	if r.Header.Get("Accept") != ndjson {
		done, err := s.Engine.Backfill(r.Context(), name, body.Rows, body.DryRun, nil)
		if err != nil {
			readProblem(err).Send(w)
			return
		}
		respond(w, done)
		return
	}
	w.Header().Set("Content-Type", ndjson)
	control := http.NewResponseController(w)
	send := func(line BackfillLine) {
		_ = json.NewEncoder(w).Encode(line) // if the client is gone, the request's context ends
		_ = control.Flush()
	}
	send(BackfillLine{})
	done, err := s.Engine.Backfill(r.Context(), name, body.Rows, body.DryRun, func(through, of int) {
		send(BackfillLine{Through: through, Of: of})
	})
	if err != nil {
		p := readProblem(err)
		send(BackfillLine{Problem: &p})
		return
	}
	send(BackfillLine{Done: &done})
}

// readProblem returns the response to a poll or a backfill that failed.
func readProblem(err error) problem.Details {
	status, next := http.StatusBadGateway, hint.Of(err)
	switch {
	case errors.Is(err, engine.ErrRows):
		status, next = http.StatusBadRequest, "give sheet row numbers: rows 2:5000 are the first below a header in row 1"
	case errors.Is(err, engine.ErrNoZap):
		status = http.StatusNotFound
	case errors.Is(err, engine.ErrPaused), errors.Is(err, engine.ErrDisabled):
		status = http.StatusConflict
	}
	return problem.New(status, err.Error(), next)
}
