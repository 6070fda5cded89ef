package poll

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Errors of a poll that was not made: the zap is paused ([ErrPaused]), is not paused but has to be
// ([ErrNotPaused]), has enabled: false and a baseline ([ErrDisabled]), or is not in the
// configuration ([ErrNoZap]).
var (
	ErrPaused    = errors.New("the zap is paused")
	ErrNotPaused = errors.New("the zap is not paused")
	ErrDisabled  = errors.New("the zap is not enabled")
	ErrNoZap     = errors.New("no such zap")
)

// SkippedByOperator is the ledger's reason for rows that [Poller.PollSkipping] found.
const SkippedByOperator = "added while the zap was paused, and skipped by an operator"

// Report is the result of a poll. The ledger alone has what was committed.
type Report struct {
	Rows     int    `json:"rows"`              // in the worksheet, below the header
	Found    int    `json:"found"`             // new rows
	Waiting  int    `json:"waiting"`           // of Found: not ready yet
	Held     int    `json:"held"`              // of Found: held for an operator
	Repeats  int    `json:"repeats,omitempty"` // rows skipped because their keys are taken
	Baseline bool   `json:"baseline"`          // first read of the worksheet
	Doubt    string `json:"doubt,omitempty"`
	// Partial is the reason why part of the read waits for another read, or "".
	Partial   string        `json:"partial,omitempty"`
	Again     time.Duration `json:"-"` // poll again after this time
	remaining int           // new rows left for the next polls ([maxRowsPerPoll])
	// Pages is the number of requests a minute for complete reads, in addition to those of polls.
	Pages float64 `json:"-"`

	Spreadsheet string `json:"-"` // title; "": not reached
}

// poll is one poll of one zap. It is part of a [visit], which calls its methods. Once err is set,
// the visit skips the remaining steps.
type poll struct {
	poller   *Poller
	name     string // of the zap
	plan     *plan.Plan
	recipe   *plan.Recipe
	schedule *zapSchedule
	began    time.Time
	group    *group
	full     bool      // requested by an operator: read the whole worksheet
	skip     bool      // record new rows as skipped, although the zap is paused
	fill     *backfill // also find rows that existed at the start; nil: only new ones
	log      *zap.Logger
	account  *sheets.Account

	stored ledger.Zap // the ledger's record of the zap
	known  bool       // the ledger has a record of the zap
	// failed are the zap's newest failed deliveries, newest first. Their cells are compared with
	// the sheet's.
	failed []ledger.Delivery
	torn   int // attempts in which the sheet changed during the read

	// left is true once the worksheet that the zap leaves had its last read, or if it cannot be
	// read.
	left     bool
	unread   string // why it was not read; "": it was
	last     Report // of that read
	glimpses glimpses
	attempt
}

// attempt is the part of a poll that is reset when the worksheet has to be read again.
type attempt struct {
	err    error
	report Report

	sheet   *worksheet
	located bool // looked up in this attempt
	leaving bool // the sheet is the one that the zap leaves

	windowed bool // read only a window
	window   detect.Window
	ranges   []sheets.Range // of the first request
	paged    bool           // read the whole worksheet in pages
	pages    int            // pages read
	reading  *detect.Reading
	blocks   []sheets.Block // of the first request and of extensions of the window
	cells    *rowStore      // the rows read

	cursor   detect.Cursor          // of the last poll
	seen     bool                   // there is a cursor
	open     map[uint64]detect.Open // the open rows at the comparison
	result   detect.Result
	partial  bool // the read was torn: result is what two torn reads prove
	familiar bool // all known rows are there, and there are at least someRows
	first    bool // first read of the worksheet
	// columns is the error if the header lacks a column that the zap names. Only a baseline is
	// committed then.
	columns error
	header  row.Header
	changes []openChange
	// shown are the rows that go into the ledger, with dates marked.
	shown *rowStore
}

// newStore returns an empty store of rows.
func (p *poll) newStore() *rowStore { return &rowStore{packer: p.poller.packer} }

// begin starts an attempt.
func (p *poll) begin() {
	p.attempt = attempt{}
	if w := p.schedule.sheet; w != nil && w.spreadsheetID == p.recipe.Trigger.SpreadsheetID && p.stillNamed(w) && !p.titleStale(w) {
		p.sheet = w
	}
}

// inPlaceError is an error of [Options.InPlace], which logs it.
type inPlaceError struct{ error }

func (b *inPlaceError) Unwrap() error { return b.error }

func isInPlaceError(err error) bool {
	_, ok := errors.AsType[*inPlaceError](err)
	return ok
}

// noZap returns [ErrNoZap] with a suggestion of the name that was meant.
func noZap(current *plan.Plan, name string) error {
	return &hint.Error{Err: fmt.Errorf("poll %s: %w", name, ErrNoZap), Hint: current.Meant(name)}
}

// poke wakes the receiver without blocking. One token is enough, because the receiver checks
// everything.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
