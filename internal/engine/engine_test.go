package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// rig is an engine with its real clients, against a sandbox with the worksheet Signups of the
// spreadsheet book.
type rig struct {
	*Engine
	box *lab.Sandbox
	dir string // the configuration's
}

const rigSettings = `google_accounts:
  marketing: {credentials_file: google.json, reads_per_minute: 6000, endpoint: "%[1]s/"}
clevertap_accounts:
  production: {account_id: TEST-000-000-000Z, passcode: SBX-PASS-0000, endpoint: "%[2]s"}
  other: {account_id: TEST-000-000-000Z, passcode: wrong, endpoint: "%[2]s"}
state: {path: state/rowtap.db}
`

const rigZap = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups, start: beginning}
action:
  app: clevertap
  event: %s
  account: %s
  identity: "{{Email}}"
  properties: {Score: "{{Score}}"}
`

// newRig makes an engine of zaps, which are YAML by name.
func newRig(t testing.TB, zaps map[string]string) *rig {
	t.Helper()
	return newRigAt(t, zaps, nil)
}

// newRigAt is newRig with another CleverTap than the sandbox's.
func newRigAt(t testing.TB, zaps map[string]string, cleverTap http.HandlerFunc) *rig {
	t.Helper()
	return newRigOn(t, zaps, cleverTap, openFile)
}

// newRigOn is newRigAt with a state that open opens.
func newRigOn(t testing.TB, zaps map[string]string, cleverTap http.HandlerFunc, open openState) *rig {
	t.Helper()
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(box.Handler())
	t.Cleanup(srv.Close)
	t.Cleanup(box.Close)
	s := box.Sheets()
	if err := s.AddSpreadsheet("book", "Book", "Etc/UTC"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddWorksheet("book", "Signups", 0, []sandbox.Value{sandbox.Text("Email"), sandbox.Text("Score")}); err != nil {
		t.Fatal(err)
	}
	key, err := box.ServiceAccountKey(srv.URL + "/token")
	if err != nil {
		t.Fatal(err)
	}
	uploads := srv.URL
	if cleverTap != nil {
		other := httptest.NewServer(cleverTap)
		t.Cleanup(other.Close)
		uploads = other.URL
	}
	dir := t.TempDir()
	files := map[string]string{"rowtap.yaml": fmt.Sprintf(rigSettings, srv.URL, uploads), "google.json": string(key)}
	for name, text := range zaps {
		files["zaps/"+name+".yaml"] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return openRigOn(t, box, dir, open)
}

// openRig makes an engine of a configuration and the state that it names.
func openRig(t testing.TB, box *lab.Sandbox, dir string) *rig {
	t.Helper()
	return openRigOn(t, box, dir, openFile)
}

// openRigOn is openRig of a state that open opens.
func openRigOn(t testing.TB, box *lab.Sandbox, dir string, open openState) *rig {
	t.Helper()
	load := func() (*plan.Plan, error) { return plan.Load(dir, os.LookupEnv, "rowtap/test") }
	plan, err := load()
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{Plan: plan, Ledger: open(t, plan.Config.State.Path), Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), Version: "test", Load: load})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{Engine: e, box: box, dir: dir}
}

// write writes a zap's file, or removes it if text is empty, and reloads.
func (r *rig) write(t *testing.T, name, text string) {
	t.Helper()
	if err := writeZap(r.dir, name, text); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// writeZap writes a zap's file, or removes it if text is empty.
func writeZap(dir, name, text string) error {
	path := filepath.Join(dir, "zaps", name+".yaml")
	if text == "" {
		return os.Remove(path)
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

func (r *rig) poll(t *testing.T, name string) PollReport {
	t.Helper()
	report, err := r.Poll(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// states returns a zap's deliveries, the oldest first, as letters of their states: q s k f h w d (k
// is skipped).
func (r *rig) states(t *testing.T, name string) string {
	t.Helper()
	ds, err := r.Deliveries(t.Context(), ledger.Query{Zap: name})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(ds)
	letters := map[ledger.State]string{
		ledger.Queued: "q", ledger.Sent: "s", ledger.Skipped: "k", ledger.Failed: "f",
		ledger.Held: "h", ledger.Validated: "v", ledger.Waiting: "w", ledger.Discarded: "d",
	}
	s := ""
	for _, d := range ds {
		s += letters[d.State]
	}
	return s
}

// append adds rows EMAIL, SCORE to the sheet.
func (r *rig) append(t testing.TB, rows ...[2]string) {
	t.Helper()
	values := make([][]sandbox.Value, len(rows))
	for i, row := range rows {
		values[i] = []sandbox.Value{sandbox.Parse(row[0]), sandbox.Parse(row[1])}
	}
	if _, err := r.box.Sheets().Append("book", "Signups", values...); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) once(t testing.TB) Summary {
	t.Helper()
	s, err := r.Once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func profileZap(account string) string {
	return fmt.Sprintf(rigZap, config.CreateUpdateUserProfile, account)
}

func eventZap(account string) string {
	return fmt.Sprintf(rigZap, "upload_event\n  event_name: Signup", account)
}

// TestOrderPerIdentity sends many rows of few users through concurrent uploads, some of which fail.
// The rows of each user must arrive in sheet order, and no upload may hold two profiles of a user.
func TestOrderPerIdentity(t *testing.T) {
	r := newRig(t, map[string]string{"profiles": profileZap("production")})
	const users, each = 7, 30
	var rows [][2]string
	for i := range users * each {
		rows = append(rows, [2]string{fmt.Sprintf("user-%d@example.com", i*i%users), fmt.Sprint(i)})
	}
	r.append(t, rows...)
	for _, f := range []lab.Fault{
		{API: "clevertap", Status: 503, Times: 1},
		{API: "clevertap", Reset: "before", Times: 1},
	} {
		if err := r.box.Fault(f); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.once(t); s.Sent != users*each {
		t.Fatalf("%+v, want %d sent", s, users*each)
	}
	last := map[string]float64{}
	for _, rec := range r.box.CleverTap().Records(sandbox.RecordQuery{}) {
		score := scoreOf(t, rec)
		if before, seen := last[rec.Identity]; seen && score <= before {
			t.Errorf("%s: score %v arrived after %v", rec.Identity, score, before)
		}
		last[rec.Identity] = score
	}
}

// TestBrokenAccountStopsOnlyItsOwn has two zaps, one of which uses an account with a wrong
// passcode.
func TestBrokenAccountStopsOnlyItsOwn(t *testing.T) {
	r := newRig(t, map[string]string{"good": profileZap("production"), "bad": profileZap("other")})
	r.append(t, [2]string{"a@example.com", "1"})
	s := r.once(t)
	if s.Sent != 1 || s.StillQueued != 1 {
		t.Errorf("%+v, want 1 sent, 1 still queued", s)
	}
	st, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range st.Zaps {
		want := Running
		if z.Zap == "bad" {
			want = NeedsHand
		}
		if z.State != want {
			t.Errorf("zap %s is %s (%s), want %s", z.Zap, z.State, z.Reason, want)
		}
	}
	if blocked, err := r.Degraded(t.Context()); err != nil || len(blocked) != 1 || blocked[0] != "bad" {
		t.Errorf("Degraded = %v, %v", blocked, err)
	}
}

// TestReplayKeepsWhatWasSent replays failed rows, and sent ones only with Again.
func TestReplayKeepsWhatWasSent(t *testing.T) {
	r := newRig(t, map[string]string{"profiles": profileZap("production")})
	r.append(t, [2]string{"a@example.com", "1"}, [2]string{"b@example.com", "2"})
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "b@example.com", Code: 515, Times: 1})
	if s := r.once(t); s.Sent != 1 || s.Failed != 1 {
		t.Fatalf("%+v, want 1 sent, 1 failed", s)
	}
	steps := []struct {
		sel  Selection
		want int
	}{
		{Selection{IDs: []string{"profiles/1"}}, 0}, // sent before
		{Selection{Zap: "profiles"}, 1},
		{Selection{Zap: "profiles"}, 0}, // queued by now
		{Selection{IDs: []string{"profiles/1"}, Again: true}, 1},
	}
	for _, step := range steps {
		done, err := r.Act(t.Context(), Replay, step.sel)
		if err != nil || done.Count != step.want {
			t.Errorf("Replay(%+v) = %+v, %v, want %d", step.sel, done, err, step.want)
		}
	}
	if s := r.once(t); s.Sent != 2 {
		t.Errorf("%+v, want 2 sent", s)
	}
	if got := r.box.CleverTap().Counts().Accepted; got != 3 {
		t.Errorf("CleverTap accepted %d records, want 3", got)
	}
}

// TestShadowSendsNothing: in shadow mode every row is validated and none is stored.
func TestShadowSendsNothing(t *testing.T) {
	r := newRig(t, map[string]string{"shadow": "shadow: true\n" + eventZap("production")})
	r.append(t, [2]string{"a@example.com", "1"})
	if s := r.once(t); s.Sent != 0 || s.Validated != 1 {
		t.Fatalf("%+v, want 1 validated and none sent", s)
	}
	c := r.box.CleverTap().Counts()
	if c.Accepted != 0 || c.DryRuns != 1 {
		t.Errorf("CleverTap accepted %d records in %d dry runs, want none in 1", c.Accepted, c.DryRuns)
	}
	ds, err := r.Deliveries(t.Context(), ledger.Query{})
	if err != nil || len(ds) != 1 || ds[0].State != ledger.Validated {
		t.Errorf("deliveries %+v, %v: want one, validated", ds, err)
	}
	st, err := r.Status(t.Context())
	if err != nil || st.Zaps[0].Sent != 0 || st.Zaps[0].Validated != 1 || !st.Zaps[0].Shadow {
		t.Errorf("status %+v, %v: want 1 validated in shadow mode", st.Zaps, err)
	}
	if got := reasonOf(ds[0]); got != "found in shadow mode as shadow/1: validated, not sent" {
		t.Errorf("why: %s", got)
	}
	for _, sel := range []Selection{{Zap: "shadow"}, {Zap: "shadow", Again: true}, {Zap: "shadow", State: ledger.Sent, Again: true}} {
		if done, err := r.Act(t.Context(), Replay, sel); err != nil || done.Count != 0 {
			t.Errorf("replay of %+v: %+v, %v; want none of the validated rows", sel, done, err)
		}
	}
	if done, err := r.Act(t.Context(), Replay, Selection{Zap: "shadow", State: ledger.Validated}); err != nil || done.Count != 1 {
		t.Errorf("replay: %+v, %v; want 1", done, err)
	}
	r.once(t)
	if c := r.box.CleverTap().Counts(); c.Accepted != 0 || c.DryRuns != 2 || r.states(t, "shadow") != "v" {
		t.Errorf("after a replay: CleverTap accepted %d records in %d dry runs, states %s; want none in 2, v", c.Accepted, c.DryRuns, r.states(t, "shadow"))
	}
}

// TestWholeRefusalIsTriedSmaller has CleverTap respond 400 to a whole upload. That says nothing
// about its records, so all are sent again in smaller uploads.
func TestWholeRefusalIsTriedSmaller(t *testing.T) {
	r := newRig(t, map[string]string{"profiles": profileZap("production")})
	for i := range 40 {
		r.append(t, [2]string{fmt.Sprintf("user-%d@example.com", i), fmt.Sprint(i)})
	}
	if err := r.box.Fault(lab.Fault{API: "clevertap", Status: 400, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if s := r.once(t); s.Sent != 40 || s.Failed != 0 {
		t.Errorf("%+v, want 40 sent: the refusal of an upload is not one of its rows", s)
	}
}

// TestResumeSkip: an operator skips the rows added while the zap was paused, and can replay them.
// Rows skipped by the filter cannot be replayed.
func TestResumeSkip(t *testing.T) {
	r := newRig(t, map[string]string{"e": "filter: Score > 0\n" + eventZap("production")})
	r.append(t, [2]string{"a@example.com", "1"}, [2]string{"filtered@example.com", "0"})
	if err := r.Resume(t.Context(), "e", true); !errors.Is(err, ErrNotPaused) || hint.Of(err) == "" {
		t.Errorf("resume --skip of a zap that runs: %v", err)
	}
	r.once(t)
	if got := r.states(t, "e"); got != "sk" {
		t.Fatalf("states %s, want sk: the zap was not paused", got)
	}
	if err := r.Pause(t.Context(), "e", ""); err != nil {
		t.Fatal(err)
	}
	r.append(t, [2]string{"b@example.com", "2"}, [2]string{"c@example.com", "3"}, [2]string{"d@example.com", "4"})
	if err := r.Resume(t.Context(), "e", true); err != nil {
		t.Fatal(err)
	}
	r.append(t, [2]string{"f@example.com", "5"})
	r.once(t)
	if got := r.states(t, "e"); got != "skkkks" {
		t.Fatalf("states %s, want skkkks", got)
	}
	steps := []struct {
		action Action
		sel    Selection
		want   int
	}{
		{Replay, Selection{Zap: "e"}, 0}, // must be named
		{Release, Selection{IDs: []string{"e/3"}}, 0},
		{Discard, Selection{Zap: "e", State: ledger.Skipped}, 0},
		{Replay, Selection{IDs: []string{"e/2", "e/3"}}, 1}, // the filter skipped the first
		{Replay, Selection{Zap: "e", State: ledger.Skipped}, 2},
		{Replay, Selection{Zap: "e", State: ledger.Skipped}, 0},
	}
	for _, step := range steps {
		if done, err := r.Act(t.Context(), step.action, step.sel); err != nil || done.Count != step.want {
			t.Errorf("%s %+v = %+v, %v, want %d", step.action, step.sel, done, err, step.want)
		}
	}
	r.once(t)
	if got := r.states(t, "e"); got != "skssss" {
		t.Errorf("states %s, want skssss", got)
	}
}

// scoreOf returns the score in a record.
func scoreOf(t *testing.T, r sandbox.Record) float64 {
	t.Helper()
	var body struct {
		ProfileData, EvtData struct{ Score float64 }
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.ProfileData.Score + body.EvtData.Score
}

// Deliveries lists deliveries, newest first.
func (e *Engine) Deliveries(ctx context.Context, q ledger.Query) ([]ledger.Delivery, error) {
	return e.ledger.Deliveries(ctx, q)
}

// Poll is PollNow with the error as the poller returns it.
func (e *Engine) Poll(ctx context.Context, name string) (PollReport, error) {
	return e.poller.Poll(ctx, name)
}
