// Package ui is the daemon's page for operators: zaps at a glance, a zap's history, a delivery with
// its record, and forms for the same actions as the API's. It works without JavaScript and loads
// nothing from other hosts.
//
// With JavaScript an open page refreshes itself every second. Its ETag is a hash of the data that
// it shows, so an unchanged page costs a hash: pages share a snapshot of the status, and the pages
// rendered from it.
package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/api"
)

//go:embed assets templates
var files embed.FS

// Options configures a Server.
type Options struct {
	Engine    *engine.Engine
	API       *api.Server   // how deliveries and errors are shown
	Token     config.Secret // for logging in; the empty secret: everyone is logged in
	SheetPage string        // where a browser shows the spreadsheets of an emulator; "" is Google
	Log       *zap.Logger
}

// Server serves the page of one engine.
type Server struct {
	Options
	templates map[string]*template.Template
	assets    []string
	version   string // of the assets
	snapshots snapshots
}

// New returns a server. It panics if a template is invalid: templates are part of the program.
func New(o Options) *Server {
	s := &Server{Options: o, templates: map[string]*template.Template{}, snapshots: newSnapshots()}
	sum := sha256.New()
	assets, err := fs.Glob(files, "assets/*")
	for _, name := range assets {
		b, readErr := files.ReadFile(name)
		if readErr != nil {
			panic(readErr)
		}
		sum.Write(b)
		s.assets = append(s.assets, path.Base(name))
	}
	if err != nil {
		panic(err)
	}
	s.version = hex.EncodeToString(sum.Sum(nil)[:6])
	shared := template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/frame.html", "templates/parts.html"))
	for _, name := range []string{"login", "overview", "zap", "find", "delivery", "why", "file", "confirm", "problem", "unready"} {
		s.templates[name] = template.Must(template.Must(shared.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return s
}

// Handler returns the handler of the page. The assets require no session: the login page uses them,
// and they hold no data.
func (s *Server) Handler() http.Handler {
	inside := http.NewServeMux()
	inside.HandleFunc("GET /{$}", s.overview)
	inside.HandleFunc("GET /find", s.findPage)
	inside.HandleFunc("GET /deliveries.csv", s.csvFile)
	inside.HandleFunc("GET /zaps/{zap}", s.zapPage)
	inside.HandleFunc("GET /zaps/{zap}/why", s.whyPage)
	inside.HandleFunc("GET /zaps/{zap}/file", s.filePage)
	inside.HandleFunc("GET /deliveries/{zap}/{number}", s.deliveryPage)
	inside.HandleFunc("GET /deliveries/{zap}/{number}/row", s.toRow)
	inside.HandleFunc("POST /zaps/{zap}/{do}", s.zapForm)
	inside.HandleFunc("POST /deliveries", s.deliveriesForm)
	inside.HandleFunc("POST /reload", s.reloadForm)
	inside.HandleFunc("POST /pause-all", s.pauseAllForm)
	inside.HandleFunc("POST /resume-all", s.resumeAllForm)
	inside.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.showProblem(w, r, http.StatusNotFound, "Page not found: "+r.URL.Path, "")
	})
	return s.withLogin(inside)
}

// withLogin adds the login and the assets to a page that requires a session.
func (s *Server) withLogin(inside http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.loggedIn(inside))
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /assets/{file}", s.asset)
	return mux
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if r.URL.Query().Get("v") == s.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	name := r.PathValue("file")
	if !slices.Contains(s.assets, name) {
		http.NotFound(w, r)
		return
	}
	http.ServeFileFS(w, r, files, "assets/"+name)
}

// secure allows the page what it needs, and nothing from other hosts.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer forms would have the origin null
}
