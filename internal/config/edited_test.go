package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEdited: Edited returns the files that differ from what was read, and no others.
func TestEdited(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rowtap.yaml", "\ufeff"+twoAccounts)
	write("zaps/a.yaml", aZap)
	write("zaps/b.yaml", aZap)
	c, err := Load(dir, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	edited := func() string {
		t.Helper()
		files, err := c.Edited()
		if err != nil {
			t.Fatal(err)
		}
		for i := range files {
			files[i] = strings.TrimPrefix(files[i], dir+"/")
		}
		return strings.Join(files, " ")
	}
	if got := edited(); got != "" {
		t.Errorf("edited at once: %s", got)
	}
	write("zaps/a.yaml", aZap+"# more\n")
	write("zaps/.a.swp.yaml", "x")
	write("zaps/c.yaml", aZap)
	if err := os.Remove(filepath.Join(dir, "zaps/b.yaml")); err != nil {
		t.Fatal(err)
	}
	if got := edited(); got != "zaps/a.yaml zaps/b.yaml zaps/c.yaml" {
		t.Errorf("edited: %s", got)
	}
	write("rowtap.yaml", "{}\n")
	write("zaps/a.yaml", aZap)
	if got := edited(); got != "rowtap.yaml zaps/b.yaml zaps/c.yaml" {
		t.Errorf("edited: %s", got)
	}
}

const (
	twoAccounts = "google_accounts: {g: {reads_per_minute: 60}}\nclevertap_accounts: {c: {account_id: A, passcode: p, region: in1}}\nstate: {path: s.db}\n"
	aZap        = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: g, spreadsheet: book, worksheet: Signups}
action: {app: clevertap, event: upload_event, account: c, identity: "{{Email}}", event_name: Joined}
`
)

// TestUnreadFolders: a folder in zaps/ with YAML files is a warning, unless its name has a dot.
func TestUnreadFolders(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"rowtap.yaml": twoAccounts, "zaps/a.yaml": aZap, "zaps/team/b.yaml": aZap, "zaps/team/c.YML": "not even YAML: [", "zaps/notes/readme.md": "", "zaps/..data/d.yaml": aZap,
		"zaps/parked.d/e.yaml": aZap, "zaps/deep/er/f.yaml": aZap,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(dir, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.Warnings, func(d Diagnostic) bool { return strings.Contains(d.Message, "not read") })
	if len(c.Zaps) != 1 || len(c.Warnings) != 1 || i < 0 {
		t.Fatalf("%d zaps, warnings: %v", len(c.Zaps), c.Warnings)
	}
	if w := c.Warnings[i]; w.File != filepath.Join(dir, "zaps", "team") || !strings.Contains(w.Message, "2 YAML files") || !strings.Contains(w.Suggestion, "team.d") {
		t.Errorf("warning %+v", w)
	}
}
