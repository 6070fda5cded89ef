package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
)

// lines is the media type of an answer that tells of its progress, a JSON object a line.
const lines = "application/x-ndjson"

// BackfillLine is a line of the answer to a backfill that was asked for with Accept: application/x-ndjson: how far it is, or, the last
// one, what came of it.
type BackfillLine struct {
	Through int                `json:"through,omitempty"` // rows
	Of      int                `json:"of,omitempty"`
	Done    *engine.Backfilled `json:"done,omitempty"`
	Problem *Problem           `json:"problem,omitempty"`
}

// backfill queues the rows that were there at the start.
func (s *server) backfill(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Rows   string `json:"rows"`
		DryRun bool   `json:"dry_run"`
	}
	if !read(w, r, &body) {
		return
	}
	name := r.PathValue("zap")
	if r.Header.Get("Accept") != lines {
		done, err := s.Engine.Backfill(r.Context(), name, body.Rows, body.DryRun, nil)
		if err != nil {
			p := backfillProblem(err)
			problem(w, p.Status, p.Detail, p.Hint)
			return
		}
		answer(w, done)
		return
	}
	w.Header().Set("Content-Type", lines)
	control := http.NewResponseController(w)
	send := func(line BackfillLine) {
		_ = json.NewEncoder(w).Encode(line) // a client that is gone has its request's context ended
		_ = control.Flush()
	}
	send(BackfillLine{})
	done, err := s.Engine.Backfill(r.Context(), name, body.Rows, body.DryRun, func(through, of int) {
		send(BackfillLine{Through: through, Of: of})
	})
	if err != nil {
		p := backfillProblem(err)
		send(BackfillLine{Problem: &p})
		return
	}
	send(BackfillLine{Done: &done})
}

// backfillProblem is what is answered to a backfill that failed.
func backfillProblem(err error) Problem {
	p := Problem{Status: http.StatusBadGateway, Detail: err.Error(), Hint: hint.Of(err)}
	switch {
	case errors.Is(err, engine.ErrRows):
		p.Status, p.Hint = http.StatusBadRequest, "sheet rows are those at the left of the sheet: rows 2:5000 are the first below a header in row 1"
	case errors.Is(err, engine.ErrNoZap):
		p.Status = http.StatusNotFound
	case errors.Is(err, engine.ErrPaused), errors.Is(err, engine.ErrDisabled):
		p.Status = http.StatusConflict
	}
	p.Title = http.StatusText(p.Status)
	return p
}
