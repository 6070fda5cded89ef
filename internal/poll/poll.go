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

// ErrPaused is returned where a zap is paused, ErrNotPaused where it must be and is not,
// ErrDisabled where it says enabled: false and its baseline is known, ErrNoZap where the
// configuration has none of that name.
var (
	ErrPaused    = errors.New("the zap is paused")
	ErrNotPaused = errors.New("the zap is not paused")
	ErrDisabled  = errors.New("the zap is not enabled")
	ErrNoZap     = errors.New("no such zap")
)

// SkippedByOperator is the reason in the ledger of rows that [Poller.PollSkipping] found.
const SkippedByOperator = "added while the zap was paused, and skipped by an operator"

// Report is what a poll came to. What is committed is in the ledger alone.
type Report struct {
	Rows     int           `json:"rows"`     // in the worksheet, below the header
	Found    int           `json:"found"`    // new ones
	Waiting  int           `json:"waiting"`  // of these, not ready yet
	Held     int           `json:"held"`     // of these, for an operator
	Baseline bool          `json:"baseline"` // the worksheet was read for the first time
	Doubt    string        `json:"doubt,omitempty"`
	Partial  string        `json:"partial,omitempty"` // why some of what was read waits for another read; "": all was taken
	Again    time.Duration `json:"-"`                 // look again after this long
	left     int           // new rows that the next polls take ([takenAtOnce])
	Pages    float64       `json:"-"` // requests a minute that reading it whole now and then takes, without the polls

	Spreadsheet string `json:"-"` // its title; "": it was not reached
}

// poll is one poll of one zap, a part of a [visit], which calls its methods; err ends it.
type poll struct {
	poller   *Poller
	name     string // the zap's
	among    *plan.Plan
	recipe   *plan.Recipe
	schedule *zapSchedule
	began    time.Time
	group    *group
	whole    bool      // an operator asks for it: the worksheet is read whole
	skip     bool      // new rows are recorded as skipped, though the zap is paused
	fill     *backfill // also finds rows that were there at the start; nil: only new ones
	log      *zap.Logger
	account  *sheets.Account

	snapshot ledger.Zap        // of the zap, as the ledger had it when the poll began
	known    bool              // the ledger knows the zap
	failed   []ledger.Delivery // of the zap, the newest ones, newest first; their cells are compared with the sheet's
	torn     int               // attempts in which the sheet changed on the way

	left     bool   // the worksheet that the zap leaves was read a last time, or cannot be
	unread   string // why it was not read; "": it was
	last     Report // of that read
	glimpses glimpses
	attempt
}

// attempt is the part of a poll that is reset when the worksheet has to be read another time.
type attempt struct {
	err    error
	report Report

	sheet   *worksheet
	located bool // looked up in this attempt
	leaving bool // it is the one that the zap leaves, read a last time

	tails   bool // only a window is read
	window  detect.Window
	ranges  []sheets.Range // of its first request
	further bool           // it takes pages to read the worksheet whole
	pages   int            // that it took
	reading *detect.Reading
	blocks  []sheets.Block // of the first request, and of what a window was extended by
	cells   *rowStore      // the rows that were read

	cursor   detect.Cursor          // what was last seen
	seen     bool                   // there is such a cursor
	open     map[uint64]detect.Open // the open rows, as of the comparison
	result   detect.Result
	partial  bool  // the read was torn: the result is what two of them prove
	familiar bool  // it has all the rows that were known, and these are some
	first    bool  // the worksheet was read for the first time
	columns  error // the header lacks a column that the zap names: nothing but a baseline is committed
	header   row.Header
	changes  []openChange
	shown    *rowStore // the rows that go into the ledger, with dates told from numbers
}

// newStore returns an empty store of rows.
func (p *poll) newStore() *rowStore { return &rowStore{packer: p.poller.packer} }

// begin starts an attempt.
func (p *poll) begin() {
	p.attempt = attempt{}
	if w := p.schedule.sheet; w != nil && w.spreadsheetID == p.recipe.Trigger.SpreadsheetID && p.names(w) && !p.outdated(w) {
		p.sheet = w
	}
}

// barred is an error of [Options.InPlace], which whoever it is asked of has logged.
type barred struct{ error }

func (b *barred) Unwrap() error { return b.error }

func isBarred(err error) bool {
	_, ok := errors.AsType[*barred](err)
	return ok
}

// noZap is [ErrNoZap] with the name that may have been meant.
func noZap(among *plan.Plan, name string) error {
	return &hint.Error{Err: fmt.Errorf("poll %s: %w", name, ErrNoZap), Hint: among.Meant(name)}
}

// poke sends without waiting; one token is enough, since the receiver looks at everything.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
