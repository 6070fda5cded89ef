package ledger_test

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

// TestStays moves a zap from worksheet 7 to 9 and back. Each delivery belongs to the worksheet it
// was found in, also after a restart.
func TestStays(t *testing.T) {
	f := newFile(t)
	at := func(gid int64, first uint64, letters string) ledger.Poll {
		p := pollOf(first, letters)
		p.GID, p.Shown = gid, map[int64]string{7: "Signups Oct", 9: "Signups"}[gid]
		return p
	}
	f.commit(signups, at(7, 1, "qwh"))
	f.commit(signups, at(7, 4, "q"))
	moved := at(9, 5, "")
	moved.Title, moved.Start = "", &ledger.Start{There: 14, LastRow: 15, Unread: "it is gone"}
	f.commit(signups, moved)
	f.commit(signups, at(9, 5, "hw"))
	f.commit(signups, at(7, 7, ""))
	f.commit(signups, at(7, 7, "w"))
	f.reopen()

	want := []ledger.Stay{
		{SpreadsheetID: "1abc", GID: 7, Named: "Signups", Title: "Signups Oct", First: 1, Since: noon},
		{SpreadsheetID: "1abc", GID: 9, Named: "Signups", Title: "Signups", First: 5, Since: noon, Start: *moved.Start},
		{SpreadsheetID: "1abc", GID: 7, Named: "Signups", Title: "Signups Oct", First: 7, Since: noon},
	}
	z := f.zap(signups)
	if d := diff(want, z.Stays); d != "" {
		t.Errorf("stays (-want +got):\n%s", d)
	}
	for n, gid := range map[uint64]int64{1: 7, 4: 7, 5: 9, 6: 9, 7: 7} {
		if s, ok := z.Stay(ledger.Delivery{Number: n}); !ok || s.GID != gid {
			t.Errorf("delivery %d: worksheet %d, %t, want %d", n, s.GID, ok, gid)
		}
	}
	if s, _ := z.Stay(ledger.Delivery{Number: 7, First: 5}); s.GID != 9 {
		t.Errorf("a later delivery of row 5 is of worksheet %d, want 9 like its first", s.GID)
	}
}

// TestAPollWithoutACursorKeepsTheBinding checks that a new title of an unchanged worksheet is
// stored, and one of a worksheet that was never read is not.
func TestAPollWithoutACursorKeepsTheBinding(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "q"))
	quiet := pollOf(2, "")
	quiet.Cursor, quiet.Title, quiet.Shown = nil, "Signups Oct", "Signups Oct"
	f.commit(signups, quiet)
	if z := f.zap(signups); z.Title != "Signups Oct" || len(z.Stays) != 1 || z.Stays[0].Title != "Signups Oct" {
		t.Errorf("%+v, want the new title, in the same stay", z)
	}
	quiet.GID = 9
	f.commit(signups, quiet)
	if z := f.zap(signups); z.GID != 7 {
		t.Errorf("the zap is bound to worksheet %d, which it has not read", z.GID)
	}
}

// TestOpen counts open deliveries across the boundaries of chunks.
func TestOpen(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("qwhk", 600)))
	tests := []struct {
		from, before uint64
		want         ledger.Counts
	}{
		{1, 2401, ledger.Counts{Queued: 600, Waiting: 600, Held: 600}},
		{0, 1 << 60, ledger.Counts{Queued: 600, Waiting: 600, Held: 600}},
		{1, 1001, ledger.Counts{Queued: 250, Waiting: 250, Held: 250}},
		{1000, 1002, ledger.Counts{Queued: 1}},
		{999, 1003, ledger.Counts{Queued: 1, Waiting: 1, Held: 1}},
		{2, 3, ledger.Counts{Waiting: 1}},
		{2401, 2500, ledger.Counts{}},
		{5, 5, ledger.Counts{}},
	}
	for _, tt := range tests {
		got, err := f.Open(t.Context(), signups, tt.from, tt.before)
		if err != nil || got != tt.want {
			t.Errorf("open from %d up to %d: %+v, %v, want %+v", tt.from, tt.before, got, err, tt.want)
		}
	}
	if got, err := f.Open(t.Context(), "nobody", 1, 9); err != nil || got != (ledger.Counts{}) {
		t.Errorf("of an unknown zap: %+v, %v", got, err)
	}
}
