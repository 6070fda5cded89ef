// Package web is the daemon's HTTP side: the listener, and who may send requests to the API ([api])
// and the page ([ui]).
//
// Health and metrics are open to everyone who reaches the listener. All else requires the token,
// unless http.auth is off: the API as Authorization: Bearer or as a MAC under a key derived from it
// ([proof], which the CLI uses), the page as either that header or a session that was started with
// the token. Before that check, a request for a foreign Host is refused with 421 (DNS rebinding)
// and one from a foreign Origin with 403 (cross-site requests).
package web

import (
	"context"
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/proof"
	"github.com/rowtap/rowtap/internal/web/ui"
)

// Options configures the handler of the daemon's listener.
type Options struct {
	Engine *engine.Engine // nil on a standby
	Token  config.Secret  // required except for health and metrics; empty: not required
	Hosts  []string       // Host names that are not foreign, besides loopback names and IP literals
	Listen string         // http.listen, one of the addresses at which the daemon proves itself
	Log    *zap.Logger
	// HandOver gives the lease up to a standby and returns once it is free; nil if the state is
	// only a file.
	HandOver func(context.Context) error
	// SheetPage is where a browser shows the spreadsheets of an emulator; "" is Google.
	SheetPage string
}

// New returns the handler of the daemon's listener.
func New(o Options) http.Handler {
	g := newGuard(o)
	a := api.New(api.Options{Engine: o.Engine, HandOver: o.HandOver, Log: o.Log})
	page := ui.New(ui.Options{Engine: o.Engine, API: a, Token: o.Token, SheetPage: o.SheetPage, Log: o.Log})
	mux := http.NewServeMux()
	a.MountProbes(mux)
	g.mountAPI(mux, a.Handler())
	mux.Handle("/", compressed(page.Handler()))
	return g.protect(page.InvalidateOnChange(mux))
}

// NewStandby returns the handler of a process that stands by. Health and metrics work as on the
// active machine; the API and the page name the active machine.
func NewStandby(o Options, standby api.StandbyOptions) http.Handler {
	g := newGuard(o)
	mux := http.NewServeMux()
	standby.MountProbes(mux)
	g.mountAPI(mux, standby.Handler())
	mux.HandleFunc("/", standby.Page)
	return g.protect(mux)
}

// mountAPI mounts the API, compressed except for its streams, and the path at which the daemon
// proves itself to the CLI.
func (g *guard) mountAPI(mux *http.ServeMux, handler http.Handler) {
	authorized := g.authorized(handler)
	mux.Handle("/api/", compressed(authorized))
	for _, pattern := range api.Streams {
		mux.Handle(pattern, authorized)
	}
	mux.HandleFunc("GET "+proof.Path, g.prove)
}

// compressed compresses HTML, CSS, JavaScript and JSON for clients that accept gzip.
func compressed(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false),
		gzhttp.ContentTypes([]string{"text/html", "text/css", "text/javascript", "application/json"}))
	if err != nil {
		panic(err) // the options are constant
	}
	return wrap(next)
}
