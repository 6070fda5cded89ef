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
	bytes, zaps, err := ledger.SaveBackup(cmd.Context(), path, force, time.Now(), copyWithBar(cmd, g))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already\nnext: choose another name, or add --force", path)
	}
	if err != nil {
		return withWriteHint(path, err)
	}
	if g.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"file": path, "bytes": bytes, "zaps": len(zaps)})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s, read back and sound\n", path, formatBytes(bytes), counted(len(zaps), "zap"))
	return err
}

// copyWithBar returns what copies the state, with a bar of the bytes so far on a terminal: a large one takes its time.
func copyWithBar(cmd *cobra.Command, g *globals) func(io.Writer) error {
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
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/state/backup", nil)
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

// copyNames are the names that --keep gives, and the only ones that it removes. Their order is that of time.
var copyNames = regexp.MustCompile(`^rowtap-\d{8}T\d{6}Z\.db$`)

// backupKeeping writes a backup into a directory, and only once it is there removes those beyond the newest n.
func backupKeeping(cmd *cobra.Command, g *globals, dir string, n int) error {
	if n < 1 {
		return usage(cmd, fmt.Errorf("--keep %d: at least the new copy is kept", n))
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usage(cmd, fmt.Errorf("--keep wants a directory, which %s is not; mkdir -m 700 %s", dir, dir))
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
		if copyNames.MatchString(e.Name()) && e.Type().IsRegular() && e.Name() != name { // whatever the clock says, the new one stays
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
