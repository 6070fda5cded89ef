package ui

import (
	"context"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// comparison is a row next to the known one that it may be.
type comparison struct {
	Row, OtherRow int
	Other         string // the ID of the other row's delivery
	Lines         []comparedCell
}

type comparedCell struct {
	Column, Cell, Other string
	Differs             bool
}

// compared compares a delivery's row with the one that it may be. It returns nil if that one is
// older than the history.
func (s *Server) compared(ctx context.Context, d ledger.Delivery) (*comparison, error) {
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

// shownCell is a cell as the page shows it.
type shownCell struct {
	Column string
	Kind   string // text, number, date, boolean; "": blank
	Text   string
	Hidden bool
	Was    string   // the text when the row was found; "": the same
	Wrong  string   // "failed" if the delivery failed because of this cell, "error" if the mapping fails on it
	Ref    string   // of a wrong cell, where it is in the sheet: C7; "": not known
	Link   string   // to Ref; "": there is none
	Value  row.Cell // only for comparing
}

// shownCells returns a delivery's cells in the sheet's order, including blank ones.
func shownCells(d ledger.Delivery, hidden map[int]bool) []shownCell {
	var cells []shownCell
	for i := range max(d.Header.Len(), len(d.Row.Cells)) {
		var c row.Cell
		if i < len(d.Row.Cells) {
			c = d.Row.Cells[i]
		}
		cell := shownCell{Column: d.Header.Name(i), Text: c.String(), Value: c}
		cell.Value.Shape = row.ShapeUnknown // earlier releases did not store it
		if c.Kind != row.Blank {
			cell.Kind = c.Kind.String()
		}
		if hidden[i] && !c.Blank() {
			cell.Text, cell.Hidden = mapping.Redacted, true
		}
		cells = append(cells, cell)
	}
	return cells
}
