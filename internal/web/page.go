package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

//go:embed assets templates
var files embed.FS

// frame is what stands around every page.
type frame struct {
	Title   string
	Bare    bool // nobody is logged in: no way to anywhere else
	Here    string
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
	assets    http.Handler
	version   string // of the assets
	live      live
}

// newPage parses the templates, which belong to the program: a mistake in them is one in the program.
func newPage() *page {
	sum := sha256.New()
	names, err := fs.Glob(files, "assets/*")
	for _, name := range names {
		b, readErr := files.ReadFile(name)
		if readErr != nil {
			panic(readErr)
		}
		sum.Write(b)
	}
	if err != nil {
		panic(err)
	}
	p := &page{templates: map[string]*template.Template{}, version: hex.EncodeToString(sum.Sum(nil)[:6]), live: live{seed: maphash.MakeSeed(), pace: rate.NewLimiter(pageNews, pageNews)}}
	p.assets = http.FileServerFS(files)
	common := template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/frame.html", "templates/parts.html"))
	for _, name := range []string{"login", "overview", "zap", "delivery", "why", "confirm", "problem"} {
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
	inside.HandleFunc("GET /live", s.stream)
	inside.HandleFunc("POST /zaps/{zap}/{do}", s.zapAction)
	inside.HandleFunc("POST /deliveries", s.deliveriesAction)
	inside.HandleFunc("POST /reload", s.reloadAction)
	inside.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.showProblem(w, r, http.StatusNotFound, "There is nothing at "+r.URL.Path, "")
	})
	mux.Handle("/", s.loggedIn(inside))
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		securePage(w.Header())
		if r.URL.Query().Get("v") == s.page.version {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		r.URL.Path = path.Join("/assets", r.PathValue("file"))
		s.page.assets.ServeHTTP(w, r)
	})
}

// securePage allows what the page itself needs, and nothing from elsewhere.
func securePage(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin") // no-referrer would have forms come from the origin null
}

// render answers with a page.
func (s *server) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame, main any) {
	f.Note = takeNote(w, r)
	body, err := s.rendered(r, name, f, main)
	if err != nil {
		s.Log.Error(err.Error(), zap.Error(err))
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rowtap"`)
	}
	writePage(w, r, status, squeezed(body))
}

// showShared answers with a page made of the current snapshot. Whoever asks for the same page meanwhile gets the same answer.
func (s *server) showShared(w http.ResponseWriter, r *http.Request, name string, f frame, view func(*snapshot) (any, error)) {
	now, err := s.current()
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	_, noted := r.Cookie(noteCookie)
	alone := noted == nil // a note is for one reader
	address := r.URL.RequestURI()
	if s.bearer(r) {
		address += " without a session"
	}
	if kept := now.kept(address); kept != nil && !alone {
		writePage(w, r, http.StatusOK, kept)
		return
	}
	main, err := view(now)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	if alone {
		s.render(w, r, http.StatusOK, name, f, main)
		return
	}
	body, err := s.rendered(r, name, f, main)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	zipped := squeezed(body)
	now.keep(address, zipped)
	writePage(w, r, http.StatusOK, zipped)
}

func (s *server) rendered(r *http.Request, name string, f frame, main any) ([]byte, error) {
	f.Main, f.Assets, f.Logout, f.Here = main, s.page.version, !f.Bare && !s.open() && !s.bearer(r), r.URL.RequestURI()
	if !f.Bare {
		f.Version = s.Engine.Version()
	}
	if f.News != nil {
		var err error
		if f.News.Seen, err = s.newsOf(f.News.Of); err != nil {
			return nil, err
		}
	}
	var body bytes.Buffer
	if err := s.page.templates[name].ExecuteTemplate(&body, "frame", f); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return body.Bytes(), nil
}

// squeezers are used again: one takes a megabyte.
var squeezers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// squeezed compresses a page.
func squeezed(body []byte) []byte {
	var b bytes.Buffer
	z, _ := squeezers.Get().(*gzip.Writer)
	defer squeezers.Put(z)
	z.Reset(&b)
	_, _ = z.Write(body) // a buffer takes all
	_ = z.Close()
	return b.Bytes()
}

// writePage sends a compressed page, to those who do not take that as it was.
func writePage(w http.ResponseWriter, r *http.Request, status int, zipped []byte) {
	h := w.Header()
	securePage(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding, Cookie")
	body := zipped
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
	} else {
		z, err := gzip.NewReader(bytes.NewReader(zipped))
		if err == nil {
			var plain bytes.Buffer
			_, err = plain.ReadFrom(z)
			body = plain.Bytes()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if it cannot be written
}

func takesGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(one), ";")
		if name == "gzip" && strings.ReplaceAll(weight, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// showProblem answers with a page that says what is wrong, and what to do.
func (s *server) showProblem(w http.ResponseWriter, r *http.Request, status int, what, hint string) {
	s.render(w, r, status, "problem", frame{Title: http.StatusText(status)}, struct{ What, Hint string }{what, hint})
}

// showFailure answers with an error of the engine.
func (s *server) showFailure(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(err)
	s.showProblem(w, r, p.Status, p.Detail, p.Hint)
}

// functions are what the templates call.
var functions = template.FuncMap{
	"when":    func(t time.Time) template.HTML { return timeElement(t, "when") },
	"ago":     func(t *time.Time) template.HTML { return pointedTime(t, "ago") },
	"until":   func(t *time.Time) template.HTML { return pointedTime(t, "until") },
	"number":  thousands,
	"counted": countedThing,
	"pretty":  pretty,
	"plot":    func(p plot) template.HTML { return p.svg() },
	"zapPath": zapPath,
	"idPath":  idPath,
	"names":   func(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) },
}

// timeElement is a time in UTC, which a script turns into the reader's own zone.
func timeElement(t time.Time, as string) template.HTML {
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" data-as="` + as + `">` + t.Format("2006-01-02 15:04:05") + ` UTC</time>`)
}

func pointedTime(t *time.Time, as string) template.HTML {
	if t == nil {
		return "–"
	}
	return timeElement(*t, as)
}

// thousands writes a count with separators.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// countedThing is a number of things: 1 row, 1,200 rows.
func countedThing(n int64, thing string) string {
	if n != 1 {
		if stem, ok := strings.CutSuffix(thing, "y"); ok {
			thing = stem + "ie"
		}
		thing += "s"
	}
	return thousands(n) + " " + thing
}

// pretty indents JSON; what is none stays as it is.
func pretty(raw []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}
