package config

import (
	"os"
	"path/filepath"
	"testing"
)

// While a configuration is refused, log and notify are read as far as they are valid.
func TestLoadEarly(t *testing.T) {
	usual := Log{Level: "info", Format: "json"}
	const hook = "https://hooks.example.com/x"
	tests := []struct {
		name, text string
		want       Log
		webhook    string
	}{
		{"valid", "log: {level: debug, format: console}\nnotify: {webhook: \"" + hook + "\"}\n", Log{"debug", "console"}, hook},
		{"mistakes elsewhere", "google_acounts: {}\nlog: {level: warn}\nnotify: {webhook: \"" + hook + "\"}\n", Log{"warn", "json"}, hook},
		{"a mistake in log", "log: {level: loud}\nnotify: {webhook: \"" + hook + "\"}\n", usual, hook},
		{"a mistake in notify", "log: {level: warn}\nnotify: {webhok: x}\n", Log{"warn", "json"}, ""},
		{"no YAML", "log: {level\n", usual, ""},
		{"empty", "", usual, ""},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := LoadEarly(dir, func(string) (string, bool) { return "", false })
		webhook := ""
		if len(got.Notify) > 0 {
			webhook = got.Notify[0].Webhook.Reveal()
		}
		if got.Log != tt.want || webhook != tt.webhook {
			t.Errorf("%s: %+v %q, want %+v %q", tt.name, got.Log, webhook, tt.want, tt.webhook)
		}
	}
}

func TestDefaultLocal(t *testing.T) {
	got := DefaultLocal("/etc/rowtap", func(name string) (string, bool) { return "/var/lib/private/x:/y", name == "STATE_DIRECTORY" })
	if got.HTTP.Listen != "127.0.0.1:8321" || got.State.Path != "/var/lib/private/x/rowtap.db" {
		t.Errorf("%+v", got)
	}
}
