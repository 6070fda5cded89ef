package engine

import (
	"slices"
	"testing"
	"time"
)

// TestUpgradeElsewhere: the cursor of a worksheet that the zap watched earlier is as old as the
// others, and may be read years later. Rows added since are held, even if the first read is not
// believed, and existing rows are known.
func TestUpgradeElsewhere(t *testing.T) {
	for _, doubt := range []bool{false, true} {
		u := upgrade(t, false)
		u.poll(t, "moved") // the worksheet that it watches; the others keep the old form
		u.at(300 * 24 * time.Hour)
		now := u.sheet("moved", 1)
		known := len(now.Rows)
		now.insert(2, somebody("x@new.example"))
		now.insert(len(now.Rows), somebody("y@new.example"), []any{nil, "Half"})
		sortBy(now, 0)
		all := now.Rows
		if doubt {
			now.Rows = now.Rows[:2]
		}
		u.serve(t)
		u.write(t, "moved", frozenFile(now))
		report, err := u.Poll(t.Context(), "moved")
		if err != nil || (report.Doubt != "") != doubt {
			t.Fatalf("%+v, %v", report, err)
		}
		if doubt {
			if got := u.added(t, "moved"); got != "" {
				t.Errorf("found %q in a read that is not believed", got)
			}
			now.Rows = all
			u.serve(t)
		}
		want := ":held x@new.example:held y@new.example:held"
		for range 2 {
			u.poll(t, "moved")
			if got := u.added(t, "moved"); got != want {
				t.Fatalf("doubt %t: among %d existing rows found %q, want %q", doubt, known, got, want)
			}
		}
		now.insert(0, somebody("z@new.example"))
		u.serve(t)
		u.poll(t, "moved")
		if got := u.added(t, "moved"); got != want+" z@new.example:queued" {
			t.Errorf("doubt %t: then %q", doubt, got)
		}
	}
}

// TestUpgradeDoubt: a doubt from before the upgrade is confirmed by a second read, after which the
// remaining rows count. Without folded hashes of the vanished ones, a row in their place may be one
// of them, tidied: it is held.
func TestUpgradeDoubt(t *testing.T) {
	u := upgrade(t, false)
	s := u.sheet("doubted", 0)
	all := s.Rows
	added := func(left [][]any) [][]any {
		return slices.Concat([][]any{somebody("x@new.example")}, left, [][]any{somebody("y@new.example")})
	}
	s.Rows = added(all[:3])
	u.serve(t)
	u.poll(t, "doubted")
	u.poll(t, "doubted")
	const want = "x@new.example:queued y@new.example:held"
	if got := u.added(t, "doubted"); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	s.Rows = added(all) // those that vanished return within the day
	u.serve(t)
	u.at(time.Hour)
	u.poll(t, "doubted")
	if got := u.added(t, "doubted"); got != want {
		t.Errorf("found %q after the others returned, want %q", got, want)
	}
}
