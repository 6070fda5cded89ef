package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/proof"
)

// Standby is what a process knows that is not the active one.
type Standby struct {
	Machines []engine.Machine
	Away     string // why the database that says who is active cannot be asked; "": it can
	Trouble  string // why this process could not take over; "": it could
	Hint     string // what to do about either
	Differs  bool   // this process runs another configuration than the active one
	Refused  bool   // the configuration files of this process are refused
}

// StandbyOptions are what the handler of a process is made of that stands by. Its Engine is nil.
type StandbyOptions struct {
	Options
	Standby  func() Standby
	Reload   func(context.Context) (zaps int, err error)
	Backup   func(context.Context, io.Writer) error
	Registry *prometheus.Registry
}

// StandbyProblem is the answer of a standby to all but health and metrics.
type StandbyProblem struct {
	Problem
	Machines []engine.Machine `json:"machines"`
}

// NewStandby returns the handler of a process that stands by: health and metrics answer, the API
// and the page say who is active.
func NewStandby(o StandbyOptions) http.Handler {
	s := newServer(o.Options)
	standsBy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { o.Standby().refuse(w) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		body := map[string]any{"status": "ok"}
		if o.Standby().Refused {
			body["degraded"] = []string{engine.ConfigurationRefused}
		}
		answer(w, body)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, o.Standby().ready()) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET "+proof.Path, s.prove)
	api := http.NewServeMux()
	api.HandleFunc("POST /api/v1/reload", func(w http.ResponseWriter, r *http.Request) { reloadStandby(w, r, o) })
	api.HandleFunc("GET /api/v1/state/backup", func(w http.ResponseWriter, r *http.Request) { s.sendBackup(w, r, o.Backup) })
	api.Handle("/", standsBy)
	mux.Handle("/api/", s.authorized(api))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { // it needs no token, so it says no more than /readyz
		http.Error(w, "rowtap stands by on this machine: "+o.Standby().Who(), http.StatusServiceUnavailable)
	})
	return limited(patient(s.sameSite(mux)))
}

// reloadStandby reloads the configuration of a standby, which counts once it takes over.
func reloadStandby(w http.ResponseWriter, r *http.Request, o StandbyOptions) {
	zaps, err := o.Reload(r.Context())
	if wrong, ok := errors.AsType[config.Diagnostics](err); ok {
		refuse(w, err, wrong)
		return
	}
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error(), "rowtap check tells more")
		return
	}
	answer(w, map[string]any{"reloaded": true, "zaps": zaps, "moved": []engine.Moved{}})
}

// Who says who is active.
func (s Standby) Who() string {
	active := s.active()
	switch {
	case s.Away != "":
		return "who is active is not known"
	case active == nil:
		return "no machine is active"
	}
	return "active is " + active.Host
}

// active returns the machine that was active when the database was asked last; nil: none was.
func (s Standby) active() *engine.Machine {
	if i := slices.IndexFunc(s.Machines, func(m engine.Machine) bool { return m.Active }); i >= 0 {
		return &s.Machines[i]
	}
	return nil
}

// ready is the body of /readyz: a standby is ready, also where something is to be mended before it
// could take over.
func (s Standby) ready() map[string]any {
	body := map[string]any{"status": "ready", "standby": s.Who()}
	differs := ""
	if active := s.active(); s.Differs && active != nil {
		differs = "this machine runs another configuration than " + active.Host
	}
	var degraded []string
	refused := ""
	if s.Refused {
		refused = engine.ConfigurationRefused
	}
	for _, wrong := range []string{refused, s.Away, s.Trouble, differs} {
		if wrong != "" {
			degraded = append(degraded, wrong)
		}
	}
	if len(degraded) > 0 {
		body["degraded"] = degraded
	}
	return body
}

func (s Standby) refuse(w http.ResponseWriter) {
	p := StandbyProblem{Machines: append([]engine.Machine{}, s.Machines...)}
	p.Title, p.Status = http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable
	p.Detail, p.Hint = "this machine stands by: "+s.Who(), s.Hint
	if active := s.active(); active != nil && s.Away == "" {
		if active.Address != "" {
			p.Detail += ", http.listen " + active.Address
		}
		p.Hint = cmp.Or(p.Hint, "run it on "+active.Host)
	}
	for _, wrong := range []string{s.Away, s.Trouble} {
		if wrong != "" {
			p.Detail += "; " + wrong
		}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone if it cannot be written
}
