package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
)

func newReloadCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Load the configuration anew; a bad one is refused, and the old one goes on",
		Long: "Asks the daemon to load its configuration anew, and says what came of it: how many zaps there are, or every mistake, and exit code 2.\n" +
			"Where a zap is pointed at another worksheet it waits until the zap has moved there, and says which rows that leaves unsent.\n" +
			"As systemd's ExecReload= it sends SIGHUP to $MAINPID where the daemon does not listen; its log then says what came of it.",
		Example: "  rowtap check && rowtap reload",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := find(cmd.Context(), g)
			if err != nil {
				return err
			}
			if c == nil {
				return hangUp(cmd, os.Getenv("MAINPID"))
			}
			var done struct {
				Zaps     int                `json:"zaps"`
				Moved    []engine.Moved     `json:"moved,omitempty"`
				Warnings config.Diagnostics `json:"warnings,omitempty"`
				Frozen   []string           `json:"frozen_secrets,omitempty"` // the service's copies, made at its start
			}
			if err := errors.Join(c.post(cmd.Context(), "/api/v1/reload", nil, &done), c.close()); err != nil {
				return err
			}
			noteSecrets(cmd.ErrOrStderr(), done.Frozen, serviceCredentials)
			if g.json {
				return printJSON(cmd.OutOrStdout(), done)
			}
			for _, w := range done.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w.String())
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "configuration loaded: "+counted(done.Zaps, "zap"))
			for _, m := range done.Moved {
				printNotes(cmd.OutOrStdout(), m.Zap, m.Notes)
			}
			return err
		},
	}
}

// hangUp reloads the daemon of a process id by a signal, which tells nobody what comes of it.
func hangUp(cmd *cobra.Command, pid string) error {
	if pid == "" {
		return errNoDaemon
	}
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 1 {
		return fmt.Errorf("MAINPID: %q is no process id of a daemon\nnext: systemctl reload rowtap sets it", pid)
	}
	process, err := os.FindProcess(n)
	if err == nil {
		err = process.Signal(syscall.SIGHUP)
	}
	if err != nil {
		return fmt.Errorf("process %d: %w\nnext: systemctl status rowtap", n, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "the daemon does not answer where http.listen says; process %d was sent SIGHUP\nnext: its log says what came of it: journalctl -u rowtap -n 20\n", n)
	return nil
}
