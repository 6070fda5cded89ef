package ledger_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestOpenMakesAPrivateFile(t *testing.T) {
	f := newFile(t)
	for path, want := range map[string]fs.FileMode{f.path: 0o600, filepath.Dir(f.path): 0o700} {
		info, err := os.Stat(path)
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s is %o, want %o", path, got, want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(f.path))
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("%d files in the directory, want only the state file", len(entries))
	}
	must(t, f.Ping(t.Context()))
	if size, free := f.Size(); size == 0 || free < 0 || free > size {
		t.Errorf("Size = %d, %d free", size, free)
	}
}

// An operator must not wait, and must see which file is in use and what to do.
func wantInUse(t *testing.T, err error, path string) {
	t.Helper()
	if !errors.Is(err, ledger.ErrInUse) {
		t.Fatalf("Open of a file in use: %v, want ErrInUse", err)
	}
	for _, want := range []string{path, "in use by another rowtap", "next: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}

func TestOpenOfAFileInUse(t *testing.T) {
	f := newFile(t)
	for _, readOnly := range []bool{false, true} {
		_, err := ledger.Open(ledger.Options{Path: f.path, Timeout: 20 * time.Millisecond, ReadOnly: readOnly})
		wantInUse(t, err, f.path)
	}
}

// childFile, set to a path, makes the test binary a process that opens that file.
const childFile = "ROWTAP_TEST_OPEN"

func TestOpenOfAFileInUseByAnotherProcess(t *testing.T) {
	if path := os.Getenv(childFile); path != "" {
		_, err := ledger.Open(ledger.Options{Path: path, Timeout: 20 * time.Millisecond})
		wantInUse(t, err, path)
		return
	}
	f := newFile(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenOfAFileInUseByAnotherProcess$")
	cmd.Env = append(os.Environ(), childFile+"="+f.path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestReadOnly(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "q"))
	f.close()
	open := func() *ledger.Ledger {
		t.Helper()
		l, err := ledger.Open(ledger.Options{Path: f.path, ReadOnly: true})
		must(t, err)
		return l
	}
	one, two := open(), open() // readers share the file
	if _, ok, err := one.Delivery(t.Context(), signups, 1); !ok || err != nil {
		t.Errorf("Delivery read-only: %t, %v", ok, err)
	}
	if _, err := one.Commit(t.Context(), signups, pollOf(2, "q")); err == nil {
		t.Error("Commit read-only: no error")
	}
	must(t, one.Close())
	must(t, two.Close())
	if err := two.Ping(t.Context()); err == nil {
		t.Error("Ping of a closed ledger: no error")
	}
	f.open()

	_, err := ledger.Open(ledger.Options{Path: filepath.Join(t.TempDir(), "none.db"), ReadOnly: true})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of a missing file, read-only: %v, want fs.ErrNotExist", err)
	}
}

func TestOpenOfWhatIsNoLedger(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, content, 0o600))
		return path
	}
	bolt := func(name string, listsFree bool, fill func(*bbolt.Tx) error) string {
		path := filepath.Join(dir, name)
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: !listsFree})
		must(t, err)
		must(t, db.Update(fill))
		must(t, db.Close())
		return path
	}
	newer := filepath.Join(dir, "newer.db")
	l, err := ledger.Open(ledger.Options{Path: newer})
	must(t, err)
	must(t, l.Close())
	ledger.SetSchema(t, newer, ledger.Schema+1)
	older := filepath.Join(dir, "older.db")
	l, err = ledger.Open(ledger.Options{Path: older})
	must(t, err)
	must(t, l.Close())
	ledger.SetSchema(t, older, ledger.OldestSchema-1)

	ourNames := func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("rowtap"))
		_, err2 := tx.CreateBucket([]byte("zaps"))
		return errors.Join(err, err2)
	}
	tests := []struct {
		name, path string
		want       error
	}{
		{"a text file", write("text", []byte("zaps:\n  - name: signups\n")), ledger.ErrForeign},
		{"a long text file", write("long", bytes.Repeat([]byte("row,tap\n"), 20000)), ledger.ErrForeign},
		{"one byte", write("byte", []byte("x")), ledger.ErrForeign},
		{"an empty file", write("empty", nil), ledger.ErrCorrupt},
		{"zeros", write("zeros", make([]byte, 65536)), ledger.ErrCorrupt},
		{"a directory", dir, ledger.ErrForeign},
		{"a device", os.DevNull, ledger.ErrForeign},
		{"a bbolt file of another program", bolt("other.db", true, func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte("key"))
			if err != nil {
				return err
			}
			return b.Put([]byte("a"), make([]byte, 100000))
		}), ledger.ErrForeign},
		{"a bbolt file with buckets of our names", bolt("names.db", false, ourNames), ledger.ErrCorrupt},
		{"a bbolt file with a freelist, which rowtap's has not", bolt("listed.db", true, ourNames), ledger.ErrForeign},
		{"a newer schema", newer, ledger.ErrNewer},
		{"an older schema", older, ledger.ErrOlder},
	}
	for _, tt := range tests {
		for _, readOnly := range []bool{false, true} {
			var before []byte
			if info, err := os.Stat(tt.path); err == nil && info.Mode().IsRegular() {
				before, _ = os.ReadFile(tt.path)
			}
			_, err := ledger.Open(ledger.Options{Path: tt.path, ReadOnly: readOnly, Timeout: time.Second})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.path) || !strings.Contains(err.Error(), "next: ") {
				t.Errorf("%s (read-only %t): %v; want %v, the path and what to do next", tt.name, readOnly, err, tt.want)
			}
			if before != nil {
				if after, _ := os.ReadFile(tt.path); !bytes.Equal(before, after) {
					t.Errorf("%s: the file was changed", tt.name)
				}
			}
		}
	}
	if _, err := ledger.Open(ledger.Options{}); err == nil {
		t.Error("Open without a path: no error")
	}
}

func TestBackupAndCompact(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("k", 20000)))
	f.commit("leads", pollOf(1, "qwh"))
	removed, err := f.Prune(t.Context(), noon.Add(time.Second), 1<<20)
	must(t, err)
	if removed != 20000 {
		t.Fatalf("pruned %d, want 20000", removed)
	}
	dir := t.TempDir()
	backup, err := os.Create(filepath.Join(dir, "backup.db"))
	must(t, err)
	n, err := f.Backup(t.Context(), backup)
	must(t, err)
	must(t, backup.Close())
	if size, free := f.Size(); n != size || free == 0 {
		t.Errorf("Backup wrote %d of %d bytes; %d free, want some", n, size, free)
	}
	small := filepath.Join(dir, "small.db")
	must(t, f.CompactTo(t.Context(), small))
	if err := f.CompactTo(t.Context(), small); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CompactTo an existing file: %v, want fs.ErrExist", err)
	}
	if info, err := os.Stat(small); err != nil || info.Size()*2 > n || info.Mode().Perm() != 0o600 {
		t.Errorf("compacted file %v, %v; want it private and much smaller than %d bytes", info.Size(), err, n)
	}
	for _, path := range []string{backup.Name(), small} {
		l, err := ledger.Open(ledger.Options{Path: path})
		must(t, err)
		ds, err := l.Deliveries(t.Context(), ledger.Query{})
		must(t, err)
		if got := ids(ds); strings.Join(got, " ") != "leads/3 leads/2 leads/1" {
			t.Errorf("%s has %v", path, got)
		}
		for _, err := range damages(t, l) {
			t.Errorf("%s: Check: %v", path, err)
		}
		// The order of detection continues in a copy.
		commit(t, l, signups, pollOf(20001, "q"))
		ds, err = l.Deliveries(t.Context(), ledger.Query{Limit: 1})
		must(t, err)
		if got := ids(ds); got[0] != "signups/20001" {
			t.Errorf("%s: newest is %v", path, got)
		}
		must(t, l.Close())
	}
}
