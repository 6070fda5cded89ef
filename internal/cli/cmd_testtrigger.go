package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
	"github.com/rowtap/rowtap/internal/row"
)

func newTestTriggerCommand(g *globals) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "trigger ZAP",
		Short: "Show the newest rows as the zap sees them",
		Long: "Reads the last rows of the zap's worksheet. It shows each cell with its type, and what would happen to the row if it were\n" +
			"new: ready, waiting for columns, skipped by the filter, or failed because the filter cannot be evaluated. Redacted cells are\n" +
			"hidden. It reads the sheet directly, within the account's quota.",
		Example: "  rowtap test trigger webinar-signups\n  rowtap test trigger webinar-signups --limit 10 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > mostSampled {
				return usage(cmd, fmt.Errorf("--limit %d: expected a number of rows from 1 to %d", limit, mostSampled))
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			plan, r, err := planOf(g, args[0])
			if err != nil {
				return err
			}
			return testTrigger(ctx, g, plan, r, limit, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 3, "`NUMBER` of rows")
	return cmd
}

// mostSampled is the maximum number of rows that test trigger shows.
const mostSampled = 1000

// sampledRow is a row as test trigger --json prints it.
type sampledRow struct {
	Zap     string                `json:"zap"`
	Row     int                   `json:"row"`
	Verdict preview.SampleVerdict `json:"verdict"`
	Lacks   []string              `json:"lacks,omitempty"`  // columns that must be filled
	Reason  string                `json:"reason,omitempty"` // why the filter fails
	Cells   []sampledCell         `json:"cells"`            // in the sheet's order
}

type sampledCell struct {
	Column string          `json:"column"`
	Type   string          `json:"type"`
	Value  json.RawMessage `json:"value"` // null: blank
}

func testTrigger(ctx context.Context, g *globals, plan *plan.Plan, r *plan.Recipe, limit int, out, stderr io.Writer) error {
	sample, err := preview.Newest(ctx, plan, r, boundWorksheet(ctx, g, plan, r, stderr), limit)
	if err != nil {
		return testFailed(r, "trigger", err)
	}
	if !g.json {
		fmt.Fprintf(stderr, "worksheet %q (gid %d) of spreadsheet %q, header in row %d, dates in %s\n",
			sample.Worksheet.Title, sample.Worksheet.GID, sample.Spreadsheet, r.Trigger.HeaderRow, sample.Zone)
	}
	if len(sample.Rows) == 0 {
		fmt.Fprintf(stderr, "no rows below the header yet\nnext: add one to the sheet, then: rowtap test trigger %s\n", r.Name)
	}
	for _, at := range sample.Rows {
		v := sampledAsJSON(r, sample, at)
		if g.json {
			err = printJSON(out, v)
		} else {
			err = printSampled(out, v)
		}
		if err != nil {
			return err
		}
	}
	if sample.Columns != nil {
		return testFailed(r, "trigger", sample.Columns)
	}
	return nil
}

// sampledAsJSON returns a row with its cells: those that are filled, and those that the zap uses.
func sampledAsJSON(r *plan.Recipe, s *preview.Sample, at preview.SampleRow) sampledRow {
	v := sampledRow{Zap: r.Name, Row: at.Number, Verdict: at.Verdict, Lacks: at.Lacks, Cells: []sampledCell{}}
	if at.Err != nil {
		v.Reason = at.Err.Error()
	}
	hidden := mapping.Hidden(s.Header, r.Redact)
	for i := range max(s.Header.Len(), len(at.Cells)) {
		c := at.Cell(i)
		if c.Blank() && !s.Uses(r, i) {
			continue
		}
		cell := sampledCell{Column: s.Header.Name(i), Type: typeOf(c), Value: valueOf(c)}
		if hidden[i] && !c.Blank() {
			cell.Value = encodedText(mapping.Redacted)
		}
		v.Cells = append(v.Cells, cell)
	}
	return v
}

// typeOf returns a cell's type. Cells of only white space are blank to the zap.
func typeOf(c row.Cell) string {
	if c.Blank() {
		return row.Blank.String()
	}
	return c.Kind.String()
}

// valueOf returns a cell as JSON. Dates are in the time zone of the sheet.
func valueOf(c row.Cell) json.RawMessage {
	switch {
	case c.Blank():
		return json.RawMessage("null")
	case c.Kind == row.Number:
		return json.RawMessage(strconv.FormatFloat(c.Num, 'f', -1, 64))
	case c.Kind == row.Bool:
		return json.RawMessage(strconv.FormatBool(c.Num != 0))
	}
	return encodedText(c.String())
}

// encodedText returns a text as JSON, without escaping < > &.
func encodedText(s string) json.RawMessage {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // strings never fail
	return json.RawMessage(strings.TrimSpace(b.String()))
}

// longestCell is how much of a cell the table shows, in terminal columns.
const longestCell = 200

func printSampled(out io.Writer, v sampledRow) error {
	verdicts := map[preview.SampleVerdict]string{
		preview.SampleReady:    "ready",
		preview.SampleWaiting:  "waits for " + strings.Join(v.Lacks, ", "),
		preview.SampleSkipped:  "skipped by the filter",
		preview.SampleFailed:   "failed: the filter cannot be evaluated: " + v.Reason,
		preview.SampleNotKnown: "blocked: the header does not match the zap",
	}
	fmt.Fprintf(out, "row %d  %s\n", v.Row, verdicts[v.Verdict])
	rows := make([][]string, len(v.Cells))
	for i, c := range v.Cells {
		value := printable(string(c.Value))
		if c.Type == row.Blank.String() {
			value = ""
		}
		rows[i] = []string{"  " + printable(c.Column), c.Type, oneLine(value, longestCell)}
	}
	return printTable(out, []string{"  COLUMN", "TYPE", "VALUE"}, rows)
}
