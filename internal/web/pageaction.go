package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// What the page's forms ask for. Each is answered by going back to where it came from, with a note of what was done; what cannot be
// undone is asked for once more in between.

// zapAction pauses, resumes or polls a zap.
func (s *server) zapAction(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	var n note
	var err error
	switch r.PathValue("do") {
	case "pause":
		err = s.Engine.Pause(r.Context(), name, strings.TrimSpace(r.PostFormValue("reason")))
		n.Text = name + " is paused: it neither polls nor sends"
	case "resume":
		skip := r.PostFormValue("skip") != ""
		if skip && r.PostFormValue("sure") == "" {
			s.confirm(w, r, confirmation{
				Question: "Resume " + name + " and skip what was added?", Button: "Resume, skip",
				Consequence: "Rows added while it was paused are never sent, unless they are backfilled.", Back: zapPath(name),
			})
			return
		}
		err = s.Engine.Resume(r.Context(), name, skip)
		n.Text = name + " goes on; rows added meanwhile are sent"
		if skip {
			n.Text = name + " goes on; rows added meanwhile are skipped"
		}
	case "poll":
		var report engine.PollReport
		report, err = s.Engine.PollNow(r.Context(), name)
		n.Text = polledInWords(name, report)
	default:
		s.showProblem(w, r, http.StatusNotFound, "A zap can be paused, resumed and polled", "")
		return
	}
	if err != nil {
		n = note{Text: err.Error(), Hint: hint.Of(err), Bad: true}
	}
	s.goBack(w, r, n, zapPath(name))
}

func polledInWords(name string, p engine.PollReport) string {
	switch {
	case p.Doubt != "":
		return name + " was polled, but the read was ignored: " + p.Doubt
	case p.Baseline:
		return fmt.Sprintf("%s was read for the first time: %s there; rows added from now on are new", name, countedThing(int64(p.Rows), "row"))
	}
	text := fmt.Sprintf("%s was polled: %s", name, countedThing(int64(p.Found), "new row"))
	if p.Waiting+p.Held > 0 {
		text += fmt.Sprintf(" (%d waiting, %d held)", p.Waiting, p.Held)
	}
	if p.Partial != "" {
		text += "; " + p.Partial
	}
	return text
}

// confirmation asks once more before something that cannot be undone.
type confirmation struct {
	Question, Consequence, Button string
	Post                          string // where the answer goes
	Fields                        []formField
	Back                          string
}

type formField struct{ Name, Value string }

// deliveriesAction replays, releases or discards deliveries: those that are ticked, or all of a zap in a state.
func (s *server) deliveriesAction(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.showProblem(w, r, http.StatusBadRequest, "The form cannot be read: "+err.Error(), "")
		return
	}
	action := engine.Action(r.PostFormValue("do"))
	sel := engine.Selection{IDs: r.PostForm["id"], Zap: r.PostFormValue("zap"), Again: r.PostFormValue("again") != ""}
	if state := r.PostFormValue("state"); state != "" {
		parsed, err := ledger.ParseState(state)
		if err != nil {
			s.showProblem(w, r, http.StatusBadRequest, err.Error(), "")
			return
		}
		sel.State = parsed
	}
	home := "/"
	if sel.Zap != "" {
		home = zapPath(sel.Zap)
	}
	switch {
	case len(action.States(false)) == 0:
		s.showProblem(w, r, http.StatusBadRequest, "Deliveries can be replayed, released and discarded", "")
		return
	case len(sel.IDs) == 0 && sel.State == 0:
		s.goBack(w, r, note{Text: "Nothing is ticked: tick the rows first", Bad: true}, home)
		return
	case r.PostFormValue("sure") == "" && (action == engine.Discard || sel.Again):
		s.confirm(w, r, isItSure(action, sel))
		return
	}
	more, err := s.moreThanSeen(r, sel)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	if more > 0 && r.PostFormValue("sure") == "" {
		c := isItSure(action, sel)
		c.Consequence = fmt.Sprintf("%s more came since you saw them.", thousands(more))
		s.confirm(w, r, c)
		return
	}
	done, err := s.Engine.Act(r.Context(), action, sel)
	switch {
	case err != nil:
		s.showFailure(w, r, err)
	case done.Stale == 1 && len(sel.IDs) == 1: // only somebody who is asked can tell
		r.PostForm.Set("again", "yes")
		c := isItSure(action, sel)
		c.Question = "A newer row has updated the user of " + sel.IDs[0] + " since, or is past state.history and may have. Send it all the same?"
		s.confirm(w, r, c)
	default:
		s.goBack(w, r, doneInWords(done), home)
	}
}

// moreThanSeen returns how many deliveries of a state a zap has beyond those that the form says its reader has seen.
func (s *server) moreThanSeen(r *http.Request, sel engine.Selection) (int64, error) {
	text := r.PostFormValue("seen")
	if text == "" || len(sel.IDs) > 0 {
		return 0, nil
	}
	seen, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		seen = 0 // then it asks
	}
	kept, err := s.Engine.StoredZap(r.Context(), sel.Zap)
	return map[ledger.State]int64{ledger.Failed: kept.Counts.Failed, ledger.Held: kept.Counts.Held}[sel.State] - seen, err
}

// isItSure asks whether deliveries are to be discarded, or sent again.
func isItSure(action engine.Action, sel engine.Selection) confirmation {
	what := countedThing(int64(len(sel.IDs)), "delivery")
	if len(sel.IDs) == 0 {
		what = fmt.Sprintf("all %s deliveries of %s", sel.State, sel.Zap)
	}
	if len(sel.IDs) == 1 {
		what = sel.IDs[0]
	}
	c := confirmation{
		Question: capital(string(action)) + " " + what + "?", Button: capital(string(action)),
		Consequence: "It will not be sent, and cannot be brought back from here.",
	}
	if action != engine.Discard {
		c.Consequence = "What was sent before is sent again: CleverTap counts an event that comes again twice, and a profile gets the values of this row, even where a newer one has updated it since."
	}
	return c
}

// confirm asks once more: the answer brings what the form has brought, and that it is sure.
func (s *server) confirm(w http.ResponseWriter, r *http.Request, c confirmation) {
	c.Post, c.Back = r.URL.Path, local(cmp.Or(r.PostFormValue("back"), c.Back))
	for name, values := range r.PostForm {
		for _, value := range values {
			c.Fields = append(c.Fields, formField{name, value})
		}
	}
	s.render(w, r, http.StatusOK, "confirm", frame{Title: c.Question}, c)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func doneInWords(d engine.Done) note {
	word := map[engine.Action]string{engine.Replay: "queued again", engine.Release: "queued", engine.Discard: "discarded"}[d.Action]
	n := note{Text: countedThing(int64(d.Count), "delivery") + " " + word}
	if d.Stale > 0 {
		n.Text += fmt.Sprintf("; %s passed over: newer rows have updated their users since, or are past state.history and may have", countedThing(int64(d.Stale), "delivery"))
		n.Hint = "discard them, or send them all the same from their own pages"
	} else if d.Count == 0 {
		n.Hint = fmt.Sprintf("%s is for those that are %s; what was sent is sent again from its own page", d.Action, strings.Join(stateNames(d.Action.States(false)), " or "))
	}
	if len(d.Edited) > 0 && d.Count > 0 {
		n.Text += "; they are sent as the configuration in force has it, and on disk it is newer: " + strings.Join(d.Edited, ", ")
		n.Hint = cmp.Or(n.Hint, "reload the configuration, and replay what fails")
	}
	return n
}

func stateNames(states []ledger.State) []string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = s.String()
	}
	return names
}

// reloadAction loads the configuration anew.
func (s *server) reloadAction(w http.ResponseWriter, r *http.Request) {
	n := note{Text: "The configuration was loaded anew"}
	if err := s.Engine.Reload(r.Context()); err != nil {
		n = note{Text: err.Error(), Hint: "the old one goes on; correct the files, then: rowtap check", Bad: true}
		if wrong, ok := errors.AsType[config.Diagnostics](err); ok && len(wrong) > 0 {
			n.Text = fmt.Sprintf("the configuration is refused: %s, the first: %s", countedThing(int64(len(wrong)), "mistake"), wrong[0].String())
		}
	} else if moved, err := s.finishMoves(r); err != nil {
		n = note{Text: err.Error(), Hint: hint.Of(err), Bad: true}
	} else {
		n = n.with(moved)
	}
	s.goBack(w, r, n, "/")
}

// with adds what moves to other worksheets came to: of the first zap what there is to do, too.
func (n note) with(moved []engine.Moved) note {
	for _, m := range moved {
		for _, said := range m.Notes {
			n.Text += ". " + m.Zap + ": " + said.Text
			n.Hint = cmp.Or(n.Hint, said.Hint)
		}
	}
	return n
}

func (s *server) goBack(w http.ResponseWriter, r *http.Request, n note, home string) {
	leaveNote(w, n)
	http.Redirect(w, r, local(cmp.Or(r.PostFormValue("back"), home)), http.StatusSeeOther)
}
