package api

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
)

// csvHead is the header of deliveries as CSV, before the columns of their rows.
var csvHead = []string{"id", "zap", "row", "state", "identity", "detected_at", "updated_at", "error"}

// writeCSV writes the deliveries of a query as CSV, with the cells of their rows if columns is set.
// Columns have the names of all headers of the deliveries, in the order of their first use. A column
// of a row that was found meanwhile is left out. Redacted cells are left out, whatever the options.
// With raw, cells that look like formulas are left as they are.
func (s *Server) writeCSV(ctx context.Context, w io.Writer, q ledger.Query, columns, raw bool) error {
	head := slices.Clone(csvHead)
	places := map[string]int{} // of the columns
	if columns {
		err := s.Engine.EachDelivery(ctx, q, func(d ledger.Delivery) error {
			for i := range d.Row.Cells {
				name := d.Header.Name(i)
				if _, ok := places[name]; !ok {
					places[name] = len(head)
					head = append(head, name)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	out := csv.NewWriter(w)
	write := func(line []string) error {
		if !raw {
			for i, text := range line {
				line[i] = inert(text)
			}
		}
		return out.Write(line)
	}
	if err := write(slices.Clone(head)); err != nil {
		return err
	}
	err := s.Engine.EachDelivery(ctx, q, func(d ledger.Delivery) error {
		line := make([]string, len(head))
		copy(line, []string{
			d.ID(), d.Zap, strconv.Itoa(d.Row.Number), d.State.String(), s.IdentityOf(ctx, d),
			d.DetectedAt.UTC().Format(time.RFC3339), d.UpdatedAt.UTC().Format(time.RFC3339), errorText(d),
		})
		if columns {
			hidden := s.Engine.Hidden(ctx, d)
			for i, c := range d.Row.Cells {
				at, known := places[d.Header.Name(i)]
				switch {
				case !known || c.Blank():
				case hidden[i]:
					line[at] = mapping.Redacted
				default:
					line[at] = c.String()
				}
			}
		}
		return write(line)
	})
	out.Flush()
	return cmp.Or(err, out.Error())
}

// errorText returns all errors of a delivery, or why it waits, is held or was skipped.
func errorText(d ledger.Delivery) string {
	var all []string
	for p := range d.Problem.All() {
		all = append(all, p.Text())
	}
	if len(all) == 0 || d.State != ledger.Failed && d.Reason != "" {
		return d.Reason
	}
	return strings.Join(all, "; ")
}

// inert returns a cell that no spreadsheet program takes for a formula: with an apostrophe before
// =, @, a tab or a carriage return, and before + or - unless a number or a phone number follows.
func inert(cell string) string {
	if cell == "" {
		return cell
	}
	switch cell[0] {
	case '=', '@', '\t', '\r':
		return "'" + cell
	case '+', '-':
		if strings.Trim(cell[1:], "0123456789 ().-/") != "" {
			return "'" + cell
		}
	}
	return cell
}
