package engine

import (
	"context"
	"strings"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
)

// A zap whose file was renamed is new to the ledger, as long as nobody says which one it was: its rows, and what was seen of the
// worksheet, are kept under the old name. Nobody can tell it from another zap for the same worksheet, so it asks: the first read is
// taken down, in case that it is another one, and the zap is paused until an operator has chosen. Until then it has no row of its own,
// which lets [Engine.Rename] put the old zap in its place at any time.

// formerly begins the reason of such a pause.
const formerly = "the worksheet was watched by zap "

// asksAfter pauses a zap that is new on a worksheet which a zap of another name, no longer in the configuration, has watched.
func (p *poll) asksAfter(ctx context.Context, before string) error {
	kept, _, err := p.engine.ledger.Zap(ctx, before)
	if err != nil {
		return err
	}
	name, c := p.recipe.Name, kept.Counts
	reason := formerly + before + ", which is no longer in the configuration: nothing is sent until you choose"
	hint := "if " + name + " is that zap under a new name: rowtap state rename " + before + " " + name + " (it goes on where it was); " +
		"if it is another zap: rowtap resume " + name + " (it sends the rows added from now on)"
	if open := c.Waiting + c.Queued + c.Failed + c.Held; open > 0 {
		hint += ", and " + rowsThat(open, "of "+before+" stays unsent", "of "+before+" stay unsent")
	}
	if err := p.engine.ledger.SetPaused(ctx, name, true, reason+"\n"+hint, p.engine.now()); err != nil {
		return err
	}
	p.log.Warn(reason, zap.String("next", hint))
	return nil
}

// asks returns what a paused zap asks an operator, nil if it is paused for another reason.
func asks(kept ledger.Zap) error {
	reason, hint, ok := strings.Cut(kept.PausedReason, "\n")
	if !kept.Paused || !ok || !strings.HasPrefix(reason, formerly) {
		return nil
	}
	return &Blocked{Reason: reason, Hint: hint}
}
