package poll

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rowtap/rowtap/internal/claim"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// rig is a poller with its real client, against a sandbox with worksheet Signups in spreadsheet
// book.
type rig struct {
	*Poller
	box *lab.Sandbox
	dir string // of the configuration
}

const testSettings = `google_accounts:
  marketing: {credentials_file: google.json, reads_per_minute: 6000, endpoint: "%s/"}
clevertap_accounts:
  production: {account_id: A, passcode: P, region: in1}
state: {path: rowtap.db}
`

const testZap = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups, start: beginning}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Score: "{{Score}}"}}
`

// fromNow returns the zap with start: now.
func fromNow(zap string) string { return strings.Replace(zap, "start: beginning", "start: now", 1) }

// newRig makes a poller of zaps, given as YAML by name.
func newRig(t *testing.T, zaps map[string]string, set ...func(*Options)) *rig {
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
	r := &rig{box: box, dir: t.TempDir()}
	r.file(t, "rowtap.yaml", fmt.Sprintf(testSettings, srv.URL))
	r.file(t, "google.json", string(key))
	for name, text := range zaps {
		r.file(t, "zaps/"+name+".yaml", text)
	}
	loaded := r.load(t)
	l, err := ledger.Open(ledger.Options{Path: loaded.Config.State.Path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	o := Options{
		Ledger: l, Claims: &claim.Table{}, Plan: loaded, Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
		Now:        func() time.Time { return time.Now().Round(0).UTC() },
		InPlace:    func() error { return nil },
		StateFault: func(error) bool { return false },
		Queued:     func(string, bool) {},
		Found:      func(string, ledger.Poll, uint64) {},
		Lapsed:     func(string, int, ledger.Outcome) {},
		Polled:     func(string, time.Time, Report, error) {},
		Committed:  func(time.Time) {},
	}
	for _, change := range set {
		change(&o)
	}
	if r.Poller, err = New(o); err != nil {
		t.Fatal(err)
	}
	return r
}

// file writes a configuration file, or removes it if text is empty.
func (r *rig) file(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if text == "" {
		err = errors.Join(err, os.Remove(path))
	} else {
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) load(t *testing.T) *plan.Plan {
	t.Helper()
	loaded, err := plan.Load(r.dir, os.LookupEnv, "rowtap/test")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// write writes a zap file, or removes it if text is empty, and puts it in force.
func (r *rig) write(t *testing.T, name, text string) {
	t.Helper()
	r.file(t, "zaps/"+name+".yaml", text)
	r.Adopt(r.load(t))
}

func (r *rig) poll(t *testing.T, name string) Report {
	t.Helper()
	report, err := r.Poll(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// dueTogether polls zaps together like the scheduler, and returns the results.
func (r *rig) dueTogether(t *testing.T, names ...string) (reports map[string]Report, errs map[string]error) {
	t.Helper()
	reports, errs = map[string]Report{}, map[string]error{}
	r.pollAll(t.Context(), names, nil, func(ends []End) {
		for _, end := range ends {
			reports[end.Zap], errs[end.Zap] = end.Report, end.Err
		}
	})
	return reports, errs
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

// seed appends rows with incompressible cells, numbered from from.
func (r *rig) seed(t *testing.T, from, rows int) {
	t.Helper()
	list := make([][]sandbox.Value, rows)
	for i := range list {
		id := uint64(from+i) * 0x9e3779b97f4a7c15
		list[i] = []sandbox.Value{sandbox.Text(fmt.Sprintf("%016x@example.com", id)), sandbox.Number(float64(id >> 11))}
	}
	if _, err := r.box.Sheets().Append("book", "Signups", list...); err != nil {
		t.Fatal(err)
	}
}

// counts returns the number of a zap's deliveries by state.
func (r *rig) counts(t *testing.T, name string) ledger.Counts {
	t.Helper()
	z, _, err := r.opts.Ledger.Zap(context.WithoutCancel(t.Context()), name)
	if err != nil {
		t.Fatal(err)
	}
	return z.Counts
}
