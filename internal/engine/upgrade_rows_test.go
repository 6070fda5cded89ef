package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// TestUpgradeFollowsOpenRows: rows that waited, were held or had failed before the upgrade are
// followed by the first read after it, and their outcomes are reported as before.
func TestUpgradeFollowsOpenRows(t *testing.T) {
	u := upgrade(t, false)
	s := u.sheet("signups", 0)
	waiting := slices.IndexFunc(s.Rows, func(r []any) bool { return r[0] == nil && fmt.Sprint(r[1]) == "  Ünal  41" })
	atStart := slices.IndexFunc(s.Rows, func(r []any) bool { return r[0] == nil && fmt.Sprint(r[1]) == "  Ünal  5" })
	if waiting < 0 || atStart < 0 {
		t.Fatalf("rows %d and %d wait", waiting, atStart)
	}
	s.Rows[waiting][0], s.Rows[atStart][0] = "Late1@example.com", "Late2@example.com"
	s.find(t, "Person27@example.com")[2] = "+91 98200 12345" // failed: its phone number
	s.find(t, "Person29@example.com")[6] = "Surat"           // held: whether it arrived is not known
	s.insert(0, somebody("x@new.example"))
	sortBy(s, 1)
	u.serve(t)
	u.poll(t, "signups")
	if got := u.added(t, "signups"); got != "x@new.example:queued Late2@example.com:queued" && got != "Late2@example.com:queued x@new.example:queued" {
		t.Errorf("found %q", got)
	}
	for n, want := range map[uint64]string{4: "queued +91 98200 12345", 6: "held Surat", 18: "queued Late1@example.com", 3: "skipped Person26@example.com"} {
		d, _, err := u.ledger.Delivery(t.Context(), "signups", n)
		state, cell, _ := strings.Cut(want, " ")
		if err != nil || d.State.String() != state || !slices.ContainsFunc(d.Row.Cells, func(c row.Cell) bool { return c.String() == cell }) {
			t.Errorf("signups/%d is %s with %v, %v, want %s", n, d.State, d.Row.Cells, err, want)
		}
	}
	if _, err := u.Act(t.Context(), Release, Selection{IDs: []string{"signups/6"}}); err != nil {
		t.Fatal(err)
	}
	u.poll(t, "signups")
	if d, _, err := u.ledger.Delivery(t.Context(), "signups", 6); err != nil || d.State != ledger.Queued {
		t.Errorf("signups/6 is %s, %v, want queued", d.State, err)
	}
}

// TestUpgradeVanished: rows that vanished before the upgrade are remembered for a day, keys
// forever, however the cursor was written since.
func TestUpgradeVanished(t *testing.T) {
	u := upgrade(t, false)
	people, leads := u.sheet("signups", 0), u.sheet("leads", 0)
	gone := func(want bool) {
		t.Helper()
		if d, _, err := u.ledger.Delivery(t.Context(), "leads", 2); err != nil || d.State != ledger.Failed || d.DeletedInSheet != want {
			t.Errorf("leads/2 is %s, deleted %t, %v, want failed, %t", d.State, d.DeletedInSheet, err, want)
		}
	}
	gone(true)
	leads.insert(3, []any{"R-0217", "lead31@example.com", "basic", "new"})
	u.serve(t)
	u.poll(t, "leads")
	gone(false) // a row that returns is followed again
	leads.Rows = slices.Delete(leads.Rows, 3, 4)
	u.serve(t)
	u.poll(t, "leads")
	gone(true)
	for day, back := range []int{33, 34, 35} {
		u.at(time.Duration(day) * 15 * time.Hour)
		people.Rows[1][6] = fmt.Sprint("City ", day)
		leads.Rows[1][3] = fmt.Sprint("stage ", day)
		u.serve(t)
		u.poll(t, "signups")
		u.poll(t, "leads")
		people.insert(len(people.Rows), frozenPerson(back))
		u.serve(t)
		u.poll(t, "signups")
	}
	// The third one returns after more than a day. It cannot be told from one that somebody types.
	if got := u.added(t, "signups"); got != "Person35@example.com:queued" {
		t.Errorf("found %q, want only the row that was away for more than a day", got)
	}
	u.at(400 * 24 * time.Hour)
	leads.insert(0, []any{" R-0217 ", "x@new.example", "gold", "new"}, []any{"R-0224", "y@new.example", "gold", "new"})
	u.serve(t)
	u.poll(t, "leads")
	if got := u.added(t, "leads"); got != "" {
		t.Errorf("found %q, want keys remembered", got)
	}
	if got, err := u.Backfill(t.Context(), "leads", "2:3", true, nil); err != nil || got.Queued != 0 || got.Delivered != 2 {
		t.Errorf("backfill of keys that may have fired: %+v, %v, want none queued", got, err)
	}
	if w, err := u.Why(t.Context(), "leads", 3); err != nil || !strings.Contains(w.Reason, "earlier release of rowtap") {
		t.Errorf("why row 3: %q, %v", w.Reason, err)
	}
}
