package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"hash/maphash"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"

	"golang.org/x/time/rate"
)

//go:embed assets templates
var files embed.FS

// frame is what stands around every page.
type frame struct {
	Title   string
	Bare    bool    // nobody is logged in: no way to anywhere else
	News    *news   // that the page waits for; nil: it stays as it is
	Trail   []crumb // the pages above this one
	Version string
	Logout  bool
	Note    *note
	Assets  string // their version
	Main    any
}

// news is what a page tells the stream.
type news struct {
	Of   string // a delivery's or zap's name; "": any zap
	Seen string // see newsOf
}

type crumb struct{ Name, Path string }

// page is the daemon's page: its templates and what is kept of the overview.
type page struct {
	templates map[string]*template.Template
	assets    []string
	version   string // of the assets
	live      live
}

// newPage parses the templates, which belong to the program: a mistake in them is one in the program.
func newPage() *page {
	p := &page{templates: map[string]*template.Template{}, live: live{seed: maphash.MakeSeed(), pace: rate.NewLimiter(pageNews, pageNews)}}
	sum := sha256.New()
	assets, err := fs.Glob(files, "assets/*")
	for _, name := range assets {
		b, readErr := files.ReadFile(name)
		if readErr != nil {
			panic(readErr)
		}
		sum.Write(b)
		p.assets = append(p.assets, path.Base(name))
	}
	if err != nil {
		panic(err)
	}
	p.version = hex.EncodeToString(sum.Sum(nil)[:6])
	common := template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/frame.html", "templates/parts.html"))
	for _, name := range []string{"login", "overview", "zap", "delivery", "why", "confirm", "problem", "unready"} {
		p.templates[name] = template.Must(template.Must(common.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return p
}

// pageRoutes returns the handlers of the page. The assets say nothing of the daemon's data, and the login needs them: they are for everybody.
func (s *server) pageRoutes(mux *http.ServeMux) {
	inside := http.NewServeMux()
	inside.HandleFunc("GET /{$}", s.overview)
	inside.HandleFunc("GET /zaps/{zap}", s.zapPage)
	inside.HandleFunc("GET /zaps/{zap}/why", s.whyPage)
	inside.HandleFunc("GET /deliveries/{zap}/{number}", s.deliveryPage)
	inside.HandleFunc("GET /deliveries/{zap}/{number}/row", s.toRow)
	inside.HandleFunc("GET /live", s.stream)
	inside.HandleFunc("POST /zaps/{zap}/{do}", s.zapAction)
	inside.HandleFunc("POST /deliveries", s.deliveriesAction)
	inside.HandleFunc("POST /reload", s.reloadAction)
	inside.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.showProblem(w, r, http.StatusNotFound, "There is nothing at "+r.URL.Path, "")
	})
	mux.Handle("/", s.loggedIn(inside))
	s.loginRoutes(mux)
}

// loginRoutes adds the handlers of the login and the assets, which are for everybody.
func (s *server) loginRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		securePage(w.Header())
		if r.URL.Query().Get("v") == s.page.version {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		if name := r.PathValue("file"); slices.Contains(s.page.assets, name) {
			http.ServeFileFS(w, r, files, "assets/"+name)
			return
		}
		http.NotFound(w, r)
	})
}

// securePage allows what the page itself needs, and nothing from elsewhere.
func securePage(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin") // no-referrer would have forms come from the origin null
}
