package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/poll"
	"github.com/rowtap/rowtap/internal/web/api"
)

func newBackfillCommand(g *globals) *cobra.Command {
	var rows string
	var dry, yes bool
	cmd := &cobra.Command{
		Use:   "backfill ZAP",
		Short: "Send the rows that were there before the zap",
		Long: "Queues the rows of the zap's worksheet that were there at the start, all or a range of them. Rows that have a delivery already\n" +
			"are passed over: a second backfill, or one after it broke off, sends nothing twice. On a terminal it says what it would\n" +
			"send, and asks; off a terminal it acts without asking. Ctrl-C ends it: what is queued by then is sent. --dry-run maps\n" +
			"every row and says what would become of it.",
		Example: "  rowtap backfill webinar-signups --dry-run\n  rowtap backfill webinar-signups --rows 2:5000",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, _, err := poll.ParseRows(rows); err != nil {
				return usage(cmd, err)
			}
			return with(cmd.Context(), g, func(c *client) error {
				b := backfill{cmd: cmd, client: c, zap: args[0], rows: rows, bars: term.IsTerminal(int(os.Stderr.Fd()))}
				if !dry && !yes && interactive(cmd.InOrStdin()) {
					sure, err := b.ask()
					if err != nil || !sure {
						return err
					}
				}
				done, err := b.do(dry)
				if err != nil {
					return err
				}
				if g.json {
					return printJSON(cmd.OutOrStdout(), done)
				}
				b.print(done)
				if b.bars && c.daemon && !dry && done.Queued > 0 {
					return b.follow()
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&rows, "rows", "", "sheet rows, both ends included, such as 2:5000 or 2: (default: all)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "map the rows and say what would become of them; queue none")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// backfill is one run of the command.
type backfill struct {
	cmd    *cobra.Command
	client *client
	zap    string
	rows   string
	bars   bool // there is somebody to show progress to
}

// ask says what a backfill would send, and returns whether to go on.
func (b *backfill) ask() (bool, error) {
	said := b.cmd.ErrOrStderr()
	plan, err := b.do(true)
	if err != nil {
		return false, err
	}
	if plan.Queued+plan.Skipped+plan.Failed == 0 {
		fmt.Fprintln(said, "nothing to send: "+passedOver(plan))
		return false, nil
	}
	fmt.Fprintf(said, "backfill %s: %s would be sent, %d dropped by the filter, %d would fail; %s\n",
		b.zap, counted(plan.Queued, "row"), plan.Skipped, plan.Failed, passedOver(plan))
	for _, p := range plan.Problems {
		fmt.Fprintf(said, "  row %d: %s\n", p.Row, p.Problem.Message)
	}
	if late := lateness(plan); late != "" {
		fmt.Fprintln(said, late)
	}
	return sure(b.cmd.Context(), b.cmd, "send them?")
}

func passedOver(d engine.Backfilled) string {
	said := fmt.Sprintf("passed over: %d that have a delivery, %d that are not complete", d.Delivered, d.Waiting)
	if d.SameKey > 0 {
		said += fmt.Sprintf(", %d with the key of another row", d.SameKey)
	}
	return said
}

// lateness says what CleverTap will make of the rows.
func lateness(plan engine.Backfilled) string {
	switch {
	case plan.Event == string(config.CreateUpdateUserProfile):
		return olderProfiles
	case plan.Now:
		return "The zap's action has no time: these events count as of now, and trigger the live campaigns that wait for them."
	case plan.Late > 0:
		return fmt.Sprintf("%s: %d of these.", lateEvents, plan.Late)
	}
	return ""
}

func (b *backfill) print(done engine.Backfilled) {
	out := b.cmd.OutOrStdout()
	if !done.DryRun {
		fmt.Fprintf(out, "%s queued; %s\n", counted(done.Queued, "row"), passedOver(done))
		if !b.client.daemon && done.Queued > 0 {
			fmt.Fprintln(b.cmd.ErrOrStderr(), "no daemon runs: they are sent once one does\nnext: rowtap run, or systemctl start rowtap")
		}
		return
	}
	fmt.Fprintf(out, "%s would be sent, %d dropped by the filter, %d would fail; %s\n",
		counted(done.Queued, "row"), done.Skipped, done.Failed, passedOver(done))
	for _, p := range done.Problems {
		fmt.Fprintf(out, "row %d: %s\n", p.Row, p.Problem.Message)
	}
	if late := lateness(done); late != "" && done.Queued > 0 {
		fmt.Fprintln(out, late)
	}
}

// do asks for the backfill, and shows how far it is.
func (b *backfill) do(dry bool) (engine.Backfilled, error) {
	resp, err := b.client.stream(b.cmd.Context(), "/api/v1/zaps/"+url.PathEscape(b.zap)+"/backfill", map[string]any{"rows": b.rows, "dry_run": dry})
	if err != nil {
		return engine.Backfilled{}, err
	}
	defer resp.Body.Close()
	const what = "reading"
	var bar *progressbar.ProgressBar
	lines := json.NewDecoder(resp.Body)
	for {
		var line api.BackfillLine
		if err := lines.Decode(&line); err != nil {
			return engine.Backfilled{}, fmt.Errorf("the daemon's answer broke off: %w\nnext: the same again, rows that are queued are not queued twice", err)
		}
		switch {
		case line.Problem != nil:
			finish(bar)
			return engine.Backfilled{}, errorOf(*line.Problem)
		case line.Done != nil:
			finish(bar)
			return *line.Done, nil
		case b.bars && line.Of > 0:
			if bar == nil {
				bar = newBar(b.cmd.ErrOrStderr(), line.Of, what)
			}
			_ = bar.Set(line.Through) // a terminal that is gone has nobody to see it
		}
	}
}

// follow shows how the queued rows are delivered, until all are or the operator has seen enough.
func (b *backfill) follow() error {
	const look = 300 * time.Millisecond
	var bar *progressbar.ProgressBar
	tick := time.NewTicker(look)
	defer tick.Stop()
	most := 0
	for {
		var st engine.Status
		if err := b.client.get(b.cmd.Context(), "/api/v1/status", &st); err != nil {
			return nil // the rows are queued: this was only to look at them
		}
		for _, z := range st.Zaps {
			if z.Zap != b.zap {
				continue
			}
			left := int(z.Queued)
			if bar == nil {
				most = left
				bar = newBar(b.cmd.ErrOrStderr(), max(most, 1), "delivering (Ctrl-C: they go on without you)")
			}
			_ = bar.Set(max(most-left, 0))
			if left == 0 {
				finish(bar)
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-b.cmd.Context().Done():
			return nil
		}
	}
}

func newBar(w io.Writer, of int, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions(of, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth())
}

func finish(bar *progressbar.ProgressBar) {
	if bar != nil {
		_ = bar.Finish()
		_ = bar.Exit()
	}
}

// stream posts a request whose answer comes line by line.
func (c *client) stream(ctx context.Context, path string, in any) (*http.Response, error) {
	return c.asking(ctx, http.MethodPost, path, in, http.Header{"Accept": {"application/x-ndjson"}})
}
