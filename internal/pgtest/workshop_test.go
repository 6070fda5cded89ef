package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewestPostgres(t *testing.T) {
	root := t.TempDir()
	_, err := newestPostgres(root)
	if !errors.Is(err, errMissing) || !strings.Contains(fmt.Sprint(err), "apt install postgresql") {
		t.Errorf("none: got %v, want that it is missing and what to install", err)
	}
	for _, version := range []string{"9.6", "15", "17", "16"} {
		dir := filepath.Join(root, version, "bin")
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "postgres"), nil, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := newestPostgres(root); err != nil || got != filepath.Join(root, "17", "bin") {
		t.Errorf("got %q, %v, want version 17", got, err)
	}
}

// TestMissing checks that a missing program skips a test, except in CI, and that other errors fail
// it.
func TestMissing(t *testing.T) {
	missing := fmt.Errorf("PostgreSQL is %w", errMissing)
	for _, tt := range []struct {
		name, ci string
		err      error
		want     string
	}{
		{"missing", "", missing, "skip"},
		{"missing in CI", "1", missing, "fatal"},
		{"another error", "", os.ErrPermission, "fatal"},
		{"another error in CI", "1", os.ErrPermission, "fatal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("ROWTAP_CI", tt.ci)
			r := &recorder{TB: t}
			func() {
				defer func() { _ = recover() }() // the panic of recorder
				giveUp(r, tt.err)
			}()
			if r.ended != tt.want {
				t.Errorf("got %q, want %q", r.ended, tt.want)
			}
		})
	}
}

// recorder records how a test ended without ending it.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Skip(...any)  { r.ended = "skip"; panic(r) }
func (r *recorder) Fatal(...any) { r.ended = "fatal"; panic(r) }
