package sheets

import (
	"context"
	"maps"
	"slices"

	"github.com/rowtap/rowtap/internal/row"
)

// headerRow identifies a header row.
type headerRow struct {
	target
	number int
}

// shownHeader is the cells of a header row with their texts as the sheet shows them.
type shownHeader struct{ cells, shown []row.Cell }

// Header makes a header from the cells of a row, as [Account.Ranges] read them with [Serials].
// Cells that are not text are named as the sheet shows them, which takes another read. The texts
// are cached until the cells change, even if the sheet shows them differently by then
// ([Account.ForgetHeaders]). The error is an *Error; it wraps [ErrTorn] if the row changed in
// between.
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

// ForgetHeaders drops the cached header texts of a spreadsheet.
func (a *Account) ForgetHeaders(spreadsheetID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.headers, func(at headerRow, _ shownHeader) bool { return at.spreadsheet == spreadsheetID })
}

// notText reports whether the sheet may show a cell differently from its text.
func notText(c row.Cell) bool { return c.Kind != row.Blank && c.Kind != row.Text }

// shown reads a header row as the sheet shows it. Equal texts prove that the row is still the same.
// If a text differs, perhaps because of a number format for text, a third read decides.
func (a *Account) shown(ctx context.Context, at headerRow, cells []row.Cell, urgency Urgency) ([]row.Cell, error) {
	asked := []Range{{Title: at.title, First: at.number, Last: at.number}}
	read := func(render Render) ([]row.Cell, error) {
		response, err := a.batch(ctx, at.target, asked, render, urgency)
		if kindOf(err) == PastGrid {
			err = a.torn(at.target, at.number)
		}
		if err != nil {
			return nil, err
		}
		return response.Blocks[0].Cells(at.number), nil
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

// sameTexts reports whether shown has the same texts and blanks as cells, and no cell beyond them.
func sameTexts(cells, shown []row.Cell) bool {
	first, second := row.Row{Cells: cells}, row.Row{Cells: shown}
	for i := range max(len(cells), len(shown)) {
		if c := first.Cell(i); !notText(c) && c != second.Cell(i) {
			return false
		}
	}
	return true
}
