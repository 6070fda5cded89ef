package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
)

// mutatedSettings and mutatedZaps are valid files that together use every key.
var (
	mutatedSettings = `
google_accounts:
  marketing: {credentials_file: "${CREDENTIALS_DIRECTORY}/google.json", reads_per_minute: 60, endpoint: "http://127.0.0.1:9400/"}
  bare:
clevertap_accounts:
  production: {account_id: A, passcode: p, region: in1, max_concurrent: 3, on_unknown: resend}
  staging: {account_id: "${CLEVERTAP_ACCOUNT_ID}", passcode_file: "${CREDENTIALS_DIRECTORY}/clevertap_passcode", endpoint: "http://127.0.0.1:9500"}
state: {path: a.db, history: 30d, postgres: "host=h user=u", lease: a}
http: {listen: "127.0.0.1:8321", token_file: api.token, auth: off, hosts: [rowtap.example.com]}
log: {level: info, format: json}
notify:
  - {webhook: "https://hooks.example.com/x", events: [blocked, failed, held, refused, recovered], failed_rows: 10}
  - email: {to: [ops@example.com], from: rowtap@example.com, server: "smtp.example.com:587", username: u, password: p}
    summary: "08:00 Asia/Kolkata"
  - email: {to: ops@example.com, from: rowtap@example.com, server: "127.0.0.1:25", username: u, password_file: "${CREDENTIALS_DIRECTORY}/clevertap_passcode"}
`
	mutatedZaps = []string{`
name: z
enabled: true
shadow: false
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/d/1AbC/edit#gid=7
  worksheet: Signups
  header_row: 2
  start: now
  require: [Email]
  settle: 30s
  key: ID
  repeats: skip
  ignore: [Days open, Status]
  unsure: hold
  recheck: auto
  max_new_rows: 1000
filter: Consent == "Yes"
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {}}
redact: [Mobile]
`, `
schedule: "*/5 * * * *"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: 1AbC, worksheet: {gid: 0}, start: 1234, require: []}
action:
  app: clevertap
  event: create_update_user_profile
  account: production
  fbid: "{{ID}}"
  time: "{{Timestamp}}"
  properties:
    Score: 5
    Phone: {value: "{{Mobile}}", type: phone, country: IN}
    Joined: {value: "{{Joined}}", type: date, format: [dd/MM/yyyy, ISO], timezone: Asia/Kolkata}
    Tags: {value: "{{Tags}}", type: list, separator: ",", op: add}
    Sum: {value: "{{Sum}}", type: number, decimal: ".", thousands: ",", currency: true}
    Old: {op: delete}
`, `
schedule: "@every 1m"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: 1AbC, worksheet: S}
actions:
  - {app: clevertap, event: upload_event, account: production, object_id: "{{ID}}", event_name: Charged, properties: {all: true, Notes: false},
     items: [{Price: {value: "{{Price}}", type: number}}]}
  - {app: clevertap, event: create_update_user_profile, account: production, gpid: "{{ID}}", properties: all}
tests:
  - {row: {ID: a, Day: 2026-03-05}, record: [{type: event}, null]}
  - {row: {}, error: blank}
`}
)

// mutants replace every value in turn.
var mutants = []string{
	"null", `""`, `" "`, "text", "true", `"true"`, "yes", "OFF", `"yes"`,
	"0", "1", "-1", `"5"`, "1.5", "0x10", "0123", "60.0", "99999999999999999999",
	"[]", "{}", "[a, a]", "[[a]]", "[{a: b}]", "[null]", "{a: b}", "{a: null}",
	"2026-03-05", "+5s", "-5s", "500ms", "1d12h", "all", "beginning", `" hold "`, "Hold", "delete", "phone",
	"in1", "XX", "0.0.0.0:8321", "a/b", "${ROWTAP_VAR_NONE:-5}", "$${x}", `"{{Email}}"`, "upload_event",
}

// reason is a rule that a schema cannot express, with the mutations it applies to and check's
// messages.
type reason struct{ why, mutation, message string }

// reasons are all the rules. Each must apply to a mutation.
var reasons = []reason{
	{"only check expands variables", `: \$\{`, ``},
	{"accounts are in the other file", ``, `is not in (google|clevertap)_accounts`},
	{"files are looked up", ``, `_file: .* cannot be read`},
	{"cron lines are parsed", `schedule`, `fields?; a cron line has 5`},
	{"expressions are compiled", `filter`, ``},
	{"formats of dates are parsed", `format`, `^format `},
	{"time zones and countries are looked up", `timezone|country`, `is not a (time zone|country)`},
	{"connection strings are parsed", `postgres`, `is not a connection string`},
	{"spreadsheet addresses are parsed", `spreadsheet`, `trigger.spreadsheet: is `},
	{"durations have bounds", `recheck`, `must be 1s or longer`},
	{"a schema sees the value of a number, not how it is written", `: (0x10|0123|60.0|9{20})$`, `whole number|different numbers|too large|start: .* is not known`},
	{"a schema does not see quotes", `: "yes"$`, `must be true or false`},
	{"start is compared with the header row", `start: 1$`, `from the header row \(2\) on`},
	{"text without {{ }} is mapped as if it were a cell", `properties|items|time`, `(phone number|date|boolean|epoch|number)`},
	{"words that CleverTap does not accept as a user", `identity|_id|fbid|gpid`, `^(identity|object_id|fbid|gpid) is `},
	{"records are counted", ``, `expected (a list of )?\d records, one per action`},
	{"items belong to an event that may be a variable", `event_name`, `only the event Charged can have items`},
	{"properties may have any name, but none is blank", `properties.* misspelt $`, `property without a name`},
	{"listeners that others reach need a token", `listen`, `off is allowed only if other machines cannot reach the listener`},
	{"targets are compared", `notify\[\d\] twice`, `is the same target as`},
	{"an empty file is refused before it is read", `^: null`, `is empty`},
}

// mutations calls check with each mutation of a valid file.
func mutations(t *testing.T, text string, check func(what, text string)) {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	emit := func(what string) {
		out, err := yaml.Marshal(&root)
		if err != nil {
			t.Fatal(err)
		}
		check(what, string(out))
	}
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		was := *n
		for _, m := range mutants {
			var doc yaml.Node
			if err := yaml.Unmarshal([]byte(m), &doc); err != nil {
				t.Fatalf("%s: %v", m, err)
			}
			*n = *doc.Content[0]
			emit(path + ": " + m)
		}
		*n = was
		switch n.Kind {
		case yaml.MappingNode:
			all := n.Content
			for i := 0; i < len(all); i += 2 {
				key := all[i].Value
				n.Content = append(append([]*yaml.Node{}, all[:i]...), all[i+2:]...)
				emit(path + "." + key + " removed")
				n.Content = all
				for _, wrong := range []string{key + "s", strings.ToUpper(key), ""} {
					all[i].Value = wrong
					emit(path + "." + key + " misspelt " + wrong)
				}
				all[i].Value = key
				walk(all[i+1], path+"."+key)
			}
		case yaml.SequenceNode:
			all := n.Content
			for i := range all {
				n.Content = append(append([]*yaml.Node{}, all[:i]...), all[i+1:]...)
				emit(fmt.Sprintf("%s[%d] removed", path, i))
				n.Content = append(append([]*yaml.Node{}, all...), all[i])
				emit(fmt.Sprintf("%s[%d] twice", path, i))
				n.Content = all
				walk(all[i], fmt.Sprintf("%s[%d]", path, i))
			}
		default: // a scalar, already replaced
		}
	}
	walk(root.Content[0], "")
}

// plain converts a decoded YAML value to what an editor's schema validator sees: keys and dates are
// strings.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = plain(inner)
		}
	case map[any]any:
		m := map[string]any{}
		for k, inner := range v {
			m[fmt.Sprint(k)] = plain(inner)
		}
		return m
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case time.Time:
		return v.Format(time.DateOnly)
	}
	return v
}

// TestSchemaAndCheckAgree mutates valid files. The schema accepts whatever check accepts. What only
// the schema accepts has one of the reasons.
func TestSchemaAndCheckAgree(t *testing.T) {
	var tried, refused int
	met := make([]int, len(reasons))
	judge := func(what, text string, s *jsonschema.Schema, err error) {
		tried++
		mistakes, ok := errors.AsType[config.Diagnostics](err)
		if err != nil && !ok {
			t.Fatalf("%s: %v", what, err)
		}
		schemaErr := valid(t, s, text)
		switch {
		case len(mistakes) == 0 && schemaErr != nil:
			t.Errorf("%s: check accepts it, and the schema says %v", what, schemaErr)
		case len(mistakes) > 0 && schemaErr == nil:
			refused++
			i := slices.IndexFunc(reasons, func(r reason) bool {
				return regexp.MustCompile(r.mutation).MatchString(what) && regexp.MustCompile(r.message).MatchString(mistakes[0].Message)
			})
			if i < 0 {
				t.Errorf("%s: the schema accepts it, and check says %s", what, mistakes[0].Message)
				return
			}
			met[i]++
		}
	}
	accounts := directory(t, map[string]string{"rowtap.yaml": mutatedSettings})
	lookup := environment(t, nil)
	c, err := config.LoadAccounts(accounts, lookup)
	if err != nil {
		t.Fatal(err)
	}
	settings, zap := schemaOf(t, "rowtap"), schemaOf(t, "zap")
	dir := directory(t, map[string]string{"rowtap.yaml": ""})
	mutations(t, mutatedSettings, func(what, text string) {
		if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.LoadAccounts(dir, lookup)
		judge(what, text, settings, err)
	})
	for _, text := range mutatedZaps {
		mutations(t, text, func(what, text string) {
			z, _, err := c.ParseZap(filepath.Join(accounts, "zaps/z.yaml"), []byte(text), lookup)
			if err == nil {
				_, err = mapping.Compile(z)
			}
			judge(what, text, zap, err)
		})
	}
	for i, r := range reasons {
		if met[i] == 0 {
			t.Errorf("no mutation is refused because %s", r.why)
		}
	}
	t.Logf("%d mutations; %d are refused by check alone, each for a reason", tried, refused)
}
