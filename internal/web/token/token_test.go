package token

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestToken(t *testing.T) {
	core, logged := observer.New(zapcore.InfoLevel)
	log := zap.New(core)
	path := filepath.Join(t.TempDir(), "state", "api.token")
	first, err := Ensure(path, log)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Ensure(path, log)
	if err != nil || again != first || len(first.Reveal()) != 64 {
		t.Errorf("read again: %v %v, want the same 64 characters", again == first, err)
	}
	if logged.Len() != 0 {
		t.Errorf("logged %v", logged.All())
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		if err := os.WriteFile(path, []byte(" \n"), 0o644); err != nil {
			t.Fatal(err)
		}
		made, err := Ensure(name, log)
		if err != nil || made == first || len(made.Reveal()) != 64 {
			t.Errorf("%s: from an empty file: %d characters, %v", name, len(made.Reveal()), err)
		}
		if read, err := Read(path); read != made || err != nil {
			t.Errorf("%s: the file has another token, %v", name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v %v, want 600", info.Mode(), err)
		}
		if warned := logged.TakeAll(); len(warned) != 1 || warned[0].Level != zapcore.WarnLevel {
			t.Errorf("%s: logged %v, want a warning", name, warned)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.new-*")); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := Ensure(filepath.Dir(path), log); err == nil {
		t.Error("a directory is taken for a token file")
	}
}
