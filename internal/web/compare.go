package web

import (
	"context"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// comparison is a row beside the known one that it may be.
type comparison struct {
	Row, OtherRow int
	Other         string // its delivery
	Lines         []comparedCell
}

type comparedCell struct {
	Column, Cell, Other string
	Differs             bool
}

// compared puts a delivery's row beside that of the delivery that it may be; nil where that one is past the history.
func (s *server) compared(ctx context.Context, d ledger.Delivery) (*comparison, error) {
	other, ok, err := s.Engine.Stored(ctx, d.Zap, d.Like)
	if err != nil || !ok {
		return nil, err
	}
	c := &comparison{Row: d.Row.Number, OtherRow: other.Row.Number, Other: other.ID()}
	theirs := shownCells(other, s.Engine.Hidden(ctx, other))
	for _, cell := range shownCells(d, s.Engine.Hidden(ctx, d)) {
		line := comparedCell{Column: cell.Column, Cell: cell.Text}
		for i, t := range theirs {
			if t.Column == cell.Column {
				line.Other, line.Differs = t.Text, t.Value != cell.Value
				theirs = append(theirs[:i:i], theirs[i+1:]...)
				break
			}
		}
		c.Lines = append(c.Lines, line)
	}
	for _, t := range theirs {
		c.Lines = append(c.Lines, comparedCell{Column: t.Column, Other: t.Text, Differs: t.Text != ""})
	}
	return c, nil
}

// shownCell is a cell of a row as the page shows it.
type shownCell struct {
	Column string
	Kind   string // text, number, date, boolean; "": blank
	Text   string
	Hidden bool
	Wrong  string   // what the delivery failed for, where that is this cell
	Value  row.Cell // for comparing only
}

// shownCells returns a delivery's cells in the sheet's order, blank ones too.
func shownCells(d ledger.Delivery, hidden map[int]bool) []shownCell {
	var cells []shownCell
	for i := range max(d.Header.Len(), len(d.Row.Cells)) {
		var c row.Cell
		if i < len(d.Row.Cells) {
			c = d.Row.Cells[i]
		}
		cell := shownCell{Column: d.Header.Name(i), Text: c.String(), Value: c}
		cell.Value.Shape = row.ShapeUnknown // earlier releases stored none
		switch c.Kind {
		case row.Number:
			cell.Kind = "number"
		case row.Bool:
			cell.Kind = "boolean"
		case row.Date:
			cell.Kind = "date"
		case row.Text:
			cell.Kind = "text"
		case row.Blank:
		}
		if p := d.Problem; p != nil && p.Column == cell.Column {
			cell.Wrong = "failed"
		}
		if hidden[i] && !c.Blank() {
			cell.Text, cell.Hidden = mapping.Redacted, true
		}
		cells = append(cells, cell)
	}
	return cells
}
