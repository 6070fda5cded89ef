package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
)

func newStateRestoreCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Restore a backup, with every zap paused",
		Long: "Checks FILE and replaces the state file with a copy of it. The replaced file is kept next to it. The daemon must be stopped.\n\n" +
			"A backup does not know which rows were sent after it was made. So every zap in it is paused until you decide:\n" +
			"  rowtap resume ZAP          continue from the backup: rows added since are sent, including those already sent\n" +
			"  rowtap resume ZAP --skip   continue from now: rows added since are not sent, including those never sent",
		Example: "  systemctl stop rowtap && rowtap state restore /var/backups/rowtap.db && systemctl start rowtap\n  rowtap resume webinar-signups --skip",
		RunE: func(cmd *cobra.Command, args []string) error {
			local, err := requireStopped(cmd.Context(), g, "rowtap state restore "+args[0])
			if err != nil {
				return err
			}
			return restore(cmd, g, local.State, args[0])
		},
	}
}

func restore(cmd *cobra.Command, g *globals, state config.State, from string) error {
	path := state.Path
	if isMirrored(state) {
		if err := requireNoActive(cmd.Context(), state); err != nil { // before the file is replaced
			return err
		}
		if sameFile(path, from) {
			backup, err := backupOfCopy(cmd.Context(), path)
			if err != nil {
				return withWriteHint(path, err)
			}
			defer func() { _ = os.Remove(backup) }() // else the next restore removes it
			from = backup
		} else if err := refreshCopy(cmd.Context(), state); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: the state in the database is not kept: %s\n", err)
		}
	}
	done, err := ledger.Restore(cmd.Context(), path, from, time.Now())
	if err == nil && isMirrored(state) {
		_, err = sendState(cmd.Context(), state, true)
	}
	if errors.Is(err, ledger.ErrCorrupt) {
		err = fmt.Errorf("%w; the state file is unchanged\nnext: choose another backup (for the damage in this one: rowtap state check %s)", err, from)
	}
	if _, missing := os.Stat(from); errors.Is(err, fs.ErrNotExist) && errors.Is(missing, fs.ErrNotExist) {
		err = fmt.Errorf("no backup %s; the state file is unchanged\nnext: choose another backup", from)
	}
	if errors.Is(err, ledger.ErrForeign) {
		err = fmt.Errorf("%s is not a backup of a rowtap state file; the state file is unchanged\nnext: choose another backup", from)
	}
	if err != nil {
		return withWriteHint(path, err)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{
			"state": path, "from": from, "backup_of": done.BackupOf, "kept": done.Replaced, "paused": append([]string{}, done.Zaps...),
		})
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s restored to its state at %s: %s, all paused\n", path, g.clock(out).shown(&done.BackupOf), quantity.Count(len(done.Zaps), "zap"))
	if done.Replaced != "" {
		fmt.Fprintln(out, "the previous state file is now "+done.Replaced)
	}
	if isMirrored(state) {
		fmt.Fprintf(out, "the state in PostgreSQL (lease %s) is restored as well\n", state.Lease)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "zaps that are not in the backup start as when they were first loaded\n"+
		"next: start the daemon, then: rowtap resume --all (continue from the backup), or for a zap: rowtap resume ZAP --skip (from now)")
	return nil
}
