package config_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/rowtap/rowtap/internal/config"
)

func schemaOf(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	text, err := config.Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("schema of %q: %v", kind, err)
	}
	return s
}

// valid validates a YAML text against the schema, as an editor does.
func valid(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return s.Validate(plain(v))
}

func TestTheSchemasInTheRepositoryAreThoseOfTheCommand(t *testing.T) {
	for _, kind := range []string{"rowtap", "zap"} {
		want, err := config.Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		path := "../../configs/" + kind + ".schema.json"
		if got := readFile(t, path); got != string(want) {
			t.Errorf("%s is not what rowtap schema %s prints\nnext: go run ./cmd/rowtap schema %s > configs/%s.schema.json", path, kind, kind, kind)
		}
	}
	if _, err := config.Schema("zaps"); err == nil {
		t.Error("there is a schema of zaps")
	}
}

func TestGoodFilesAreValid(t *testing.T) {
	zaps, err := filepath.Glob("../../configs/zaps/*.yaml")
	if err != nil || len(zaps) == 0 {
		t.Fatal(zaps, err)
	}
	files := map[string][]string{"rowtap": {"../../configs/rowtap.yaml", "testdata/rowtap.yaml"}, "zap": zaps}
	for _, dir := range []string{"testdata/good", "testdata/good/zaps"} {
		more, err := filepath.Glob(dir + "/*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range more {
			kind := "zap"
			if strings.HasPrefix(filepath.Base(path), "rowtap") {
				kind = "rowtap"
			}
			files[kind] = append(files[kind], path)
		}
	}
	either := schemaOf(t, "")
	for kind, paths := range files {
		s := schemaOf(t, kind)
		for _, path := range paths {
			text := readFile(t, path)
			if err := valid(t, s, text); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if err := valid(t, either, text); err != nil {
				t.Errorf("%s, by the schema of either: %v", path, err)
			}
			if strings.Contains(path, "configs/") && !strings.HasPrefix(text, "# yaml-language-server: $schema="+config.SchemaURL(kind)+"\n") {
				t.Errorf("%s does not begin with the line by which editors find its schema", path)
			}
		}
	}
}

const (
	goodSettings = "clevertap_accounts: {p: {account_id: A, passcode: x, region: in1}}\ngoogle_accounts: {m: {}}\nstate: {path: /tmp/x}\nhttp: {listen: ''}\nlog: {level: info}\nnotify: {webhook: 'https://example.com/x'}\n"
	goodEmail    = "email: {to: a@example.com, from: B <b@example.com>, server: 'smtp.example.com:587'"
	goodZap      = "name: z\nschedule: '@hourly'\ntrigger: {app: google_sheets, event: new_spreadsheet_row, account: m, spreadsheet: b, worksheet: {gid: 0}, start: now}\n" +
		"action: {app: clevertap, event: create_update_user_profile, account: p, identity: '{{E}}', properties: {N: {value: '{{N}}'}}}\ntests: [{row: {E: a}, record: null}]\n"
)

// mistakes loads a directory with these two files.
func mistakes(t *testing.T, settings, zap string) config.Diagnostics {
	t.Helper()
	_, err := config.Load(directory(t, map[string]string{"rowtap.yaml": settings, "zaps/z.yaml": zap}), os.LookupEnv)
	ds, ok := errors.AsType[config.Diagnostics](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	return ds
}

func TestReaderAndSchemaAgree(t *testing.T) {
	settings, zap := schemaOf(t, "rowtap"), schemaOf(t, "zap")
	tests := []struct {
		old, changed string
		good         bool
	}{
		{"level: info", "level: loud", false},
		{"listen: ''", "listen: 8321", false},
		{"listen: ''", "auth: none", false},
		{"listen: ''", "hosts: a", false},
		{"path: /tmp/x", "history: 30d", true},
		{"path: /tmp/x", "history: 1d12h", true},
		{"path: /tmp/x", "postgres: 'host=h user=u', lease: production-2", true},
		{"path: /tmp/x", "postgres: '${NOT_SET:-postgres://u:p@h/db}', lease: '${NOT_SET:-a}'", true},
		{"path: /tmp/x", "postgres: 'host=h user=u', lease: a b", false},
		{"path: /tmp/x", "postgres: {host: h}", false},
		{"path: /tmp/x", "history: 30", false},
		{"path: /tmp/x", "history: soon", false},
		{"region: in1", "region: in2", false},
		{"region: in1", "region: in1, max_concurrent: 15", true},
		{"region: in1", "region: in1, max_concurrent: 16", false},
		{"region: in1", "region: in1, max_concurrent: three", false},
		{"region: in1", "region: in1, max_concurrent: '${NOT_SET:-3}'", true},
		{"account_id: A, ", "", false},
		{"{m: {}}", "{m: {reads_per_minute: 0}}", false},
		{"{m: {}}", "[m]", false},
		{"name: z", "name: a b", false},
		{"name: z", "enabled: maybe", false},
		{"name: z", "enabled: yes", true},
		{"name: z", "enabled: 'true'", false},
		{"worksheet: {gid: 0}, ", "", false},
		{"spreadsheet: b, worksheet: {gid: 0}", "spreadsheet: 'https://docs.google.com/spreadsheets/d/b/edit#gid=0'", true},
		{"spreadsheet: b, worksheet: {gid: 0}", "spreadsheet: 'https://docs.google.com/spreadsheets/d/b/edit'", false},
		{"identity: '{{E}}'", "identity: '{{E}}', fbid: '{{F}}'", false},
		{"identity: '{{E}}'", "identity: '{{E}}', event_name: N", false},
		{"value: '{{N}}'", "value: '{{N}}', country: IN", false},
		{"value: '{{N}}'", "op: delete", true},
		{"value: '{{N}}'", "op: add", false},
		{"value: '{{N}}'", "value: '{{N}}', type: date, op: increment", false},
		{"record: null", "record: null, error: x", false},
		{"passcode: x, ", "", false},
		{", region: in1", "", false},
		{"path: /tmp/x", "lease: a", false},
		{"path: /tmp/x", "history: 0", true},
		{"name: z", "enabled: '${ROWTAP_VAR_NONE:-true}'", true},
		{"start: now", "start: 1234", true},
		{"start: now", "start: later", false},
		{"start: now", "start: now, unsure: perhaps", false},
		{"start: now", "start: now, key: [E], repeats: skip", true},
		{"start: now", "start: now, repeats: perhaps", false},
		{"start: now", "start: now, recheck: auto", true},
		{"start: now", "start: now, recheck: 10m, settle: 30s", true},
		{"start: now", "start: now, settle: thirty", false},
		{"start: now", "start: now, header_row: 0", false},
		{"start: now", "start: now, require: E, key: [E], ignore: [N]", true},
		{"start: now", "start: now, require: {E: 1}", false},
		{"gid: 0", "gid: tab", false},
		{"worksheet: {gid: 0}", "worksheet: 2026", true},
		{"account: m, ", "", false},
		{"event: new_spreadsheet_row", "event: updated_row", false},
		{"schedule: '@hourly'\n", "", false},
		{"action:", "actions:", false},
		{"identity: '{{E}}', ", "", false},
		{"properties: {N: {value: '{{N}}'}}", "properties: all", true},
		{"properties: {N: {value: '{{N}}'}}", "properties: some", false},
		{"properties: {N: {value: '{{N}}'}}", "properties: [N]", false},
		{"value: '{{N}}'", "value: '{{N}}', type: phone, country: IN", true},
		{"value: '{{N}}'", "value: '{{N}}', type: phones", false},
		{"value: '{{N}}'", "value: '{{N}}', op: append", false},
		{"value: '{{N}}'", "value: [a]", false},
		{"{N: {value: '{{N}}'}}", "{N: 5, M: true, T: text}", true},
		{"{N: {value: '{{N}}'}}", "{N: [a]}", false},
		{"tests: [", "tests: x #[", false},
		{"webhook: 'https://example.com/x'", "webhook: 'https://example.com/x', events: [blocked, recovered], failed_rows: 10", false},
		{"webhook: 'https://example.com/x'", "webhook: 'https://example.com/x', events: [failed, recovered], failed_rows: 10, summary: '8:00 Asia/Kolkata'", true},
		{"{webhook: 'https://example.com/x'}", "[{webhook: 'https://example.com/x', events: []}, {webhook: 'https://example.com/y', summary: '08:00'}]", false},
		{"{webhook: 'https://example.com/x'}", "[{webhook: 'https://example.com/x', events: [], summary: '08:00'}, {webhook: 'https://example.com/y'}]", true},
		{"{webhook: 'https://example.com/x'}", "{}", true},
		{"{webhook: 'https://example.com/x'}", "[]", true},
		{"{webhook: 'https://example.com/x'}", "[{}]", false},
		{"{webhook: 'https://example.com/x'}", "{events: [held]}", false},
		{"{webhook: 'https://example.com/x'}", "https://example.com/x", false},
		{"webhook: 'https://example.com/x'", "webhook: 'https://example.com/x', events: blocked", false},
		{"webhook: 'https://example.com/x'", "webhook: 'https://example.com/x', events: [blocked, blocked]", false},
		{"webhook: 'https://example.com/x'", "webhook: 'https://example.com/x', events: [all]", false},
		{"webhook: 'https://example.com/x'", "webhook: 'https://example.com/x', failed_rows: some", false},
		{"webhook: 'https://example.com/x'", "webhook: 'https://example.com/x', summary: daily", false},
		{"webhook: 'https://example.com/x'", goodEmail + "}", true},
		{"webhook: 'https://example.com/x'", goodEmail + ", username: u, password: p}", true},
		{"webhook: 'https://example.com/x'", goodEmail + ", username: u}", false},
		{"webhook: 'https://example.com/x'", goodEmail + ", password: p}", false},
		{"webhook: 'https://example.com/x'", goodEmail + ", username: u, password: p, password_file: x}", false},
		{"webhook: 'https://example.com/x'", goodEmail + "}, webhook: 'https://example.com/x'", false},
		{"webhook: 'https://example.com/x'", strings.Replace(goodEmail, "a@example.com", "a", 1) + "}", false},
		{"webhook: 'https://example.com/x'", strings.Replace(goodEmail, ":587", "", 1) + "}", false},
		{"webhook: 'https://example.com/x'", strings.Replace(goodEmail, "from:", "form:", 1) + "}", false},
	}
	for _, tt := range tests {
		s, z := strings.Replace(goodSettings, tt.old, tt.changed, 1), strings.Replace(goodZap, tt.old, tt.changed, 1)
		if s == goodSettings && z == goodZap {
			t.Fatalf("%q is not in the good files", tt.old)
		}
		if ds := mistakes(t, s, z); (len(ds) == 0) != tt.good {
			t.Errorf("%s: the reader says %v, want good: %t", tt.changed, ds, tt.good)
		}
		if err := errors.Join(valid(t, settings, s), valid(t, zap, z)); (err == nil) != tt.good {
			t.Errorf("%s: the schema says %v, want good: %t", tt.changed, err, tt.good)
		}
	}
}
