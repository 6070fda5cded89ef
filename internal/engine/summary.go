package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/notify"
	"github.com/rowtap/rowtap/internal/quantity"
)

// DailySummary is the body of a webhook request with a daily summary.
type DailySummary struct {
	Text  string    `json:"text"`
	Kind  string    `json:"kind"` // summary
	From  time.Time `json:"from"` // beginning of the counted time
	Zaps  []ZapDay  `json:"zaps"`
	Total ZapDay    `json:"total"`
	// Notices are about what needs attention, whether or not the target is told about it.
	Notices []Notice  `json:"notices,omitempty"`
	At      time.Time `json:"at"`
}

// ZapDay has the counts of a zap: rows by outcome, and those that are open now.
type ZapDay struct {
	Zap   string   `json:"zap,omitempty"` // "" for the total
	State ZapState `json:"state,omitempty"`
	Tally
	Waiting int64 `json:"waiting"`
	Queued  int64 `json:"queued"`
}

// sendSummary begins to send a summary if one is due. Of several that are due, because rowtap or the
// target was down, only the last one is sent. A target that is new gets its first one at the next
// time.
func (n *notifier) sendSummary(ctx context.Context, t *target, now time.Time) {
	if t.Summary == nil {
		return
	}
	if n.readSummaries(ctx); n.summaries == nil { // shutting down
		return
	}
	id, due := t.ID(), t.Summary.Last(now)
	switch last, known := n.summaries[id]; {
	case !known, last.Sub(now) > 24*time.Hour: // new, or the clock was more than a day ahead
		n.keepSummary(ctx, id, due)
		return
	case !due.After(last):
		return
	}
	m, err := n.engine.summary(ctx, t.Summary.Last(due.Add(-time.Minute)), now)
	if err != nil {
		n.engine.log.Error("daily summary", zap.Error(err))
		return
	}
	n.send(ctx, t, m, func() { n.keepSummary(ctx, id, due) })
}

// readSummaries reads which summaries were sent, if that was not read yet. If that is damaged, all
// targets count as new.
func (n *notifier) readSummaries(ctx context.Context) {
	if n.summaries != nil {
		return
	}
	last, err := n.engine.ledger.Summaries(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		n.engine.log.Error("daily summary", zap.Error(err))
		last = map[string]time.Time{}
	}
	n.summaries = last
}

// keepSummary records that a target has the summary of a time, and forgets the targets that are no
// longer configured. If that cannot be written, a summary is repeated after a restart at worst.
func (n *notifier) keepSummary(ctx context.Context, id string, due time.Time) {
	n.summaries[id] = due
	configured := map[string]bool{}
	for _, t := range n.targets {
		configured[t.ID()] = t.Summary != nil
	}
	maps.DeleteFunc(n.summaries, func(id string, _ time.Time) bool { return !configured[id] })
	if err := n.engine.ledger.KeepSummaries(ctx, n.summaries); err != nil && !n.engine.faulty(err) {
		n.engine.log.Error("daily summary", zap.Error(err))
	}
}

// summary returns the summary of the time since the beginning of an hour.
func (e *Engine) summary(ctx context.Context, since, now time.Time) (notify.Message, error) {
	st, err := e.StatusSince(ctx, since)
	if err != nil {
		return notify.Message{}, err
	}
	s := DailySummary{Kind: kindSummary, From: st.Total.From, Zaps: []ZapDay{}, Total: ZapDay{Tally: st.Total.Tally}, At: now}
	var lines, quiet []string
	for _, z := range st.Zaps {
		one := ZapDay{Zap: z.Zap, State: z.State, Tally: z.Since.Tally, Waiting: z.Waiting, Queued: z.Queued}
		s.Zaps = append(s.Zaps, one)
		s.Total.Waiting += z.Waiting
		s.Total.Queued += z.Queued
		name := z.Zap
		if z.State != Running {
			name += " (" + string(z.State) + ")"
		}
		if counts := one.counts(); counts != "" {
			lines = append(lines, name+": "+counts)
		} else {
			quiet = append(quiet, name)
		}
	}
	if len(quiet) > 0 {
		lines = append(lines, "no rows: "+strings.Join(quiet, ", "))
	}
	total := s.Total.counts()
	if total == "" {
		total = "no rows"
	}
	needs := slices.DeleteFunc(e.explained(ctx, e.conditionsOf(st)), func(c condition) bool { return !c.needs || c.unknown })
	what, notices := listed(needs, now)
	s.Notices = notices
	head := "daily summary: " + total
	if len(needs) > 0 {
		head += "; " + needAttention(len(needs))
		lines = append(lines, "", "Needs attention:", "", what)
	}
	from := s.From.In(since.Location()).Format("2006-01-02 15:04 MST")
	text := "Since " + from + ": " + total + "\n\n" + strings.Join(lines, "\n")
	s.Text = slackText.Replace("rowtap: " + head + "\n" + text)
	return notify.Message{Subject: "rowtap: " + head, Text: text, Body: s}, nil
}

// counts returns the counts that are not zero, in words.
func (z ZapDay) counts() string {
	var parts []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{z.Sent, "sent"},
		{z.Validated, "validated"},
		{z.Skipped, "skipped"},
		{z.Failed, "failed"},
		{z.Held, "held"},
		{z.Waiting, "waiting"},
		{z.Queued, "queued"},
	} {
		if c.n > 0 {
			parts = append(parts, quantity.Number(c.n)+" "+c.what)
		}
	}
	return strings.Join(parts, ", ")
}
