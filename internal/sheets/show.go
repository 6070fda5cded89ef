package sheets

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/rowtap/rowtap/internal/row"
)

// manyRows is the number of rows above which as few text columns as possible identify them. With
// fewer rows such a choice proves little: a row that takes the place of another need not be among
// them.
const manyRows = 1_000

// ShowAsk asks what a worksheet shows for the numbers in some of its rows.
type ShowAsk struct {
	Title string
	Rows  []row.Row // as read with [Serials], in any order
	Near  int       // how many rows each may have moved up or down since; 0: none
}

// ShowResult is the result of a [ShowAsk].
type ShowResult struct {
	Rows []row.Row // the rows asked for, in their order, with dates marked; nil on error
	Err  error     // *Error; wraps [ErrTorn] if the rows or columns changed since
}

// Show distinguishes dates from numbers in rows of a spreadsheet's worksheets, which [Serials] does
// not. It reads the rows a second time, with dates as the sheet shows them. All values stay those
// of the first read, and the given rows are not changed.
//
// All asks share one request if they fit (see [Account.Ranges]); rows without a number are not
// read. Show reads the columns that have numbers and the text columns that identify the rows: all
// of them, or for more than 1,000 rows the fewest that distinguish these. It reads whole rows if a
// row of the ask has no text, if rows may have moved (Near), or if column ranges would take more
// requests.
//
// Both reads must be of the same row: texts, checkboxes and blank cells are equal, except texts
// that show an error. In a row without text at least half of the cells are equal. Numbers may
// differ because formulas recalculate, except with Near. A text in place of a number makes it a
// date if the numbers in the text are those of the date: all of them, or most in a row with texts
// (see [row.Shows]). Any other text may be a format without numbers, such as a weekday, or an edit.
// Show then reads the ask once more as serials, and the cell must still hold a number, less than a
// day from the first.
//
// An ask whose rows changed has the error [ErrTorn]. If a worksheet or rows no longer exist, each
// ask is read separately, and the ask concerned has the error [ErrTorn]. Any other error applies to
// all asks that shared the request.
func (a *Account) Show(ctx context.Context, spreadsheetID string, asks []ShowAsk, urgency Urgency) []ShowResult {
	all := make([]*showing, len(asks))
	var asking []*showing
	for i, ask := range asks {
		if all[i] = newShowing(ask); len(all[i].numbers) > 0 {
			asking = append(asking, all[i])
		}
	}
	narrow(asking)
	a.show(ctx, spreadsheetID, asking, Shown, urgency)
	var doubtful []*showing
	for _, s := range asking {
		if s.err == nil && len(s.doubts) > 0 {
			doubtful = append(doubtful, s)
		}
	}
	a.show(ctx, spreadsheetID, doubtful, Serials, urgency)
	results := make([]ShowResult, len(all))
	for i, s := range all {
		if results[i].Err = s.err; s.err == nil {
			results[i].Rows = s.rows
		}
	}
	return results
}

// show reads what the asks need, in one request if possible, and lets each ask judge its part.
func (a *Account) show(ctx context.Context, spreadsheetID string, asks []*showing, render Render, urgency Urgency) {
	var ranges []Range
	for _, s := range asks {
		ranges = append(ranges, s.ranges...)
	}
	if len(asks) == 0 {
		return
	}
	response, err := a.Rows(ctx, spreadsheetID, ranges, render, urgency)
	if kind := kindOf(err); err != nil && (kind == PastGrid || kind == UnknownRange) {
		if len(asks) > 1 {
			for _, s := range asks {
				a.show(ctx, spreadsheetID, []*showing{s}, render, urgency)
			}
			return
		}
		// The rows existed a moment ago.
		err = a.torn(target{spreadsheetID, asks[0].Title}, ranges[0].First)
	}
	at := 0
	for _, s := range asks {
		if s.err = err; err != nil {
			continue
		}
		blocks := response.Blocks[at : at+len(s.ranges)]
		at += len(s.ranges)
		if render == Serials {
			s.confirm(blocks)
		} else {
			s.judge(blocks)
		}
	}
}

// showing is an ask in progress.
type showing struct {
	ShowAsk
	numbers []int   // sheet rows that have a number, sorted
	width   int     // of the widest of these rows
	columns []int   // columns to read, sorted; nil: all
	ranges  []Range // to read

	rows   []row.Row // the result
	doubts []doubt
	err    error
}

// doubt is a row with texts that may be dates or edits.
type doubt struct {
	cells   []row.Cell // as first read
	at      int        // sheet row where it was found
	columns []int      // of these texts
}

func newShowing(ask ShowAsk) *showing {
	s := &showing{ShowAsk: ask, rows: slices.Clone(ask.Rows)}
	var rows []row.Row
	for _, r := range ask.Rows {
		if hasNumber(r) {
			rows = append(rows, r)
			s.numbers = append(s.numbers, r.Number)
			s.width = max(s.width, len(r.Cells))
		}
	}
	slices.Sort(s.numbers)
	s.numbers = slices.Compact(s.numbers)
	if s.Near == 0 {
		s.columns = columnsToShow(rows, s.width)
		s.ranges = RowRanges(s.Title, s.numbers, s.width)
		return s
	}
	var near []int
	for _, number := range s.numbers {
		for n := max(number-s.Near, 1); n <= number+s.Near; n++ {
			near = append(near, n)
		}
	}
	slices.Sort(near)
	s.ranges = RowRanges(s.Title, slices.Compact(near), s.width)
	return s
}

func hasNumber(r row.Row) bool {
	return slices.ContainsFunc(r.Cells, func(c row.Cell) bool { return c.Kind == row.Number })
}

// word reports whether a cell has a text that identifies its row. A text that shows an error may
// show another one a moment later.
func word(c row.Cell) bool { return c.Kind == row.Text && !c.ErrorText() }

// columnsToShow returns the columns that have numbers in some of the rows, and the text columns
// that identify the rows; nil, meaning all columns, if a row has no text.
func columnsToShow(rows []row.Row, width int) []int {
	var words, columns []int
	for i := range width {
		if slices.ContainsFunc(rows, func(r row.Row) bool { return word(r.Cell(i)) }) {
			words = append(words, i)
		}
		if slices.ContainsFunc(rows, func(r row.Row) bool { return r.Cell(i).Kind == row.Number }) {
			columns = append(columns, i)
		}
	}
	if slices.ContainsFunc(rows, func(r row.Row) bool { return !slices.ContainsFunc(r.Cells, word) }) {
		return nil
	}
	if len(rows) > manyRows {
		words = distinguishing(rows, words)
	}
	columns = append(columns, words...)
	slices.Sort(columns)
	return slices.Compact(columns)
}

// distinguishing returns text columns that distinguish the rows as well as all of words do, and
// that contain a text of each row. It chooses greedily, not always the fewest.
func distinguishing(rows []row.Row, words []int) []int {
	values := map[int]int{} // number of distinct texts by column
	for _, i := range words {
		seen := map[string]bool{}
		for _, r := range rows {
			seen[r.Cell(i).Text] = true
		}
		values[i] = len(seen)
	}
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b int) int { return values[b] - values[a] })
	type kind struct {
		before int
		text   string
	}
	var columns []int
	// Rows that are equal in the chosen columns have the same kind; told are those with a text in
	// them.
	kinds, told := make([]int, len(rows)), make([]bool, len(rows))
	many, left := 1, len(rows)
	for _, i := range words {
		if many == len(rows) && left == 0 {
			break
		}
		refined, more := map[kind]int{}, false
		next := make([]int, len(rows))
		for n, r := range rows {
			c := r.Cell(i)
			k := kind{kinds[n], c.Text}
			if _, seen := refined[k]; !seen {
				refined[k] = len(refined)
			}
			next[n] = refined[k]
			if word(c) && !told[n] {
				told[n], more = true, true
				left--
			}
		}
		if more || len(refined) > many {
			columns, kinds, many = append(columns, i), next, len(refined)
		}
	}
	return columns
}

// narrow limits the asks to the columns that they need, unless that takes more requests.
func narrow(asks []*showing) {
	var whole, parts []Range
	of := make([][]Range, len(asks))
	for i, s := range asks {
		of[i] = s.ranges
		if s.columns != nil {
			of[i] = nil
			for _, r := range RowRanges(s.Title, s.numbers, len(s.columns)) {
				of[i] = append(of[i], r.ofColumns(s.columns)...)
			}
		}
		whole, parts = append(whole, s.ranges...), append(parts, of[i]...)
	}
	fits := len(batches(parts)) <= len(batches(whole))
	for i, s := range asks {
		if fits {
			s.ranges = of[i]
		} else {
			s.columns = nil
		}
	}
}

// judge compares the rows with what the sheet shows for them.
func (s *showing) judge(blocks []Block) {
	for i, r := range s.Rows {
		if !hasNumber(r) {
			continue
		}
		m, at := s.find(r, blocks)
		if !m.same {
			s.err = s.changed(r.Number)
			return
		}
		s.rows[i].Cells = m.cells
		if len(m.doubts) > 0 {
			s.doubts = append(s.doubts, doubt{r.Cells, at, m.doubts})
		}
	}
}

// find returns the nearest row in blocks that is the same as r, and its sheet row.
func (s *showing) find(r row.Row, blocks []Block) (m match, at int) {
	for away := range s.Near + 1 {
		for _, number := range []int{r.Number + away, r.Number - away} {
			again := s.cells(blocks, number)
			if s.Near > 0 && again == nil {
				continue
			}
			found := s.compare(r.Cells, again)
			if !found.same {
				continue
			}
			if len(found.doubts) == 0 {
				return found, number
			}
			if !m.same {
				m, at = found, number
			}
		}
	}
	return m, at
}

// confirm checks a further read, as serials: a cell that showed an unexpected text must hold a
// number in the same row.
func (s *showing) confirm(blocks []Block) {
	for _, d := range s.doubts {
		again := s.cells(blocks, d.at)
		m := s.compare(d.cells, again)
		near := func(i int) bool { return math.Abs((row.Row{Cells: again}).Cell(i).Num-d.cells[i].Num) < 1 }
		if !m.same || !slices.Equal(m.cells, d.cells) || slices.ContainsFunc(d.columns, func(i int) bool { return !near(i) }) {
			s.err = s.changed(d.at)
			return
		}
	}
}

func (s *showing) changed(number int) error {
	return &Error{Kind: Temporary, Err: ErrTorn, Message: fmt.Sprintf("row %d changed during the read of its types", number)}
}

// cells returns the cells of a sheet row from all blocks.
func (s *showing) cells(blocks []Block, number int) []row.Cell {
	var all []row.Cell
	for _, b := range blocks {
		cells := b.Cells(number)
		switch {
		case cells == nil:
		case s.columns == nil:
			return cells
		default:
			if missing := b.column + len(cells) - len(all); missing > 0 {
				all = append(all, make([]row.Cell, missing)...)
			}
			copy(all[b.column:], cells)
		}
	}
	return all
}

// match is the result of comparing a row with a second read.
type match struct {
	same   bool
	cells  []row.Cell // of the first read, with dates; the same slice if there are none
	doubts []int      // columns with a text that may not be that of a date
}

// compare compares the cells of a row with those of a second read.
func (s *showing) compare(cells, again []row.Cell) match {
	first, second := row.Row{Cells: cells}, row.Row{Cells: again}
	m := match{cells: cells}
	words, agree, differ, dated := 0, 0, 0, false
	var likely []int // columns with a text that is most likely that of a date
	for i := range max(len(cells), len(again)) {
		if s.columns != nil && !slices.Contains(s.columns, i) {
			continue
		}
		a, b := first.Cell(i), second.Cell(i)
		switch {
		case a == b && a.Kind == row.Blank:
		case a == b:
			agree++
			if word(a) {
				words++
			}
		case a.Kind == row.Text && (a.ErrorText() || b.ErrorText()):
		case a.Kind == row.Number && b.Kind == row.Number:
			differ++
		case a.Kind != row.Number || b.Kind != row.Text || b.ErrorText():
			return match{}
		default:
			switch all, most := row.Shows(a.Num, b.Text); {
			case all:
				agree++
			case most:
				likely = append(likely, i)
			default:
				m.doubts = append(m.doubts, i)
			}
			if !dated {
				m.cells, dated = slices.Clone(cells), true
			}
			m.cells[i] = row.ShownDate(a.Num, b.Text)
		}
	}
	if words == 0 {
		m.doubts = append(m.doubts, likely...)
	}
	switch {
	case s.Near > 0:
		m.same = differ == 0
	case s.columns != nil:
		m.same = words > 0
	default:
		m.same = words > 0 || agree >= differ
	}
	return m
}
