package cli

import (
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
	"github.com/rowtap/rowtap/internal/quantity"
	"github.com/rowtap/rowtap/internal/web/api"
)

func newBackfillCommand(g *globals) *cobra.Command {
	var rows string
	var dry, yes bool
	cmd := &cobra.Command{
		Use:   "backfill ZAP",
		Short: "Send rows that existed before the zap",
		Long: "Queues the rows that were in the worksheet when the zap was first loaded: all of them, or the range of --rows. Rows that\n" +
			"have a delivery are left out, so repeating a backfill, or running it again after an interruption, sends nothing twice.\n\n" +
			"On a terminal, it shows what it would send and asks for confirmation; otherwise it proceeds without asking. Ctrl-C stops it;\n" +
			"rows queued by then are sent. --dry-run maps every row and prints the outcome.",
		Example: "  rowtap backfill webinar-signups --dry-run\n  rowtap backfill webinar-signups --rows 2:5000",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, _, err := poll.ParseRows(rows); err != nil {
				return usage(cmd, err)
			}
			return with(cmd.Context(), g, func(c *client) error {
				b := backfill{cmd: cmd, client: c, dir: g.dir, zap: args[0], rows: rows, bars: term.IsTerminal(int(os.Stderr.Fd()))}
				if !dry && !yes && interactive(cmd.InOrStdin()) {
					yes, err := b.confirm()
					if err != nil || !yes {
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
	cmd.Flags().StringVar(&rows, "rows", "", "sheet rows `FIRST:LAST`, both included, such as 2:5000 or 2: (default: all)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "map the rows and print the outcome; queue nothing")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	return cmd
}

// backfill is one run of the command.
type backfill struct {
	cmd    *cobra.Command
	client *client
	dir    string // of the configuration
	zap    string
	rows   string
	bars   bool // show progress bars
}

// confirm shows what the backfill would send, and returns whether the operator agrees.
func (b *backfill) confirm() (bool, error) {
	stderr := b.cmd.ErrOrStderr()
	plan, err := b.do(true)
	if err != nil {
		return false, err
	}
	if plan.Queued+plan.Skipped+plan.Failed == 0 {
		fmt.Fprintln(stderr, "nothing to send; "+leftOut(plan))
		return false, nil
	}
	foretell(stderr, "backfill "+b.zap+": ", "  ", plan)
	return confirm(b.cmd.Context(), b.cmd, fmt.Sprintf("send %s?", quantity.Count(plan.Queued, "row")))
}

// foretell prints what a backfill would do.
func foretell(to io.Writer, lead, indent string, plan engine.Backfilled) {
	fmt.Fprintf(to, "%s%s would be sent, %d skipped by the filter, %d would fail; %s\n",
		lead, quantity.Count(plan.Queued, "row"), plan.Skipped, plan.Failed, leftOut(plan))
	for _, p := range plan.Problems {
		fmt.Fprintf(to, "%srow %d: %s\n", indent, p.Row, p.Problem.Message)
	}
	if late := lateness(plan); late != "" && plan.Queued > 0 {
		fmt.Fprintln(to, late)
	}
}

func leftOut(d engine.Backfilled) string {
	text := fmt.Sprintf("left out: %d with a delivery, %d incomplete", d.Delivered, d.Waiting)
	if d.SameKey > 0 {
		text += fmt.Sprintf(", %d with the key of another row", d.SameKey)
	}
	return text
}

// lateness says how CleverTap will treat the rows; "" if there is nothing to say.
func lateness(plan engine.Backfilled) string {
	switch {
	case plan.Event == string(config.CreateUpdateUserProfile):
		return olderProfiles
	case plan.Now:
		return "The zap's action sets no time: these events get the current time, and can trigger live campaigns."
	case plan.Late > 0:
		return fmt.Sprintf("%s (%d of these rows).", lateEvents, plan.Late)
	}
	return ""
}

func (b *backfill) print(done engine.Backfilled) {
	out := b.cmd.OutOrStdout()
	if done.DryRun {
		foretell(out, "", "", done)
		return
	}
	fmt.Fprintf(out, "%s queued; %s\n", quantity.Count(done.Queued, "row"), leftOut(done))
	if !b.client.daemon && done.Queued > 0 {
		fmt.Fprintln(b.cmd.ErrOrStderr(), "the daemon is not running; the rows are sent once it starts\nnext: "+environmentOf(b.dir).start())
	}
}

// do runs the backfill, or a dry run of it, with a progress bar.
func (b *backfill) do(dry bool) (engine.Backfilled, error) {
	path, in := "/api/v1/zaps/"+url.PathEscape(b.zap)+"/backfill", map[string]any{"rows": b.rows, "dry_run": dry}
	resp, err := b.client.doWith(b.cmd.Context(), http.MethodPost, path, in, http.Header{"Accept": {"application/x-ndjson"}})
	if err != nil {
		return engine.Backfilled{}, err
	}
	defer resp.Body.Close()
	var bar *progressbar.ProgressBar
	lines := json.NewDecoder(resp.Body)
	for {
		var line api.BackfillLine
		if err := lines.Decode(&line); err != nil {
			return engine.Backfilled{}, fmt.Errorf("the daemon's response ended early: %w\nnext: run the command again; rows already queued are not queued twice", err)
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
				bar = newBar(b.cmd.ErrOrStderr(), line.Of, "reading")
			}
			_ = bar.Set(line.Through) // nobody sees a terminal that is gone
		}
	}
}

// follow shows the progress of the deliveries until all are done or the command is interrupted.
func (b *backfill) follow() error {
	const look = 300 * time.Millisecond
	var bar *progressbar.ProgressBar
	tick := time.NewTicker(look)
	defer tick.Stop()
	most := 0
	for {
		var st engine.Status
		if err := b.client.get(b.cmd.Context(), "/api/v1/status", &st); err != nil {
			return nil // the rows are queued; this is only their progress
		}
		for _, z := range st.Zaps {
			if z.Zap != b.zap {
				continue
			}
			left := int(z.Queued)
			if bar == nil {
				most = left
				bar = newBar(b.cmd.ErrOrStderr(), max(most, 1), "delivering (Ctrl-C stops only this display)")
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
