package ui

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/quantity"
)

// pauseTime is how long the buttons 'for 1 hour' pause zaps.
const pauseTime = time.Hour

// pauseAllForm pauses all zaps for an hour.
func (s *Server) pauseAllForm(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("sure") == "" {
		s.confirm(w, r, confirmation{
			Question: "Pause all zaps for 1 hour?", Button: "Pause all for 1 hour",
			Consequence: "They neither poll nor send, and resume by themselves. Zaps that are paused already stay paused.", Back: "/",
		})
		return
	}
	paused, kept, err := s.Engine.PauseAll(r.Context(), "", pauseTime)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	f := flash{Text: quantity.Count(len(paused), "zap") + " paused for 1 hour"}
	if len(kept) > 0 {
		f.Text += "; paused before, and without an end: " + strings.Join(kept, ", ")
	}
	s.goBack(w, r, f, "/")
}

// resumeAllForm resumes all paused zaps. If some were restored from a backup, it names them and asks.
func (s *Server) resumeAllForm(w http.ResponseWriter, r *http.Request) {
	resumed, left, err := s.Engine.ResumeAll(r.Context(), r.PostFormValue("sure") != "")
	switch {
	case err != nil:
		s.showFailure(w, r, err)
	case len(left) > 0:
		s.confirm(w, r, confirmation{
			Question: fmt.Sprintf("Resume %s, restored from a backup?", quantity.Count(len(left), "zap")), Button: "Resume",
			Consequence: "They continue from the backup: rows added after it are sent, even if they were sent before. " +
				"Open a zap to resume it from now instead. They are: " + strings.Join(left, ", "), Back: "/",
		})
	default:
		s.goBack(w, r, flash{Text: quantity.Count(len(resumed), "zap") + " resumed; rows added while paused are sent"}, "/")
	}
}
