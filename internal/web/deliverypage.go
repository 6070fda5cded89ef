package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
)

// deliveryView is a delivery's page.
type deliveryView struct {
	WholeDelivery
	ActionWords string
	RowCells    []shownCell
	SheetLink   string
	Gone        bool // the row is no longer in the sheet
	Replayable  bool // without being asked whether to send it again
	FailsAgain  bool // a replay meets what it failed for
	Compared    *comparison
	Way         []wayPoint
	Fields      []recordField // of the record
	Differs     bool          // the record that was tried, and the one that the mapping makes now
	Back        string
}

// wayPoint is a point of the time line of a delivery.
type wayPoint struct {
	At      time.Time
	State   string // gives it its colour
	What    string
	Text    string
	Planned bool // it is still to come
}

func (s *server) deliveryPage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	n, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		s.showProblem(w, r, http.StatusNotFound, "A delivery is named ZAP/N", "")
		return
	}
	id := ledger.Delivery{Zap: name, Number: n}.ID()
	seen, err := s.newsNow(r.Context(), id)
	if err != nil {
		s.showFailure(w, r, err)
		return
	}
	d, now, found, err := s.Engine.Delivery(r.Context(), name, n)
	switch {
	case err != nil:
		s.showFailure(w, r, err)
		return
	case !found:
		s.showProblem(w, r, http.StatusNotFound, "There is no delivery "+id, "Those past state.history are gone.")
		return
	}
	v := deliveryView{WholeDelivery: s.whole(r.Context(), d, now), RowCells: shownCells(d, s.Engine.Hidden(r.Context(), d)), Gone: d.DeletedInSheet, Back: r.URL.Path}
	v.Replayable = d.State == ledger.Failed || engine.SkippedByOperator(d)
	v.Fields, v.Differs = recordFields(v.Record, v.SentRecord)
	v.FailsAgain = v.failsAgain()
	if v.Compared, err = s.compared(r.Context(), d); err != nil {
		s.showFailure(w, r, err)
		return
	}
	v.SheetLink = rowLink(v.Delivery, d.DeletedInSheet)
	v.ActionWords = s.actionWords(d)
	v.Way = way(d)
	s.render(w, r, http.StatusOK, "delivery", frame{Title: id, News: &news{id, seen}, Trail: []crumb{{"Zaps", "/"}, {name, zapPath(name)}}}, v)
}

// SameProblem tells whether the mapping refuses the row now for the reason that it failed for.
func (v deliveryView) SameProblem() bool {
	return len(v.Errors) > 0 && slices.EqualFunc(v.Errors, v.AllUnmapped, func(a, b Error) bool { return a.Message == b.Message && a.Column == b.Column })
}

// failsAgain tells whether a replay would meet what the delivery failed for: the mapping still refuses its row, or makes the record that
// CleverTap has refused.
func (v deliveryView) failsAgain() bool {
	if v.State != ledger.Failed.String() {
		return false
	}
	return v.SameProblem() || v.Error != nil && v.Error.Code != nil && v.SentRecord != nil && !v.Differs
}

// actionWords tells what a delivery's action is: profile in CleverTap production.
func (s *server) actionWords(d ledger.Delivery) string {
	if z := s.recipeOf(d.Zap); z != nil {
		for _, a := range z.Actions {
			if a.Name == d.Action {
				return actionInWords(a)
			}
		}
	}
	return d.Action
}

// way tells what has happened to a delivery, and what is to come.
func way(d ledger.Delivery) []wayPoint {
	points := []wayPoint{{At: d.DetectedAt, State: "found", What: "found", Text: fmt.Sprintf("in sheet row %d", d.Row.Number)}}
	if d.First != 0 {
		points[0].Text = fmt.Sprintf("after #%d of the same row", d.First)
	}
	last := ledger.Queued
	for _, s := range d.Steps {
		what := s.State.String()
		if s.State == ledger.Queued {
			what = "queued again"
			if last == ledger.Waiting {
				what = "complete, queued"
			}
		}
		points = append(points, wayPoint{At: s.At, State: s.State.String(), What: what, Text: s.Text})
		last = s.State
	}
	if d.State != last && d.State != ledger.Queued {
		p := wayPoint{At: d.UpdatedAt, State: d.State.String(), What: d.State.String(), Text: cmp.Or(d.Reason, map[ledger.State]string{ledger.Validated: "by a dry run in shadow mode: not sent"}[d.State])}
		if d.Problem != nil {
			p.Text = d.Problem.Message
		}
		points = append(points, p)
	}
	switch {
	case d.InFlight:
		points = append(points, wayPoint{At: d.UpdatedAt, State: "queued", What: "under way", Text: "its answer is awaited"})
	case d.State == ledger.Queued && !d.RetryAt.IsZero():
		points = append(points, wayPoint{At: d.RetryAt, State: "queued", What: "next attempt", Planned: true})
	}
	return points
}
