package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
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
	p := poll{engine: e, recipe: r, plan: plan, beat: b, log: e.log.With(zap.String("zap", name))}
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
	log    *zap.Logger

	account *sheets.Account
	kept    ledger.Zap // what the ledger knows of the zap
	known   bool       // it knows it at all
}

func (p *poll) run(ctx context.Context) (PollReport, error) {
	var err error
	p.kept, p.known, err = p.engine.ledger.Zap(p.recipe.Name)
	if err != nil {
		return PollReport{}, err
	}
	if p.kept.Paused {
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
	if table.Header.Len() == 0 || !slices.ContainsFunc(table.Header.Names(), func(n string) bool { return n != "" }) {
		return PollReport{}, &Blocked{
			Reason: fmt.Sprintf("row %d of worksheet %q, the header row, is empty", p.recipe.Trigger.HeaderRow, w.title),
			Hint:   "write the column names there, or correct header_row in " + p.recipe.Trigger.Pos.String(),
		}
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
	if err := p.engine.ledger.Commit(p.recipe.Name, commit); err != nil {
		return report, err
	}
	p.tell(w, commit, &report)
	return report, columns
}

// compare finds what is new. columns is the mapping's trouble with the header: then nothing moves, but for a first read,
// whose baseline is exact whatever the mapping lacks.
func (p *poll) compare(w *worksheet, t row.Table) (result detect.Result, first bool, columns, err error) {
	o, columns, err := p.options(t.Header)
	if err != nil {
		return result, false, nil, err
	}
	chunks, ok, err := p.engine.ledger.Cursor(p.recipe.Name, p.recipe.Trigger.SpreadsheetID, w.gid)
	if err != nil {
		return result, false, nil, err
	}
	if !ok {
		oldTo, err := p.oldTo(w)
		if err != nil {
			return result, true, nil, err
		}
		next, err := p.engine.ledger.NextDelivery(p.recipe.Name)
		if err != nil {
			return result, true, nil, err
		}
		if columns != nil {
			if oldTo < math.MaxInt {
				return result, true, nil, columns // rows that are there are to be sent: not before the mapping fits
			}
			o.Require, o.Key, o.Ignore = present(t.Header, o.Require), present(t.Header, o.Key), present(t.Header, o.Ignore)
		}
		return detect.Begin(t, o, oldTo, next, wallClock()), true, columns, nil
	}
	if columns != nil {
		return detect.Result{Unchanged: true}, false, columns, nil
	}
	cursor, err := detect.Decode(chunks)
	if err != nil {
		return result, false, nil, fmt.Errorf("what was last seen of worksheet %q cannot be read: %w", w.title, err)
	}
	// The zap may have watched another worksheet in between, and given out numbers.
	if cursor.Next, err = p.engine.ledger.NextDelivery(p.recipe.Name); err != nil {
		return result, false, nil, err
	}
	result = detect.Diff(cursor, t, o, wallClock())
	if p.elsewhere(w) {
		p.log.Warn("the zap watches a worksheet again that it watched before: what was added meanwhile is held",
			zap.String("worksheet", w.title), zap.Int("rows", len(result.Found)))
		for i := range result.Found {
			result.Found[i].State, result.Found[i].Reason = detect.Held, "added while the zap watched another worksheet"
		}
		result.Unchanged = false
	}
	return result, false, nil, nil
}

// elsewhere tells whether the zap's last read was of another worksheet.
func (p *poll) elsewhere(w *worksheet) bool {
	return p.known && p.kept.SpreadsheetID != "" &&
		(p.kept.SpreadsheetID != p.recipe.Trigger.SpreadsheetID || p.kept.GID != w.gid)
}

// options returns what decides what is new under a header. missing is a [mapping.ColumnError] where the header lacks a
// column that the zap names, or has it twice.
func (p *poll) options(h row.Header) (o detect.Options, missing, err error) {
	bound, err := p.recipe.Mapping.Bind(h)
	wrong := &mapping.ColumnError{}
	if err != nil && !errors.As(err, &wrong) {
		return o, nil, err
	}
	identity := p.recipe.Mapping.IdentityColumns()
	if bound != nil {
		identity = bound.IdentityColumns()
	}
	o = p.recipe.detectOptions(identity)
	for _, name := range slices.Concat(p.recipe.Trigger.Require, o.Key, o.Ignore) {
		if _, found := h.Index(name); found {
			continue
		}
		wrong.Missing = append(wrong.Missing, mapping.MissingColumn{
			Name:    name,
			Pos:     p.recipe.Trigger.ColumnPos[name],
			Doubled: h.Doubled(name),
			Nearest: config.Nearest(name, h.Names()),
		})
	}
	if len(wrong.Missing) > 0 {
		return o, wrong, nil
	}
	return o, nil, nil
}

func present(h row.Header, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := h.Index(name)
		return !ok
	})
}

// oldTo returns the sheet row to which rows count as there already at a first read.
func (p *poll) oldTo(w *worksheet) (int, error) {
	start := p.recipe.Trigger.Start
	if start.Now {
		return math.MaxInt, nil
	}
	if p.known && p.kept.SpreadsheetID != "" {
		p.log.Warn("the zap now watches another worksheet: the rows that are there already are not sent",
			zap.String("worksheet", w.title))
		return math.MaxInt, nil
	}
	if before, err := p.renamedFrom(w); err != nil {
		return 0, err
	} else if before != "" {
		p.log.Warn("the worksheet was watched by a zap that is gone, perhaps this one under its old name: "+
			"the rows that are there already are not sent", zap.String("was", before))
		return math.MaxInt, nil
	}
	if start.Beginning {
		return 0, nil
	}
	return start.Row, nil
}

// renamedFrom returns the name of a zap that the configuration no longer has and that watched the same worksheet.
func (p *poll) renamedFrom(w *worksheet) (string, error) {
	names, err := p.engine.ledger.Zaps()
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if p.plan.Recipe(name) != nil {
			continue
		}
		_, ok, err := p.engine.ledger.Cursor(name, p.recipe.Trigger.SpreadsheetID, w.gid)
		if err != nil {
			return "", err
		}
		if ok {
			return name, nil
		}
	}
	return "", nil
}

// typed makes the commit of what was found, with date cells told from numbers.
func (p *poll) typed(ctx context.Context, w *worksheet, t row.Table, result detect.Result, changes []followed) (ledger.Poll, error) {
	c := ledger.Poll{
		SpreadsheetID: p.recipe.Trigger.SpreadsheetID,
		GID:           w.gid,
		Title:         p.recipe.Trigger.Worksheet.Title,
		Cursor:        cursorOf(result),
		Header:        t.Header,
		Zone:          w.zone,
		Action:        string(p.recipe.Action.Event),
		Shadow:        p.recipe.Shadow,
		At:            wallClock(),
	}
	if len(result.Found)+len(changes) == 0 {
		return c, nil
	}
	var rows []row.Row
	for _, f := range result.Found {
		rows = append(rows, f.Row)
	}
	for _, ch := range changes {
		if ch.Kind != detect.Deleted {
			rows = append(rows, ch.Row)
		}
	}
	rows, err := p.account.Typed(ctx, p.recipe.Trigger.SpreadsheetID, w.title, rows)
	if err != nil {
		return c, err
	}
	typed := make(map[int]row.Row, len(rows))
	for _, r := range rows {
		typed[r.Number] = r
	}
	for _, f := range result.Found {
		c.New = append(c.New, ledger.NewRow{Delivery: f.Delivery, Row: typed[f.Row.Number], State: ledgerState(f.State), Reason: f.Reason})
	}
	for _, ch := range changes {
		c.Changes = append(c.Changes, ch.ledger(typed[ch.Row.Number]))
	}
	return c, nil
}

// cursorOf returns the cursor to store; none where it is as it was.
func cursorOf(result detect.Result) [][]byte {
	if result.Unchanged {
		return nil
	}
	return result.Cursor.Encode()
}

func ledgerState(s detect.State) ledger.State {
	switch s {
	case detect.Ready:
		return ledger.Queued
	case detect.Waiting:
		return ledger.Waiting
	case detect.Held:
		return ledger.Held
	case detect.Skipped:
		return ledger.Skipped
	}
	return ledger.Held
}

// tell says what a commit did, and wakes the sender.
func (p *poll) tell(w *worksheet, c ledger.Poll, report *PollReport) {
	for _, n := range c.New {
		switch n.State {
		case ledger.Waiting:
			report.Waiting++
		case ledger.Held:
			report.Held++
		default:
		}
	}
	p.engine.metrics.found(p.recipe.Name, c)
	for _, n := range c.New {
		p.engine.hub.publish(Event{Zap: p.recipe.Name, Number: n.Delivery, Row: n.Row.Number, State: n.State, Message: n.Reason, At: c.At})
	}
	if report.Baseline {
		p.log.Info("worksheet read for the first time: rows added from now on are new",
			zap.String("worksheet", w.title), zap.Int("rows there", report.Rows), zap.Int("of these sent", report.Found))
	} else if report.Found > 0 {
		p.log.Info("new rows", zap.Int("found", report.Found), zap.Int("waiting", report.Waiting), zap.Int("held", report.Held))
	}
	if report.Held > 0 {
		p.log.Warn("rows are held for an operator", zap.Int("held", report.Held), zap.String("next", "rowtap history "+p.recipe.Name+" --state held"))
	}
	if len(c.New)+len(c.Changes) > 0 {
		p.engine.sender.look(p.recipe.Name, len(c.Changes) > 0)
	}
}
