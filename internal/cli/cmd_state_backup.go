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
	"regexp"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/quantity"
)

func newStateBackupCommand(g *globals) *cobra.Command {
	var force bool
	var keep int
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Back up the state file; the daemon can keep running",
		Long: "Writes a consistent copy of the state file to FILE, with mode 0600 because it contains rows of your sheets. FILE appears\n" +
			"only after the copy was read back and checked. An existing FILE is replaced only with --force.\n\n" +
			"With --keep N, FILE is a directory. The copy is named after the time, and only the newest N such copies are kept.",
		Example: "  rowtap state backup /var/backups/rowtap-$(date +%F).db\n  rowtap state backup --force /var/backups/rowtap.db\n" +
			"  rowtap state backup --keep 14 /var/backups/rowtap",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("keep") {
				if force {
					return usage(cmd, errors.New("--keep and --force cannot be combined"))
				}
				return backupKeeping(cmd, g, args[0], keep)
			}
			return backup(cmd, g, args[0], force)
		},
	}
	cmd.Flags().IntVar(&keep, "keep", 0, "treat FILE as a directory, and keep the newest `N` copies in it")
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	return cmd
}

func backup(cmd *cobra.Command, g *globals, path string, force bool) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage(cmd, fmt.Errorf("%s is a directory: name a file, such as %s, or add --keep N", path, filepath.Join(path, "rowtap.db")))
	} else if err == nil && !info.Mode().IsRegular() { // a device, say: it would be replaced, not written to
		return usage(cmd, fmt.Errorf("%s is not a regular file", path))
	}
	if local, err := loadLocal(g); err == nil && sameFile(local.State.Path, path) {
		return usage(cmd, fmt.Errorf("%s is the state file itself", path))
	}
	bytes, zaps, err := ledger.SaveBackup(cmd.Context(), path, force, time.Now(), copyWithBar(cmd, g))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s already exists\nnext: choose another name, or add --force", path)
	}
	if err != nil {
		return withWriteHint(path, err)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"file": path, "bytes": bytes, "zaps": len(zaps)})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s, read back and checked\n", path, formatBytes(bytes), quantity.Count(len(zaps), "zap"))
	return err
}

// copyWithBar returns a function that copies the state, with a progress bar on a terminal.
func copyWithBar(cmd *cobra.Command, g *globals) func(io.Writer) error {
	return func(w io.Writer) error {
		if !interactive(cmd.ErrOrStderr()) {
			return copyState(cmd.Context(), g, w)
		}
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(cmd.ErrOrStderr()), progressbar.OptionSetDescription("copying"),
			progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		err := copyState(cmd.Context(), g, io.MultiWriter(w, bar))
		_ = bar.Finish() // nobody sees a terminal that is gone
		return err
	}
}

// copyState writes a consistent copy of the daemon's state file or, if none runs, of the configured
// one.
func copyState(ctx context.Context, g *globals, w io.Writer) error {
	c, err := find(ctx, g)
	if err != nil {
		return err
	}
	if c == nil {
		return copyStateFile(ctx, g, w)
	}
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/state/backup", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the copy from the daemon ended early: %w\nnext: check the disk space, then the daemon's log: journalctl -u rowtap -n 20", err)
	}
	return nil
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
		return fmt.Errorf("the daemon is not running, and no state file %s exists\nnext: correct state.path in rowtap.yaml", local.State.Path)
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

// copyNames matches the names of the copies of --keep, the only files that it removes. Sorted by
// name, they are in order of time.
var copyNames = regexp.MustCompile(`^rowtap-\d{8}T\d{6}Z\.db$`)

// backupKeeping writes a backup into dir, then removes all copies but the newest n.
func backupKeeping(cmd *cobra.Command, g *globals, dir string, n int) error {
	if n < 1 {
		return usage(cmd, fmt.Errorf("--keep %d: must be at least 1", n))
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usage(cmd, fmt.Errorf("--keep: %s is not a directory\nnext: mkdir -m 700 %s", dir, dir))
	}
	name := time.Now().UTC().Format("rowtap-20060102T150405Z.db")
	if err := backup(cmd, g, filepath.Join(dir, name), false); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		// The new copy stays even if the clock was set back.
		if copyNames.MatchString(e.Name()) && e.Type().IsRegular() && e.Name() != name {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	var errs []error
	for _, old := range names[:max(0, len(names)-(n-1))] {
		if err := os.Remove(filepath.Join(dir, old)); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "removed: "+filepath.Join(dir, old))
	}
	return errors.Join(errs...)
}
