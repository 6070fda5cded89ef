package mapping_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/row/rowtest"
)

var update = flag.Bool("update", false, "write what the mapping gives now into testdata/golden")

// TestGolden maps the rows of testdata/golden/*.txtar. A file contains the actions (and filter) of
// a zap as YAML; rows as JSON arrays, one per line, first the header, with {"date": serial} for a
// date cell; and the expected result of each action for each row: the record ("once" after one that
// must not be repeated) and its warnings, skipped, or the error with CleverTap's code.
//
// To add a row, write it below rows, run go test -run Golden ./internal/mapping -update, and read
// the changes of want.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z := loadZap(t, section(t, archive, "action.yaml"))
	m, err := mapping.Compile(z)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(section(t, archive, "rows")), "\n")
	b, err := m.Bind(row.NewHeader(decodeCells(t, lines[0])))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for i, line := range lines[1:] {
		r := row.Row{Number: i + 2, Cells: decodeCells(t, line)}
		for nth := range z.Actions {
			got.WriteString(describe(t, z, b, nth, r) + "\n")
		}
	}
	if *update {
		i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
		archive.Files[i].Data = []byte(got.String())
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(section(t, archive, "want"), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func describe(t *testing.T, z *config.Zap, b *mapping.Bound, nth int, r row.Row) string {
	ctx := mapping.Context{Zone: kolkata(t), DetectedAt: detected()}
	rec, keep, err := b.Record(nth, r, ctx)
	if wrong, ok := errors.AsType[*mapping.RowError](err); ok {
		if wrong.Hint == "" || wrong.Pos.Line == 0 {
			t.Errorf("row %d: error without hint or place: %+v", r.Number, wrong)
		}
		if wrong.Code != 0 {
			return wrong.Error() + " (" + strconv.Itoa(wrong.Code) + ")"
		}
		return wrong.Error()
	}
	if !keep {
		return "skipped"
	}
	if id, err := b.Identity(nth, r, ctx); err != nil || id != rec.ID || rec.IDKey != string(z.Actions[nth].IDKind) {
		t.Errorf("row %d: Identity gives %q, %v; the record has %s %q", r.Number, id, err, rec.IDKey, rec.ID)
	}
	if !json.Valid(rec.JSON) {
		t.Errorf("row %d: not JSON: %s", r.Number, rec.JSON)
	}
	said := string(rec.JSON)
	if !rec.Repeatable && z.Actions[nth].Event == config.CreateUpdateUserProfile {
		said += " once"
	}
	for _, w := range b.Warnings(nth, rec, ctx) {
		said += "\n  warning: " + w.String()
	}
	return said
}

func section(t *testing.T, a *txtar.Archive, name string) string {
	t.Helper()
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no section %s", name)
	}
	return string(a.Files[i].Data)
}

func decodeCells(t *testing.T, line string) []row.Cell {
	t.Helper()
	var values []any
	if err := json.Unmarshal([]byte(line), &values); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	all := make([]row.Cell, len(values))
	for i, v := range values {
		if date, ok := v.(map[string]any); ok {
			all[i] = row.DateCell(date["date"].(float64))
			continue
		}
		all[i] = rowtest.FromJSON(v)
	}
	return all
}

// loadZap reads a zap file with the given action.
func loadZap(t *testing.T, action string) *config.Zap {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rowtap.yaml"), `
google_accounts: {marketing: {}}
clevertap_accounts: {production: {account_id: a, passcode: "${P}", region: in1}}
`)
	write(t, filepath.Join(dir, "zaps", "golden.yaml"), `
schedule: "@hourly"
enabled: true
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: abcdefghijklmnopqrstuvwxyz0123456789, worksheet: S}
`+action)
	c, err := config.Load(dir, func(string) (string, bool) { return "secret", true })
	if err != nil {
		t.Fatal(err)
	}
	return c.Zaps[0]
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
