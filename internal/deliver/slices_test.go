package deliver

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/claim"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

const testZap = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: g, spreadsheet: book, worksheet: Signups}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Score: "{{Score}}"}}
`

// newSender makes a sender for one zap, p, with rows EMAIL, SCORE queued.
func newSender(t *testing.T, rows ...[2]string) *Sender {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"rowtap.yaml": "google_accounts:\n  g: {}\nclevertap_accounts:\n  production: {account_id: A, passcode: P, region: in1}\nstate: {path: rowtap.db}\n",
		"zaps/p.yaml": testZap,
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := plan.Load(dir, os.LookupEnv, "rowtap/test")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ledger.Options{Path: loaded.Config.State.Path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	poll := ledger.Poll{
		SpreadsheetID: "book", Header: row.NewHeader([]row.Cell{row.TextCell("Email"), row.TextCell("Score")}), Zone: "UTC", Action: loaded.Recipes[0].Actions[0].Name, At: time.Now(),
		Cursor: func(uint64) ledger.CursorUpdate {
			return ledger.CursorUpdate{Chunks: 1, Changed: slices.All([][]byte{[]byte("cursor")})}
		},
	}
	for i, r := range rows {
		poll.New = append(poll.New, ledger.NewRow{
			State: ledger.Queued,
			Row:   row.Row{Number: i + 2, Cells: []row.Cell{row.TextCell(r[0]), row.TextCell(r[1])}},
		})
	}
	if _, err := l.Commit(t.Context(), "p", poll); err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Ledger: l, Claims: &claim.Table{}, Log: zap.NewNop(), Now: time.Now, Plan: func() *plan.Plan { return loaded },
		InPlace: func() error { return nil }, LastLook: func() error { return nil }, Unwritable: func(err error) { t.Error(err) },
		Outcome: func(string, int, ledger.Outcome) {}, Uploaded: func(string, int, time.Duration) {}, Committed: func(time.Time) {},
	})
}

// TestSlicesMakeProgress uses time slices that end after a single row is mapped. Rows that must
// wait do not use up a slice, because they are not mapped again.
func TestSlicesMakeProgress(t *testing.T) {
	s := newSender(t, [2]string{"a@example.com", "1"}, [2]string{"a@example.com", "2"}, [2]string{"a@example.com", "3"}, [2]string{"b@example.com", "4"})

	s.readInbox()
	q := s.queue("p", "production")
	q.busy["identity:a@example.com"] = 1
	for slice := 1; slice <= 4; slice++ {
		b, err := s.assemble(t.Context(), q, time.Now(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if want := slice == 4; (len(b.items) == 1) != want || b.more == want || q.idle {
			t.Fatalf("slice %d: %d items, more %v, idle %v", slice, len(b.items), b.more, q.idle)
		}
	}
	delete(q.busy, "identity:a@example.com")
	q.inFlight[4] = struct{}{}
	if b, err := s.assemble(t.Context(), q, time.Now(), time.Time{}); err != nil || len(b.items) != 1 || b.items[0].number != 1 {
		t.Errorf("once the identity is free: %+v, %v", b.items, err)
	}
}
