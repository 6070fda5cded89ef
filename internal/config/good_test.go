package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// load loads the files of a valid configuration directory.
func load(t testing.TB, files map[string]string) *config.Config {
	t.Helper()
	c, err := config.Load(directory(t, files), environment(t, nil))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func TestExamples(t *testing.T) {
	const dir = "../../configs"
	c, err := config.Load(dir, environment(t, nil))
	if err != nil {
		t.Fatalf("Load(%s):\n%v", dir, err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("Load(%s) warns: %v", dir, c.Warnings)
	}
	var names []string
	for _, z := range c.Zaps {
		names = append(names, z.Name)
	}
	if diff := cmp.Diff([]string{"purchases", "trial-started", "webinar-events", "webinar-signups"}, names); diff != "" {
		t.Errorf("zaps (-want +got):\n%s", diff)
	}
	if c.Zap("webinar-signups") != c.Zaps[3] || c.Zap("nobody") != nil {
		t.Errorf("Zap finds the wrong zap")
	}
}

// TestExamplesUncommented loads the examples with their optional keys uncommented.
func TestExamplesUncommented(t *testing.T) {
	uncomment := func(path string, leaveOut ...string) string {
		var lines []string
		for line := range strings.SplitSeq(readFile(t, path), "\n") {
			indent, comment, isComment := strings.Cut(line, "#")
			comment = strings.TrimPrefix(comment, " ")
			key, _, isKey := strings.Cut(strings.TrimPrefix(strings.TrimSpace(comment), "- "), ":")
			known := isKey && strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz_") == ""
			for _, out := range leaveOut {
				known = known && !strings.Contains(comment, out)
			}
			if strings.TrimSpace(indent) == "" && isComment && known {
				line = indent + comment
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "\n")
	}
	settings := uncomment("../../configs/rowtap.yaml", "passcode:", "so that", "rowtap.yaml:", "Default:", "Also hours", "directory:", "'maybe twice'", "change:", "resend sends")
	zap := uncomment("../../configs/zaps/webinar-signups.yaml", "properties: all", "zap:", "it:", "now:", "Types:", "limit:", "by:", "Default:")
	dir := directory(t, map[string]string{"rowtap.yaml": settings, "zaps/webinar-signups.yaml": zap})
	c, err := config.Load(dir, environment(t, map[string]string{"NOTIFY_WEBHOOK": "https://hooks.example.com/x", "SMTP_PASSWORD": "p", "ROWTAP_POSTGRES": "postgres://rowtap@db.example.com/rowtap"}))
	if err != nil {
		t.Fatalf("Load:\n%v", err)
	}
	if len(c.Notify) != 2 || c.Notify[0].Webhook.Reveal() == "" || c.Notify[1].Summary == nil || c.CleverTapAccounts["production"].Endpoint == nil || c.HTTP.Hosts == nil || c.State.Postgres.Reveal() == "" || c.State.Lease != "production" {
		t.Errorf("the optional keys of rowtap.yaml are still comments:\n%s", settings)
	}
	z := c.Zaps[0]
	if z.Trigger.Key == nil || z.Trigger.Settle == 0 || z.Actions[0].Time == nil || !z.Shadow {
		t.Errorf("the optional keys of the zap are still comments:\n%s", zap)
	}
}

func TestDefaults(t *testing.T) {
	c := load(t, map[string]string{"rowtap.yaml": readFile(t, "testdata/rowtap.yaml")})
	g, a := c.GoogleAccounts["marketing"], c.CleverTapAccounts["production"]
	if g.ReadsPerMinute != 60 || !filepath.IsAbs(g.CredentialsFile) || g.Endpoint != nil {
		t.Errorf("google account = %+v", g)
	}
	if a.AccountID != "WWW-YYY-ZZZZ" || a.Passcode.Reveal() != "SAV-ABC-1234" || a.Region != "in1" || a.MaxConcurrent != 3 || a.OnUnknown != config.Resend {
		t.Errorf("clevertap account = %+v", a)
	}
	if want := (config.State{Path: "/var/lib/rowtap/rowtap.db", History: 30 * 24 * time.Hour}); c.State != want {
		t.Errorf("state = %+v, want %+v", c.State, want)
	}
	wantHTTP := config.HTTP{Listen: "127.0.0.1:8321", TokenFile: "/var/lib/rowtap/api.token"}
	if diff := cmp.Diff(wantHTTP, c.HTTP); diff != "" {
		t.Errorf("http (-want +got):\n%s", diff)
	}
	if want := (config.Log{Level: "info", Format: "json"}); c.Log != want {
		t.Errorf("log = %+v, want %+v", c.Log, want)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Message, "no zap files") {
		t.Errorf("warnings = %v, want one of no zap files", c.Warnings)
	}
}

func TestSettings(t *testing.T) {
	dir := directory(t, map[string]string{"secrets/passcode": "\ufeff  abc-1 \r\n", "level.txt": "debug\n", "rowtap.yaml": `
google_accounts:
  bare:
  emulated: {endpoint: "http://localhost:9400/", reads_per_minute: "${SIXTY}"}
clevertap_accounts:
  inline: &inline
    account_id: "  $$x-${CLEVERTAP_ACCOUNT_ID} "
    passcode: ${CLEVERTAP_PASSCODE}
    endpoint: http://[::1]:9500
    on_unknown: hold
  merged:
    <<: *inline
    on_unknown: resend
    max_concurrent: 15
  in_file: {account_id: 0123, passcode_file: secrets/passcode, region: "${REGION:-eu1}"}
state: {path: data/rowtap.db, history: 1d12h, postgres: "postgres://u:p%40@h:5433/db?pool_max_conns=4", lease: "${LEASE:-production}"}
http: {listen: "unix:/run/rowtap/api.sock", auth: off, hosts: [Rowtap.Example.COM]}
log: {level: "${file:level.txt}"}
notify: {webhook: "https://hooks.example.com/a/b"}
`})
	c, err := config.Load(dir, environment(t, map[string]string{"STATE_DIRECTORY": "/unused"}))
	if err != nil {
		t.Fatalf("Load:\n%v", err)
	}
	if g := c.GoogleAccounts["bare"]; g.CredentialsFile != "" || g.Pos.Line != 3 || g.Pos.Column != 3 {
		t.Errorf("bare = %+v", g)
	}
	if g := c.GoogleAccounts["emulated"]; g.Endpoint.String() != "http://localhost:9400/" || g.ReadsPerMinute != 60 {
		t.Errorf("emulated = %+v", g)
	}
	a := c.CleverTapAccounts["inline"]
	if a.AccountID != "$x-WWW-YYY-ZZZZ" || a.Passcode.Reveal() != "envSecret-1" || a.OnUnknown != config.Hold || a.Region != "" {
		t.Errorf("inline = %+v, passcode %q", a, a.Passcode.Reveal())
	}
	if m := c.CleverTapAccounts["merged"]; m.Passcode != a.Passcode || m.OnUnknown != config.Resend || m.MaxConcurrent != 15 {
		t.Errorf("merged = %+v", m)
	}
	if f := c.CleverTapAccounts["in_file"]; f.AccountID != "0123" || f.Passcode.Reveal() != "abc-1" || f.Region != "eu1" {
		t.Errorf("in_file = %+v, passcode %q", f, f.Passcode.Reveal())
	}
	if want := (config.State{Path: filepath.Join(dir, "data/rowtap.db"), History: 36 * time.Hour, Postgres: config.NewSecret("postgres://u:p%40@h:5433/db?pool_max_conns=4"), Lease: "production"}); c.State != want {
		t.Errorf("state = %+v, want %+v", c.State, want)
	}
	wantHTTP := config.HTTP{Listen: "unix:/run/rowtap/api.sock", TokenFile: filepath.Join(dir, "data/api.token"), AuthOff: true, Hosts: []string{"rowtap.example.com"}}
	if diff := cmp.Diff(wantHTTP, c.HTTP); diff != "" {
		t.Errorf("http (-want +got):\n%s", diff)
	}
	if c.Log.Level != "debug" || c.Notify[0].Webhook.Reveal() != "https://hooks.example.com/a/b" {
		t.Errorf("log = %+v, webhook %q", c.Log, c.Notify[0].Webhook.Reveal())
	}

	local, err := config.LoadLocal(dir, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("LoadLocal without the environment:\n%v", err)
	}
	if diff := cmp.Diff(c.HTTP, local.HTTP); diff != "" || local.State != c.State || local.PostgresUnknown != nil {
		t.Errorf("LoadLocal = %+v, want the state %+v; http (-Load +LoadLocal):\n%s", local, c.State, diff)
	}
}

// TestLocalWithoutThePassword: a shell without the daemon's variables still finds the daemon and
// its state file.
func TestLocalWithoutThePassword(t *testing.T) {
	tests := []struct{ state, unknown, mistake string }{
		{"{path: x.db, postgres: 'host=h'}", "", ""},
		{"{path: x.db}", "", ""},
		{"{path: x.db, postgres: '${ROWTAP_POSTGRES}', lease: a}", "ROWTAP_POSTGRES is not set", ""},
		{"{path: x.db, postgres: '${file:secret}'}", "no such file", ""},
		{"{path: x.db, postgres: 'host=h sslmode=verify-full sslrootcert=/nowhere/ca.pem'}", "sslrootcert", ""},
		{"\n  postgres: ${ROWTAP_POSTGRES}\n  path: x.db", "ROWTAP_POSTGRES is not set", ""},
		{"{path: '${NOWHERE}', postgres: '${ROWTAP_POSTGRES}'}", "", "NOWHERE is not set"},
		{"{path: x.db, postgres: '${ROWTAP_POSTGRES}', lease: '${NOWHERE}'}", "", "NOWHERE is not set"},
		{"{path: x.db, postgres: '${ROWTAP_POSTGRES}', lease: '?'}", "", "is not a valid name"},
	}
	for _, tt := range tests {
		dir := directory(t, map[string]string{"rowtap.yaml": "state: " + tt.state + "\n"})
		l, err := config.LoadLocal(dir, environment(t, nil))
		if err != nil {
			if text := err.Error(); tt.mistake == "" || !strings.Contains(text, tt.mistake) || strings.Contains(text, "ROWTAP_POSTGRES is not set") {
				t.Errorf("%s: LoadLocal: %v, want the mistake %q", tt.state, err, tt.mistake)
			}
			continue
		}
		if tt.mistake != "" || l.State.Path != filepath.Join(dir, "x.db") || (l.PostgresUnknown != nil) != (tt.unknown != "") ||
			l.PostgresUnknown != nil && (!strings.Contains(l.PostgresUnknown.Error(), tt.unknown) || l.State.Postgres != config.Secret{}) {
			t.Errorf("%s: LoadLocal = %+v, want the mistake %q, state.postgres unknown: %q", tt.state, l, tt.mistake, tt.unknown)
		}
	}
}

func TestStateDirectory(t *testing.T) {
	dir := directory(t, map[string]string{"rowtap.yaml": "log: {}\nhttp:\n"})
	c, err := config.Load(dir, environment(t, map[string]string{"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}))
	if err != nil {
		t.Fatal(err)
	}
	if c.State.Path != "/var/lib/a/rowtap.db" || c.HTTP.TokenFile != "/var/lib/a/api.token" {
		t.Errorf("state = %+v, http = %+v", c.State, c.HTTP)
	}
}

func TestZap(t *testing.T) {
	text := `schedule: "CRON_TZ=Asia/Kolkata 0 9 * * MON-FRI"
shadow: yes
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/u/0/d/${ROWTAP_VAR_SHEET}/edit?gid=7#gid=7
  header_row: 2
  start: 1234
  require: []
  key: "Response   ID"
  ignore: [Days open]
  recheck: 10m
  max_new_rows: 0
filter: |
  Consent == "Yes"
action:
  app: clevertap
  event: upload_event
  event_name: Signup
  account: production
  object_id: &id "{{ID}}"
  properties:
    Text: "5"
    Score: 5
    Ratio: -0.5
    Open: true
    Day: 2026-03-05
    Money: $5
    Copy: *id
    Phone: {value: "{{Mobile}}", type: phone, country: in}
    When: {value: "{{When}}", type: date, format: dd/MM/yyyy, timezone: Asia/Kolkata}
    Tags: {value: "{{Tags}}", type: list, separator: ";"}
    Sum: {value: "{{Sum}}", type: number, decimal: ","}
redact: Mobile
tests:
  - row: {Mobile: "0123", N: 7, Yes: true, No: , Day: 2026-03-05, At: 2026-03-05 12:00:00}
    record: {ts: 1, list: [a, 2.5, {b: null}]}
  - row: {}
    error: blank
`
	c := load(t, map[string]string{"rowtap.yaml": readFile(t, "testdata/rowtap.yaml"), "zaps/from-file.yml": text})
	z := c.Zap("from-file")
	if z == nil {
		t.Fatalf("zaps = %v, want from-file", c.Zaps)
	}
	at := func(line, column int) config.Pos { return config.Pos{File: z.File, Line: line, Column: column} }
	want := &config.Zap{
		Name: "from-file", File: filepath.Join(c.Dir, "zaps/from-file.yml"), Shadow: true,
		Schedule: config.Schedule{Text: "CRON_TZ=Asia/Kolkata 0 9 * * MON-FRI", Pos: at(1, 12), Cron: z.Schedule.Cron},
		Trigger: config.Trigger{
			Account: c.GoogleAccounts["marketing"], SpreadsheetID: "1AbC",
			Worksheet: config.Worksheet{GID: 7, ByGID: true, Pos: at(7, 16)},
			HeaderRow: 2, Start: config.Start{Row: 1234}, Require: []string{}, Key: []string{"Response ID"}, Ignore: []string{"Days open"},
			SettleCopies: time.Minute,
			Unsure:       config.UnsureHold, Recheck: 10 * time.Minute, Pos: at(3, 1),
			ColumnPos: map[string]config.Pos{"Response ID": at(11, 9), "Days open": at(12, 12)},
		},
		Filter: &config.Template{Text: "Consent == \"Yes\"\n", Pos: at(16, 3)},
		Actions: []config.Action{{
			Name: "upload_event", Event: config.UploadEvent, Account: c.CleverTapAccounts["production"], IDKind: config.ObjectID,
			ID:        config.Template{Text: "{{ID}}", Pos: at(22, 19)},
			EventName: &config.Template{Text: "Signup", Pos: at(20, 15)}, Pos: at(17, 1),
			Properties: []config.Property{
				{Name: "Text", NamePos: at(24, 5), Value: config.Template{Text: "5", Pos: at(24, 12)}},
				{Name: "Score", NamePos: at(25, 5), Value: config.Template{Text: "5", Pos: at(25, 12), Literal: int64(5)}},
				{Name: "Ratio", NamePos: at(26, 5), Value: config.Template{Text: "-0.5", Pos: at(26, 12), Literal: -0.5}},
				{Name: "Open", NamePos: at(27, 5), Value: config.Template{Text: "true", Pos: at(27, 11), Literal: true}},
				{Name: "Day", NamePos: at(28, 5), Value: config.Template{Text: "2026-03-05", Pos: at(28, 10)}},
				{Name: "Money", NamePos: at(29, 5), Value: config.Template{Text: "$5", Pos: at(29, 12)}},
				{Name: "Copy", NamePos: at(30, 5), Value: config.Template{Text: "{{ID}}", Pos: at(22, 19)}},
				{Name: "Phone", NamePos: at(31, 5), Value: config.Template{Text: "{{Mobile}}", Pos: at(31, 21)}, Type: config.Phone, Country: "IN"},
				{Name: "When", NamePos: at(32, 5), Value: config.Template{Text: "{{When}}", Pos: at(32, 20)}, Type: config.Date, Formats: []string{"dd/MM/yyyy"}, Timezone: "Asia/Kolkata"},
				{Name: "Tags", NamePos: at(33, 5), Value: config.Template{Text: "{{Tags}}", Pos: at(33, 20)}, Type: config.List, Separator: ";"},
				{Name: "Sum", NamePos: at(34, 5), Value: config.Template{Text: "{{Sum}}", Pos: at(34, 19)}, Type: config.Number, Decimal: ","},
			},
		}},
		Redact: []string{"Mobile"}, RedactPos: map[string]config.Pos{"Mobile": at(35, 9)},
		Tests: []config.TestCase{
			{
				Row: map[string]row.Cell{
					"Mobile": row.TextCell("0123"), "N": row.NumberCell(7), "Yes": row.BoolCell(true), "No": {},
					"Day": row.ShownDate(46086, "2026-03-05"), "At": row.ShownDate(46086.5, "2026-03-05 12:00:00"),
				},
				ColumnPos: map[string]config.Pos{"Mobile": at(37, 11), "N": at(37, 27), "Yes": at(37, 33), "No": at(37, 44), "Day": at(37, 50), "At": at(37, 67)},
				Records:   []map[string]any{{"ts": int64(1), "list": []any{"a", 2.5, map[string]any{"b": nil}}}},
				Pos:       at(37, 5),
			},
			{Row: map[string]row.Cell{}, ColumnPos: map[string]config.Pos{}, Error: "blank", Pos: at(39, 5)},
		},
	}
	sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	sameSecret := cmp.Comparer(func(a, b config.Secret) bool { return a == b })
	if diff := cmp.Diff(want, z, sameZone, sameSecret); diff != "" {
		t.Errorf("zap (-want +got):\n%s", diff)
	}
	if len(c.Warnings) != 1 || c.Warnings[0].File != z.File {
		t.Errorf("warnings = %v, want one of the zap that does not say enabled:", c.Warnings)
	}
}

// TestZapFiles finds zap files as Kubernetes mounts them, and no other files.
func TestZapFiles(t *testing.T) {
	zap := readFile(t, "../../configs/zaps/webinar-events.yaml")
	dir := directory(t, map[string]string{
		"rowtap.yaml":             readFile(t, "testdata/rowtap.yaml"),
		"zaps/..data/events.yaml": zap,
		"zaps/.#editor.yaml":      "{",
		"zaps/notes.txt":          "{",
		"zaps/old.yaml.bak":       "{",
		"zaps/folder.yaml/x.yaml": "{",
	})
	if err := os.Symlink("..data/events.yaml", filepath.Join(dir, "zaps/events.yaml")); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, environment(t, nil))
	if err != nil {
		t.Fatalf("Load:\n%v", err)
	}
	if len(c.Zaps) != 1 {
		t.Errorf("zaps = %v, want webinar-events alone", c.Zaps)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	settings := readFile(t, "testdata/rowtap.yaml")
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"too large", map[string]string{"rowtap.yaml": strings.Repeat("# long\n", 1<<18)}, "rowtap.yaml: is larger than 1024 KiB"},
		{"a directory", map[string]string{"rowtap.yaml/x": ""}, "rowtap.yaml: is a directory, not a file"},
		{"a large passcode", map[string]string{
			"p": strings.Repeat("x", 64<<10+1), "rowtap.yaml": strings.ReplaceAll(settings, "${CREDENTIALS_DIRECTORY}/clevertap_passcode", "p"),
		}, "passcode_file: p is larger than 64 KiB"},
	}
	for _, test := range tests {
		_, err := config.Load(directory(t, test.files), environment(t, nil))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Load = %v, want %q in it", test.name, err, test.want)
		}
	}
}

func TestDirectoryThatCannotBeRead(t *testing.T) {
	dir := directory(t, map[string]string{"rowtap.yaml": ""})
	for _, path := range []string{filepath.Join(dir, "nowhere"), filepath.Join(dir, "rowtap.yaml")} {
		_, err := config.Load(path, environment(t, nil))
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--config") {
			t.Errorf("Load(%s) = %v, want the path and a hint", path, err)
		}
		if _, ok := errors.AsType[config.Diagnostics](err); ok {
			t.Errorf("Load(%s) = Diagnostics, want another error", path)
		}
	}
	if _, err := config.Load(filepath.Join(dir, "nowhere"), environment(t, nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load(nowhere) = %v, want fs.ErrNotExist", err)
	}
}

// TestLargeFiles loads large files with many mistakes: neither the time nor the messages may grow
// with the square of their size.
func TestLargeFiles(t *testing.T) {
	tests := map[string]string{
		"a line of keys":       "{" + strings.Join(numbered("k%d: &a "+strings.Repeat("x", 190), 1_500), ", ") + "}",
		"lines of keys":        strings.Join(numbered("k%d: ${ROWTAP_VAR_SHEET}", 1_500), "\n"),
		"a line of references": "[" + strings.Join(numbered("\"${X%d}\"", 1_500), ", ") + "]",
		"a blank end":          "[" + strings.Repeat("\n", 1<<18),
		"deep brackets":        strings.Repeat("[", 1<<18),
		"deep braces":          strings.Repeat("{a: ", 1<<16),
		"aliases":              "a: &a [x, x, x, x, x]\nb: [" + strings.Repeat("*a, ", 25_000) + "]",
		"a long key":           strings.Repeat("k", 1<<17) + ": x",
		"a long cron line":     "schedule: " + strings.Repeat("1,", 1<<17),
		"merges":               "a: &a {" + strings.Join(numbered("k%d: x", 300), ", ") + "}\nb: {" + strings.Join(numbered("x%d: {<<: *a}", 300), ", ") + "}",
	}
	for name, text := range tests {
		for _, path := range []string{"rowtap.yaml", "zaps/demo.yaml"} {
			files := map[string]string{"rowtap.yaml": readFile(t, "testdata/rowtap.yaml")}
			files[path] = text
			_, err := config.Load(directory(t, files), environment(t, nil))
			if mistakes, _ := errors.AsType[config.Diagnostics](err); len(mistakes) == 0 || len(mistakes[0].Message) > 2000 {
				t.Errorf("%s: %s: Load = %d mistakes, want some, and short ones", path, name, len(mistakes))
			}
		}
	}
}

// numbered returns n texts of a format with the numbers in it.
func numbered(format string, n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf(format, i)
	}
	return texts
}
