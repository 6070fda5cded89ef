package ledger_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestInPlace(t *testing.T) {
	move := func(from, to string) func(*file) {
		return func(f *file) {
			must(f.t, os.Rename(strings.ReplaceAll(from, "$", f.path), strings.ReplaceAll(to, "$", f.path)))
		}
	}
	replace := func(f *file) {
		other := newFile(f.t)
		content, err := os.ReadFile(other.path)
		must(f.t, err)
		must(f.t, os.WriteFile(f.path+".other", content, 0o600))
		move("$.other", "$")(f)
	}
	overwrite := func(f *file) { // like cp
		other := newFile(f.t)
		content, err := os.ReadFile(other.path)
		must(f.t, err)
		must(f.t, os.WriteFile(f.path, content, 0o600))
	}
	tests := []struct {
		name string
		do   func(*file)
		want error
		says string
	}{
		{"nothing", func(*file) {}, nil, ""},
		{"removed", move("$", "$.away"), ledger.ErrMisplaced, "it was removed"},
		{"replaced", replace, ledger.ErrMisplaced, "it was replaced by another file"},
		{"moved away and back", func(f *file) { move("$", "$.away")(f); move("$.away", "$")(f) }, nil, ""},
		{"overwritten", overwrite, ledger.ErrOverwritten, "another program wrote to it"},
		{"truncated", func(f *file) { must(f.t, os.Truncate(f.path, 4096)) }, ledger.ErrOverwritten, "another program wrote to it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &file{t: t, path: filepath.Join(t.TempDir(), "state", "rowtap.db")}
			f.open()
			f.commit(signups, pollOf(1, "qq"))
			must(t, f.InPlace())
			tt.do(f)
			err := f.InPlace()
			if !errors.Is(err, tt.want) || tt.want != nil && (!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), f.path)) {
				t.Errorf("InPlace = %v, want %v, %q and the path", err, tt.want, tt.says)
			}
			err = f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 1, 2), noon)
			if errors.Is(tt.want, ledger.ErrOverwritten) {
				if !errors.Is(err, ledger.ErrOverwritten) {
					t.Errorf("Finish in an overwritten file: %v, want ErrOverwritten", err)
				}
				_ = f.Close()
				return
			}
			must(t, err)

			// What was in flight is recorded in the open file, which can still be backed up.
			var copied bytes.Buffer
			_, err = f.Backup(t.Context(), &copied)
			must(t, err)
			f.close()
			backup := filepath.Join(t.TempDir(), "backup.db")
			_, _, err = ledger.SaveBackup(t.Context(), backup, false, noon, func(w io.Writer) error { _, err := w.Write(copied.Bytes()); return err })
			must(t, err)
			_, err = ledger.Restore(t.Context(), f.path, backup, noon)
			must(t, err)
			f.open()
			if d := f.delivery(signups, 2); d.State != ledger.Sent {
				t.Errorf("after a restore the delivery is %s, want sent", d.State)
			}
			f.close()
		})
	}
}

// A directory that is temporarily not searchable says nothing about the file.
func TestInPlaceWhereItCannotBeSeen(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root can search every directory")
	}
	f := newFile(t)
	dir := filepath.Dir(f.path)
	must(t, os.Chmod(dir, 0))
	err := f.InPlace()
	must(t, os.Chmod(dir, 0o700))
	must(t, err)
}
