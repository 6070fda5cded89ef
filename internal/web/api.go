package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

func (s *server) status(w http.ResponseWriter, r *http.Request) {
	st, err := s.Engine.Status(r.Context())
	if err != nil {
		s.failed(w, err)
		return
	}
	answer(w, st)
}

func (s *server) deliveries(w http.ResponseWriter, r *http.Request) {
	const usual = 50
	values := r.URL.Query()
	q := ledger.Query{Zap: values.Get("zap"), Before: values.Get("before"), Limit: usual}
	if text := values.Get("state"); text != "" {
		state, err := ledger.ParseState(text)
		if err != nil {
			problem(w, http.StatusBadRequest, err.Error(), "states are waiting, queued, sent, skipped, failed, held and discarded")
			return
		}
		q.State = state
	}
	for name, to := range map[string]*int{"row": &q.Row, "limit": &q.Limit} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			problem(w, http.StatusBadRequest, name+" must be a whole number, not "+quoted(text), "")
			return
		}
		*to = n
	}
	if q.Zap != "" && !s.knownZap(r.Context(), w, q.Zap) {
		return
	}
	list := answerList(w)
	err := s.Engine.EachDelivery(r.Context(), q, func(d ledger.Delivery) error { return list.add(s.shown(r.Context(), d)) })
	if err == nil {
		err = list.end()
	}
	switch {
	case err == nil:
	case !list.begun:
		s.failed(w, err)
	default:
		if r.Context().Err() == nil && list.broken == nil {
			s.Log.Error("list of deliveries: "+err.Error(), zap.Error(err))
		}
		panic(http.ErrAbortHandler) // the list is cut short: the client must not take it for whole
	}
}

func (s *server) delivery(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	n, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		problem(w, http.StatusBadRequest, "a delivery is named ZAP/N", "rowtap history lists them")
		return
	}
	d, now, found, err := s.Engine.Delivery(r.Context(), name, n)
	if err != nil {
		s.failed(w, err)
		return
	}
	if !found {
		problem(w, http.StatusNotFound, fmt.Sprintf("there is no delivery %s/%d", name, n), "rowtap history "+name+" lists them; those past state.history are gone")
		return
	}
	answer(w, s.whole(r.Context(), d, now))
}

func (s *server) act(w http.ResponseWriter, r *http.Request) {
	action := engine.Action(r.PathValue("action"))
	switch action {
	case engine.Replay, engine.Release, engine.Discard:
	default:
		problem(w, http.StatusNotFound, "deliveries can be replayed, released and discarded, not "+quoted(string(action)), "")
		return
	}
	var selected engine.Selection
	if !read(w, r, &selected) {
		return
	}
	if len(selected.IDs) == 0 && selected.Zap == "" && selected.State == 0 {
		problem(w, http.StatusBadRequest, "which deliveries? Nothing is named", `send {"ids": ["ZAP/N"]} or {"zap": "ZAP", "state": "failed"}`)
		return
	}
	if selected.Zap != "" && !s.knownZap(r.Context(), w, selected.Zap) {
		return
	}
	done, err := s.Engine.Act(r.Context(), action, selected)
	if err != nil {
		s.failed(w, err)
		return
	}
	answer(w, done)
}

// knownZap answers with 404 where neither the configuration nor the ledger has a zap.
func (s *server) knownZap(ctx context.Context, w http.ResponseWriter, name string) bool {
	known, err := s.Engine.Known(ctx, name)
	switch {
	case err != nil:
		s.failed(w, err)
	case !known:
		problem(w, http.StatusNotFound, "there is no zap "+quoted(name), s.Engine.Meant(name))
	}
	return known
}

func (s *server) pause(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Reason string `json:"reason"`
		For    string `json:"for"` // a duration such as 1h; "": until resume
	}
	if !read(w, r, &body) {
		return
	}
	name := r.PathValue("zap")
	if body.For != "" {
		s.pauseFor(w, r, name, body.Reason, body.For)
		return
	}
	if err := s.Engine.Pause(r.Context(), name, body.Reason); err != nil {
		s.failed(w, err)
		return
	}
	answer(w, map[string]any{"zap": name, "state": engine.Paused})
}

// pauseFor pauses a zap for a time.
func (s *server) pauseFor(w http.ResponseWriter, r *http.Request, name, reason, lasting string) {
	d, err := time.ParseDuration(lasting)
	if err != nil {
		problem(w, http.StatusBadRequest, "for: "+strconv.Quote(lasting)+" is not a duration", "such as 90s, 90m or 24h")
		return
	}
	done, err := s.Engine.PauseFor(r.Context(), name, reason, d)
	if err != nil {
		s.failed(w, err)
		return
	}
	paused := map[string]any{"zap": name, "state": engine.Paused}
	if done.Kept {
		paused["kept"], paused["reason"] = true, done.Reason
	} else {
		paused["resume_at"] = done.ResumeAt
	}
	answer(w, paused)
}

func (s *server) resume(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Skip bool `json:"skip"`
	}
	if !read(w, r, &body) {
		return
	}
	name := r.PathValue("zap")
	if err := s.Engine.Resume(r.Context(), name, body.Skip); err != nil {
		s.failed(w, err)
		return
	}
	answer(w, map[string]any{"zap": name, "state": engine.Running})
}

func (s *server) poll(w http.ResponseWriter, r *http.Request) {
	report, err := s.Engine.PollNow(r.Context(), r.PathValue("zap"))
	switch {
	case errors.Is(err, engine.ErrNoZap), errors.Is(err, engine.ErrPaused), errors.Is(err, engine.ErrDisabled):
		s.failed(w, err)
	case err != nil:
		problem(w, http.StatusBadGateway, err.Error(), hint.Of(err))
	default:
		answer(w, report)
	}
}

func (s *server) reload(w http.ResponseWriter, r *http.Request) {
	runs, err := s.Engine.ReloadRuns(r.Context())
	if wrong, ok := errors.AsType[config.Diagnostics](err); ok {
		refuse(w, err, wrong)
		return
	}
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error(), "rowtap check tells more")
		return
	}
	moved, err := s.finishMoves(r)
	if err != nil {
		s.failed(w, err)
		return
	}
	done := map[string]any{"reloaded": true, "zaps": len(s.Engine.Config().Zaps), "moved": moved, "runs": runs}
	if warnings := s.Engine.FormerNames(); len(warnings) > 0 {
		done["warnings"] = warnings
	}
	answer(w, done)
}

// moveFor is how long a reload waits for zaps to move to another worksheet; those that take longer go on without it.
const moveFor = time.Minute

// finishMoves has the zaps that a reload has pointed at another worksheet move there, and returns what that came to.
func (s *server) finishMoves(r *http.Request) ([]engine.Moved, error) {
	ctx, cancel := context.WithTimeout(r.Context(), moveFor)
	defer cancel()
	return s.Engine.FinishMoves(ctx)
}

// refuse answers with the mistakes of a configuration.
func refuse(w http.ResponseWriter, err error, wrong config.Diagnostics) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(struct { // the client is gone if it cannot be written
		Problem
		Errors config.Diagnostics `json:"errors"`
	}{Problem{
		Title: "configuration refused", Status: http.StatusUnprocessableEntity, Detail: err.Error(),
		Hint: "correct the files, then: rowtap check, and: rowtap reload",
	}, wrong})
}

func (s *server) backup(w http.ResponseWriter, r *http.Request) { s.sendBackup(w, r, s.Engine.Backup) }

func (s *server) sendBackup(w http.ResponseWriter, r *http.Request, backup func(context.Context, io.Writer) error) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="rowtap.db"`)
	if err := backup(r.Context(), w); err != nil {
		s.Log.Error("backup: "+err.Error(), zap.Error(err))
		panic(http.ErrAbortHandler) // the copy is cut short: the client must not take it for whole
	}
}

// failed answers with an error of the engine.
func (s *server) failed(w http.ResponseWriter, err error) {
	p := s.problemOf(err)
	problem(w, p.Status, p.Detail, p.Hint)
}

// problemOf returns what is answered to an error of the engine. One that nobody who asks can help is logged.
func (s *server) problemOf(err error) Problem {
	p := Problem{Status: http.StatusInternalServerError, Detail: err.Error(), Hint: hint.Of(err)}
	switch {
	case errors.Is(err, engine.ErrNoZap):
		p.Status = http.StatusNotFound
	case errors.Is(err, engine.ErrPaused), errors.Is(err, engine.ErrNotPaused), errors.Is(err, engine.ErrDisabled), errors.Is(err, engine.ErrRemoved):
		p.Status = http.StatusConflict
	case errors.Is(err, ledger.ErrUnknown):
		p.Status, p.Hint = http.StatusNotFound, "rowtap history lists the deliveries"
	case errors.Is(err, engine.ErrPauseTime):
		p.Status = http.StatusBadRequest
	case errors.Is(err, ledger.ErrBadID):
		p.Status, p.Hint = http.StatusBadRequest, "a delivery is named ZAP/N; rowtap history lists them"
	case errors.Is(err, context.Canceled): // by who asked, or by a stop
		p.Status = http.StatusServiceUnavailable
	default:
		s.Log.Error(err.Error(), zap.Error(err))
	}
	p.Title = http.StatusText(p.Status)
	return p
}
