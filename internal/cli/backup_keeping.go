package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

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
