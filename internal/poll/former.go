package poll

import (
	"context"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// A zap whose file was renamed is new to the ledger until an operator says which one it was: its
// rows, and what was seen of the worksheet, are kept under the old name. Nothing tells it from
// another zap for the same worksheet, so it asks: the first read is recorded, in case it is another
// one, and the zap is paused until an operator has chosen. Until then it has no row of its own, so
// that rowtap state rename can put the old zap in its place at any time.

// formerly begins the reason of such a pause.
const formerly = "the worksheet was watched by zap "

// asksAfter pauses a zap that is new on a worksheet which a zap of another name, no longer in the
// configuration, has watched.
func (p *poll) asksAfter(ctx context.Context, before string) error {
	former, _, err := p.poller.opts.Ledger.Zap(ctx, before)
	if err != nil {
		return err
	}
	name, c := p.recipe.Name, former.Counts
	reason := formerly + before + ", which is no longer in the configuration: nothing is sent until you choose"
	next := "if " + name + " is that zap under a new name: rowtap state rename " + before + " " + name + " (it goes on where it was); " +
		"if it is another zap: rowtap resume " + name + " (it sends the rows added from now on)"
	if open := c.Waiting + c.Queued + c.Failed + c.Held; open > 0 {
		rows := fmt.Sprintf("%d rows of %s stay", open, before)
		if open == 1 {
			rows = "1 row of " + before + " stays"
		}
		next += ", and " + rows + " unsent"
	}
	if err := p.poller.opts.Ledger.SetPaused(ctx, name, true, reason+"\n"+next, p.poller.opts.Now()); err != nil {
		return err
	}
	p.log.Warn(reason, zap.String("next", next))
	return nil
}

// Asks returns what a paused zap asks an operator; ok is false if it is paused for another reason,
// or not.
func Asks(snapshot ledger.Zap) (question hint.Blocked, ok bool) {
	reason, next, two := strings.Cut(snapshot.PausedReason, "\n")
	if !snapshot.Paused || !two || !strings.HasPrefix(reason, formerly) {
		return hint.Blocked{}, false
	}
	return hint.Blocked{Reason: reason, Hint: next}, true
}
