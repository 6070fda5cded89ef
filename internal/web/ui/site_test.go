package ui_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// patience is how long a condition is awaited. It is no measure of speed.
const patience = 15 * time.Second

// site is a daemon, the real program, and a sandbox.
type site struct {
	t          *testing.T
	sheets     *lab.Sheets
	cleverTap  *lab.CleverTap
	demo       string // the sandbox's address
	url, token string // the daemon's
	dir        string // its configuration
	log        bytes.Buffer
}

const siteSettings = `google_accounts:
  marketing: {credentials_file: google.json, reads_per_minute: 6000, endpoint: "%[1]s/"}
clevertap_accounts:
  production: {account_id: TEST-000-000-000Z, passcode: SBX-PASS-0000, endpoint: "%[1]s"}
state: {path: state/rowtap.db}
http: {listen: "%[2]s"}
`

// busyZaps are zaps in all states, some with rows that need attention.
var busyZaps = map[string]string{
	"signups": `enabled: true
schedule: "@every 1s"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups, start: beginning}
filter: Consent == "Yes"
action:
  app: clevertap
  event: create_update_user_profile
  account: production
  identity: "{{Email}}"
  properties: {Name: "{{Name}}", Score: {value: "{{Score}}", type: number}}
`,
	"trials": `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Trials, start: beginning, max_new_rows: 3}
actions:
  - {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Plan: "{{Plan}}"}}
  - {app: clevertap, event: upload_event, event_name: Trial started, account: production, identity: "{{Email}}"}
`,
	"orders": `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Orders, start: beginning, key: [Order]}
action: {app: clevertap, event: upload_event, event_name: Ordered, account: production, identity: "{{Email}}", properties: {Order: "{{Order}}", Total: {value: "{{Total}}", type: number}}}
`,
	"lost": `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Gone}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}"}
`,
	"later": `enabled: false
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Trials}
action: {app: clevertap, event: upload_event, event_name: Later, account: production, identity: "{{Email}}"}
`,
}

// startSite runs a daemon with zaps, which are YAML by name, until the test ends.
func startSite(t *testing.T, zaps map[string]string) *site {
	t.Helper()
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1, Page: true})
	must(t, err)
	srv := httptest.NewServer(box.Handler())
	t.Cleanup(srv.Close)
	t.Cleanup(box.Close)
	s := &site{t: t, sheets: box.Sheets(), cleverTap: box.CleverTap(), demo: srv.URL}
	must(t, s.sheets.AddSpreadsheet("book", "Book", "Asia/Kolkata"))
	must(t, s.sheets.AddWorksheet("book", "Signups", 0, cellsOf("Email", "Name", "Score", "Consent")))
	must(t, s.sheets.AddWorksheet("book", "Trials", 1, cellsOf("Email", "Plan")))
	must(t, s.sheets.AddWorksheet("book", "Orders", 2, cellsOf("Order", "Email", "Total"), cellsOf("A-1", "asha@example.com", "500"), cellsOf("A-1", "asha@example.com", "700"), cellsOf("A-2", "noor@example.com", "many")))

	key, err := box.ServiceAccountKey(srv.URL + "/token")
	must(t, err)
	dir, address := t.TempDir(), freeAddress(t)
	s.dir = dir
	files := map[string]string{"rowtap.yaml": fmt.Sprintf(siteSettings, srv.URL, address), "google.json": string(key)}
	for name, text := range zaps {
		files[filepath.Join("zaps", name+".yaml")] = text
	}
	must(t, os.MkdirAll(filepath.Join(dir, "zaps"), 0o700))
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}

	self, err := os.Executable()
	must(t, err)
	daemon := exec.CommandContext(t.Context(), self, "run", "--config", dir)
	daemon.Env = append(os.Environ(), asRowtap+"=1")
	daemon.Stderr = &s.log
	daemon.Cancel = func() error { return daemon.Process.Signal(os.Interrupt) }
	daemon.WaitDelay = patience
	must(t, daemon.Start())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	t.Cleanup(func() { // the context has ended by now
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the daemon ended: %v", err)
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", s.log.String())
		}
	})
	s.url = "http://" + address
	await(t, "the daemon to be ready", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/readyz", nil)
		must(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	})
	token, err := os.ReadFile(filepath.Join(dir, "state", "api.token"))
	must(t, err)
	s.token = strings.TrimSpace(string(token))
	return s
}

// add appends a row to a worksheet.
func (s *site) add(worksheet string, cells ...string) {
	s.t.Helper()
	_, err := s.sheets.Append("book", worksheet, cellsOf(cells...))
	must(s.t, err)
}

// edit writes the file of a zap, without a reload.
func (s *site) edit(name, text string) {
	s.t.Helper()
	must(s.t, os.WriteFile(filepath.Join(s.dir, "zaps", name+".yaml"), []byte(text), 0o600))
}

func cellsOf(cells ...string) []sandbox.Value {
	values := make([]sandbox.Value, len(cells))
	for i, c := range cells {
		values[i] = sandbox.Parse(c)
	}
	return values
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// post sends a request to the API.
func (s *site) post(path string, body ...string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(strings.Join(body, "")))
	must(s.t, err)
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	must(s.t, err)
	must(s.t, resp.Body.Close())
	if resp.StatusCode >= 300 {
		s.t.Fatalf("POST %s: %s", path, resp.Status)
	}
}
