package web

import (
	"cmp"
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/proof"
)

// UnreadyOptions configure the handler of a daemon that waits for a valid configuration. Engine is
// nil.
type UnreadyOptions struct {
	Options
	// Refused returns why the configuration files are refused; nil: they are valid, and the daemon
	// is about to start.
	Refused func() *engine.Refusal
	// Reload reads the configuration files again and returns the number of zaps.
	Reload func(context.Context) (zaps int, err error)
}

// NewUnready returns the handler of a daemon that waits for a valid configuration. Health and
// readiness answer 200, so that a pod stays in its service. The API and the page list the mistakes
// to those who have the token, and can reload.
func NewUnready(o UnreadyOptions) http.Handler {
	s := newServer(o.Options)
	mux := http.NewServeMux()
	o.health(mux)
	mux.HandleFunc("GET "+proof.Path, s.prove)

	api := http.NewServeMux()
	api.HandleFunc("POST /api/v1/reload", func(w http.ResponseWriter, r *http.Request) {
		reloadStandby(w, r, StandbyOptions{Options: o.Options, Reload: o.Reload})
	})
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		what, why := o.detail()
		problem(w, http.StatusServiceUnavailable, cmp.Or(why, what), o.hint())
	})
	mux.Handle("/api/", s.authorized(api))

	inside := http.NewServeMux()
	inside.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		n := note{Text: "Configuration loaded, rowtap is starting"}
		if _, err := o.Reload(r.Context()); err != nil {
			n = note{Text: "The configuration is still refused", Bad: true}
		}
		s.goBack(w, r, n, "/")
	})
	inside.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		what, _ := o.detail()
		view := unreadyView{What: what, Hint: o.hint()}
		if refused := o.Refused(); refused != nil {
			view.Mistakes = refused.Mistakes
		}
		s.render(w, r, http.StatusServiceUnavailable, "unready", frame{Title: "Not ready", Bare: true}, view)
	})
	mux.Handle("/", s.loggedIn(inside))
	s.loginRoutes(mux)
	return limited(patient(s.sameSite(mux)))
}

// NewHealth returns the handler of a daemon whose rowtap.yaml cannot be read: token and host names
// are unknown, so that there is nothing but health and metrics.
func NewHealth(o UnreadyOptions) http.Handler {
	mux := http.NewServeMux()
	o.health(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusServiceUnavailable, "rowtap.yaml cannot be read; nothing is polled or sent", "the log lists the mistakes: correct them")
	})
	return limited(patient(mux))
}

// health adds the handlers that need no token.
func (o UnreadyOptions) health(mux *http.ServeMux) {
	degraded := func(status string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			body := map[string]any{"status": status}
			if o.Refused() != nil {
				body["degraded"] = []string{engine.ConfigurationRefused}
			}
			answer(w, body)
		}
	}
	mux.HandleFunc("GET /healthz", degraded("ok"))
	mux.HandleFunc("GET /readyz", degraded("not ready"))
	loaded := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rowtap_config_last_reload_successful", Help: "1 if the configuration files were valid when last loaded.",
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(loaded)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}

// detail returns what the daemon waits for, and the same with all mistakes, a line each.
func (o UnreadyOptions) detail() (what, why string) {
	refused := o.Refused()
	if refused == nil {
		return "rowtap is starting", ""
	}
	what = "the configuration is refused: nothing is polled or sent until it is valid"
	why = what
	for _, m := range refused.Mistakes {
		why += "\n" + m
	}
	return what, why
}

func (o UnreadyOptions) hint() string {
	if o.Refused() == nil {
		return "try again in a few seconds"
	}
	return "correct the files; rowtap loads them automatically"
}

// unreadyView is the page of a daemon that waits for a valid configuration.
type unreadyView struct {
	What, Hint string
	Mistakes   []string
}
