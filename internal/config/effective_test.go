package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/config"
)

// TestEffective loads the printed configuration again: with the secrets put back, it is the same.
func TestEffective(t *testing.T) {
	zaps, err := filepath.Glob("../../configs/zaps/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"rowtap.yaml": `
google_accounts: {marketing: {reads_per_minute: 300, endpoint: "http://127.0.0.1:9400/"}}
clevertap_accounts: {production: {account_id: A, passcode: very-secret, region: in1}}
state: {path: /tmp/x.db, history: 36h, postgres: "host=h password=very-secret", lease: production}
notify:
  - {webhook: "https://hooks.example.com/very-secret"}
  - {email: {to: Ops <ops@example.com>, from: rowtap@example.com, server: "smtp.example.com:587", username: u, password: very-secret}, events: [blocked, failed], failed_rows: 3, summary: "8:05 Asia/Kolkata"}
`}
	for _, path := range zaps {
		files["zaps/"+filepath.Base(path)] = readFile(t, path)
	}
	files["zaps/more.yaml"] = `
schedule: "CRON_TZ=Asia/Kolkata 30 9 * * *"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: "${ROWTAP_VAR_SHEET}", worksheet: " 2026 ",
  start: 12, require: [], settle: 90s, key: [A, B], repeats: skip, unsure: skip, recheck: 26h30m}
action: {app: clevertap, event: create_update_user_profile, account: production, fbid: "{{A}}",
  properties: {Num: 5, T: "5", B: true, Tel: {value: "{{Tel}}", type: phone, country: "{{Country}}"}, Sum: {value: "{{Sum}}", type: number, decimal: ",", thousands: " ", currency: true}, Big: 9007199254740993, Gone: {op: delete}, D: {value: "{{D}}", type: date, format: [dd/MM/yyyy, ISO], timezone: Asia/Kolkata}}}
`
	files["zaps/all.yaml"] = `
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: 1AbC, worksheet: A}
actions:
  - {app: clevertap, event: upload_event, event_name: E, account: production, identity: "{{A}}", properties: all}
  - {app: clevertap, event: upload_event, event_name: E, account: production, identity: "{{A}}",
    properties: {all: true, Phone: {value: "{{Mobile}}", type: phone, country: IN}, Notes: false, No: {value: false}}}
  - {app: clevertap, event: upload_event, event_name: E, account: production, identity: "{{A}}", properties: {all: {value: true}, Newsletter: false}}
  - {app: clevertap, event: upload_event, event_name: E, account: production, identity: "{{A}}", properties: {all: "true", Newsletter: false}}
`
	load := func(files map[string]string) *config.Config {
		t.Helper()
		c, err := config.Load(directory(t, files), environment(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	printed := func(c *config.Config) map[string]string {
		t.Helper()
		texts := map[string]string{}
		for _, e := range c.Effective() {
			text, err := e.YAML()
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(e.File)
			if name != "rowtap.yaml" {
				name = "zaps/" + name
			}
			texts[name] = string(text)
		}
		return texts
	}
	first := printed(load(files))
	again := map[string]string{}
	for name, text := range first {
		if strings.Contains(text, "very-secret") {
			t.Errorf("%s holds a secret:\n%s", name, text)
		}
		again[name] = strings.NewReplacer("passcode: '[redacted]'", "passcode: x", "webhook: '[redacted]'", "webhook: https://x.example", "postgres: '[redacted]'", "postgres: host=h", "password: '[redacted]'", "password: p").Replace(text)
	}
	if d := cmp.Diff(first, printed(load(again))); d != "" {
		t.Errorf("printed again (-first +second):\n%s", d)
	}
	for name, want := range map[string][]string{
		"rowtap.yaml":    {"history: 1d12h", "postgres: '[redacted]'", "lease: production", "max_concurrent: 3", "on_unknown: resend", "listen: 127.0.0.1:8321", "level: info", "to:", "- Ops <ops@example.com>", "password: '[redacted]'", "failed_rows: 3", "summary: 08:05 Asia/Kolkata"},
		"zaps/more.yaml": {"name: more", "spreadsheet: 1AbC", "recheck: 1d2h30m", "settle: 1m30s", "start: 12", "require: []", "Num: 5\n", "T: \"5\"\n", "max_new_rows: 1000", "op: delete"},
	} {
		for _, text := range want {
			if !strings.Contains(first[name], text) {
				t.Errorf("%s lacks %q:\n%s", name, text, first[name])
			}
		}
	}
}
