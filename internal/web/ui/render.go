package ui

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/web/token"
)

// frame is what surrounds every page.
type frame struct {
	Title   string
	Bare    bool    // nobody is logged in: there are no links to other pages
	Tag     string  // the page's ETag, with which it refreshes itself; "": it does not
	Trail   []crumb // the pages above this one
	Version string
	Logout  bool
	Flash   *flash
	// Identity is what the search box on every page contains.
	Identity string
	Assets   string // their version
	Main     any
}

type crumb struct{ Name, Path string }

// view is a page that refreshes itself.
type view struct {
	name   string // of its template
	frame  frame
	of     string // the zap that it shows, or a delivery of; "": all zaps
	still  bool   // it does not refresh itself
	shared bool   // it is rendered once per snapshot, for all readers
	also   any    // what it shows, if that is neither the status nor deliveries; nil: it is
	main   func(*snapshot) (any, error)
}

// show responds with a page, or with 304 if the browser has it.
func (s *Server) show(w http.ResponseWriter, r *http.Request, v view) {
	now, err := s.current(r.Context())
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	v.frame.Logout = s.hasSession(r)
	tag, err := s.tagOf(r.Context(), now, v, r.URL.RequestURI())
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	known := r.Header.Get("If-None-Match")
	if known == "" { // not a refresh, which would take the flash of another tab
		v.frame.Flash = takeFlash(w, r)
	}
	share := v.shared && v.frame.Flash == nil
	body := now.page(tag)
	switch {
	case known == tag, known != "" && body == nil && v.of != "" && !s.snapshots.pace.Allow():
		w.Header().Set("ETag", known)
		w.WriteHeader(http.StatusNotModified)
		return
	case body != nil && share:
		w.Header().Set("ETag", tag)
		writePage(w, http.StatusOK, body)
		return
	}
	if !v.still {
		v.frame.Tag = tag
	}
	main, err := v.main(now)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	w.Header().Set("ETag", tag)
	if body := s.render(w, http.StatusOK, v.name, v.frame, main); body != nil && share {
		now.keep(tag, body)
	}
}

// showOnce responds with a page that does not refresh itself.
func (s *Server) showOnce(w http.ResponseWriter, r *http.Request, status int, name string, f frame, main any) {
	f.Flash, f.Logout = takeFlash(w, r), !f.Bare && s.hasSession(r)
	s.render(w, status, name, f, main)
}

// hasSession reports whether a request that is let in came with a session.
func (s *Server) hasSession(r *http.Request) bool { return !s.open() && !token.Bearer(r, s.Token) }

// render sends a page and returns it, or nil if its template fails.
func (s *Server) render(w http.ResponseWriter, status int, name string, f frame, main any) []byte {
	f.Main, f.Assets = main, s.version
	if !f.Bare {
		f.Version = s.Engine.Version()
	}
	var body bytes.Buffer
	if err := s.templates[name].ExecuteTemplate(&body, "frame", f); err != nil {
		err = fmt.Errorf("page %s: %w", name, err)
		s.Log.Error("page could not be rendered", zap.Error(err))
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil
	}
	writePage(w, status, body.Bytes())
	return body.Bytes()
}

func writePage(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	secure(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only if the client is gone
}

// problemView is a page with an error, what to do next, and a link where one helps.
type problemView struct{ What, Hint, Link, LinkText string }

// showProblem responds with a page with an error and what to do next.
func (s *Server) showProblem(w http.ResponseWriter, r *http.Request, status int, what, hint string) {
	s.showOnce(w, r, status, "problem", frame{Title: http.StatusText(status)}, problemView{What: what, Hint: hint})
}

// notFoundError says that what a page would show does not exist.
type notFoundError struct{ what, hint string }

// Error returns what does not exist.
func (e *notFoundError) Error() string { return e.what }

// showFailure responds with a page with an error of the engine, or a notFoundError.
func (s *Server) showFailure(w http.ResponseWriter, r *http.Request, err error) {
	if missing, ok := errors.AsType[*notFoundError](err); ok {
		s.showProblem(w, r, http.StatusNotFound, missing.what, missing.hint)
		return
	}
	p := s.API.ProblemOf(err)
	s.showProblem(w, r, p.Status, p.Detail, p.Hint)
}
