package sandbox

import (
	"bytes"
	"context"
	"embed"
	"net/http"
	"path"
)

//go:embed assets
var assets embed.FS

// Note is the reason why a row was not sent, for the demo page.
type Note struct {
	Row   int    `json:"row"` // 1-based sheet row
	Zap   string `json:"zap"`
	State string `json:"state"` // failed, held or waiting
	Why   string `json:"why"`
	Link  string `json:"link"` // a page with details
}

// Notes returns the current notes.
type Notes func(context.Context) ([]Note, error)

// pageRoutes adds the demo page, which loads nothing from other hosts.
func (s *Sandbox) pageRoutes(mux *http.ServeMux) {
	if !s.opts.Page {
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte("rowtap sandbox: Google Sheets under /v4/ and /token, CleverTap under /1/, admin under /admin/\n"))
		})
		return
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		var body bytes.Buffer
		if err := s.page.Execute(&body, s.opts); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		securePage(w.Header())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(body.Bytes())
	})
	mux.HandleFunc("GET /admin/notes", func(w http.ResponseWriter, r *http.Request) {
		notes := []Note{}
		if s.opts.Notes != nil {
			found, err := s.opts.Notes(r.Context())
			if err != nil {
				writeProblem(w, http.StatusBadGateway, err)
				return
			}
			notes = append(notes, found...)
		}
		writeJSON(w, http.StatusOK, notes)
	})
	mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		securePage(w.Header())
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, assets, path.Join("assets", r.PathValue("file")))
	})
}

func securePage(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}
