package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// ParseTime returns the time that an operator has entered: a date such as 2026-11-24, which begins
// in the time zone of now, a duration before now such as 7d or 36h, or a time in RFC 3339. "" is
// the zero time.
func ParseTime(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return day, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if before, err := config.ParseDuration(text); err == nil {
		return now.Add(-before), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a date (2026-11-24), a duration (7d, 36h) or a time in RFC 3339 (2026-11-24T09:00:00Z)", text)
}

// ErrNoPeriod means that a period ends before it begins.
var ErrNoPeriod = errors.New("the end is not after the beginning")

// ParsePeriod returns the period between two texts that [ParseTime] parses: from since on, before
// until. Either may be zero.
func ParsePeriod(since, until string, now time.Time) (from, to time.Time, err error) {
	from, err = ParseTime(since, now)
	if err == nil {
		to, err = ParseTime(until, now)
	}
	if err == nil && !from.IsZero() && !to.IsZero() && !from.Before(to) {
		err = fmt.Errorf("%s to %s: %w", since, until, ErrNoPeriod)
		if from.Equal(to) {
			err = fmt.Errorf("%w; it is not included: for one day, give the next one, %s", err, from.AddDate(0, 0, 1).Format(time.DateOnly))
		}
	}
	return from, to, err
}

// identify returns how the identities of a zap's deliveries are found.
func (e *Engine) identify(ctx context.Context) func(zap string) ledger.Identifier {
	current := e.current()
	return func(name string) ledger.Identifier {
		if e.HidesIdentity(ctx, name) {
			return ledger.Identifier{Hidden: true}
		}
		r := current.Recipe(name)
		if r == nil {
			return ledger.Identifier{}
		}
		var b plan.Binder
		return ledger.Identifier{Version: r.IdentityVersion(e.opts.Version), Make: func(d ledger.Delivery) string { return b.Identity(r, d) }}
	}
}

// indexEvery is how often the index of identities is brought up to date. Searches decode what has
// changed since.
const indexEvery = time.Minute

// index brings the index of identities up to date. It returns when to do so again.
func (e *Engine) index(ctx context.Context) time.Duration {
	const most = 20_000 // deliveries
	identify := e.identify(ctx)
	e.inParts(ctx, most, "identities not indexed", func() (int, error) { return e.ledger.IndexIdentities(ctx, identify, most) })
	return indexEvery
}

// Reason is why deliveries failed or are held, and how many.
type Reason struct {
	Text  string `json:"reason"`
	Count int    `json:"count"`
}

// causesOf returns why a delivery failed, is held, waits or was skipped, as [Selection.Error] finds
// it: every error, once.
func causesOf(d ledger.Delivery) []string {
	if d.Problem == nil || d.State != ledger.Failed && d.Reason != "" {
		return []string{d.Reason}
	}
	var all []string
	for p := range d.Problem.All() {
		if text := p.Text(); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// causeOf returns the first cause that contains a text, in any letter case; the first of all if
// none does.
func causeOf(d ledger.Delivery, text string) string {
	all := causesOf(d)
	text = strings.ToLower(text)
	return all[max(0, slices.IndexFunc(all, func(s string) bool { return strings.Contains(strings.ToLower(s), text) }))]
}

// reasons counts deliveries by reason.
type reasons map[string]*Reason

// of returns the count of a reason. It keeps a copy of the text, which shares memory with
// everything that was read with it.
func (r reasons) of(text string) *Reason {
	known, ok := r[text]
	if !ok {
		known = &Reason{Text: strings.Clone(text)}
		r[known.Text] = known
	}
	return known
}

// sorted returns the reasons, the most frequent first.
func (r reasons) sorted() []Reason {
	var all []Reason
	for _, one := range r {
		if one.Count > 0 {
			all = append(all, *one)
		}
	}
	slices.SortFunc(all, func(a, b Reason) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Text, b.Text)) })
	return all
}

// Reasons returns why a zap's deliveries are in a state, the most frequent reason first. A delivery
// counts for each of its errors, as each selects it. It reads no rows.
func (e *Engine) Reasons(ctx context.Context, name string, state ledger.State) ([]Reason, error) {
	counts := reasons{}
	err := e.ledger.ScanOutcomes(ctx, name, state, func(d ledger.Delivery) {
		for _, text := range causesOf(d) {
			counts.of(text).Count++
		}
	})
	return counts.sorted(), err
}

// Tally counts rows by their last outcome, at the time of that outcome.
type Tally struct {
	Sent      int64 `json:"sent"`
	Validated int64 `json:"validated"`
	Skipped   int64 `json:"skipped"`
	Failed    int64 `json:"failed"`
	Held      int64 `json:"held"`
}

// Period has the counts of a time.
type Period struct {
	From time.Time `json:"from"` // UTC
	// CompleteFrom is set if rows of the time before it may be missing: an older release has removed
	// them.
	CompleteFrom *time.Time `json:"complete_from,omitempty"`
	Tally
}

// completeFrom records that counts begin to be complete at a time, if that is in the period.
func (p *Period) completeFrom(at time.Time) {
	if at.After(p.From) && (p.CompleteFrom == nil || at.After(*p.CompleteFrom)) {
		p.CompleteFrom = &at
	}
}

// add adds other counts.
func (t *Tally) add(other Tally) {
	t.Sent += other.Sent
	t.Validated += other.Validated
	t.Skipped += other.Skipped
	t.Failed += other.Failed
	t.Held += other.Held
}

// countedFor is how long rows are counted by the day, and countedHours by the hour, each with an
// hour for the time that a request takes.
const (
	countedFor   = 30*24*time.Hour + time.Hour
	countedHours = 7*24*time.Hour + time.Hour
)

// Errors of [Engine.StatusSince].
var (
	// ErrTooLongAgo means that rows are not counted for so long.
	ErrTooLongAgo = errors.New("rows are counted for 30 days")
	ErrFuture     = errors.New("is in the future")
)

// countedFrom returns the beginning of the hour or, more than a week ago, of the UTC day in which
// counts from a time on begin.
func countedFrom(since, now time.Time) (time.Time, error) {
	switch {
	case since.After(now):
		return time.Time{}, fmt.Errorf("%s %w", since.Format(time.RFC3339), ErrFuture)
	case now.Sub(since) > countedFor:
		return time.Time{}, &hint.Error{
			Err:  fmt.Errorf("%s: %w", since.Format(time.RFC3339), ErrTooLongAgo),
			Hint: "use --since 30d or less, or list the deliveries: rowtap history --since " + since.Format(time.RFC3339),
		}
	case now.Sub(since) > countedHours:
		return since.UTC().Truncate(24 * time.Hour), nil
	}
	return since.UTC().Truncate(time.Hour), nil
}

// StatusSince is [Engine.Status] with counts of the rows whose last outcome was at a time or later:
// from the beginning of its hour, or of its UTC day if that is more than a week ago. It returns
// ErrTooLongAgo if rows are not counted for so long. Zaps that were removed from the configuration
// are included if they had outcomes.
func (e *Engine) StatusSince(ctx context.Context, since time.Time) (Status, error) {
	from, err := countedFrom(since, e.now())
	if err != nil {
		return Status{}, err
	}
	st, err := e.status(ctx, func(z ledger.Zap) bool { return tallyOf(z.Hours, from) != Tally{} })
	if err != nil {
		return Status{}, err
	}
	st.Total = &Period{From: from}
	for i := range st.Zaps {
		p := Period{From: from, Tally: tallyOf(st.Zaps[i].Hours, from)}
		p.completeFrom(st.Zaps[i].CountedFrom)
		st.Zaps[i].Since = &p
		st.Total.add(p.Tally)
		st.Total.completeFrom(st.Zaps[i].CountedFrom)
	}
	return st, nil
}

// tallyOf adds up the hours from a time on.
func tallyOf(hours []ledger.Hour, from time.Time) (t Tally) {
	for _, h := range hours {
		if !h.At.Before(from) {
			t.add(Tally{Sent: h.Sent, Validated: h.Validated, Skipped: h.Skipped, Failed: h.Failed, Held: h.Held})
		}
	}
	return t
}
