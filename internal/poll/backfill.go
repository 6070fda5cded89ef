package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// shownProblems bounds the rows that a dry run tells of by name.
const shownProblems = 5

// ErrRows is the error for a text that is not a range of sheet rows.
var ErrRows = errors.New("no range of sheet rows")

// Backfilled is what a backfill did, or with DryRun what it would do: numbers of rows.
type Backfilled struct {
	Zap       string `json:"zap"`
	Rows      string `json:"rows"` // the sheet rows asked for
	DryRun    bool   `json:"dry_run,omitempty"`
	Queued    int    `json:"queued"`    // there at the start, and sent now
	Skipped   int    `json:"skipped"`   // of these, dropped by the filter; known to a dry run alone, as the next ones
	Failed    int    `json:"failed"`    // of these, refused by the mapping
	Late      int    `json:"late"`      // of these, events too old to trigger a live campaign
	Delivered int    `json:"delivered"` // passed over: they have a delivery already
	Waiting   int    `json:"waiting"`   // passed over: not complete; those that were not at the start are sent once they are
	SameKey   int    `json:"same_key"`  // passed over: another row of their key has fired, or is above them

	Event    string            `json:"event"`              // of the zap's actions: upload_event, if one of them does
	Now      bool              `json:"now,omitempty"`      // an action that uploads events has no time: theirs is that of being queued
	Problems []BackfillProblem `json:"problems,omitempty"` // the first that failed
}

// BackfillProblem is a row that a backfill cannot send.
type BackfillProblem struct {
	Row     int             `json:"row"`
	Problem *ledger.Problem `json:"error"`
}

// ParseRows reads a range of sheet rows, "2:5000", both included; an end that is left out ("2:") is
// open, and "" is all of them. Its error wraps ErrRows.
func ParseRows(s string) (from, to int, err error) {
	a, b, two := strings.Cut(s, ":")
	if !two {
		b = a
	}
	from, to = 1, math.MaxInt32
	if a = strings.TrimSpace(a); a != "" {
		from, err = strconv.Atoi(a)
	}
	if b = strings.TrimSpace(b); b != "" && err == nil {
		to, err = strconv.Atoi(b)
	}
	if err != nil || from < 1 || to < from || to > math.MaxInt32 || two && a == "" && b == "" {
		return 0, 0, fmt.Errorf("rows %q: %w: write the first and the last, such as 2:5000", s, ErrRows)
	}
	return from, to, nil
}

// Backfill queues the rows of a zap's worksheet that were there at the start, within a range of
// sheet rows ([ParseRows]). It is a poll that reads the worksheet whole and finds these rows
// together with new ones. One transaction queues all: a backfill that is cut off, or finds the zap
// paused meanwhile, has queued nothing. Rows that have a delivery already are passed over, so a repeated backfill sends no row
// twice. With dryRun it maps the rows, says what would become of them, and queues none. Since an
// operator asks for it, max_new_rows does not hold the old rows. The note becomes their reason in
// the history.
//
// progress is called now and then with how many rows of the worksheet are read, of how many; it may
// be nil.
//
// The errors are those of [Poller.Poll], and ErrRows.
func (pr *Poller) Backfill(ctx context.Context, name, rows string, dryRun bool, note string, progress func(read, of int)) (Backfilled, error) {
	from, to, err := ParseRows(rows)
	if err != nil {
		return Backfilled{}, err
	}
	b := &backfill{rows: detect.Backfill{From: from, To: to}, note: note, progress: progress}
	for {
		b.sum = Backfilled{Zap: name, Rows: rows, DryRun: dryRun}
		report, err := pr.poll(ctx, name, func(p *poll) { p.whole, p.fill = true, b })
		switch {
		case err != nil:
			return Backfilled{Zap: name, Rows: rows, DryRun: dryRun}, err
		case report.Doubt != "":
			return b.sum, &hint.Error{Err: errors.New("nothing is taken from this read: " + report.Doubt), Hint: "try again in a minute"}
		case !report.Baseline:
			return b.sum, nil
		}
		// The worksheet was read for the first time: now its rows are there at the start.
	}
}

// backfill is what a poll does for a backfill.
type backfill struct {
	rows     detect.Backfill
	note     string // of its rows, in the history
	progress func(read, of int)
	sum      Backfilled
}

// progressed reports how many rows of a worksheet are read, of how many that its grid has. A nil
// backfill reports nothing.
func (b *backfill) progressed(read, of int) {
	if b != nil && b.progress != nil {
		b.progress(read, max(read, of))
	}
}

// began records what the comparison passed over, and what kind of records the zap makes.
func (b *backfill) began(r *plan.Recipe, over detect.PassedOver) {
	b.sum.Delivered, b.sum.Waiting, b.sum.SameKey = over.Delivered, over.Waiting, over.SameKey
	b.sum.Event = string(config.CreateUpdateUserProfile)
	for _, a := range r.Actions {
		if a.Event == config.UploadEvent {
			b.sum.Event, b.sum.Now = string(a.Event), b.sum.Now || a.Time == nil
		}
	}
}

// fills tells whether the poll reads the worksheet that is to be backfilled.
func (p *poll) fills() bool { return p.fill != nil && !p.first && !p.leaving }

// rehearses tells whether what the poll finds is only to be shown.
func (p *poll) rehearses() bool { return p.fills() && p.fill.sum.DryRun }

// queuesNone refuses a dry run that is the first read of a worksheet whose rows are sent by the zap's start: it would queue them.
func (p *poll) queuesNone() error {
	if p.fill == nil || !p.fill.sum.DryRun || len(p.result.Found) == 0 {
		return nil
	}
	return &hint.Error{
		Err:  fmt.Errorf("worksheet %q was not read before: its first read queues %d of its rows, as start says", p.sheet.title, len(p.result.Found)),
		Hint: "rowtap test trigger " + p.name + " shows rows; rowtap poll " + p.name + " reads the worksheet",
	}
}

// stillFills tells whether the old rows may still be queued: a worksheet takes minutes to read, in which an operator may pause the zap to
// stop its backfill. Rows that were queued all the same would be sent when it goes on.
func (p *poll) stillFills(ctx context.Context) error {
	if !p.fills() {
		return nil
	}
	now, _, err := p.poller.opts.Ledger.Zap(ctx, p.recipe.Name)
	if err == nil && now.Paused {
		err = ErrPaused
	}
	return err
}

// rehearse maps the old rows that were found, and counts what would become of them.
func (p *poll) rehearse() error {
	bound, err := p.recipe.Mapping.Bind(p.header)
	if err != nil {
		return err
	}
	zone, _ := row.Zone(p.sheet.zone) // find refuses an unknown one
	ctx := mapping.Context{Zone: zone, DetectedAt: p.poller.opts.Now()}
	for _, f := range p.result.Found {
		if !f.Old {
			continue
		}
		r, _ := p.shown.row(f.Row)
		keep, tooLate, err := rehearseRow(p.recipe, bound, r, ctx)
		sum := &p.fill.sum
		switch {
		case err != nil:
			sum.Failed++
			if len(sum.Problems) < shownProblems {
				sum.Problems = append(sum.Problems, BackfillProblem{r.Number, plan.ProblemOf(err)})
			}
		case !keep:
			sum.Skipped++
		default:
			sum.Queued++
			if tooLate {
				sum.Late++
			}
		}
	}
	return nil
}

// rehearseRow maps a row by all actions; tooLate tells that an event of it would trigger no live
// campaign.
func rehearseRow(r *plan.Recipe, bound *mapping.Bound, sheetRow row.Row, ctx mapping.Context) (keep, tooLate bool, err error) {
	for nth, a := range r.Actions {
		record, keep, err := bound.Record(nth, sheetRow, ctx)
		if err != nil || !keep {
			return keep, false, err
		}
		tooLate = tooLate || a.Event == config.UploadEvent && a.Time != nil && late(record.JSON, ctx.DetectedAt)
	}
	return true, tooLate, nil
}

// late tells whether a record's time is too long ago for live campaigns.
func late(record []byte, now time.Time) bool {
	var r struct {
		TS int64 `json:"ts"`
	}
	return json.Unmarshal(record, &r) == nil && r.TS != 0 && time.Unix(r.TS, 0).Before(now.Add(-clevertap.LiveFor))
}
