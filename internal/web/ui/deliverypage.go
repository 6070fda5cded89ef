package ui

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web/api"
)

// deliveryView is a delivery's page.
type deliveryView struct {
	api.WholeDelivery
	ActionWords string
	RowCells    []shownCell
	Correct     *shownCell // the cell to correct, if it is only one
	SheetLink   string
	Follows     *engine.ZapStatus // reads corrections of the row; nil: they are not read, or would change nothing
	Gone        bool              // the row is no longer in the sheet
	Replayable  bool              // without a confirmation
	FailsAgain  bool              // a replay would fail for the same reason
	Compared    *comparison
	Timeline    []moment
	Fields      []recordField // of the record, or of what could be made of it
	Differs     bool          // the last attempt had another record than the current mapping makes
	Back        string
}

// moment is a line of a delivery's timeline.
type moment struct {
	At      time.Time
	State   string // for its colour
	What    string
	Text    string
	Planned bool // it is in the future
}

func (s *Server) deliveryPage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("zap")
	n, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		s.showProblem(w, r, http.StatusNotFound, "A delivery ID is ZAP/NUMBER", "")
		return
	}
	id := ledger.Delivery{Zap: name, Number: n}.ID()
	s.show(w, r, view{
		name: "delivery", of: name, frame: frame{Title: id, Trail: []crumb{{"Zaps", "/"}, {name, zapPath(name)}}},
		main: func(now *snapshot) (any, error) { return s.deliveryViewOf(r, now, name, n) },
	})
}

func (s *Server) deliveryViewOf(r *http.Request, at *snapshot, name string, n uint64) (v deliveryView, err error) {
	d, now, found, err := s.Engine.Delivery(r.Context(), name, n)
	if err == nil && !found {
		err = noDelivery(name, n)
	}
	if err != nil {
		return v, err
	}
	v.WholeDelivery = s.API.ShowWhole(r.Context(), d, now)
	v.RowCells = shownCells(d, s.Engine.Hidden(r.Context(), d))
	if d.AsFound != nil {
		found := d
		found.Row, found.Header = d.AsFound.Row, d.AsFound.Header
		v.addFound(shownCells(found, s.Engine.Hidden(r.Context(), found)))
	}
	v.Gone, v.Back = d.DeletedInSheet, r.URL.Path
	v.Replayable = d.State == ledger.Failed || engine.Replayable(d)
	v.SheetLink = rowLink(v.Delivery, d.DeletedInSheet)
	s.markFaulty(r.Context(), &v, d, now.Faulty)
	made := v.Record
	if v.Unmapped != nil {
		made = now.Partial
	}
	v.Fields, v.Differs = recordFields(made, v.SentRecord)
	v.addMissing(now.Missing)
	v.FailsAgain = v.failsAgain()
	if z, ok := at.zap(name); ok && d.State == ledger.Failed && !v.Gone && !v.LeftBehind && s.recipeOf(name) != nil {
		v.Follows = &z
	}
	v.ActionWords = s.actionOf(d)
	v.Timeline = timeline(d)
	v.Compared, err = s.compared(r.Context(), d)
	return v, err
}

// addFound adds the cells of the row as it was found, where they differ.
func (v *deliveryView) addFound(cells []shownCell) {
	for i := range v.RowCells {
		now := &v.RowCells[i]
		j := slices.IndexFunc(cells, func(c shownCell) bool { return c.Column == now.Column })
		if j >= 0 && cells[j].Value != now.Value {
			now.Was = cmp.Or(cells[j].Text, "blank")
		}
	}
}

// addMissing marks the fields that the record lacks because of an error.
func (v *deliveryView) addMissing(paths []string) {
	for _, path := range paths {
		i := slices.IndexFunc(v.Fields, func(f recordField) bool { return f.Path == path })
		if i < 0 {
			i, v.Fields = len(v.Fields), append(v.Fields, recordField{Path: path})
		}
		v.Fields[i].Mark = "missing"
	}
}

// markFaulty marks the cells that a delivery failed for, with their places in the sheet.
func (s *Server) markFaulty(ctx context.Context, v *deliveryView, d ledger.Delivery, faulty map[int]bool) {
	for i := range v.RowCells {
		cell := &v.RowCells[i]
		if !faulty[i] {
			continue
		}
		cell.Wrong = "error"
		if d.State == ledger.Failed || d.State == ledger.Discarded {
			cell.Wrong = "failed"
		}
		if column, ok := s.Engine.ColumnNow(ctx, d, cell.Column); ok && v.SheetLink != "" && !v.WhenFound() {
			cell.Ref = row.Letter(column) + strconv.Itoa(v.Row)
			if s.linksCells(d.Zap) {
				cell.Link = v.SheetLink + "?" + url.Values{"column": {cell.Column}}.Encode()
			}
		}
		if len(faulty) == 1 && cell.Link != "" {
			v.Correct = cell
		}
	}
}

func noDelivery(name string, n uint64) error {
	return &notFoundError{fmt.Sprintf("There is no delivery %s/%d. Deliveries older than state.history are deleted", name, n), ""}
}

// Polls reports whether a poll may read a correction of the row.
func (v deliveryView) Polls() bool {
	return v.Follows != nil && v.Follows.State != engine.Paused && v.Follows.State != engine.NotEnabled
}

// SameProblem reports whether the current mapping fails for the reason that the delivery failed
// for.
func (v deliveryView) SameProblem() bool {
	same := func(a, b api.Error) bool { return a.Message == b.Message && a.Column == b.Column }
	return len(v.Errors) > 0 && slices.EqualFunc(v.Errors, v.AllUnmapped, same)
}

// failsAgain reports whether a replay would fail for the same reason: the mapping still fails, or
// makes the record that CleverTap has refused.
func (v deliveryView) failsAgain() bool {
	if v.State != ledger.Failed.String() {
		return false
	}
	return v.SameProblem() || v.Error != nil && v.Error.Code != nil && v.SentRecord != nil && !v.Differs
}

// actionOf describes a delivery's action: profile in CleverTap production.
func (s *Server) actionOf(d ledger.Delivery) string {
	if z := s.recipeOf(d.Zap); z != nil {
		for _, a := range z.Actions {
			if a.Name == d.Action {
				return describeAction(a)
			}
		}
	}
	return d.Action
}

// timeline lists what has happened to a delivery, and its next attempt.
func timeline(d ledger.Delivery) []moment {
	points := []moment{{At: d.DetectedAt, State: "found", What: "found", Text: fmt.Sprintf("in sheet row %d", d.Row.Number)}}
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
		points = append(points, moment{At: s.At, State: s.State.String(), What: what, Text: s.Text})
		last = s.State
	}
	if d.State != last && d.State != ledger.Queued {
		p := moment{At: d.UpdatedAt, State: d.State.String(), What: d.State.String(), Text: d.Reason}
		if d.State == ledger.Validated {
			p.Text = cmp.Or(p.Text, "by a dry run in shadow mode: not sent")
		}
		if d.Problem != nil {
			p.Text = d.Problem.Message
		}
		points = append(points, p)
	}
	switch {
	case d.InFlight:
		points = append(points, moment{At: d.UpdatedAt, State: "queued", What: "in flight", Text: "waiting for CleverTap's response"})
	case d.State == ledger.Queued && !d.RetryAt.IsZero():
		points = append(points, moment{At: d.RetryAt, State: "queued", What: "next attempt", Planned: true})
	}
	return points
}
