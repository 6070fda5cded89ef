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
)

func newStateRestoreCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the state file, every zap paused; the daemon must be stopped",
		Long: "Checks FILE and puts a copy of it in the place of the state file, which is kept beside it. The daemon must be stopped.\n" +
			"What a backup knows is old: rows sent since would be sent again. So every zap in it is left paused, until you have chosen:\n" +
			"  rowtap resume ZAP          goes on from the backup: rows added since then are sent, also those that had been sent\n" +
			"  rowtap resume ZAP --skip   goes on from now: rows added since then are not sent, also those that had not been",
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
			defer func() { _ = os.Remove(backup) }() // the next restore does it otherwise
			from = backup
		} else if err := refreshCopy(cmd.Context(), state); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "what the database has is not kept: %s\n", err)
		}
	}
	done, err := ledger.Restore(cmd.Context(), path, from, time.Now())
	if err == nil && isMirrored(state) {
		err = restoreMirrored(cmd.Context(), state)
	}
	if errors.Is(err, ledger.ErrCorrupt) {
		err = fmt.Errorf("%w\nnext: rowtap state check %s says what is damaged; choose another backup. The state file is untouched", err, from)
	}
	if _, missing := os.Stat(from); errors.Is(err, fs.ErrNotExist) && errors.Is(missing, fs.ErrNotExist) {
		err = fmt.Errorf("there is no backup %s\nnext: choose another. The state file is untouched", from)
	}
	if errors.Is(err, ledger.ErrForeign) {
		err = fmt.Errorf("%s is no backup of a rowtap state file\nnext: choose another. The state file is untouched", from)
	}
	if err != nil {
		return withWriteHint(path, err)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{
			"state": path, "from": from, "backup_of": done.BackupOf, "kept": done.Kept, "paused": append([]string{}, done.Zaps...),
		})
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s is as it was at %s, with %s, paused\n", path, g.clock(out).shown(&done.BackupOf), counted(len(done.Zaps), "zap"))
	if done.Kept != "" {
		fmt.Fprintln(out, "what was there is now "+done.Kept)
	}
	if isMirrored(state) {
		fmt.Fprintf(out, "the state on PostgreSQL is the same now, as %s\n", state.Lease)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "a zap that the backup does not know starts anew, as when it was first loaded\n"+
		"next: start the daemon, then for each zap: rowtap resume ZAP (goes on from the backup), or rowtap resume ZAP --skip (from now)")
	return nil
}
