package engine

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
)

// Why is the reason that a sheet row did or did not fire.
type Why struct {
	Zap      string
	Row      int // 1-based sheet row, as of the last read
	Reason   string
	Delivery *ledger.Delivery // nil: it has none
}

// Why tells why a sheet row did or did not fire, from what the last read of the worksheet left.
func (e *Engine) Why(ctx context.Context, name string, number int) (Why, error) {
	w := Why{Zap: name, Row: number}
	r := e.current().Recipe(name)
	if r == nil {
		return w, e.noZap("why", name)
	}
	kept, _, err := e.ledger.Zap(ctx, name)
	if err != nil {
		return w, err
	}
	cursor, ok, err := e.cursor(ctx, name, kept.SpreadsheetID, kept.GID)
	if err != nil {
		return w, err
	}
	switch {
	case !ok || !bindingOf(kept).Watches(r.Trigger):
		w.Reason = "the worksheet has not been read yet"
		return w, nil
	case number < r.Trigger.HeaderRow:
		w.Reason = fmt.Sprintf("it is above the header row, row %d", r.Trigger.HeaderRow)
		return w, nil
	case number == r.Trigger.HeaderRow:
		w.Reason = "it is the header row"
		return w, nil
	}
	seen, ok := cursor.At(number)
	if !ok {
		w.Reason = "at the last read there was nothing in it but blank cells, FALSE, and columns that are ignored"
		return w, nil
	}
	switch {
	case seen.Waits:
		w.Reason = "it was there at the start without all that `require` asks for, and fires once it has it"
		return w, nil
	case seen.Delivery == 0:
		w.Reason = "it was there at the start, and has not fired"
		return w, nil
	case seen.Delivery == detect.Unknown:
		w.Reason = "its key was seen before an upgrade of rowtap, which does not know as which delivery: it does not fire"
		return w, nil
	}
	d, ok, err := e.ledger.Delivery(ctx, name, seen.Delivery)
	if err != nil {
		return w, err
	}
	if !ok {
		w.Reason = fmt.Sprintf("fired as %s/%d, no longer in the history", name, seen.Delivery)
		return w, nil
	}
	w.Delivery = &d
	w.Reason, err = e.reasons(ctx, r, d)
	return w, err
}

// cursor returns what the last read of a worksheet left; ok is false before the first one.
func (e *Engine) cursor(ctx context.Context, zap, spreadsheetID string, gid int64) (c detect.Cursor, ok bool, err error) {
	ok, err = e.ledger.Cursor(ctx, zap, spreadsheetID, gid, func(chunks iter.Seq[[]byte]) (err error) {
		c, err = detect.Decode(chunks)
		return err
	})
	return c, ok, err
}

// RowNow returns the 1-based sheet row that a delivery's row had at the last read of its worksheet. It is not there (ok is false) where
// the row was deleted since, or changed so much that it counts as another, or where its worksheet is not known.
func (e *Engine) RowNow(ctx context.Context, d ledger.Delivery) (number int, ok bool, err error) {
	place, ok, err := e.PlaceOf(ctx, d)
	if err != nil || !ok {
		return 0, false, err
	}
	c, ok, err := e.cursor(ctx, d.Zap, place.SpreadsheetID, place.GID)
	if err != nil || !ok {
		return 0, false, err
	}
	for _, seen := range c.Rows {
		if seen.Delivery == d.Origin() {
			return int(seen.Number), true, nil
		}
	}
	return 0, false, nil
}

// reasons tells what became of a row, action by action.
func (e *Engine) reasons(ctx context.Context, r *Recipe, d ledger.Delivery) (string, error) {
	said := reasonOf(d)
	for d.Next != 0 {
		next, ok, err := e.ledger.Delivery(ctx, d.Zap, d.Next)
		if err != nil {
			return "", err
		}
		if !ok {
			return said + fmt.Sprintf("; then as %s/%d, no longer in the history", d.Zap, d.Next), nil
		}
		d = next
		said += "; " + d.Action + ": " + reasonOf(d)
	}
	if then := r.awaits(d); then != "" {
		said += "; " + then + " goes once that was accepted"
	}
	return said, nil
}

// allOf says what is wrong with a row; of several problems with the column of each.
func allOf(p *ledger.Problem) string {
	if p.Next == nil {
		return p.Message
	}
	var all []string
	for one := range p.All() {
		text := one.Message
		if one.Column != "" {
			text = "column " + one.Column + ": " + text
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// reasonOf tells a delivery's state in words.
func reasonOf(d ledger.Delivery) string {
	switch d.State {
	case ledger.Validated:
		return "found in shadow mode as " + d.ID() + ": validated, not sent"
	case ledger.Sent:
		return "sent as " + d.ID()
	case ledger.Skipped:
		if d.Reason != "" {
			return "skipped as " + d.ID() + ": " + d.Reason
		}
		return "the filter skipped it, as " + d.ID()
	case ledger.Queued:
		return "queued as " + d.ID()
	case ledger.Failed:
		if d.Problem != nil {
			return "failed as " + d.ID() + ": " + allOf(d.Problem)
		}
		return "failed as " + d.ID()
	case ledger.Waiting, ledger.Held, ledger.Discarded:
		return d.State.String() + " as " + d.ID() + ": " + d.Reason
	}
	return d.State.String() + " as " + d.ID()
}
