package sheets

import (
	"context"
	"maps"
	"slices"

	"github.com/rowtap/rowtap/internal/row"
)

// headerRow is where a header row is.
type headerRow struct {
	target
	number int
}

// shownHeader is what the sheet shows for the cells of a header row.
type shownHeader struct{ cells, shown []row.Cell }

// Header returns the header that a row's cells make, as [Account.Ranges] read them with [Serials]. Cells that are not text are
// called by what the sheet shows, which takes a further read; not again as long as the row has the same cells, though they may be shown
// otherwise by then ([Account.ForgetHeaders]). The error is an *Error; one that wraps [ErrTorn] where the row has changed meanwhile.
func (a *Account) Header(ctx context.Context, spreadsheetID, title string, number int, cells []row.Cell, urgency Urgency) (row.Header, error) {
	if !slices.ContainsFunc(cells, notText) {
		return row.NewHeader(cells), nil
	}
	at := headerRow{target{spreadsheetID, title}, number}
	a.mu.Lock()
	known := a.headers[at]
	a.mu.Unlock()
	if !slices.Equal(known.cells, cells) {
		shown, err := a.shown(ctx, at, cells, urgency)
		if err != nil {
			return row.Header{}, err
		}
		known = shownHeader{slices.Clone(cells), shown}
		a.mu.Lock()
		a.headers[at] = known
		a.mu.Unlock()
	}
	texts := make([]string, len(known.shown))
	for i, c := range known.shown {
		texts[i] = c.Text
	}
	return row.ShownHeader(cells, texts), nil
}

// ForgetHeaders has what the headers of a spreadsheet show read again.
func (a *Account) ForgetHeaders(spreadsheetID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.headers, func(at headerRow, _ shownHeader) bool { return at.spreadsheet == spreadsheetID })
}

// notText tells whether a cell may show something else than its text.
func notText(c row.Cell) bool { return c.Kind != row.Blank && c.Kind != row.Text }

// shown reads what the sheet shows for the cells of a header row. Texts show that the row is still the same; where one shows
// something else, as a format for text makes it, a third read does.
func (a *Account) shown(ctx context.Context, at headerRow, cells []row.Cell, urgency Urgency) ([]row.Cell, error) {
	asked := []Range{{Title: at.title, First: at.number, Last: at.number}}
	read := func(render Render) ([]row.Cell, error) {
		answer, err := a.batch(ctx, at.target, asked, render, urgency)
		if kindOf(err) == PastGrid {
			err = a.torn(at.target, at.number)
		}
		if err != nil {
			return nil, err
		}
		return answer.Blocks[0].Cells(at.number), nil
	}
	shown, err := read(formatted)
	if err != nil || sameTexts(cells, shown) {
		return shown, err
	}
	again, err := read(Serials)
	if err == nil && !slices.Equal(cells, again) {
		err = a.torn(at.target, at.number)
	}
	return shown, err
}

// sameTexts tells whether a row that was read as it is shown has the texts, and only the further cells, of another.
func sameTexts(cells, shown []row.Cell) bool {
	first, second := row.Row{Cells: cells}, row.Row{Cells: shown}
	for i := range max(len(cells), len(shown)) {
		if c := first.Cell(i); !notText(c) && c != second.Cell(i) {
			return false
		}
	}
	return true
}
