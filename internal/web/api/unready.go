package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/problem"
)

// Unready configures the handlers of a daemon that waits for a valid configuration.
type Unready struct {
	// Refused returns why the configuration files are refused; nil: they are valid, and the daemon
	// is about to start.
	Refused func() *engine.Refusal
	// Reload reads the configuration files again and returns the number of zaps.
	Reload func(context.Context) (zaps int, err error)
}

// Handler returns the handler of /api/. All but reload is refused, with the mistakes.
func (u Unready) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/reload", StandbyOptions{Reload: u.Reload}.reload)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		what, mistakes := u.Detail()
		problem.Write(w, http.StatusServiceUnavailable, cmp.Or(mistakes, what), u.Hint())
	})
	return mux
}

// MountProbes mounts /healthz, /readyz and /metrics. Health and readiness answer 200, so that a pod
// stays in its service.
func (u Unready) MountProbes(mux *http.ServeMux) {
	degraded := func(status string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			respond(w, probed(status, ifRefused(u.Refused() != nil)))
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(engine.LoadedGauge(func() bool { return u.Refused() == nil }))
	mountProbes(mux, degraded("ok"), degraded("not ready"), registry)
}

// Detail returns what the daemon waits for, and the same with all mistakes, a line each.
func (u Unready) Detail() (what, mistakes string) {
	refused := u.Refused()
	if refused == nil {
		return "rowtap is starting", ""
	}
	what = "the configuration is refused: nothing is polled or sent until it is valid"
	mistakes = what
	for _, m := range refused.Mistakes {
		mistakes += "\n" + m
	}
	return what, mistakes
}

// Hint returns what to do.
func (u Unready) Hint() string {
	if u.Refused() == nil {
		return "try again in a few seconds"
	}
	return "correct the files; rowtap loads them automatically"
}
