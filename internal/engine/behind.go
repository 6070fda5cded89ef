package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/deliver"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

const (
	// movedFor is how long a zap's status tells of its last change of worksheet, where rows were left unsent.
	movedFor = 7 * 24 * time.Hour
	// movedForShort is that where none were.
	movedForShort = time.Hour
)

// Move is what a zap's last change of worksheet came to.
type Move struct {
	At     time.Time    `json:"at"`
	From   plan.Binding `json:"from"`
	There  int          `json:"there"`            // rows of the worksheet now that count as there at the start
	Rows   string       `json:"rows,omitempty"`   // their sheet rows, as rowtap backfill takes them; "": there are none
	Unread string       `json:"unread,omitempty"` // why the rows added to the worksheet before since its last read are not known; "": they were read
}

// LeftBehind counts the open rows of worksheets that a zap no longer watches: what happens to them in their sheet is not seen.
type LeftBehind struct {
	Waiting int64 `json:"waiting"`
	Queued  int64 `json:"queued"`
	Failed  int64 `json:"failed"`
	Held    int64 `json:"held"`
}

// String lists the states that have rows; "" where none has.
func (l LeftBehind) String() string {
	var parts []string
	for _, s := range []struct {
		n    int64
		name string
	}{{l.Waiting, "waiting"}, {l.Queued, "queued"}, {l.Failed, "failed"}, {l.Held, "held"}} {
		if s.n > 0 {
			parts = append(parts, fmt.Sprint(s.n, " ", s.name))
		}
	}
	return strings.Join(parts, ", ")
}

// next says how an operator deals with them.
func (l LeftBehind) next(name string) string {
	var parts []string
	if l.Waiting > 0 {
		parts = append(parts, "rowtap discard "+name+" --state waiting gives up those that wait")
	}
	if l.Held > 0 {
		parts = append(parts, "rowtap release, or discard, "+name+" --state held")
	}
	if l.Failed > 0 {
		parts = append(parts, "rowtap replay, or discard, "+name+" --state failed")
	}
	if l.Queued > 0 {
		parts = append(parts, "queued ones are sent, by the mapping as it is now")
	}
	return strings.Join(parts, "; ")
}

// Notes tells of the zap's last change of worksheet, and of what it left behind.
func (z ZapStatus) Notes() []plan.Note {
	var notes []plan.Note
	if m := z.Moved; m != nil && z.Worksheet != nil {
		n := plan.Note{Text: fmt.Sprintf("moved from worksheet %s to %s", m.From, z.Worksheet)}
		switch m.There {
		case 0:
		case 1:
			n.Text += ": the 1 row that was there counts as there at the start, and is not sent"
		default:
			n.Text += fmt.Sprintf(": the %d rows that were there count as there at the start, and are not sent", m.There)
		}
		if m.Rows != "" {
			n.Hint = fmt.Sprintf("rowtap backfill %s --rows %s sends them", z.Zap, m.Rows)
		}
		notes = append(notes, n)
		if m.Unread != "" {
			notes = append(notes, plan.Note{
				Text: fmt.Sprintf("rows that were added to worksheet %s since its last read were not read: %s", m.From, m.Unread),
				Hint: "where some are to be sent, add them to the new worksheet",
			})
		}
	}
	if z.LeftBehind != nil {
		notes = append(notes, plan.Note{
			Text: "rows of a worksheet that the zap no longer watches: " + z.LeftBehind.String() + "; cells that are corrected there are not seen",
			Hint: z.LeftBehind.next(z.Zap),
		})
	}
	return notes
}

// MoveNotes tells what a zap file that is not in force yet will do to a zap whose state is known: that it moves to another worksheet, and
// which rows stay behind.
func MoveNotes(r *plan.Recipe, z ZapStatus) []plan.Note {
	b, t := z.Worksheet, r.Trigger
	switch {
	case b == nil:
		return nil
	case !b.Watches(t):
		n := plan.Note{
			Text: fmt.Sprintf("the zap moves from worksheet %s to %s; the rows that are there already are not sent", *b, plan.Named(t.Worksheet)),
			Hint: "rowtap reload; it says how many rows are there, and how to send them",
		}
		if open := (LeftBehind{z.Waiting, z.Queued, z.Failed, z.Held}).String(); open != "" {
			n.Text += ". Rows of the worksheet before stay behind, where cells that are corrected are not seen: " + open
			n.Hint = "deal with them before, while corrected cells are seen, or after; then: rowtap reload"
		}
		return append([]plan.Note{n}, behindNote(z)...)
	}
	return behindNote(z)
}

func behindNote(z ZapStatus) []plan.Note {
	z.Moved = nil
	return z.Notes()
}

// tellMoves fills in what a zap's status tells of its worksheets.
func (e *Engine) tellMoves(ctx context.Context, z *ZapStatus, kept ledger.Zap, r *plan.Recipe) error {
	if kept.SpreadsheetID == "" {
		return nil
	}
	b := plan.BindingOf(kept)
	z.Worksheet = &b
	n := len(kept.Stays)
	if n < 2 {
		return nil
	}
	now, before := kept.Stays[n-1], kept.Stays[n-2]
	if since := e.now().Sub(now.Since); since < movedForShort || since < movedFor && now.Start != (ledger.Start{}) {
		z.Moved = &Move{
			At: now.Since, From: plan.BindingOfStay(before),
			There: now.Start.There, Unread: now.Start.Unread,
		}
		if first := r.Trigger.HeaderRow + 1; now.Start.LastRow >= first {
			z.Moved.Rows = fmt.Sprintf("%d:%d", first, now.Start.LastRow)
		}
	}
	if c := kept.Counts; c.Waiting+c.Queued+c.Failed+c.Held == 0 {
		return nil
	}
	var left LeftBehind
	for i, s := range kept.Stays[:n-1] {
		if s.SpreadsheetID == now.SpreadsheetID && s.GID == now.GID { // it has come back to it
			continue
		}
		open, err := e.ledger.Open(ctx, z.Zap, s.First, kept.Stays[i+1].First)
		if err != nil {
			return err
		}
		left.Waiting += open.Waiting
		left.Queued += open.Queued
		left.Failed += open.Failed
		left.Held += open.Held
	}
	if left != (LeftBehind{}) {
		z.LeftBehind = &left
	}
	return nil
}

// Place is the worksheet that a delivery's row is of.
type Place struct {
	plan.Binding
	Left bool // the zap no longer watches it
}

// PlaceOf returns the worksheet that a delivery's row is of; ok is false where that is not known.
func (e *Engine) PlaceOf(ctx context.Context, d ledger.Delivery) (p Place, ok bool, err error) {
	kept, _, err := e.ledger.Zap(ctx, d.Zap)
	if err != nil {
		return Place{}, false, err
	}
	s, ok := kept.Stay(d)
	if !ok {
		return Place{}, false, nil
	}
	return Place{
		Binding: plan.BindingOfStay(s),
		Left:    s.SpreadsheetID != kept.SpreadsheetID || s.GID != kept.GID,
	}, true, nil
}

// behind tells whether a delivery's row is not looked at any more: its worksheet is no longer watched, or its zap is gone.
func (e *Engine) behind(ctx context.Context, d ledger.Delivery) (bool, error) {
	if e.current().Recipe(d.Zap) == nil {
		return true, nil
	}
	p, _, err := e.PlaceOf(ctx, d)
	return p.Left, err
}

// Moved is what a zap that a reload has pointed at another worksheet came to.
type Moved struct {
	Zap   string      `json:"zap"`
	Notes []plan.Note `json:"notes"`
}

// FinishMoves polls the zaps that are pointed at another worksheet than that of their state, so that they move at once, and returns what
// that came to: how many rows are there, what is left behind, or why it does not move yet.
func (e *Engine) FinishMoves(ctx context.Context) ([]Moved, error) {
	moved := []Moved{}
	for _, r := range e.current().Recipes {
		kept, _, err := e.ledger.Zap(ctx, r.Name)
		if err != nil {
			return nil, err
		}
		b := plan.BindingOf(kept)
		if kept.SpreadsheetID == "" || b.Watches(r.Trigger) {
			continue
		}
		report, err := e.poller.Poll(ctx, r.Name)
		m := Moved{Zap: r.Name, Notes: []plan.Note{}}
		switch {
		case errors.Is(err, ErrNoZap):
			continue
		case errors.Is(err, ErrPaused):
			m.Notes = append(m.Notes, plan.Note{Text: fmt.Sprintf("the zap is paused: it moves from worksheet %s to %s when it goes on", b, plan.Named(r.Trigger.Worksheet)), Hint: "rowtap resume " + r.Name})
		case err != nil && !errors.Is(err, ErrDisabled):
			m.Notes = append(m.Notes, plan.Note{Text: err.Error(), Hint: hint.Of(err)})
		case report.Doubt != "":
			m.Notes = append(m.Notes, plan.Note{Text: "the last read was ignored: " + report.Doubt, Hint: "rowtap reads it again within a minute; rowtap status says when the zap has moved"})
		}
		z, err := e.zapStatus(ctx, r, deliver.Account{})
		if err != nil {
			return nil, err
		}
		if z.Worksheet.SpreadsheetID != b.SpreadsheetID || z.Worksheet.GID != b.GID {
			m.Notes = append(m.Notes, z.Notes()...)
		}
		if len(m.Notes) > 0 {
			moved = append(moved, m)
		}
	}
	return moved, nil
}
