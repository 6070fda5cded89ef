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
	// movedFor is how long a zap's status shows its last change of worksheet if rows were left
	// unsent.
	movedFor = 7 * 24 * time.Hour
	// movedForShort is how long it does otherwise.
	movedForShort = time.Hour
)

// Move describes a zap's last change of worksheet.
type Move struct {
	At    time.Time    `json:"at"`
	From  plan.Binding `json:"from"`
	There int          `json:"there"`          // rows of the new worksheet at its first read, not sent
	Rows  string       `json:"rows,omitempty"` // their sheet rows as a range for rowtap backfill; "": none
	// Why rows added to the old worksheet after its last read are not known; "": they are.
	Unread string `json:"unread,omitempty"`
}

// LeftBehind counts the open rows of worksheets that a zap no longer watches. Changes to them in
// the sheet are not seen.
type LeftBehind struct {
	Waiting int64 `json:"waiting"`
	Queued  int64 `json:"queued"`
	Failed  int64 `json:"failed"`
	Held    int64 `json:"held"`
}

// String lists the states that have rows, or returns "".
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

// next returns how an operator can handle them.
func (l LeftBehind) next(name string) string {
	var parts []string
	if l.Waiting > 0 {
		parts = append(parts, "rowtap discard "+name+" --state waiting discards the waiting ones")
	}
	if l.Held > 0 {
		parts = append(parts, "rowtap release (or discard) "+name+" --state held")
	}
	if l.Failed > 0 {
		parts = append(parts, "rowtap replay (or discard) "+name+" --state failed")
	}
	if l.Queued > 0 {
		parts = append(parts, "queued ones are sent with the current mapping")
	}
	return strings.Join(parts, "; ")
}

// Notes describes the zap's last change of worksheet and the rows left behind.
func (z ZapStatus) Notes() []plan.Note {
	var notes []plan.Note
	if m := z.Moved; m != nil && z.Worksheet != nil {
		n := plan.Note{Text: fmt.Sprintf("moved from worksheet %s to %s", m.From, z.Worksheet)}
		switch m.There {
		case 0:
		case 1:
			n.Text += "; its 1 existing row is not sent"
		default:
			n.Text += fmt.Sprintf("; its %d existing rows are not sent", m.There)
		}
		if m.Rows != "" {
			n.Hint = fmt.Sprintf("rowtap backfill %s --rows %s sends them", z.Zap, m.Rows)
		}
		notes = append(notes, n)
		if m.Unread != "" {
			notes = append(notes, plan.Note{
				Text: fmt.Sprintf("rows added to worksheet %s since its last read were not read: %s", m.From, m.Unread),
				Hint: "to send them, add them to the new worksheet",
			})
		}
	}
	if z.LeftBehind != nil {
		notes = append(notes, plan.Note{
			Text: "rows left in a worksheet that the zap no longer watches: " + z.LeftBehind.String() + "; corrections there are not seen",
			Hint: z.LeftBehind.next(z.Zap),
		})
	}
	return notes
}

// MoveNotes describes what a zap file that is not in force yet will do to a zap with known state:
// whether the zap moves to another worksheet, and which rows it leaves behind.
func MoveNotes(r *plan.Recipe, z ZapStatus) []plan.Note {
	b, t := z.Worksheet, r.Trigger
	switch {
	case b == nil:
		return nil
	case !b.Watches(t):
		n := plan.Note{
			Text: fmt.Sprintf("the zap will move from worksheet %s to %s; its existing rows are not sent", *b, plan.Named(t.Worksheet)),
			Hint: "rowtap reload, which shows how many there are and how to send them",
		}
		open := LeftBehind{z.Waiting, z.Queued, z.Failed, z.Held}
		if l := z.LeftBehind; l != nil { // already, and described below
			open = LeftBehind{open.Waiting - l.Waiting, open.Queued - l.Queued, open.Failed - l.Failed, open.Held - l.Held}
		}
		if open := open.String(); open != "" {
			n.Text += ". Rows left behind in the old worksheet, where corrections are not seen: " + open
			n.Hint = "handle them now, while corrections are still seen, or later; then: rowtap reload"
		}
		return append([]plan.Note{n}, behindNote(z)...)
	}
	return behindNote(z)
}

func behindNote(z ZapStatus) []plan.Note {
	z.Moved = nil
	return z.Notes()
}

// setMoves sets the fields of a zap's status about its worksheets.
func (e *Engine) setMoves(ctx context.Context, z *ZapStatus, stored ledger.Zap, r *plan.Recipe) error {
	if stored.SpreadsheetID == "" {
		return nil
	}
	b := plan.BindingOf(stored)
	z.Worksheet = &b
	n := len(stored.Stays)
	if n < 2 {
		return nil
	}
	now, before := stored.Stays[n-1], stored.Stays[n-2]
	if since := e.now().Sub(now.Since); since < movedForShort || since < movedFor && now.Start != (ledger.Start{}) {
		z.Moved = &Move{
			At: now.Since, From: plan.BindingOfStay(before),
			There: now.Start.There, Unread: now.Start.Unread,
		}
		if first := r.Trigger.HeaderRow + 1; now.Start.LastRow >= first {
			z.Moved.Rows = fmt.Sprintf("%d:%d", first, now.Start.LastRow)
		}
	}
	if c := stored.Counts; c.Waiting+c.Queued+c.Failed+c.Held == 0 {
		return nil
	}
	var left LeftBehind
	for i, s := range stored.Stays[:n-1] {
		if s.SpreadsheetID == now.SpreadsheetID && s.GID == now.GID { // the zap is back at it
			continue
		}
		open, err := e.ledger.Open(ctx, z.Zap, s.First, stored.Stays[i+1].First)
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

// Place is the worksheet of a delivery's row.
type Place struct {
	plan.Binding
	Left bool // the zap no longer watches it
}

// PlaceOf returns the worksheet of a delivery's row; ok is false if it is not known.
func (e *Engine) PlaceOf(ctx context.Context, d ledger.Delivery) (p Place, ok bool, err error) {
	stored, _, err := e.ledger.Zap(ctx, d.Zap)
	if err != nil {
		return Place{}, false, err
	}
	s, ok := stored.Stay(d)
	if !ok {
		return Place{}, false, nil
	}
	return Place{
		Binding: plan.BindingOfStay(s),
		Left:    s.SpreadsheetID != stored.SpreadsheetID || s.GID != stored.GID,
	}, true, nil
}

// leftBehind reports whether changes to a delivery's row are no longer seen, because its worksheet
// is no longer watched or its zap was removed.
func (e *Engine) leftBehind(ctx context.Context, d ledger.Delivery) (bool, error) {
	if e.current().Recipe(d.Zap) == nil {
		return true, nil
	}
	p, _, err := e.PlaceOf(ctx, d)
	return p.Left, err
}

// Moved describes a zap that a reload has pointed at another worksheet.
type Moved struct {
	Zap   string      `json:"zap"`
	Notes []plan.Note `json:"notes"`
}

// FinishMoves polls the zaps whose configured worksheet is not that of their state, so that they
// move at once. It returns the result for each: how many rows there are, what is left behind, or
// why it has not moved yet.
func (e *Engine) FinishMoves(ctx context.Context) ([]Moved, error) {
	moved := []Moved{}
	for _, r := range e.current().Recipes {
		stored, _, err := e.ledger.Zap(ctx, r.Name)
		if err != nil {
			return nil, err
		}
		b := plan.BindingOf(stored)
		if stored.SpreadsheetID == "" || b.Watches(r.Trigger) {
			continue
		}
		report, err := e.poller.Poll(ctx, r.Name)
		m := Moved{Zap: r.Name, Notes: []plan.Note{}}
		switch {
		case errors.Is(err, ErrNoZap):
			continue
		case errors.Is(err, ErrPaused):
			n := plan.Note{Text: fmt.Sprintf("the zap is paused: it moves from worksheet %s to %s once it is resumed", b, plan.Named(r.Trigger.Worksheet)), Hint: "rowtap resume " + r.Name}
			c := stored.Counts
			if open := (LeftBehind{c.Waiting, c.Queued, c.Failed, c.Held}).String(); open != "" {
				n.Text += ". It will leave rows behind in the old worksheet: " + open
			}
			m.Notes = append(m.Notes, n)
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
