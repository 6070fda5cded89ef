package poll

import (
	"context"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// A zap whose file was renamed is new to the ledger, which keeps its rows and cursors under the old
// name. It cannot be told from another zap for the same worksheet, so an operator has to choose.
// Until then the zap is paused. Its first read is committed, in case it is another zap, but it has
// no rows, so that rowtap state rename can replace it by the old zap at any time.

// renameQuestion starts the reason of such a pause. State files contain it, so it must not change.
const renameQuestion = "the worksheet was watched by zap "

// askAboutRename pauses a new zap on a worksheet that before watched, a zap that is no longer in
// the configuration.
func (p *poll) askAboutRename(ctx context.Context, before string) error {
	stored, _, err := p.poller.opts.Ledger.Zap(ctx, before)
	if err != nil {
		return err
	}
	name, c := p.recipe.Name, stored.Counts
	reason := renameQuestion + before + ", which is no longer in the configuration: nothing is sent until you choose"
	next := "if " + name + " is that zap under a new name: rowtap state rename " + before + " " + name + " (continues where it was); " +
		"if it is another zap: rowtap resume " + name + " (sends the rows added from now on)"
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
	p.log.Warn("zap paused", zap.String("reason", reason), zap.String("next", next))
	return nil
}

// Asks returns the question of a zap that a rename has paused. ok is false if the zap is not
// paused, or is paused for another reason.
func Asks(stored ledger.Zap) (question hint.Blocked, ok bool) {
	reason, next, two := strings.Cut(stored.PausedReason, "\n")
	if !stored.Paused || !two || !strings.HasPrefix(reason, renameQuestion) {
		return hint.Blocked{}, false
	}
	return hint.Blocked{Reason: reason, Hint: next}, true
}
