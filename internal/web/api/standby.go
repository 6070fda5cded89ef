package api

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/problem"
)

// Standby is what a process that is not active knows.
type Standby struct {
	Machines []engine.Machine
	Away     string // why the active machine is unknown: the database cannot be reached; "": it can
	Trouble  string // why this process could not take over; "": it could
	Hint     string // what to do about either
	Differs  bool   // this process runs another configuration than the active one
	Refused  bool   // the configuration files of this process are refused
}

// StandbyOptions configures the handlers of a process that stands by.
type StandbyOptions struct {
	Standby  func() Standby
	Reload   func(context.Context) (zaps int, err error)
	Backup   func(context.Context, io.Writer) error
	Registry *prometheus.Registry
	Log      *zap.Logger
}

// StandbyProblem is a standby's response to everything but health, metrics, reload and backup.
type StandbyProblem struct {
	problem.Details
	Machines []engine.Machine `json:"machines"`
}

// Handler returns the handler of /api/ on a standby. Most of it is refused, with the machines.
func (o StandbyOptions) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/reload", o.reload)
	mux.HandleFunc("GET /api/v1/state/backup", func(w http.ResponseWriter, r *http.Request) { sendBackup(w, r, o.Log, o.Backup) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { o.Standby().refuse(w) })
	return mux
}

// MountProbes mounts /healthz, /readyz and /metrics.
func (o StandbyOptions) MountProbes(mux *http.ServeMux) {
	mountProbes(mux, o.healthz, o.readyz, o.Registry)
}

// healthz reports that the process runs.
func (o StandbyOptions) healthz(w http.ResponseWriter, _ *http.Request) {
	respond(w, probed("ok", ifRefused(o.Standby().Refused)))
}

// readyz reports that the process stands by, and what would keep it from taking over.
func (o StandbyOptions) readyz(w http.ResponseWriter, _ *http.Request) {
	respond(w, o.Standby().ready())
}

// Page names the active machine. It requires no token, so it says no more than /readyz.
func (o StandbyOptions) Page(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "rowtap stands by on this machine: "+o.Standby().Who(), http.StatusServiceUnavailable)
}

// reload reloads the configuration, which takes effect once this process takes over.
func (o StandbyOptions) reload(w http.ResponseWriter, r *http.Request) {
	zaps, err := o.Reload(r.Context())
	if err != nil {
		reloadFailed(w, err)
		return
	}
	respond(w, map[string]any{"reloaded": true, "zaps": zaps, "moved": []engine.Moved{}})
}

// Who names the active machine.
func (s Standby) Who() string {
	active := s.active()
	switch {
	case s.Away != "":
		return "the active machine is unknown"
	case active == nil:
		return "no machine is active"
	}
	return "active is " + active.Host
}

// active returns the machine that was active when the database was last read, or nil.
func (s Standby) active() *engine.Machine {
	if i := slices.IndexFunc(s.Machines, func(m engine.Machine) bool { return m.Active }); i >= 0 {
		return &s.Machines[i]
	}
	return nil
}

// ready returns the body of /readyz. A standby is ready even if something would keep it from taking
// over.
func (s Standby) ready() map[string]any {
	differs := ""
	if active := s.active(); s.Differs && active != nil {
		differs = "this machine runs another configuration than " + active.Host
	}
	body := probed("ready", ifRefused(s.Refused), s.Away, s.Trouble, differs)
	body["standby"] = s.Who()
	return body
}

func (s Standby) refuse(w http.ResponseWriter) {
	const status = http.StatusServiceUnavailable
	detail, next := "this machine stands by: "+s.Who(), s.Hint
	if active := s.active(); active != nil && s.Away == "" {
		if active.Address != "" {
			detail += ", http.listen " + active.Address
		}
		next = cmp.Or(next, "run it on "+active.Host)
	}
	for _, reason := range []string{s.Away, s.Trouble} {
		if reason != "" {
			detail += "; " + reason
		}
	}
	problem.Send(w, status, StandbyProblem{problem.New(status, detail, next), append([]engine.Machine{}, s.Machines...)})
}
