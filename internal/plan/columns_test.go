package plan_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// planOf returns a plan with an account of each kind and no zaps.
func planOf(dir string) *plan.Plan {
	return &plan.Plan{Config: &config.Config{
		Dir:               dir,
		GoogleAccounts:    map[string]*config.GoogleAccount{"marketing": {Name: "marketing"}},
		CleverTapAccounts: map[string]*config.CleverTapAccount{"production": {Name: "production"}},
	}}
}

// TestCheckFileColumns: every column that a zap file names and the header lacks is found, in the order
// of the file, with the nearest one.
func TestCheckFileColumns(t *testing.T) {
	const file = `enabled: true
schedule: "@hourly"
redact: [Mobil]
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: book
  worksheet: Signups
  require: [Consents]
  key: [Response]
  ignore: [Notes]
filter: Plans != ""
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Emails}}", properties: {Score: "{{Score}}", City: "{{Town}}"}}
`
	p := planOf(t.TempDir())
	var cells []row.Cell
	for _, name := range []string{"Email", "Mobile", "Consent", "Plan", "Score"} {
		cells = append(cells, row.TextCell(name))
	}
	_, err := p.CheckFile("zaps/z.yaml", []byte(file), os.LookupEnv, row.NewHeader(cells))
	wrong, ok := errors.AsType[*mapping.ColumnError](err)
	want := strings.Join([]string{
		`zaps/z.yaml:3:10: the worksheet has no column "Mobil"; did you mean "Mobile"?`,
		`zaps/z.yaml:10:13: the worksheet has no column "Consents"; did you mean "Consent"?`,
		`zaps/z.yaml:11:9: the worksheet has no column "Response"`,
		`zaps/z.yaml:12:12: the worksheet has no column "Notes"`,
		`zaps/z.yaml:13:9: the worksheet has no column "Plans"; did you mean "Plan"?`,
		`zaps/z.yaml:14:95: the worksheet has no column "Emails"; did you mean "Email"?`,
		`zaps/z.yaml:14:148: the worksheet has no column "Town"`,
	}, "\n")
	if !ok || wrong.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	fits := strings.NewReplacer("Mobil]", "Mobile]", "Consents", "Consent", "Response", "Email", "Notes", "Score", "Plans", "Plan", "Emails", "Email", "Town", "Plan").Replace(file)
	if _, err := p.CheckFile("zaps/z.yaml", []byte(fits), os.LookupEnv, row.NewHeader(cells)); err != nil {
		t.Errorf("a file that fits: %v", err)
	}
}

// TestValid: zaps are found next to files with mistakes, sorted by name.
func TestValid(t *testing.T) {
	const zap = `enabled: true
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}"}
`
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "name: z\n" + zap, "b": "", "c": strings.Replace(zap, "marketing", "sales", 1), "d": strings.Replace(zap, "Email}}", "Email", 1), "e": zap, "f": zap + strings.Repeat("#", 1<<20)} {
		path := filepath.Join(dir, "zaps", name+".yaml")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	p := planOf(dir)
	var names []string
	for _, r := range p.Valid(os.LookupEnv) {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != "e z" {
		t.Errorf("got %s, want e z", got)
	}
}
