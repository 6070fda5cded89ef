package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// ErrPaused is returned where a zap is paused, ErrDisabled where it says enabled: false and its baseline is known, ErrNoZap
// where the configuration has none of that name.
var (
	ErrPaused   = errors.New("the zap is paused")
	ErrDisabled = errors.New("the zap is not enabled")
	ErrNoZap    = errors.New("no such zap")
)

// tornReads is how often a poll starts over because the sheet changed while it was read.
const tornReads = 3

// PollReport is what one poll came to.
type PollReport struct {
	Rows     int           `json:"rows"`     // in the worksheet, below the header
	Found    int           `json:"found"`    // new ones
	Waiting  int           `json:"waiting"`  // of these, not ready yet
	Held     int           `json:"held"`     // of these, for an operator
	Baseline bool          `json:"baseline"` // the worksheet was read for the first time
	Doubt    string        `json:"doubt,omitempty"`
	Again    time.Duration `json:"-"` // look again after this long
}

// Poll reads a zap's worksheet, finds what is new, and makes it durable. It waits for a poll of the zap that is under way.
//
// The error is the zap's trouble, which the next poll may find gone: [sheets.Error], [mapping.ColumnError], [Blocked], or
// an error of the ledger.
func (e *Engine) Poll(ctx context.Context, name string) (PollReport, error) {
	return e.poll(ctx, name, false)
}

// poll is Poll; with skip it is that of a paused zap, whose new rows are recorded as skipped.
func (e *Engine) poll(ctx context.Context, name string, skip bool) (PollReport, error) {
	e.mu.Lock()
	b := e.beats[name]
	e.mu.Unlock()
	if b == nil {
		return PollReport{}, fmt.Errorf("poll %s: %w", name, ErrNoZap)
	}
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return PollReport{}, ctx.Err()
	}
	defer func() { <-b.turn }()

	e.mu.Lock()
	r, plan, gone := b.recipe, e.plan, e.beats[name] != b
	e.mu.Unlock()
	if gone {
		return PollReport{}, fmt.Errorf("poll %s: %w", name, ErrNoZap)
	}
	began := time.Now()
	p := poll{engine: e, recipe: r, plan: plan, beat: b, skip: skip, log: e.log.With(zap.String("zap", name))}
	report, err := p.run(ctx)
	if ctx.Err() != nil {
		return report, err
	}
	e.mu.Lock()
	b.loaded = b.loaded || err == nil || errors.Is(err, ErrDisabled)
	unread := errors.Is(err, ErrPaused) || errors.Is(err, ErrDisabled)
	if !unread {
		b.read(report, err, wallClock())
	}
	e.mu.Unlock()
	if unread {
		return report, err
	}
	if report.Again > 0 {
		poke(e.wake)
	}
	e.metrics.polled(name, began, err)
	return report, err
}

// Hinted is an error and what to do about it.
type Hinted struct {
	Err  error
	Hint string
}

func (h *Hinted) Error() string { return h.Err.Error() }
func (h *Hinted) Unwrap() error { return h.Err }

// Blocked says why a zap cannot go on until somebody does something, and what.
type Blocked struct {
	Reason string
	Hint   string
}

func (b *Blocked) Error() string { return b.Reason }

// poll is one poll of one zap.
type poll struct {
	engine *Engine
	plan   *Plan
	recipe *Recipe
	beat   *beat
	skip   bool // new rows are recorded as skipped, though the zap is paused
	log    *zap.Logger

	account *sheets.Account
	kept    ledger.Zap        // what the ledger knows of the zap
	known   bool              // it knows it at all
	failed  []ledger.Delivery // of the zap, the newest first
}

func (p *poll) run(ctx context.Context) (PollReport, error) {
	var err error
	p.kept, p.known, err = p.engine.ledger.Zap(p.recipe.Name)
	if err != nil {
		return PollReport{}, err
	}
	if p.kept.Counts.Failed > 0 {
		p.failed, err = p.engine.ledger.Deliveries(ledger.Query{Zap: p.recipe.Name, State: ledger.Failed})
		if err != nil {
			return PollReport{}, err
		}
	}
	if p.kept.Paused && !p.skip {
		return PollReport{}, ErrPaused
	}
	if !p.recipe.Enabled && p.based() {
		return PollReport{}, ErrDisabled
	}
	p.account, err = p.plan.google[p.recipe.Trigger.Account.Name].open(ctx)
	if err != nil {
		return PollReport{}, err
	}
	for range tornReads {
		report, err := p.once(ctx)
		if !errors.Is(err, sheets.ErrTorn) {
			return report, err
		}
	}
	return PollReport{}, &Blocked{
		Reason: fmt.Sprintf("the worksheet changed during each of %d reads; nothing is taken from them", tornReads),
		Hint:   "rowtap tries again at the next poll",
	}
}

// once reads, compares and commits. It returns [sheets.ErrTorn] when the sheet changed on the way.
func (p *poll) once(ctx context.Context) (PollReport, error) {
	w, table, err := p.read(ctx)
	if err != nil {
		return PollReport{}, err
	}
	if !slices.ContainsFunc(table.Header.Names(), func(name string) bool { return name != "" }) {
		return p.headless(w, table)
	}
	result, first, columns, err := p.compare(w, table)
	if err != nil {
		return PollReport{}, err
	}
	report := PollReport{Rows: len(table.Rows), Found: len(result.Found), Baseline: first, Doubt: result.Doubt, Again: result.Recheck}
	if columns != nil {
		report.Found = 0
	}
	var changes []followed
	if !first && columns == nil && result.Doubt == "" {
		if changes, err = p.followed(table, result); err != nil {
			return report, err
		}
	}
	if !first && result.Unchanged && len(changes) == 0 {
		return report, columns
	}
	if !first {
		// The title is looked up again: it may have come to mean another worksheet since it was last found.
		gid := w.gid
		if w, err = p.find(ctx); err != nil {
			return report, err
		}
		if w.gid != gid {
			return report, sheets.ErrTorn
		}
	}
	commit, err := p.typed(ctx, w, table, result, changes)
	if err != nil {
		return report, err
	}
	began := time.Now()
	if err := p.engine.ledger.Commit(p.recipe.Name, commit); err != nil {
		return report, err
	}
	p.engine.metrics.committed(began)
	p.tell(w, commit, &report)
	return report, columns
}

// headless takes up a worksheet without a header. One that is empty altogether starts at zero rows: those typed later are new,
// together with the header or after it.
func (p *poll) headless(w *worksheet, t row.Table) (PollReport, error) {
	blocked := &Blocked{
		Reason: fmt.Sprintf("row %d of worksheet %q, the header row, is empty", p.recipe.Trigger.HeaderRow, w.title),
		Hint:   "write the column names there, or correct header_row in " + p.recipe.Trigger.Pos.String(),
	}
	_, seen, err := p.engine.ledger.Cursor(p.recipe.Name, p.recipe.Trigger.SpreadsheetID, w.gid)
	if err != nil {
		return PollReport{}, err
	}
	if seen || len(t.Rows) > 0 {
		return PollReport{}, blocked
	}
	next, err := p.engine.ledger.NextDelivery(p.recipe.Name)
	if err != nil {
		return PollReport{}, err
	}
	result := detect.Begin(t, detect.Options{}, math.MaxInt, next, wallClock())
	if err := p.engine.ledger.Commit(p.recipe.Name, p.commitOf(w, t, result)); err != nil {
		return PollReport{}, err
	}
	return PollReport{Baseline: true}, blocked
}
