package preview

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// SampleVerdict is the outcome that a sampled row would have if it were new.
type SampleVerdict string

// The verdicts.
const (
	SampleReady    SampleVerdict = "ready"
	SampleWaiting  SampleVerdict = "waiting" // required columns are empty
	SampleSkipped  SampleVerdict = "skipped" // by the filter
	SampleFailed   SampleVerdict = "failed"  // the filter fails
	SampleNotKnown SampleVerdict = "blocked" // the header lacks a column that the zap names
)

// Sample is a worksheet as a zap's trigger finds it now, with some of its rows. It is read from the
// sheet alone; the zap's binding only says which worksheet a title means.
type Sample struct {
	Spreadsheet string // title
	Zone        string // time zone of its dates
	Worksheet   sheets.Worksheet
	Header      row.Header
	// Columns lists what the zap names and the header lacks; nil if nothing.
	Columns *mapping.ColumnError
	Rows    []SampleRow // newest (lowest in the sheet) first
	Seen    int         // rows read to find these

	bound *mapping.Bound // nil if the mapping lacks a column
	ctx   mapping.Context
}

// SampleRow is a row as the zap sees it.
type SampleRow struct {
	row.Row
	Verdict SampleVerdict
	Lacks   []string // required columns that are empty
	Err     error    // why the filter fails
}

const (
	// sampleWindow is the number of rows read at once, upwards from the end of the grid. It grows
	// to largestWindow over blank rows, whose responses are small.
	sampleWindow, largestWindow = 1_000, 64_000
	// maxSampled is the number of rows read to find one that is ready.
	maxSampled = 5_000
	// tornReads is the number of attempts if the sheet changes during the read.
	tornReads = 3
)

// Newest reads up to most of the newest rows in the zap's worksheet. The error is a [*sheets.Error]
// or [*hint.Blocked].
func Newest(ctx context.Context, p *plan.Plan, r *plan.Recipe, b plan.Binding, most int) (*Sample, error) {
	return sample(ctx, p, r, b, func(ctx context.Context, s *sampling) error {
		return s.upward(ctx, most, func() bool { return len(s.Rows) >= most })
	})
}

// NewestReady reads the newest row in the zap's worksheet that is ready. Rows is empty if there is
// none among the newest 5,000.
func NewestReady(ctx context.Context, p *plan.Plan, r *plan.Recipe, b plan.Binding) (*Sample, error) {
	return sample(ctx, p, r, b, func(ctx context.Context, s *sampling) error {
		ready := func(at SampleRow) bool { return at.Verdict == SampleReady || at.Verdict == SampleNotKnown }
		err := s.upward(ctx, 1, func() bool { return slices.ContainsFunc(s.Rows, ready) || s.Seen >= maxSampled })
		i := slices.IndexFunc(s.Rows, ready)
		s.Rows = s.Rows[max(i, 0) : i+1]
		return err
	})
}

// RowAt reads one 1-based sheet row of the zap's worksheet. The error is a [*hint.Error] if that is
// not a data row.
func RowAt(ctx context.Context, p *plan.Plan, r *plan.Recipe, b plan.Binding, number int) (*Sample, error) {
	return sample(ctx, p, r, b, func(ctx context.Context, s *sampling) error {
		wrong := ""
		switch head := r.Trigger.HeaderRow; {
		case number == head:
			wrong = fmt.Sprintf("row %d is the header row", number)
		case number < head:
			wrong = fmt.Sprintf("row %d is above the header row, row %d", number, head)
		case number > s.Worksheet.Rows:
			wrong = fmt.Sprintf("row %d is past the end of worksheet %q, which has %d rows", number, s.Worksheet.Title, s.Worksheet.Rows)
		default:
			rows, err := s.read(ctx, number, number)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				return s.judge(ctx, rows)
			}
			wrong = fmt.Sprintf("row %d is blank", number)
		}
		return &hint.Error{Err: errors.New(wrong), Hint: "rowtap test trigger " + r.Name + " shows the newest rows"}
	})
}

// sampling is a sample being taken.
type sampling struct {
	*Sample
	recipe  *plan.Recipe
	binding plan.Binding // worksheet of the zap's state
	account *sheets.Account
	require []string // columns that must be filled
	ignored map[int]bool
}

// sample finds the zap's worksheet and header, and calls take to read rows. It starts over if the
// sheet changes during the read.
func sample(ctx context.Context, p *plan.Plan, r *plan.Recipe, b plan.Binding, take func(context.Context, *sampling) error) (*Sample, error) {
	account, err := p.Google[r.Trigger.Account.Name].Open()
	if err != nil {
		return nil, err
	}
	for range tornReads {
		s := &sampling{Sample: &Sample{}, recipe: r, binding: b, account: account}
		if err = s.begin(ctx); err == nil {
			err = take(ctx, s)
		}
		if !errors.Is(err, sheets.ErrTorn) && !sheets.OfRange(err) {
			return s.Sample, err
		}
	}
	return nil, &hint.Blocked{
		Reason: fmt.Sprintf("the worksheet changed during each of %d reads (last: %s)", tornReads, err),
		Hint:   "try again when nobody edits the sheet",
	}
}

// begin finds the worksheet, its header and the columns that the zap names.
func (s *sampling) begin(ctx context.Context) error {
	r := s.recipe
	file, err := s.account.Spreadsheet(ctx, r.Trigger.SpreadsheetID, sheets.Polling)
	if err != nil {
		return err
	}
	tab, err := r.GridOf(s.binding, file)
	if err != nil {
		return err
	}
	s.Spreadsheet, s.Zone, s.Worksheet = file.Title, file.Zone, tab
	s.ctx.Zone, _ = row.Zone(file.Zone) // plan.Readable rejects unknown zones
	head := r.Trigger.HeaderRow
	response, err := s.account.Rows(ctx, file.ID, []sheets.Range{{Title: tab.Title, First: head, Last: head}}, sheets.Serials, sheets.Polling)
	if err != nil {
		return err
	}
	if s.Header, err = plan.ReadHeader(ctx, s.account, r, tab, response.Blocks[0].Cells(head)); err != nil {
		return err
	}
	if s.bound, s.Columns, err = r.Bind(s.Header); err != nil {
		return err
	}
	s.heed()
	return nil
}

// heed sets the columns that decide about rows.
func (s *sampling) heed() {
	r := s.recipe
	identity := r.Mapping.IdentityColumns()
	if s.bound != nil {
		identity = s.bound.IdentityColumns()
	}
	s.require = slices.Concat(r.DetectOptions(identity).Require, r.Trigger.Key)
	s.ignored = mapping.Hidden(s.Header, r.Trigger.Ignore)
}

// upward reads rows from the end of the grid upwards until enough returns true. most is the size of
// the first batch to judge.
func (s *sampling) upward(ctx context.Context, most int, enough func() bool) error {
	size := sampleWindow
	for last := s.Worksheet.Rows; last > s.recipe.Trigger.HeaderRow && !enough(); {
		first := max(last-size+1, s.recipe.Trigger.HeaderRow+1)
		rows, err := s.read(ctx, first, last)
		if err != nil {
			return err
		}
		if last = first - 1; len(rows) == 0 {
			size = min(4*size, largestWindow)
			continue
		}
		size = sampleWindow
		for len(rows) > 0 && !enough() {
			n := min(most, len(rows))
			if err := s.judge(ctx, rows[:n]); err != nil {
				return err
			}
			rows, most = rows[n:], max(most, sampleWindow/10)
		}
	}
	return nil
}

// read returns the data rows among some sheet rows, the lowest first. Their dates are still
// numbers.
func (s *sampling) read(ctx context.Context, first, last int) ([]row.Row, error) {
	asked := []sheets.Range{{Title: s.Worksheet.Title, First: first, Last: last}}
	response, err := s.account.Rows(ctx, s.recipe.Trigger.SpreadsheetID, asked, sheets.Serials, sheets.Polling)
	if err != nil {
		return nil, err
	}
	var rows []row.Row
	for r := range response.Blocks[0].Rows(s.recipe.Trigger.HeaderRow) {
		if s.counts(r) {
			rows = append(rows, r)
		}
	}
	slices.Reverse(rows)
	return rows, nil
}

// counts reports whether a row is a data row. As in [detect.Begin], unticked checkboxes and ignored
// columns alone do not make one.
func (s *sampling) counts(r row.Row) bool {
	for i, c := range r.Cells {
		if !c.Blank() && c != row.BoolCell(false) && !s.ignored[i] {
			return true
		}
	}
	return len(s.require) > 0 && len(s.lacks(r)) == 0
}

// lacks returns the required columns that are empty or hold an error.
func (s *sampling) lacks(r row.Row) []string {
	var lacks []string
	for _, name := range s.require {
		i, ok := s.Header.Index(name)
		if c := r.Cell(i); (!ok || c.Blank() || c.ErrorText()) && !slices.Contains(lacks, name) {
			lacks = append(lacks, name)
		}
	}
	return lacks
}

// judge marks the dates of some rows, and adds the rows to the sample with their verdicts.
func (s *sampling) judge(ctx context.Context, rows []row.Row) error {
	s.Seen += len(rows)
	ask := sheets.ShowAsk{Title: s.Worksheet.Title, Rows: rows}
	shown := s.account.Show(ctx, s.recipe.Trigger.SpreadsheetID, []sheets.ShowAsk{ask}, sheets.Finishing)[0]
	if shown.Err != nil {
		return shown.Err
	}
	for _, r := range shown.Rows {
		s.Rows = append(s.Rows, s.verdict(r))
	}
	return nil
}

func (s *sampling) verdict(r row.Row) SampleRow {
	v := SampleRow{Row: r, Verdict: SampleReady}
	if s.Columns != nil || s.bound == nil {
		v.Verdict = SampleNotKnown
		return v
	}
	if v.Lacks = s.lacks(r); len(v.Lacks) > 0 {
		v.Verdict = SampleWaiting
		return v
	}
	keep, err := s.bound.Keeps(r, s.ctx)
	switch {
	case err != nil:
		v.Verdict, v.Err = SampleFailed, err
	case !keep:
		v.Verdict = SampleSkipped
	}
	return v
}

// Uses reports whether the zap names a column of the sample's header, counted from 0. Such a column
// is worth showing even if it is blank.
func (s *Sample) Uses(r *plan.Recipe, column int) bool {
	names := slices.Concat(r.Mapping.Columns(), r.Trigger.Require, r.Trigger.Key)
	if s.bound != nil {
		names = append(names, s.bound.Columns()...)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		i, ok := s.Header.Index(name)
		return ok && i == column
	})
}
