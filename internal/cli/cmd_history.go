package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/api"
)

func newHistoryCommand(g *globals) *cobra.Command {
	var state string
	var limit int
	cmd := &cobra.Command{
		Use:     "history [ZAP]",
		Short:   "List deliveries, newest first",
		Example: "  rowtap history\n  rowtap history webinar-signups --state failed\n  rowtap history --limit 0 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usage(cmd, fmt.Errorf("--limit %d: expected a number of deliveries; 0 means all", limit))
			}
			var known ledger.State
			if err := known.UnmarshalText([]byte(state)); err != nil {
				return usage(cmd, err)
			}
			q := url.Values{"state": {state}, "limit": {strconv.Itoa(limit)}}
			if len(args) > 0 {
				q.Set("zap", args[0])
			}
			return with(cmd.Context(), g, func(c *client) error { return history(cmd.Context(), c, g, q, cmd.OutOrStdout()) })
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only deliveries in this `STATE`: "+strings.Join(ledger.StateNames(), ", "))
	cmd.Flags().IntVar(&limit, "limit", 50, "maximum `NUMBER` of deliveries; 0 for all")
	return cmd
}

// historyPage is the number of deliveries whose columns are aligned together.
const historyPage = 500

// history prints deliveries as they arrive, so it holds at most one page in memory.
func history(ctx context.Context, c *client, g *globals, q url.Values, out io.Writer) error {
	path := "/api/v1/deliveries?" + q.Encode()
	if g.json {
		return each(ctx, c, path, func(d api.Delivery) error { return printJSON(out, d) })
	}
	t := historyTable{table: table{w: out}, clock: g.clock(out)}
	var page []api.Delivery
	err := each(ctx, c, path, func(d api.Delivery) error {
		page = append(page, d)
		if len(page) < historyPage {
			return nil
		}
		err := t.print(page)
		page = page[:0]
		return err
	})
	if err != nil {
		return err
	}
	return t.print(page)
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
	s := d.Reason
	if d.Error != nil && (s == "" || d.State == ledger.Failed.String()) {
		s = d.Error.Message
		if d.Error.Code != nil {
			s = fmt.Sprintf("%v: %s", d.Error.Code, s)
		}
		if d.Error.Column != "" {
			s = d.Error.Column + ": " + s
		}
		if n := len(d.Errors); n > 1 {
			s = fmt.Sprintf("%d mistakes: %s", n, s) // first, because a terminal cuts the end off
		}
	}
	if d.MaybeTwice {
		s = "maybe twice " + s
	}
	if d.Shadow && d.State != ledger.Validated.String() {
		s = "shadow " + s
	}
	return s
}
