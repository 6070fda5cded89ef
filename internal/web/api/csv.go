package api

import (
	"context"
	"encoding/csv"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
)

// csvHead is the header of deliveries as CSV, before the columns of their rows.
var csvHead = []string{"id", "zap", "row", "state", "identity", "detected_at", "updated_at", "error"}

// csvOptions is what a request for CSV asks for.
type csvOptions struct {
	columns bool // with the cells of the rows
	raw     bool // cells that look like formulas are left as they are
}

// sendCSV responds with the deliveries of a query. Columns have the names of all headers of the
// deliveries, in the order of their first use. A column of a row that was found meanwhile is left out.
// Redacted cells are left out, whatever the options. begun reports whether something was written, so
// that the status cannot report an error any more.
func (s *Server) sendCSV(ctx context.Context, w http.ResponseWriter, q ledger.Query, o csvOptions) (begun bool, err error) {
	head := slices.Clone(csvHead)
	columns := map[string]int{}
	if o.columns {
		err := s.Engine.EachDelivery(ctx, q, func(d ledger.Delivery) error {
			for i := range d.Row.Cells {
				name := d.Header.Name(i)
				if _, ok := columns[name]; !ok {
					columns[name] = len(head)
					head = append(head, name)
				}
			}
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	out := csv.NewWriter(w)
	write := func(line []string) error {
		if !begun {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			w.Header().Set("Content-Disposition", `attachment; filename="deliveries.csv"`)
			begun = true
		}
		if !o.raw {
			for i, text := range line {
				line[i] = inert(text)
			}
		}
		if err := out.Write(line); err != nil {
			return errors.Join(errClientGone, err)
		}
		return nil
	}
	if err := write(slices.Clone(head)); err != nil {
		return begun, err
	}
	err = s.Engine.EachDelivery(ctx, q, func(d ledger.Delivery) error {
		line := make([]string, len(head))
		copy(line, []string{
			d.ID(), d.Zap, strconv.Itoa(d.Row.Number), d.State.String(), s.IdentityOf(ctx, d),
			d.DetectedAt.UTC().Format(time.RFC3339), d.UpdatedAt.UTC().Format(time.RFC3339), errorText(d),
		})
		if o.columns {
			hidden := s.Engine.Hidden(ctx, d)
			for i, c := range d.Row.Cells {
				at, known := columns[d.Header.Name(i)]
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
	if gone := out.Error(); err == nil && gone != nil {
		err = errors.Join(errClientGone, gone)
	}
	return begun, err
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
