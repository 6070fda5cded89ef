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

// shownProblems bounds the failing rows that a dry run lists.
const shownProblems = 5

// ErrRows is the error for a text that is not a range of sheet rows.
var ErrRows = errors.New("not a range of sheet rows")

// Backfilled is the result of a backfill, in numbers of rows. After a dry run it is what a backfill
// would do.
type Backfilled struct {
	Zap    string `json:"zap"`
	Rows   string `json:"rows"` // the sheet rows requested
	DryRun bool   `json:"dry_run,omitempty"`
	// Queued rows existed at the start and are sent now. Only a dry run knows the next three:
	// Skipped by the filter; Failed, refused by the mapping; and Late, those of Queued with an
	// event too old to trigger a live campaign.
	Queued  int `json:"queued"`
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
	Late    int `json:"late"`
	// Rows left alone: Delivered have a delivery already; Waiting are incomplete, and those added
	// after the start are sent once complete; of SameKey another row with the same key has fired or
	// is above.
	Delivered int `json:"delivered"`
	Waiting   int `json:"waiting"`
	SameKey   int `json:"same_key"`

	Event string `json:"event"` // upload_event if one of the zap's actions is
	// Now means that an action that uploads events has no time: they get the time of queuing.
	Now      bool              `json:"now,omitempty"`
	Problems []BackfillProblem `json:"problems,omitempty"` // the first failures
}

// BackfillProblem is a row that a backfill cannot send.
type BackfillProblem struct {
	Row     int             `json:"row"`
	Problem *ledger.Problem `json:"error"`
}

// ParseRows parses a range of 1-based sheet rows such as "2:5000", both included. A missing end
// ("2:") is open; "" means all rows. The error wraps [ErrRows].
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
		return 0, 0, fmt.Errorf("rows %q: %w: give the first and the last row, such as 2:5000", s, ErrRows)
	}
	return from, to, nil
}

// Backfill queues the rows of a zap's worksheet that existed at the start, within a range of sheet
// rows ([ParseRows]). It is a poll that reads the whole worksheet and finds these rows together
// with new ones. One transaction queues all of them: a backfill that is interrupted, or that finds
// the zap paused in the meantime, queues nothing. Rows that already have a delivery are left alone,
// so a repeated backfill sends no row twice. max_new_rows does not hold the old rows. note becomes
// their reason in the history. With dryRun, rows are mapped and counted but not queued.
//
// progress, if not nil, is called repeatedly with the number of rows read and the number of rows in
// the worksheet.
//
// The errors are those of [Poller.Poll], and [ErrRows].
func (pr *Poller) Backfill(ctx context.Context, name, rows string, dryRun bool, note string, progress func(read, of int)) (Backfilled, error) {
	from, to, err := ParseRows(rows)
	if err != nil {
		return Backfilled{}, err
	}
	b := &backfill{rows: detect.Backfill{From: from, To: to}, note: note, progress: progress}
	for {
		b.sum = Backfilled{Zap: name, Rows: rows, DryRun: dryRun}
		report, err := pr.poll(ctx, name, func(p *poll) { p.full, p.fill = true, b })
		switch {
		case err != nil:
			return Backfilled{Zap: name, Rows: rows, DryRun: dryRun}, err
		case report.Doubt != "":
			return b.sum, &hint.Error{Err: errors.New("the read was ignored: " + report.Doubt), Hint: "try again in a minute"}
		case !report.Baseline:
			return b.sum, nil
		}
		// This was the first read of the worksheet, so its rows now exist at the start.
	}
}

// backfill is what a poll does for a backfill.
type backfill struct {
	rows     detect.Backfill
	note     string // reason of its rows in the history
	progress func(read, of int)
	sum      Backfilled
}

// reportProgress reports how many rows have been read, and how many the grid has. A nil backfill
// reports nothing.
func (b *backfill) reportProgress(read, of int) {
	if b != nil && b.progress != nil {
		b.progress(read, max(read, of))
	}
}

// recordComparison records which rows the comparison left alone, and what kind of records the zap
// makes.
func (b *backfill) recordComparison(r *plan.Recipe, over detect.PassedOver) {
	b.sum.Delivered, b.sum.Waiting, b.sum.SameKey = over.Delivered, over.Waiting, over.SameKey
	b.sum.Event = string(config.CreateUpdateUserProfile)
	for _, a := range r.Actions {
		if a.Event == config.UploadEvent {
			b.sum.Event, b.sum.Now = string(a.Event), b.sum.Now || a.Time == nil
		}
	}
}

// isBackfill reports whether the poll reads the worksheet to backfill.
func (p *poll) isBackfill() bool { return p.fill != nil && !p.first && !p.leaving }

// isDryRun reports whether the rows found are only counted.
func (p *poll) isDryRun() bool { return p.isBackfill() && p.fill.sum.DryRun }

// refuseDryRun refuses a dry run that would be the first read of a worksheet whose rows start says
// to send, because that read would queue them.
func (p *poll) refuseDryRun() error {
	if p.fill == nil || !p.fill.sum.DryRun || len(p.result.Found) == 0 {
		return nil
	}
	return &hint.Error{
		Err:  fmt.Errorf("worksheet %q was never read: the first read queues %d of its rows, as set by start", p.sheet.title, len(p.result.Found)),
		Hint: "rowtap poll " + p.name + " reads the worksheet and queues them; rowtap test trigger " + p.name + " shows rows",
	}
}

// checkPaused returns [ErrPaused] if the zap was paused during a backfill: reading a worksheet
// takes minutes, and an operator may pause the zap to stop the backfill. Rows queued anyway would
// be sent on resume.
func (p *poll) checkPaused(ctx context.Context) error {
	if !p.isBackfill() {
		return nil
	}
	stored, _, err := p.poller.opts.Ledger.Zap(ctx, p.recipe.Name)
	if err == nil && stored.Paused {
		err = ErrPaused
	}
	return err
}

// dryRun maps the old rows that were found, and counts the outcomes.
func (p *poll) dryRun() error {
	bound, err := p.recipe.Mapping.Bind(p.header)
	if err != nil {
		return err
	}
	zone, _ := row.Zone(p.sheet.zone) // find rejects unknown zones
	ctx := mapping.Context{Zone: zone, DetectedAt: p.poller.opts.Now()}
	for _, f := range p.result.Found {
		if !f.Old {
			continue
		}
		r, _ := p.shown.row(f.Row)
		keep, tooLate, err := dryRunRow(p.recipe, bound, r, ctx)
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

// dryRunRow maps a row with all actions. tooLate means that one of its events is too old to trigger
// a live campaign.
func dryRunRow(r *plan.Recipe, bound *mapping.Bound, sheetRow row.Row, ctx mapping.Context) (keep, tooLate bool, err error) {
	for nth, a := range r.Actions {
		record, keep, err := bound.Record(nth, sheetRow, ctx)
		if err != nil || !keep {
			return keep, false, err
		}
		tooLate = tooLate || a.Event == config.UploadEvent && a.Time != nil && late(record.JSON, ctx.DetectedAt)
	}
	return true, tooLate, nil
}

// late reports whether the time of a record is too long ago for live campaigns.
func late(record []byte, now time.Time) bool {
	var r struct {
		TS int64 `json:"ts"`
	}
	return json.Unmarshal(record, &r) == nil && r.TS != 0 && time.Unix(r.TS, 0).Before(now.Add(-clevertap.LiveFor))
}
