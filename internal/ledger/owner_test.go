//go:build unix

package ledger_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Files that root creates in the daemon's directory are the daemon's, not root's.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to others")
	}
	const daemon = 12345
	for name, open := range map[string]func(ledger.Options) (*ledger.Ledger, error){"state.db": ledger.Open, "cache.db": ledger.OpenCache} {
		dir := t.TempDir()
		must(t, os.Chown(dir, daemon, daemon))
		path := filepath.Join(dir, name)
		l, err := open(ledger.Options{Path: path})
		must(t, err)
		if name == "cache.db" {
			must(t, l.Stamp(t.Context(), ledger.Position{State: "s", Epoch: "e", Commit: 1}))
		}
		must(t, l.Close())
		files, err := filepath.Glob(path + "*")
		must(t, err)
		if want := map[string]int{"state.db": 1, "cache.db": 2}[name]; len(files) != want { // a cache has a note
			t.Errorf("%s: files are %q, want %d", name, files, want)
		}
		for _, file := range files {
			info, err := os.Stat(file)
			must(t, err)
			if stat := info.Sys().(*syscall.Stat_t); stat.Uid != daemon || stat.Gid != daemon {
				t.Errorf("%s has owner %d and group %d", file, stat.Uid, stat.Gid)
			}
		}
	}
}
