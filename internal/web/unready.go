package web

import (
	"net/http"

	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/problem"
	"github.com/rowtap/rowtap/internal/web/ui"
)

// NewUnready returns the handler of a daemon that waits for a valid configuration. The API and the
// page list the mistakes to those who have the token, and can reload.
func NewUnready(o Options, u api.Unready) http.Handler {
	g := newGuard(o)
	page := ui.New(ui.Options{Token: o.Token, SheetPage: o.SheetPage, Log: o.Log})
	mux := http.NewServeMux()
	u.MountProbes(mux)
	g.mountAPI(mux, u.Handler())
	mux.Handle("/", compressed(page.UnreadyHandler(u)))
	return g.protect(mux)
}

// NewHealth returns the handler of a daemon whose rowtap.yaml cannot be read: token and host names
// are unknown, so that there is nothing but health and metrics.
func NewHealth(u api.Unready) http.Handler {
	mux := http.NewServeMux()
	u.MountProbes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, http.StatusServiceUnavailable, "rowtap.yaml cannot be read; nothing is polled or sent", "the log lists the mistakes: correct them")
	})
	return patient(mux)
}
