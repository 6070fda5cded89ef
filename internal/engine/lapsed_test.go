package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// TestWaitingRowDeleted: a row that is deleted before it is complete waits for a day, during which
// it may come back. After that it is discarded, and an equal row is new. With key, it may come back
// at any time.
func TestWaitingRowDeleted(t *testing.T) {
	for _, tt := range []struct {
		name, trigger string
		row           [2]string
		after         string // states after a day
		back          string // states once it is back, complete
	}{
		{"require", "start: now", [2]string{"", "7"}, "d", "ds"},
		{"settle", "start: now, settle: 2h", [2]string{"a@example.com", "7"}, "d", "ds"},
		{"key", "start: now, require: [Email], key: [Score]", [2]string{"", "7"}, "w", "s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := strings.Replace(bubbleEvents(), "start: beginning", tt.trigger, 1)
				b := newBubble(t, "resend", map[string]string{"e": strings.Replace(text, "@every 1m", "@every 20m", 1)})
				b.add(t, [2]string{"old@example.com", "1"})
				b.until(t, "the first row is found", 3*time.Hour, func() bool { return b.states(t, "e") == "s" })
				b.add(t, tt.row)
				b.pass(time.Hour)
				sheets := b.box.Sheets()
				remove := func() {
					if err := sheets.Delete("book", "Signups", 3, 3); err != nil {
						t.Fatal(err)
					}
				}
				wants := func(what, want string) {
					t.Helper()
					if got := b.states(t, "e"); got != "s"+want {
						t.Errorf("%s: states %q, want s%s", what, got, want)
					}
				}
				wants("before it is complete", "w")
				remove()
				b.pass(20 * time.Hour)
				wants("deleted", "w")
				b.add(t, tt.row)
				b.pass(time.Hour)
				wants("back within a day", "w")
				remove()
				b.pass(30 * time.Hour)
				wants("deleted for more than a day", tt.after)
				ds, err := b.Deliveries(t.Context(), ledger.Query{Zap: "e", Limit: 1})
				if err != nil || len(ds) != 1 || !strings.Contains(ds[0].Reason, "deleted from the sheet") || !ds[0].DeletedInSheet {
					t.Errorf("%+v, %v: want the reason: its row was deleted", ds, err)
				}
				if _, err := sheets.Append("book", "Signups", []sandbox.Value{sandbox.Text("a@example.com"), sandbox.Number(7)}); err != nil {
					t.Fatal(err)
				}
				b.pass(4 * time.Hour)
				wants("typed again", tt.back)
			})
		})
	}
}
