package preview_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// rig is a plan against a sandbox with worksheet Signups in spreadsheet book.
type rig struct {
	plan *plan.Plan
	box  *lab.Sandbox
}

const testSettings = `google_accounts:
  marketing: {credentials_file: google.json, reads_per_minute: 6000, endpoint: "%[1]s/"}
clevertap_accounts:
  production: {account_id: TEST-000-000-000Z, passcode: SBX-PASS-0000, endpoint: "%[1]s"}
  other: {account_id: TEST-000-000-000Z, passcode: wrong, endpoint: "%[1]s"}
state: {path: state/rowtap.db}
`

const testZap = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups, start: beginning}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Score: "{{Score}}"}}
`

// newRig makes a plan of zaps, given as YAML by name.
func newRig(t *testing.T, zaps map[string]string) *rig {
	t.Helper()
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(box.Handler())
	t.Cleanup(srv.Close)
	t.Cleanup(box.Close)
	key, err := box.ServiceAccountKey(srv.URL + "/token")
	err = errors.Join(err, box.Sheets().AddSpreadsheet("book", "Book", "Etc/UTC"),
		box.Sheets().AddWorksheet("book", "Signups", 0, []sandbox.Value{sandbox.Text("Email"), sandbox.Text("Score")}))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{"rowtap.yaml": fmt.Sprintf(testSettings, srv.URL), "google.json": string(key)}
	for name, text := range zaps {
		files[filepath.Join("zaps", name+".yaml")] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := plan.Load(dir, os.LookupEnv, "rowtap/test")
	if err != nil {
		t.Fatal(err)
	}
	return &rig{plan: loaded, box: box}
}

// append adds rows of e-mail and score to the sheet.
func (r *rig) append(t *testing.T, rows ...[2]string) {
	t.Helper()
	values := make([][]sandbox.Value, len(rows))
	for i, row := range rows {
		values[i] = []sandbox.Value{sandbox.Parse(row[0]), sandbox.Parse(row[1])}
	}
	if _, err := r.box.Sheets().Append("book", "Signups", values...); err != nil {
		t.Fatal(err)
	}
}
