package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/api"
)

func newHistoryCommand(g *globals) *cobra.Command {
	var state, identity, text string
	var limit int
	var during period
	var asCSV, columns, raw bool
	cmd := &cobra.Command{
		Use:   "history [ZAP]",
		Short: "List deliveries, newest first",
		Long: "Lists deliveries of one zap or of all zaps. --since and --until refer to the time of the last update.\n\n" +
			"--csv prints a CSV file. Cells that a spreadsheet program could take for a formula begin with an apostrophe, unless --raw is\n" +
			"given. It is UTF-8; in Excel, open it with Data > From Text/CSV, because a double click garbles accents. Redacted cells are\n" +
			"hidden in every format, and --identity does not find redacted identities.",
		Example: "  rowtap history webinar-signups --state failed\n" +
			"  rowtap history --state failed --since 2026-11-24 --until 2026-11-25\n" +
			"  rowtap history --identity asha@example.com\n" +
			"  rowtap history webinar-signups --since 7d --limit 0 --csv --columns > signups.csv\n" +
			"  rowtap history --limit 0 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case asCSV && g.json:
				return usage(cmd, errors.New("--csv and --json cannot be combined"))
			case (columns || raw) && !asCSV:
				return usage(cmd, errors.New("--columns and --raw require --csv"))
			}
			since, until, err := during.times()
			if err != nil {
				return usage(cmd, err)
			}
			if limit < 0 {
				return usage(cmd, fmt.Errorf("--limit %d: expected a number of deliveries; 0 means all", limit))
			}
			var known ledger.State
			if err := known.UnmarshalText([]byte(state)); err != nil {
				return usage(cmd, err)
			}
			q := url.Values{"limit": {strconv.Itoa(limit)}}
			for name, value := range map[string]string{
				"state": state, "since": formatTime(since), "until": formatTime(until), "identity": identity, "error": text,
			} {
				if value != "" {
					q.Set(name, value)
				}
			}
			if len(args) > 0 {
				q.Set("zap", args[0])
			}
			return with(cmd.Context(), g, func(c *client) error {
				list := history
				if asCSV {
					list = historyCSV
					q.Set("format", "csv")
					q.Set("columns", strconv.FormatBool(columns))
					q.Set("raw", strconv.FormatBool(raw))
				}
				n, err := list(cmd.Context(), c, g, q, cmd.OutOrStdout())
				if text := extent(n, limit, cmd.Flags().Changed("limit"), identity != ""); text != "" && err == nil && !g.json {
					fmt.Fprintln(cmd.ErrOrStderr(), text)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only deliveries in this `STATE`: "+strings.Join(ledger.StateNames(), ", "))
	during.addFlags(cmd, "only deliveries")
	cmd.Flags().StringVar(&identity, "identity", "", "only deliveries of the user with this `IDENTITY`, in any letter case")
	cmd.Flags().StringVar(&text, "error", "", "only deliveries whose error or reason contains this `TEXT`")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print CSV")
	cmd.Flags().BoolVar(&columns, "columns", false, "with --csv, add the cells of the rows")
	cmd.Flags().BoolVar(&raw, "raw", false, "with --csv, leave cells that look like formulas as they are")
	cmd.Flags().IntVar(&limit, "limit", 50, "maximum `NUMBER` of deliveries; 0 for all")
	return cmd
}

// extent says that a list of n deliveries is empty or may go on; "" if it is complete or as long as
// asked for.
func extent(n, limit int, asked, byIdentity bool) string {
	switch {
	case n == 0 && byIdentity:
		return "no deliveries match; --identity needs the whole identity"
	case n == 0:
		return "no deliveries match"
	case n == limit && !asked:
		return fmt.Sprintf("stopped after %d deliveries; --limit 0 lists all", n)
	}
	return ""
}

// historyPage is the number of deliveries whose columns are aligned together.
const historyPage = 500

// history prints deliveries as they arrive, so it holds at most one page in memory. It returns
// their number.
func history(ctx context.Context, c *client, g *globals, q url.Values, out io.Writer) (n int, err error) {
	path := "/api/v1/deliveries?" + q.Encode()
	if g.json {
		return 0, each(ctx, c, path, func(d api.Delivery) error { return printJSON(out, d) })
	}
	t := historyTable{table: table{w: out}, clock: g.clock(out)}
	var page []api.Delivery
	err = each(ctx, c, path, func(d api.Delivery) error {
		n++
		page = append(page, d)
		if len(page) < historyPage {
			return nil
		}
		err := t.print(page)
		page = page[:0]
		return err
	})
	if err != nil {
		return n, err
	}
	return n, t.print(page)
}

// historyCSV prints deliveries as CSV, and returns their number. On a terminal, control characters
// are escaped.
func historyCSV(ctx context.Context, c *client, _ *globals, q url.Values, out io.Writer) (n int, err error) {
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/deliveries?"+q.Encode(), nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	var body io.Reader = resp.Body
	if !interactive(out) {
		body = io.TeeReader(body, out)
	}
	records := csv.NewReader(body)
	for n = -1; ; n++ { // the header is none
		record, err := records.Read()
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, fmt.Errorf("the CSV file is incomplete: %w\nnext: run the command again", err)
		case interactive(out):
			var line bytes.Buffer
			if err := csv.NewWriter(&line).WriteAll([][]string{record}); err != nil {
				return n, err
			}
			fmt.Fprint(out, printableLines(line.String()))
		}
	}
}

// historyTable prints deliveries page by page.
type historyTable struct {
	table
	clock   clock
	actions bool // there is a column ACTION: since the first page with several actions
}

func (t *historyTable) print(page []api.Delivery) error {
	if !t.actions && slices.ContainsFunc(page, func(d api.Delivery) bool { return d.Action != page[0].Action }) {
		t.actions, t.header = true, nil
	}
	if t.header == nil {
		header := []string{"ID", "ROW", "STATE", "IDENTITY", "UPDATED", "TRIES", ""}
		if t.actions {
			header = slices.Insert(header, 2, "ACTION")
		}
		t.begin(header...)
	}
	rows := make([][]string, len(page))
	for i, d := range page {
		rows[i] = []string{d.ID, strconv.Itoa(d.Row), d.State, d.Identity, t.clock.shown(&d.UpdatedAt), strconv.Itoa(d.Attempts), oneLine(t.clock.text(noteOf(d)), 80)}
		if t.actions {
			rows[i] = slices.Insert(rows[i], 2, d.Action)
		}
	}
	return t.add(rows)
}

// noteOf returns the reason or the error of a delivery in one line.
func noteOf(d api.Delivery) string {
	s := d.Why()
	if d.MaybeTwice {
		s = "maybe twice " + s
	}
	if d.Shadow && d.State != ledger.Validated.String() {
		s = "shadow " + s
	}
	return s
}
