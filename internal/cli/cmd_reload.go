package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/quantity"
)

func newReloadCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Reload the configuration; an invalid one is rejected",
		Long: "Makes the daemon reload its configuration, and prints the number of zaps. If the configuration is invalid, it prints every\n" +
			"mistake and exits with code 2; the daemon keeps the current configuration. It also prints the next runs that have\n" +
			"changed. If a zap moves to another worksheet, it waits until the zap has moved, and prints which rows are left unsent.\n\n" +
			"As systemd's ExecReload=, it sends SIGHUP to $MAINPID if the daemon does not listen. The result is then in the daemon's log.",
		Example: "  rowtap check && rowtap reload",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := find(cmd.Context(), g)
			if err != nil {
				return err
			}
			if c == nil {
				return hangUp(cmd, g, os.Getenv("MAINPID"))
			}
			var done struct {
				Zaps     int                `json:"zaps"`
				Runs     []engine.Runs      `json:"runs,omitempty"`
				Moved    []engine.Moved     `json:"moved,omitempty"`
				Warnings config.Diagnostics `json:"warnings,omitempty"`
				Frozen   []string           `json:"frozen_secrets,omitempty"` // the service's copies, made at its start
			}
			if err := c.post(cmd.Context(), "/api/v1/reload", nil, &done); err != nil {
				return err
			}
			noteSecrets(cmd.ErrOrStderr(), done.Frozen, serviceCredentials)
			if g.json {
				return printJSON(cmd.OutOrStdout(), done)
			}
			for _, w := range done.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w.String())
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "configuration loaded: "+quantity.Count(done.Zaps, "zap"))
			for _, r := range done.Runs {
				fmt.Fprintln(cmd.OutOrStdout(), changedRuns(r))
			}
			for _, m := range done.Moved {
				printNotes(cmd.OutOrStdout(), m.Zap, m.Notes)
			}
			return err
		},
	}
}

// changedRuns describes the next runs of a zap whose schedule has changed, in the zone of the
// schedule.
func changedRuns(r engine.Runs) string {
	text := r.Zap + ": "
	switch {
	case r.Schedule == "":
		return text + "removed, no more runs"
	case len(r.Next) == 0:
		return text + "no more runs"
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		zone = time.UTC
	}
	next := make([]string, len(r.Next))
	for i, at := range r.Next {
		next[i] = at.In(zone).Format("Mon 2006-01-02 15:04:05 MST")
	}
	text += "next runs " + strings.Join(next, ", ")
	if r.Was != "" {
		text += " (the schedule was " + r.Was + ")"
	}
	return text
}

// hangUp reloads the daemon with process ID pid by a signal. The result is only in the daemon's
// log.
func hangUp(cmd *cobra.Command, g *globals, pid string) error {
	if pid == "" {
		return noDaemon(g)
	}
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 1 {
		return fmt.Errorf("MAINPID: %q is not the process ID of a daemon\nnext: systemctl reload rowtap", pid)
	}
	process, err := os.FindProcess(n)
	if err == nil {
		err = process.Signal(syscall.SIGHUP)
	}
	if err != nil {
		return fmt.Errorf("process %d: %w\nnext: systemctl status rowtap", n, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "the daemon does not listen at http.listen; sent SIGHUP to process %d instead\nnext: journalctl -u rowtap -n 20\n", n)
	return nil
}
