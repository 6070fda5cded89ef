package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
)

const hashedSettings = `google_accounts: {g: {credentials_file: "${CREDENTIALS_DIRECTORY}/google.json", reads_per_minute: 60}, g2: {}}
clevertap_accounts:
  p: {account_id: A, passcode: one, region: in1, max_concurrent: 3, on_unknown: resend}
  p2: {account_id: A, passcode: one, region: in1}
state: {path: a.db, history: 30d, postgres: "host=h password=one", lease: a}
http: {listen: "127.0.0.1:8321"}
log: {level: info}
notify: {webhook: "https://hooks.example.com/one"}
`

const hashedZap = `name: z
enabled: true
shadow: false
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: g
  spreadsheet: ${ROWTAP_VAR_SHEET}
  worksheet: Signups
  header_row: 1
  start: now
  require: [E]
  settle: 30s
  key: [K]
  ignore: [I]
  repeats: hold
  unsure: hold
  recheck: auto
  max_new_rows: 1000
filter: A == 1
actions:
  - app: clevertap
    event: upload_event
    event_name: Charged
    account: p
    identity: "{{E}}"
    time: "{{T}}"
    properties:
      Number: {value: "{{N}}", type: number, decimal: ".", thousands: ",", currency: false}
      Phone: {value: "{{P}}", type: phone, country: IN}
      Date: {value: "{{D}}", type: date, format: dd/MM/yyyy, timezone: Asia/Kolkata}
      List: {value: "{{L}}", type: list, separator: ";"}
    items: [{Good: "{{G}}"}]
  - {app: clevertap, event: create_update_user_profile, account: p, identity: "{{E}}", properties: {Count: {value: "{{C}}", op: increment}, Text: "5"}}
redact: [P]
tests: [{row: {E: a}, error: x}]
`

// TestHash: the hash depends on every setting of zaps and accounts, but not on secrets and
// machine-specific settings.
func TestHash(t *testing.T) {
	hash := func(file, old, changed string) string {
		t.Helper()
		files := map[string]string{"rowtap.yaml": hashedSettings, "zaps/" + file: hashedZap}
		replaced := 0
		for name, text := range files {
			if old != "" && strings.Contains(text, old) {
				files[name] = strings.Replace(text, old, changed, 1)
				replaced++
			}
		}
		if old != "" && replaced != 1 {
			t.Fatalf("%q is in %d files", old, replaced)
		}
		c, err := config.Load(directory(t, files), environment(t, nil))
		if err != nil {
			t.Fatalf("%s: %v", changed, err)
		}
		return c.Hash()
	}
	base := hash("z.yaml", "", "")
	if len(base) != 32 {
		t.Errorf("Hash = %q", base)
	}
	for _, same := range []struct{ file, old, changed string }{
		{"z.yaml", "", ""},
		{"other.yaml", "", ""}, // another directory and file
		{"z.yaml", "name: z", "# a comment\nname: z"},
		{"z.yaml", "error: x", "error: y"},
		{"z.yaml", `credentials_file: "${CREDENTIALS_DIRECTORY}/google.json", `, ""},
		{"z.yaml", "passcode: one, region: in1, max", "passcode: two, region: in1, max"},
		{"z.yaml", "path: a.db", "path: b.db"},
		{"z.yaml", "password=one", "password=two"},
		{"z.yaml", "lease: a", "lease: b"},
		{"z.yaml", ":8321", ":8322"},
		{"z.yaml", "level: info", "level: debug"},
		{"z.yaml", "com/one", "com/two"},
	} {
		if got := hash(same.file, same.old, same.changed); got != base {
			t.Errorf("%s, %q in place of %q: another hash", same.file, same.changed, same.old)
		}
	}

	changes := []struct{ key, old, changed string }{
		{"name", "name: z", "name: y"},
		{"enabled", "enabled: true", "enabled: false"},
		{"shadow", "shadow: false", "shadow: true"},
		{"schedule", "@hourly", "@daily"},
		{"account", "account: g", "account: g2"},
		{"spreadsheet", "${ROWTAP_VAR_SHEET}", "other"},
		{"worksheet", "worksheet: Signups", "worksheet: Others"},
		{"worksheet", "worksheet: Signups", "worksheet: {gid: 0}"},
		{"worksheet", "worksheet: Signups", "worksheet: {gid: 1}"},
		{"header_row", "header_row: 1", "header_row: 2"},
		{"start", "start: now", "start: beginning"},
		{"start", "start: now", "start: 12"},
		{"require", "require: [E]", "require: [A]"},
		{"require", "require: [E]", "require: []"},
		{"require", "  require: [E]\n", ""},
		{"settle", "settle: 30s", "settle: 31s"},
		{"settle", "settle: 30s", "settle: 0s"},
		{"settle", "  settle: 30s\n", ""},
		{"key", "key: [K]", "key: [K, A]"},
		{"repeats", "repeats: hold", "repeats: skip"},
		{"ignore", "ignore: [I]", "ignore: [A]"},
		{"unsure", "unsure: hold", "unsure: skip"},
		{"recheck", "recheck: auto", "recheck: 10m"},
		{"max_new_rows", "max_new_rows: 1000", "max_new_rows: 0"},
		{"filter", "A == 1", "A == 2"},
		{"filter", "filter: A == 1\n", ""},
		{"event_name", "event_name: Charged", `event_name: "{{Charged}}"`},
		{"account", "account: p\n    identity", "account: p2\n    identity"},
		{"identity", "identity: \"{{E}}\"\n", "identity: \"{{A}}\"\n"},
		{"object_id", "identity: \"{{E}}\"\n", "object_id: \"{{E}}\"\n"},
		{"fbid", "identity: \"{{E}}\"\n", "fbid: \"{{E}}\"\n"},
		{"gpid", "identity: \"{{E}}\"\n", "gpid: \"{{E}}\"\n"},
		{"time", `time: "{{T}}"`, `time: "{{A}}"`},
		{"value", `value: "{{N}}"`, `value: "{{A}}"`},
		{"properties", "Number: {", "Numbers: {"},
		{"properties", "{Count: {value: \"{{C}}\", op: increment}, Text: \"5\"}", "all"},
		{"properties", "{Count: {value: \"{{C}}\", op: increment}, Text: \"5\"}", "{all: true, A: false}"},
		{"properties", "{Count: {value: \"{{C}}\", op: increment}, Text: \"5\"}", "{all: true, B: false}"},
		{"properties", `Text: "5"`, "Text: 5"},
		{"type", "type: number, decimal: \".\", thousands: \",\", currency: false", "type: text"},
		{"decimal", `decimal: ".", thousands: ","`, `decimal: ",", thousands: "."`},
		{"thousands", `thousands: ","`, `thousands: " "`},
		{"currency", "currency: false", "currency: true"},
		{"country", "country: IN", "country: SG"},
		{"country", "country: IN", `country: "{{IN}}"`},
		{"format", "dd/MM/yyyy", "MM/dd/yyyy"},
		{"format", "dd/MM/yyyy", "[dd/MM/yyyy, ISO]"},
		{"timezone", "Asia/Kolkata", "UTC"},
		{"separator", `";"`, `"/"`},
		{"items", "Good:", "Goods:"},
		{"op", "op: increment", "op: decrement"},
		{"actions", "  - {app", "  - {app: clevertap, event: upload_event, event_name: E, account: p, identity: \"{{E}}\"}\n  - {app"},
		{"redact", "redact: [P]", "redact: [N]"},
		{"", "reads_per_minute: 60", "reads_per_minute: 61"},
		{"", "reads_per_minute: 60", `endpoint: "http://127.0.0.1:9400/"`},
		{"", ", g2: {}", ", g3: {}"},
		{"", "account_id: A, passcode: one, region: in1, max", "account_id: B, passcode: one, region: in1, max"},
		{"", "region: in1, max", "region: eu1, max"},
		{"", "region: in1, max", `endpoint: "http://127.0.0.1:9500", max`},
		{"", "max_concurrent: 3", "max_concurrent: 4"},
		{"", "on_unknown: resend", "on_unknown: hold"},
		{"", "history: 30d", "history: 31d"},
	}
	seen := map[string]string{base: "nothing changed"}
	// Tests are not hashed; of sections, the keys in them are.
	changed := map[string]bool{"app": true, "event": true, "trigger": true, "action": true, "tests": true}
	for _, tt := range changes {
		what := fmt.Sprintf("%q in place of %q", tt.changed, tt.old)
		changed[tt.key] = true
		got := hash("z.yaml", tt.old, tt.changed)
		if before, again := seen[got]; again {
			t.Errorf("%s: the hash is that of %s", what, before)
		}
		seen[got] = what
	}
	for _, k := range config.Keys("zap") {
		name := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
		if !changed[name] && name != "gid" && !strings.HasPrefix(k.Path, "tests") {
			t.Errorf("no change of %s is tested", k.Path)
		}
	}
}
