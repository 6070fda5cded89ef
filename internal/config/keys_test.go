package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
)

const (
	referenceSettings = `google_accounts: {marketing: {}}
clevertap_accounts: {production: {account_id: A, passcode: p, region: in1}}
state: {postgres: host=h}
notify: [{email: {to: a@example.com, from: b@example.com, server: "127.0.0.1:25"}}]
`
	referenceZap = `name: z
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: b, worksheet: {gid: 1}}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{E}}", properties: {P: {value: "{{P}}"}}}
tests: [{row: {E: a}, record: {}}]
`
)

// written returns a file with one more key, or with another value of it.
func written(t *testing.T, base string, k config.Key, text string) string {
	t.Helper()
	var file, given any
	for text, to := range map[string]*any{base: &file, "x: " + text: &given} {
		if err := yaml.Unmarshal([]byte(text), to); err != nil {
			t.Fatalf("%s: %s: %v", k.Path, text, err)
		}
	}
	names := map[string]string{"google_accounts": "marketing", "clevertap_accounts": "production", "action": "P"}
	at := file.(map[string]any)
	keys := strings.Split(k.Path, ".")
	for i, key := range keys[:len(keys)-1] {
		if key == "NAME" {
			key = names[keys[0]]
		}
		item, isItem := strings.CutSuffix(key, "[]")
		switch next := at[item].(type) {
		case map[string]any:
			at = next
		case []any:
			at = next[0].(map[string]any)
		default:
			at[item] = map[string]any{}
			at = at[item].(map[string]any)
		}
		if isItem != (key != item) || i > 3 {
			t.Fatal(k.Path)
		}
	}
	name := keys[len(keys)-1]
	for _, group := range [][]string{{"identity", "object_id", "fbid", "gpid"}, {"passcode", "passcode_file"}, {"password", "password_file"}, {"webhook", "email"}, {"record", "error"}} {
		if slices.Contains(group, name) {
			for _, other := range group {
				delete(at, other)
			}
		}
	}
	if other, value, ok := strings.Cut(k.With, ": "); ok {
		at[other] = value
	} else if other == "key" || other == "username" {
		at[other] = "E"
	}
	if name == "username" {
		at["password"] = "p"
	}
	at[name] = given.(map[string]any)["x"]
	if at["event"] == "upload_event" && at["event_name"] == nil {
		at["event_name"] = "Charged"
	}
	out, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestKeys: every key has a description, a valid example, and a default that equals leaving it out.
func TestKeys(t *testing.T) {
	bases := map[string]string{"rowtap": referenceSettings, "zap": referenceZap}
	effective := func(file, text string) (string, error) {
		t.Helper()
		files := map[string]string{"rowtap.yaml": referenceSettings, "zaps/z.yaml": referenceZap}
		files[map[string]string{"rowtap": "rowtap.yaml", "zap": "zaps/z.yaml"}[file]] = text
		more := map[string]string{"ROWTAP_POSTGRES": "host=h", "NOTIFY_WEBHOOK": "https://hooks.example.com/x", "SMTP_PASSWORD": "p"}
		c, err := config.Load(directory(t, files), environment(t, more), func(z *config.Zap) error {
			_, err := mapping.Compile(z)
			return err
		})
		if err != nil {
			return "", err
		}
		var b strings.Builder
		for _, e := range c.Effective() {
			text, err := e.YAML()
			if err != nil {
				t.Fatal(err)
			}
			b.Write(text)
		}
		return strings.ReplaceAll(b.String(), c.Dir, ""), nil
	}
	for file, base := range bases {
		without, err := effective(file, base)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, k := range config.Keys(file) {
			if seen[k.Path] {
				t.Errorf("%s is declared twice", k.Path)
			}
			seen[k.Path] = true
			if !strings.HasSuffix(k.About, ".") || k.Kind == "" {
				t.Errorf("%s: kind %q, about %q", k.Path, k.Kind, k.About)
			}
			if section := strings.Contains(k.Kind, "section"); k.Example == "" && !section {
				t.Errorf("%s has no example", k.Path)
			}
			if k.Example != "" {
				if _, err := effective(file, written(t, base, k, k.Example)); err != nil {
					t.Errorf("%s: %s: %v", k.Path, k.Example, err)
				}
			}
			if k.Default != "" {
				with, err := effective(file, written(t, base, k, k.Default))
				if d := cmp.Diff(without, with); err != nil || d != "" {
					t.Errorf("%s: %s is not the default: %v\n%s", k.Path, k.Default, err, d)
				}
			}
		}
	}
}
