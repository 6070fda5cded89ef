package ui

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
)

// Handlers of the page's forms. Each redirects to the page that the form was on, with a flash. What
// cannot be undone is confirmed first.

// zapForm pauses, resumes or polls a zap.
func (s *Server) zapForm(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	var f flash
	var err error
	switch r.PathValue("do") {
	case "pause":
		reason := strings.TrimSpace(r.PostFormValue("reason"))
		f.Text = name + " is paused: it neither polls nor sends"
		if r.PostFormValue("for") == "" {
			err = s.Engine.Pause(r.Context(), name, reason)
			break
		}
		f.Text += ", and resumes in 1 hour"
		_, err = s.Engine.PauseFor(r.Context(), name, reason, pauseTime)
	case "resume":
		skip := r.PostFormValue("skip") != ""
		if skip && r.PostFormValue("sure") == "" {
			s.confirm(w, r, confirmation{
				Question: "Resume " + name + " and skip rows added while paused?", Button: "Resume and skip",
				Consequence: "Rows added while it was paused are never sent, unless you backfill them.", Back: zapPath(name),
			})
			return
		}
		err = s.Engine.Resume(r.Context(), name, skip)
		f.Text = name + " is running; rows added while it was paused are sent"
		if skip {
			f.Text = name + " is running; rows added while it was paused are skipped"
		}
	case "poll":
		var report engine.PollReport
		report, err = s.Engine.PollNow(r.Context(), name)
		f.Text = describePoll(name, report)
	default:
		s.showProblem(w, r, http.StatusNotFound, "The actions for a zap are pause, resume and poll", "")
		return
	}
	if err != nil {
		f = flash{Text: err.Error(), Hint: hint.Of(err), Bad: true}
	}
	s.goBack(w, r, f, zapPath(name))
}

func describePoll(name string, p engine.PollReport) string {
	switch {
	case p.Doubt != "":
		return name + " was polled, but the read was ignored: " + p.Doubt
	case p.Baseline:
		return fmt.Sprintf("%s was read for the first time: %s in the worksheet; rows added from now on are new", name, quantity.Count(p.Rows, "row"))
	}
	text := fmt.Sprintf("%s was polled: %s", name, quantity.Count(p.Found, "new row"))
	if p.Waiting+p.Held > 0 {
		text += fmt.Sprintf(" (%d waiting, %d held)", p.Waiting, p.Held)
	}
	if p.Partial != "" {
		text += "; " + p.Partial
	}
	return text
}

// confirmation is a question before an action that cannot be undone.
type confirmation struct {
	Question, Consequence, Button string
	Post                          string // where the confirmed form goes
	Fields                        []formField
	Back                          string
}

type formField struct{ Name, Value string }

// deliveriesForm replays, releases or discards deliveries: the selected ones, or all of a zap in a
// state.
func (s *Server) deliveriesForm(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.showProblem(w, r, http.StatusBadRequest, "The form is invalid: "+err.Error(), "")
		return
	}
	action := engine.Action(r.PostFormValue("do"))
	sel := engine.Selection{IDs: r.PostForm["id"], Zap: r.PostFormValue("zap"), Again: r.PostFormValue("again") != ""}
	if err := sel.State.UnmarshalText([]byte(r.PostFormValue("state"))); err != nil {
		s.showProblem(w, r, http.StatusBadRequest, err.Error(), "")
		return
	}
	p := periodOf(r.PostForm)
	if p.Wrong != "" {
		s.showProblem(w, r, http.StatusBadRequest, p.Wrong, "")
		return
	}
	sel.Since, sel.Until, sel.Error = p.since, p.until, p.Error
	home := "/"
	if sel.Zap != "" {
		home = zapPath(sel.Zap)
	}
	switch {
	case len(action.States(false)) == 0:
		s.showProblem(w, r, http.StatusBadRequest, "The actions for deliveries are replay, release and discard", "")
		return
	case len(sel.IDs) == 0 && sel.State == 0:
		s.goBack(w, r, flash{Text: "No deliveries are selected", Bad: true}, home)
		return
	case r.PostFormValue("sure") == "" && (action == engine.Discard || sel.Again):
		s.confirm(w, r, askFor(action, sel))
		return
	}
	more, err := s.moreThanSeen(r, sel)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	if more > 0 && r.PostFormValue("sure") == "" {
		c := askFor(action, sel)
		c.Consequence = fmt.Sprintf("%s more since the page was loaded.", quantity.Number(more))
		s.confirm(w, r, c)
		return
	}
	done, err := s.Engine.Act(r.Context(), action, sel)
	switch {
	case err != nil:
		s.showFailure(w, r, err)
	case done.Stale == 1 && len(sel.IDs) == 1: // only the operator can decide
		r.PostForm.Set("again", "yes")
		c := askFor(action, sel)
		c.Question = "Send " + sel.IDs[0] + " although a newer row has updated its user?"
		c.Consequence = "The newer row may also be older than state.history, and deleted. " + c.Consequence
		s.confirm(w, r, c)
	default:
		s.goBack(w, r, describeDone(done), home)
	}
}

// moreThanSeen returns how many more deliveries of a state a zap has than the form's reader has
// seen.
func (s *Server) moreThanSeen(r *http.Request, sel engine.Selection) (int64, error) {
	text := r.PostFormValue("seen")
	if text == "" || len(sel.IDs) > 0 {
		return 0, nil
	}
	seen, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		seen = 0 // the reader is asked
	}
	if periodOf(r.PostForm).limits() {
		sel.DryRun = true
		would, err := s.Engine.Act(r.Context(), engine.Action(r.PostFormValue("do")), sel)
		return int64(would.Count+would.Stale) - seen, err
	}
	stored, err := s.Engine.StoredZap(r.Context(), sel.Zap)
	return map[ledger.State]int64{ledger.Failed: stored.Counts.Failed, ledger.Held: stored.Counts.Held}[sel.State] - seen, err
}

// askFor returns the question whether deliveries are to be discarded, or sent again.
func askFor(action engine.Action, sel engine.Selection) confirmation {
	what := quantity.Count(len(sel.IDs), "delivery")
	if len(sel.IDs) == 0 {
		what = fmt.Sprintf("all %s deliveries of %s", sel.State, sel.Zap)
	}
	if sel.Error != "" {
		what += fmt.Sprintf(" with the error %q", sel.Error)
	}
	if len(sel.IDs) == 1 {
		what = sel.IDs[0]
	}
	c := confirmation{
		Question: capital(string(action)) + " " + what + "?", Button: capital(string(action)),
		Consequence: "Discarded deliveries are never sent, and cannot be restored from this page.",
	}
	if action != engine.Discard {
		c.Consequence = "CleverTap counts an event twice if it is sent twice, and a profile gets this row's values, " +
			"even if a newer row has updated it since."
	}
	return c
}

// confirm asks a question. Its form repeats the fields of the request.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request, c confirmation) {
	c.Post, c.Back = r.URL.Path, local(cmp.Or(r.PostFormValue("back"), c.Back))
	for name, values := range r.PostForm {
		for _, value := range values {
			c.Fields = append(c.Fields, formField{name, value})
		}
	}
	s.showOnce(w, r, http.StatusOK, "confirm", frame{Title: c.Question}, c)
}

func describeDone(d engine.Done) flash {
	word := map[engine.Action]string{engine.Replay: "queued again", engine.Release: "queued", engine.Discard: "discarded"}[d.Action]
	f := flash{Text: quantity.Count(d.Count, "delivery") + " " + word}
	if d.Stale > 0 {
		f.Text += fmt.Sprintf("; %s left out, because newer rows have updated their users, or may have before state.history",
			quantity.Count(d.Stale, "delivery"))
		f.Hint = "discard them, or send each from its own page"
	} else if d.Count == 0 {
		f.Hint = fmt.Sprintf("%s works on %s deliveries; to send one again, open its page",
			d.Action, strings.Join(stateNames(d.Action.States(false)), " or "))
	}
	if d.Repeats > 0 {
		f.Text += fmt.Sprintf("; %s skipped, because other rows have taken their keys", quantity.Count(d.Repeats, "delivery"))
		f.Hint = "replay one from its own page to send it nevertheless"
	}
	if len(d.Edited) > 0 && d.Count > 0 {
		f.Text += "; the current configuration is used, but newer files are on disk: " + strings.Join(d.Edited, ", ")
		f.Hint = cmp.Or(f.Hint, "reload the configuration, then replay what fails")
	}
	return f
}

func stateNames(states []ledger.State) []string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = s.String()
	}
	return names
}

// reloadForm reloads the configuration.
func (s *Server) reloadForm(w http.ResponseWriter, r *http.Request) {
	f := flash{Text: "The configuration was reloaded"}
	runs, err := s.Engine.ReloadRuns(r.Context())
	if len(runs) > 0 {
		f.Text += "; runs changed: " + runsText(runs)
	}
	if err != nil {
		f = flash{Text: err.Error(), Hint: "the previous one stays in force; correct the files, then: rowtap check && rowtap reload", Bad: true}
		if wrong, ok := errors.AsType[config.Diagnostics](err); ok {
			f.Text = "The configuration is refused: " + engine.NewRefusal(wrong, time.Now()).Summary()
		}
	} else if moved, err := s.API.FinishMoves(r.Context()); err != nil {
		f = flash{Text: err.Error(), Hint: hint.Of(err), Bad: true}
	} else {
		f = f.with(moved)
	}
	s.goBack(w, r, f, "/")
}

// runsText lists zaps whose runs have changed, each with its next run.
func runsText(runs []engine.Runs) string {
	const most = 5
	var parts []string
	for _, r := range runs[:min(len(runs), most)] {
		next := "none"
		if len(r.Next) > 0 {
			next = r.Next[0].Format("2006-01-02 15:04:05 UTC")
		}
		parts = append(parts, r.Zap+" (next: "+next+")")
	}
	if more := len(runs) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}

// with adds the results of moves to other worksheets, and the first of their hints.
func (f flash) with(moved []engine.Moved) flash {
	for _, m := range moved {
		for _, said := range m.Notes {
			f.Text += ". " + m.Zap + ": " + said.Text
			f.Hint = cmp.Or(f.Hint, said.Hint)
		}
	}
	return f
}

func (s *Server) goBack(w http.ResponseWriter, r *http.Request, f flash, home string) {
	leaveFlash(w, f)
	http.Redirect(w, r, local(cmp.Or(r.PostFormValue("back"), home)), http.StatusSeeOther)
}
