// Package api is the daemon's JSON API, /api/v1, and its probes /healthz, /readyz and /metrics. The
// page shows deliveries and errors as the API does, so it uses this package.
//
// The handlers decide nothing about rows: they call the engine and send its result. Errors are
// problem details (RFC 9457), with a hint where one is known.
package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/problem"
)

// Options configures a Server.
type Options struct {
	Engine *engine.Engine
	// HandOver gives the lease up to a standby and returns once it is free; nil if the state is
	// only a file.
	HandOver func(context.Context) error
	Log      *zap.Logger
}

// Server serves the API of one engine.
type Server struct {
	Options
	boot string // differs from one start of the daemon to the next
}

// New returns a server.
func New(o Options) *Server { return &Server{o, strings.ToLower(rand.Text())} }

// Streams are the routes whose responses are sent as they are made, uncompressed.
var Streams = []string{"GET /api/v1/events", "GET /api/v1/state/backup", "POST /api/v1/zaps/{zap}/backfill"}

// Handler returns the handler of /api/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", s.status)
	mux.HandleFunc("GET /api/v1/deliveries", s.Deliveries)
	mux.HandleFunc("GET /api/v1/deliveries/{zap}/{number}", s.delivery)
	mux.HandleFunc("POST /api/v1/deliveries/{action}", s.act)
	mux.HandleFunc("GET /api/v1/zaps/{zap}/rows/{row}", s.why)
	mux.HandleFunc("POST /api/v1/zaps/{zap}/pause", s.pause)
	mux.HandleFunc("POST /api/v1/zaps/{zap}/resume", s.resume)
	mux.HandleFunc("POST /api/v1/zaps/{zap}/poll", s.poll)
	mux.HandleFunc("POST /api/v1/zaps/{zap}/backfill", s.backfill)
	mux.HandleFunc("POST /api/v1/reload", s.reload)
	mux.HandleFunc("GET /api/v1/events", s.events)
	mux.HandleFunc("GET /api/v1/state/backup", s.backup)
	mux.HandleFunc("GET /api/v1/state/check", s.checkState)
	mux.HandleFunc("POST /api/v1/state/rename", s.rename)
	mux.HandleFunc("POST /api/v1/state/handover", s.handOver)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { notFound(w, r, mux) })
	return mux
}

// notFound responds to a request without a handler: with 405 if another method has one.
func notFound(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		problem.Write(w, http.StatusNotFound, "there is nothing at "+r.URL.Path, "the API is under /api/v1")
		return
	}
	methods := strings.Join(allowed, ", ")
	w.Header().Set("Allow", methods)
	problem.Write(w, http.StatusMethodNotAllowed, r.URL.Path+" does not support "+problem.Quote(r.Method), "use "+methods)
}

// respond sends a JSON response.
func respond(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // fails only if the client is gone
}

// read decodes a request's JSON body, which is one value. An empty body leaves v unchanged.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) { // an empty body, also one of unknown length
		return true
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = cmp.Or(more, errors.New("there is more after the JSON value"))
		}
	}
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		problem.Write(w, http.StatusRequestEntityTooLarge, tooBig.Error(), "")
		return false
	}
	if err != nil {
		problem.Write(w, http.StatusBadRequest, "the body is not the JSON expected: "+err.Error(), "")
		return false
	}
	return true
}

// MountProbes mounts /healthz, /readyz and /metrics.
func (s *Server) MountProbes(mux *http.ServeMux) {
	mountProbes(mux, s.healthz, s.readyz, s.Engine.Registry())
}

func mountProbes(mux *http.ServeMux, healthz, readyz http.HandlerFunc, metrics *prometheus.Registry) {
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
}

// healthz reports whether the scheduler ticks and the ledger can be read.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if err := s.Engine.Healthy(r.Context()); err != nil {
		problem.Write(w, http.StatusServiceUnavailable, err.Error(), "see the log; if it persists, restart rowtap")
		return
	}
	respond(w, probed("ok", ifRefused(s.Engine.Refused() != nil)))
}

// probed returns the body of a probe's response. degraded says what needs attention, if not empty.
func probed(status string, degraded ...string) map[string]any {
	body := map[string]any{"status": status}
	if degraded = slices.DeleteFunc(degraded, func(what string) bool { return what == "" }); len(degraded) > 0 {
		body["degraded"] = degraded
	}
	return body
}

// ifRefused returns what needs attention if the configuration files are refused, else "".
func ifRefused(refused bool) string {
	if refused {
		return engine.ConfigurationRefused
	}
	return ""
}

// readyz reports that the configuration is loaded and the state open, and which zaps are blocked.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	blocked, err := s.Engine.Degraded(r.Context())
	if err != nil {
		problem.Write(w, http.StatusServiceUnavailable, err.Error(), "")
		return
	}
	respond(w, probed("ready", blocked...))
}

func (s *Server) delivery(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	n, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		problem.Write(w, http.StatusBadRequest, "a delivery ID is ZAP/NUMBER", "rowtap history lists the deliveries")
		return
	}
	d, now, found, err := s.Engine.Delivery(r.Context(), name, n)
	if err != nil {
		s.failed(w, err)
		return
	}
	if !found {
		problem.Write(w, http.StatusNotFound, fmt.Sprintf("there is no delivery %s/%d", name, n),
			"rowtap history "+name+" lists the deliveries; those older than state.history are deleted")
		return
	}
	respond(w, s.ShowWhole(r.Context(), d, now))
}

func (s *Server) act(w http.ResponseWriter, r *http.Request) {
	action := engine.Action(r.PathValue("action"))
	switch action {
	case engine.Replay, engine.Release, engine.Discard:
	default:
		problem.Write(w, http.StatusNotFound, "deliveries can be replayed, released and discarded, not "+problem.Quote(string(action)), "")
		return
	}
	selected, ok := s.readSelection(w, r)
	if !ok {
		return
	}
	done, err := s.Engine.Act(r.Context(), action, selected)
	s.answer(w, done, err)
}

// knownZap responds with 404 if a zap is neither in the configuration nor in the ledger.
func (s *Server) knownZap(ctx context.Context, w http.ResponseWriter, name string) bool {
	known, err := s.Engine.Known(ctx, name)
	switch {
	case err != nil:
		s.failed(w, err)
	case !known:
		problem.Write(w, http.StatusNotFound, "there is no zap "+problem.Quote(name), s.Engine.Meant(name))
	}
	return known
}

func (s *Server) pause(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Reason string `json:"reason"`
		For    string `json:"for"` // a duration such as 1h; "": until it is resumed
	}
	if !read(w, r, &body) {
		return
	}
	name := r.PathValue("zap")
	paused := map[string]any{"zap": name, "state": engine.Paused}
	if body.For == "" {
		s.answer(w, paused, s.Engine.Pause(r.Context(), name, body.Reason))
		return
	}
	lasting, err := time.ParseDuration(body.For)
	if err != nil {
		problem.Write(w, http.StatusBadRequest, "for: "+problem.Quote(body.For)+" is not a duration", "use a duration such as 90s, 90m or 24h")
		return
	}
	done, err := s.Engine.PauseFor(r.Context(), name, body.Reason, lasting)
	if done.Kept {
		paused["kept"], paused["reason"] = true, done.Reason
	} else {
		paused["resume_at"] = done.ResumeAt
	}
	s.answer(w, paused, err)
}

func (s *Server) resume(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Skip bool `json:"skip"`
	}
	if !read(w, r, &body) {
		return
	}
	name := r.PathValue("zap")
	err := s.Engine.Resume(r.Context(), name, body.Skip)
	s.answer(w, map[string]any{"zap": name, "state": engine.Running}, err)
}

func (s *Server) poll(w http.ResponseWriter, r *http.Request) {
	report, err := s.Engine.PollNow(r.Context(), r.PathValue("zap"))
	if err != nil {
		readProblem(err).Send(w)
		return
	}
	respond(w, report)
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	runs, err := s.Engine.ReloadRuns(r.Context())
	if err != nil {
		reloadFailed(w, err)
		return
	}
	moved, err := s.FinishMoves(r.Context())
	if err != nil {
		s.failed(w, err)
		return
	}
	done := map[string]any{"reloaded": true, "zaps": len(s.Engine.Config().Zaps), "moved": moved, "runs": runs}
	if frozen := s.Engine.FrozenSecrets(); len(frozen) > 0 {
		done["frozen_secrets"] = frozen
	}
	if warnings := s.Engine.FormerNames(); len(warnings) > 0 {
		done["warnings"] = warnings
	}
	respond(w, done)
}

// moveTimeout limits how long a reload waits for zaps to move to another worksheet; a slower move
// continues after it.
const moveTimeout = time.Minute

// FinishMoves completes the moves of zaps that a reload has pointed at another worksheet, and
// returns their results.
func (s *Server) FinishMoves(ctx context.Context) ([]engine.Moved, error) {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	return s.Engine.FinishMoves(ctx)
}

// reloadFailed responds with the error of a reload, and with each mistake of a configuration that
// is invalid.
func reloadFailed(w http.ResponseWriter, err error) {
	if mistakes, ok := errors.AsType[config.Diagnostics](err); ok {
		refuse(w, err, mistakes)
		return
	}
	problem.Write(w, http.StatusUnprocessableEntity, err.Error(), "run: rowtap check")
}

// refuse responds with the mistakes of a configuration.
func refuse(w http.ResponseWriter, err error, mistakes config.Diagnostics) {
	const status = http.StatusUnprocessableEntity
	problem.Send(w, status, struct {
		problem.Details
		Errors config.Diagnostics `json:"errors"`
	}{problem.Details{
		Title: "configuration refused", Status: status, Detail: err.Error(),
		Hint: "correct the files, then: rowtap check, and: rowtap reload",
	}, mistakes})
}

func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	sendBackup(w, r, s.Log, s.Engine.Backup)
}

func sendBackup(w http.ResponseWriter, r *http.Request, log *zap.Logger, backup func(context.Context, io.Writer) error) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="rowtap.db"`)
	if err := backup(r.Context(), w); err != nil {
		log.Error("backup is incomplete", zap.Error(err))
		panic(http.ErrAbortHandler) // the client must notice that the copy is incomplete
	}
}

// failed responds with an error of the engine.
func (s *Server) failed(w http.ResponseWriter, err error) { s.ProblemOf(err).Send(w) }

// answer responds with a result of the engine, or with its error.
func (s *Server) answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		s.failed(w, err)
		return
	}
	respond(w, v)
}

// ProblemOf returns the response to an error of the engine. An error that the client did not cause
// is logged.
func (s *Server) ProblemOf(err error) problem.Details {
	status, next := http.StatusInternalServerError, hint.Of(err)
	switch {
	case errors.Is(err, engine.ErrNoZap):
		status = http.StatusNotFound
	case errors.Is(err, engine.ErrPaused), errors.Is(err, engine.ErrNotPaused), errors.Is(err, engine.ErrDisabled), errors.Is(err, engine.ErrRemoved):
		status = http.StatusConflict
	case errors.Is(err, engine.ErrTooLongAgo), errors.Is(err, engine.ErrFuture), errors.Is(err, engine.ErrPauseTime):
		status = http.StatusBadRequest
	case errors.Is(err, ledger.ErrUnknown):
		status, next = http.StatusNotFound, "rowtap history lists the deliveries"
	case errors.Is(err, ledger.ErrBadID):
		status, next = http.StatusBadRequest, "rowtap history lists the deliveries"
	case errors.Is(err, context.Canceled): // by the client, or by a stop
		status = http.StatusServiceUnavailable
	default:
		s.Log.Error("request failed", zap.Error(err))
	}
	return problem.New(status, err.Error(), next)
}
