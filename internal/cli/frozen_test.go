package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoteSecrets: a reload names the secrets that need a restart, or says that it cannot know.
func TestNoteSecrets(t *testing.T) {
	copies, originals := t.TempDir(), t.TempDir()
	write := func(dir, name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, passcode := write(copies, "google.json", "key"), write(copies, "clevertap_passcode", "old")
	write(originals, "google.json", "key")
	write(originals, "clevertap_passcode", "old")
	for _, tt := range []struct {
		name   string
		change func()
		want   string
	}{
		{"nothing changed", func() {}, ""},
		{"one changed", func() { write(originals, "clevertap_passcode", "new") }, "warning: secrets changed since the service started, which still uses the old ones: clevertap_passcode\nnext: systemctl restart rowtap\n"},
		{"one cannot be compared", func() {
			write(originals, "clevertap_passcode", "old")
			if err := os.Remove(filepath.Join(originals, "google.json")); err != nil {
				t.Fatal(err)
			}
		}, "note: the service uses the secrets of its start (google.json, clevertap_passcode); if you have changed one: systemctl restart rowtap\n"},
	} {
		tt.change()
		var said strings.Builder
		if noteSecrets(&said, []string{key, passcode}, originals); said.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, said.String(), tt.want)
		}
	}
	var said strings.Builder
	if noteSecrets(&said, nil, originals); said.String() != "" {
		t.Errorf("without copies: %q", said.String())
	}
}
