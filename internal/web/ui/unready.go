package ui

import (
	"net/http"

	"github.com/rowtap/rowtap/internal/web/api"
)

// unreadyView is the page of a daemon that waits for a valid configuration.
type unreadyView struct {
	What, Hint string
	Mistakes   []string
}

// UnreadyHandler returns the handler of the page of a daemon that waits for a valid configuration.
// It lists the mistakes, can reload, and refreshes itself until the daemon is ready. The server needs
// no engine.
func (s *Server) UnreadyHandler(u api.Unready) http.Handler {
	inside := http.NewServeMux()
	inside.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		f := flash{Text: "Configuration loaded, rowtap is starting"}
		if _, err := u.Reload(r.Context()); err != nil {
			f = flash{Text: "The configuration is still refused", Bad: true}
		}
		leaveFlash(w, f)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	inside.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		what, _ := u.Detail()
		view := unreadyView{What: what, Hint: u.Hint()}
		if refused := u.Refused(); refused != nil {
			view.Mistakes = refused.Mistakes
		}
		tag, err := s.snapshots.tag(view)
		if err != nil {
			s.showProblem(w, r, http.StatusInternalServerError, err.Error(), "")
			return
		}
		w.Header().Set("ETag", tag)
		f := frame{Title: "Not ready", Bare: true, Tag: tag}
		switch r.Header.Get("If-None-Match") {
		case tag:
			w.WriteHeader(http.StatusNotModified)
		case "":
			s.showOnce(w, r, http.StatusServiceUnavailable, "unready", f, view)
		default: // a refresh, which would take the flash of another tab
			s.render(w, http.StatusServiceUnavailable, "unready", f, view)
		}
	})
	return s.withLogin(inside)
}
