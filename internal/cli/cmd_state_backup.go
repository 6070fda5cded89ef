package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
)

func newStateBackupCommand(g *globals) *cobra.Command {
	var force bool
	var keep int
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a consistent copy of the state file, also while the daemon runs",
		Long: "Writes a consistent copy of the state file to FILE (mode 0600: it holds rows of your sheets), reads all of it back, and only then\n" +
			"gives it its name. It works beside the daemon. A FILE that is there already is not replaced without --force.\n" +
			"With --keep N, FILE is a directory: the copy gets a name with the time, and of copies so named the newest N stay.",
		Example: "  rowtap state backup /var/backups/rowtap-$(date +%F).db\n  rowtap state backup --force /var/backups/rowtap.db\n" +
			"  rowtap state backup --keep 14 /var/backups/rowtap",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("keep") {
				if force {
					return usage(cmd, errors.New("--keep gives each copy a name of its own: there is nothing to --force"))
				}
				return backupKeeping(cmd, g, args[0], keep)
			}
			return backup(cmd, g, args[0], force)
		},
	}
	cmd.Flags().IntVar(&keep, "keep", 0, "FILE is a directory; keep the newest `N` copies in it")
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	return cmd
}

func backup(cmd *cobra.Command, g *globals, path string, force bool) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage(cmd, fmt.Errorf("%s is a directory; name a file in it, such as %s, or add --keep N", path, filepath.Join(path, "rowtap.db")))
	} else if err == nil && !info.Mode().IsRegular() { // it would be replaced, not written to
		return usage(cmd, fmt.Errorf("%s is no regular file; name another", path))
	}
	if local, err := loadLocal(g); err == nil && sameFile(local.State.Path, path) {
		return usage(cmd, fmt.Errorf("%s is the state file itself", path))
	}
	bytes, zaps, err := ledger.SaveBackup(cmd.Context(), path, force, time.Now(), copying(cmd, g))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already\nnext: choose another name, or add --force", path)
	}
	if err != nil {
		return writing(path, err)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"file": path, "bytes": bytes, "zaps": len(zaps)})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s, read back and sound\n", path, size(bytes), counted(len(zaps), "zap"))
	return err
}

// copying returns what copies the state, with a bar of the bytes so far on a terminal: a large one takes its time.
func copying(cmd *cobra.Command, g *globals) func(io.Writer) error {
	return func(w io.Writer) error {
		if !interactive(cmd.ErrOrStderr()) {
			return copyState(cmd.Context(), g, w)
		}
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(cmd.ErrOrStderr()), progressbar.OptionSetDescription("copying"),
			progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		err := copyState(cmd.Context(), g, io.MultiWriter(w, bar))
		_ = bar.Finish() // a terminal that is gone has nobody to see it
		return err
	}
}

// copyState writes a consistent copy of the daemon's state file, or where none runs of the one of the configuration.
func copyState(ctx context.Context, g *globals, w io.Writer) error {
	c, err := find(ctx, g)
	if err != nil {
		return err
	}
	if c == nil {
		return copyStateFile(ctx, g, w)
	}
	resp, err := c.ask(ctx, http.MethodGet, "/api/v1/state/backup", nil)
	if err != nil {
		return errors.Join(err, c.close())
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return errors.Join(fmt.Errorf("the daemon's copy was cut short: %w\nnext: its log says why; is there room on the disk?", err), c.close())
	}
	return c.close()
}

func copyStateFile(ctx context.Context, g *globals, w io.Writer) error {
	local, err := loadState(g)
	if err != nil {
		return err
	}
	if isMirrored(local.State) {
		return copyMirrored(ctx, local.State, w)
	}
	l, err := ledger.Open(ledger.Options{Path: local.State.Path, ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no daemon runs, and there is no state file %s\nnext: correct state.path in rowtap.yaml", local.State.Path)
	}
	if err != nil {
		return err
	}
	_, err = l.Backup(ctx, w)
	return errors.Join(err, l.Close())
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

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
			local, err := stopped(cmd.Context(), g, "rowtap state restore "+args[0])
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
		if err := free(cmd.Context(), state); err != nil { // before the file is replaced
			return err
		}
		if sameFile(path, from) {
			backup, err := backupOfCopy(cmd.Context(), path)
			if err != nil {
				return writing(path, err)
			}
			defer func() { _ = os.Remove(backup) }() // the next restore does it otherwise
			from = backup
		} else if err := keepMirrored(cmd.Context(), state); err != nil {
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
		return writing(path, err)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{
			"state": path, "from": from, "backup_of": done.BackupOf, "kept": done.Replaced, "paused": append([]string{}, done.Zaps...),
		})
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s is as it was at %s, with %s, paused\n", path, g.clock(out).shown(&done.BackupOf), counted(len(done.Zaps), "zap"))
	if done.Replaced != "" {
		fmt.Fprintln(out, "what was there is now "+done.Replaced)
	}
	if isMirrored(state) {
		fmt.Fprintf(out, "the state on PostgreSQL is the same now, as %s\n", state.Lease)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "a zap that the backup does not know starts anew, as when it was first loaded\n"+
		"next: start the daemon, then for each zap: rowtap resume ZAP (goes on from the backup), or rowtap resume ZAP --skip (from now)")
	return nil
}
