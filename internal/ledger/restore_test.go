package ledger_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestCheckFileSaysWhere(t *testing.T) {
	path, content := sample(t)
	kinds := map[string]int{}
	for i := range 60 {
		must(t, os.WriteFile(path, content, 0o600))
		ledger.FlipBit(t, path, i, 80+i*i*7)
		_, wrong, err := ledger.CheckFile(t.Context(), ledger.Options{Path: path})
		if err != nil || len(wrong) == 0 {
			t.Fatalf("value %d: CheckFile = %v, %v", i, wrong, err)
		}
		for _, d := range wrong {
			if !strings.HasPrefix(d.Zap, "zap-") && d.Kind != "zaps" && d.Kind != "root" {
				t.Errorf("value %d: %+v names no zap", i, d)
			}
			if (d.Kind == "rows" || d.Kind == "state" || d.Kind == "cells") && (d.First == 0 || d.Last < d.First || !strings.Contains(d.Error(), " of deliver")) {
				t.Errorf("value %d: %+v (%v) names no delivery", i, d, d)
			}
			kinds[d.Kind]++
		}
	}
	for _, kind := range []string{"zap", "cursors", "rows", "cells", "state"} {
		if kinds[kind] == 0 {
			t.Errorf("no damage of kind %s, only of %v", kind, kinds)
		}
	}
}

// A defect is one line, without a next step of its own.
func TestADefectIsOneLine(t *testing.T) {
	path, content := sample(t)
	must(t, os.WriteFile(path, content[:len(content)/2], 0o600))
	_, wrong, err := ledger.CheckFile(t.Context(), ledger.Options{Path: path})
	if err != nil || len(wrong) != 1 || strings.Contains(wrong[0].Error(), "\n") {
		t.Errorf("CheckFile of a truncated file = %q, %v; want one line", wrong, err)
	}
}

func TestRestore(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "qq"))
	f.commit("leads", pollOf(1, "h"))
	dir := t.TempDir()
	backup := filepath.Join(dir, "backup.db")
	save := func(w io.Writer) error { _, err := f.Backup(t.Context(), w); return err }
	size, zaps, err := ledger.SaveBackup(t.Context(), backup, false, noon, save)
	must(t, err)
	if info, err := os.Stat(backup); err != nil || info.Size() != size || info.Mode().Perm() != 0o600 || len(zaps) != 2 {
		t.Errorf("SaveBackup = %d, %v; the file is %v, %v", size, zaps, info, err)
	}
	if _, _, err := ledger.SaveBackup(t.Context(), backup, false, noon, save); !errors.Is(err, fs.ErrExist) {
		t.Errorf("SaveBackup over a file: %v, want fs.ErrExist", err)
	}
	cutShort := errors.New("cut short")
	if _, _, err := ledger.SaveBackup(t.Context(), filepath.Join(dir, "half.db"), false, noon, func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		return errors.Join(err, cutShort)
	}); !errors.Is(err, cutShort) {
		t.Errorf("SaveBackup of half a copy: %v", err)
	}

	f.commit(signups, pollOf(3, "qqq"))
	if _, err := ledger.Restore(t.Context(), f.path, backup, noon); !errors.Is(err, ledger.ErrInUse) {
		t.Errorf("Restore over a file in use: %v, want ErrInUse", err)
	}
	if _, _, err := ledger.Compact(t.Context(), f.path); !errors.Is(err, ledger.ErrInUse) {
		t.Errorf("Compact of a file in use: %v, want ErrInUse", err)
	}
	f.close()
	must(t, os.Chtimes(backup, noon, noon.Add(time.Hour)))
	r, err := ledger.Restore(t.Context(), f.path, backup, noon.Add(2*time.Hour))
	must(t, err)
	if want := f.path + ".before-restore-20260305T140000Z"; r.Replaced != want || !r.BackupOf.Equal(noon) {
		t.Errorf("Restore = %+v; want the replaced file at %s and a backup of %s", r, want, noon)
	}
	keptBytes, err := os.ReadFile(r.Replaced)
	must(t, err)
	again, err := ledger.Restore(t.Context(), f.path, backup, noon.Add(2*time.Hour))
	if after, _ := os.ReadFile(r.Replaced); err != nil || again.Replaced != r.Replaced+"-2" || !bytes.Equal(after, keptBytes) {
		t.Errorf("Restore within the same second: %+v, %v; want the replaced file under a new name and the earlier one unchanged", again, err)
	}
	kept, wrong, err := ledger.CheckFile(t.Context(), ledger.Options{Path: r.Replaced})
	if err != nil || len(wrong) > 0 || len(kept) != 2 {
		t.Errorf("the replaced file:  %v, %v, %v", kept, wrong, err)
	}
	f.open()
	for _, zap := range []string{signups, "leads"} {
		if z := f.zap(zap); !z.Paused || !strings.Contains(z.PausedReason, "a backup of 2026-03-05 12:00:00 UTC: resume continues from the backup, resume --skip from now") {
			t.Errorf("zap %s: %+v, want it paused with the reason", zap, z)
		}
	}
	if n, err := f.NextDelivery(t.Context(), signups); n != 3 || err != nil {
		t.Errorf("NextDelivery = %d, %v; want 3, as before", n, err)
	}
	for _, dir := range []string{dir, filepath.Dir(f.path)} {
		left, err := filepath.Glob(filepath.Join(dir, "*.new-*"))
		must(t, err)
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	f.close()
	before, after, err := ledger.Compact(t.Context(), f.path)
	if err != nil || after <= 0 || after > before {
		t.Errorf("Compact = %d, %d, %v", before, after, err)
	}
	f.open()
}
