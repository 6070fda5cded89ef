package plan_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

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
	p := &plan.Plan{Config: &config.Config{
		Dir:               t.TempDir(),
		GoogleAccounts:    map[string]*config.GoogleAccount{"marketing": {Name: "marketing"}},
		CleverTapAccounts: map[string]*config.CleverTapAccount{"production": {Name: "production"}},
	}}
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
	file2 := strings.NewReplacer("Mobil]", "Mobile]", "Consents", "Consent", "Response", "Email", "Notes", "Score", "Plans", "Plan", "Emails", "Email", "Town", "Plan").Replace(file)
	if _, err := p.CheckFile("zaps/z.yaml", []byte(file2), os.LookupEnv, row.NewHeader(cells)); err != nil {
		t.Errorf("a file that fits: %v", err)
	}
}
