package engine

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// Why is the reason why a sheet row was or was not sent.
type Why struct {
	Zap      string           `json:"zap"`
	Row      int              `json:"row"` // 1-based sheet row at the last read
	Reason   string           `json:"reason"`
	Next     string           `json:"next,omitempty"` // the command that helps; "" if nothing is to be done
	Delivery *ledger.Delivery `json:"-"`              // nil if it has none
}

// Why explains why a sheet row was or was not sent, based on the last read of the worksheet.
func (e *Engine) Why(ctx context.Context, name string, number int) (Why, error) {
	w := Why{Zap: name, Row: number}
	r := e.current().Recipe(name)
	stored, known, err := e.ledger.Zap(ctx, name)
	switch {
	case err != nil:
		return w, err
	case r == nil && known:
		w.Reason, w.Next = "the zap was removed from the configuration, so its worksheet is no longer read", "rowtap history "+name
		return w, nil
	case r == nil:
		return w, e.noZap("why", name)
	}
	cursor, ok, err := e.cursor(ctx, name, stored.SpreadsheetID, stored.GID)
	if err != nil {
		return w, err
	}
	switch {
	case !ok || !plan.BindingOf(stored).Watches(r.Trigger):
		w.Reason, w.Next = "the worksheet has not been read yet", "rowtap poll "+name
		return w, nil
	case number < r.Trigger.HeaderRow:
		w.Reason = fmt.Sprintf("above the header row, row %d", r.Trigger.HeaderRow)
		return w, nil
	case number == r.Trigger.HeaderRow:
		w.Reason = "this is the header row"
		return w, nil
	}
	seen, ok := cursor.At(number)
	if !ok {
		w.Reason = "empty at the last read, apart from blank cells, FALSE and ignored columns" + e.whilePaused(stored)
		return w, nil
	}
	switch {
	case seen.Waits:
		w.Reason = "already there at the first read, but incomplete: sent once it has everything that `require` lists"
		return w, nil
	case seen.Delivery == 0:
		w.Reason, w.Next = "already there at the first read, so it was not sent", fmt.Sprintf("rowtap backfill %s --rows %d", name, number)
		return w, nil
	case seen.Delivery == detect.Unknown:
		w.Reason = "its key was seen by an earlier release of rowtap, which did not record the delivery: not sent"
		return w, nil
	}
	d, ok, err := e.ledger.Delivery(ctx, name, seen.Delivery)
	if err != nil {
		return w, err
	}
	if !ok {
		w.Reason = fmt.Sprintf("fired as %s/%d, which is no longer in the history", name, seen.Delivery)
		return w, nil
	}
	w.Delivery = &d
	w.Reason, w.Next, err = e.reasons(ctx, r, d)
	if d.State == ledger.Queued || d.State == ledger.Waiting {
		w.Reason += e.whilePaused(stored)
	}
	return w, err
}

// whilePaused says that a zap is paused, to be added to the reason why a row was not sent; "" if it
// is not.
func (e *Engine) whilePaused(stored ledger.Zap) string {
	switch {
	case !stored.Paused:
		return ""
	case stored.ResumeAt.IsZero():
		return "; the zap is paused"
	}
	return "; the zap is paused and " + until(stored.ResumeAt, e.now())
}

// cursor returns what the last read of a worksheet recorded; ok is false before the first read.
func (e *Engine) cursor(ctx context.Context, zap, spreadsheetID string, gid int64) (c detect.Cursor, ok bool, err error) {
	ok, err = e.ledger.Cursor(ctx, zap, spreadsheetID, gid, func(chunks iter.Seq[[]byte]) (err error) {
		c, err = detect.Decode(chunks)
		return err
	})
	return c, ok, err
}

// RowNow returns the 1-based sheet row that a delivery's row had at the last read of its worksheet.
// ok is false if the row was deleted, has changed so much that it counts as another row, or if its
// worksheet is not known.
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

// ColumnNow returns the 0-based column that a column of a delivery's row, by its name in the
// delivery's header, had at the last read of its worksheet. ok is false if it is not there.
func (e *Engine) ColumnNow(ctx context.Context, d ledger.Delivery, name string) (i int, ok bool) {
	h := d.Header
	if r := e.current().Recipe(d.Zap); r != nil && r.Seen() != nil {
		if left, err := e.leftBehind(ctx, d); err == nil && !left {
			h = *r.Seen()
		}
	}
	return h.Index(name)
}

// reasons describes the outcome of a row, action by action, and returns the command for the last
// one that needs a decision or a correction.
func (e *Engine) reasons(ctx context.Context, r *plan.Recipe, d ledger.Delivery) (text, command string, err error) {
	text, command = reasonOf(d), commandOf(d)
	for d.Next != 0 {
		next, ok, err := e.ledger.Delivery(ctx, d.Zap, d.Next)
		if err != nil {
			return "", "", err
		}
		if !ok {
			return text + fmt.Sprintf("; then %s/%d, which is no longer in the history", d.Zap, d.Next), command, nil
		}
		d = next
		text += "; " + d.Action + ": " + reasonOf(d)
		command = cmp.Or(commandOf(d), command)
	}
	if then := r.Awaits(d); then != "" {
		text += "; " + then + " is sent once that is accepted"
	}
	return text, command, nil
}

// commandOf returns the command for a delivery that needs a decision or a correction; otherwise "".
func commandOf(d ledger.Delivery) string {
	if d.State == ledger.Failed {
		return "rowtap show " + d.ID()
	}
	if d.State == ledger.Held {
		return fmt.Sprintf("rowtap release %[1]s, or: rowtap discard %[1]s", d.ID())
	}
	return ""
}

// problemText returns all problems of a row, each with its column.
func problemText(p *ledger.Problem) string {
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

// reasonOf describes a delivery's state.
func reasonOf(d ledger.Delivery) string {
	as, why := d.State.String()+" as "+d.ID(), d.Reason
	switch d.State {
	case ledger.Validated:
		return "found in shadow mode as " + d.ID() + ": validated, not sent"
	case ledger.Skipped:
		if why == "" {
			return "skipped by the filter as " + d.ID()
		}
	case ledger.Failed:
		why = ""
		if d.Problem != nil {
			why = problemText(d.Problem)
		}
	case ledger.Sent, ledger.Queued:
		return as
	case ledger.Waiting, ledger.Held, ledger.Discarded:
	}
	if why == "" {
		return as
	}
	return as + ": " + why
}
