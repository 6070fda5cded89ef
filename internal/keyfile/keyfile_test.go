package keyfile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/keyfile"
)

func TestReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passcode")
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	write := func(text string, age time.Duration) keyfile.Stamp {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
		return keyfile.Of(path)
	}
	old := write("old", time.Hour)
	for _, test := range []struct {
		name, text string
		age        time.Duration
		want       bool
	}{
		{"the same", "old", time.Hour, false},
		{"another of the same length", "new", time.Minute, true},
		{"another of an older time", "older", 2 * time.Hour, true},
		{"being written", "ne", 300 * time.Millisecond, false},
		{"a clock that is ahead", "new", -time.Minute, true},
	} {
		write(test.text, test.age)
		if got := old.Replaced(path, now); got != test.want {
			t.Errorf("%s: replaced %v, want %v", test.name, got, test.want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if old.Replaced(path, now) {
		t.Error("a file that is gone replaces the old one")
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path      string
		limit     int64
		text, err string
	}{
		{path, 5, "12345", ""},
		{path, 4, "", "larger than any key"},
		{filepath.Join(dir, "gone"), 5, "", "no such file or directory"},
	} {
		got, err := keyfile.Read(test.path, test.limit)
		if string(got) != test.text || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
			t.Errorf("%s, at most %d: got %q, %v; want %q, %q", test.path, test.limit, got, err, test.text, test.err)
		}
	}
}

func TestFrozen(t *testing.T) {
	for _, test := range []struct {
		dir, path string
		want      bool
	}{
		{"/run/credentials/rowtap.service", "/run/credentials/rowtap.service/google.json", true},
		{"/run/credentials/rowtap.service", "/run/credentials/rowtap.service/../other/google.json", false},
		{"/run/credentials/rowtap.service", "/etc/rowtap/google.json", false},
		{"/run/credentials/rowtap.service/", "/run/credentials/rowtap.service/..google.json", true},
		{"/run/credentials/rowtap.service", "", false},
		{"", "/etc/rowtap/google.json", false},
		{"/etc/rowtap/credentials", "/etc/rowtap/credentials/google.json", true},
		{"/run/secrets", "/run/secrets/google.json", false}, // of a container: read again automatically
		{"/home/asha/credentials", "/home/asha/credentials/google.json", false},
	} {
		t.Setenv("CREDENTIALS_DIRECTORY", test.dir)
		if got := keyfile.Frozen(test.path); got != test.want {
			t.Errorf("%q in %q: frozen %v, want %v", test.path, test.dir, got, test.want)
		}
	}
}
