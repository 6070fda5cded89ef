package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/zap"
)

// render answers with a page, and returns it compressed, nil where it could not be made.
func (s *server) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame, main any) []byte {
	f.Note = takeNote(w, r)
	body, err := s.rendered(r, name, f, main)
	if err != nil {
		s.Log.Error(err.Error(), zap.Error(err))
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rowtap"`)
	}
	zipped := squeezed(body)
	writePage(w, r, status, zipped)
	return zipped
}

// showShared answers with a page made of the current snapshot. Whoever asks for the same page meanwhile gets the same answer, but for
// who gets a note: that is for one reader.
func (s *server) showShared(w http.ResponseWriter, r *http.Request, name string, f frame, view func(*snapshot) (any, error)) {
	now, err := s.current(r.Context())
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	_, noted := r.Cookie(noteCookie)
	shared := noted != nil
	address := r.URL.RequestURI()
	if s.bearer(r) {
		address += " without a session"
	}
	if kept := now.kept(address); kept != nil && shared {
		writePage(w, r, http.StatusOK, kept)
		return
	}
	if f.News != nil {
		if f.News.Seen, err = s.newsOf(r.Context(), now, f.News.Of); err != nil {
			s.showFailure(w, r, err)
			return
		}
	}
	main, err := view(now)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	if zipped := s.render(w, r, http.StatusOK, name, f, main); zipped != nil && shared {
		now.keep(address, zipped)
	}
}

func (s *server) rendered(r *http.Request, name string, f frame, main any) ([]byte, error) {
	f.Main, f.Assets, f.Logout = main, s.page.version, !f.Bare && !s.open() && !s.bearer(r)
	if !f.Bare {
		f.Version = s.Engine.Version()
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

// problemView is a page that says what is wrong, what to do, and perhaps where.
type problemView struct{ What, Hint, Link, LinkText string }

// showProblem answers with a page that says what is wrong, and what to do.
func (s *server) showProblem(w http.ResponseWriter, r *http.Request, status int, what, hint string) {
	s.render(w, r, status, "problem", frame{Title: http.StatusText(status)}, problemView{What: what, Hint: hint})
}

// showFailure answers with an error of the engine.
func (s *server) showFailure(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(err)
	s.showProblem(w, r, p.Status, p.Detail, p.Hint)
}
