package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

// TestUpgrade: rows added between the last poll of the first release and the first poll of today's
// fire, existing rows do not, whatever happened to the sheet in between.
func TestUpgrade(t *testing.T) {
	cases := []struct {
		name, zap string
		edit      func(*testing.T, *frozenSheet)
		want      string // of the added rows
	}{
		{"as it was", "signups", nil, ""},
		{"as it was", "leads", nil, ""},
		{"as it was", "moved", nil, ""},
		{"as it was", "doubted", nil, ""},
		{"as it was, in shadow then paused", "shadowed", nil, ""},
		{
			"appended", "signups", func(_ *testing.T, s *frozenSheet) {
				s.insert(len(s.Rows), somebody("x@new.example"), somebody("y@new.example"))
			},
			"x@new.example:queued y@new.example:queued",
		},
		{"inserted", "signups", func(_ *testing.T, s *frozenSheet) {
			s.insert(20, somebody("x@new.example"))
			s.insert(0, somebody("y@new.example"))
		}, "y@new.example:queued x@new.example:queued"},
		{"half-typed", "signups", func(_ *testing.T, s *frozenSheet) { s.insert(3, []any{nil, "Half"}) }, ":waiting"},
		{"sorted", "signups", func(_ *testing.T, s *frozenSheet) { sortBy(s, 1) }, ""},
		{"sorted, with a new one", "signups", func(_ *testing.T, s *frozenSheet) {
			s.insert(0, somebody("x@new.example"))
			sortBy(s, 2)
		}, "x@new.example:queued"},
		{"reversed, a row deleted, another edited", "signups", func(_ *testing.T, s *frozenSheet) {
			slices.Reverse(s.Rows)
			s.Rows = slices.Delete(s.Rows, 4, 5)
			s.Rows[12][6] = "Mumbai"
		}, ""},
		{"vanished rows come back", "signups", func(_ *testing.T, s *frozenSheet) {
			for i := 33; i < 36; i++ { // deleted before the upgrade
				s.insert(len(s.Rows), frozenPerson(i))
			}
		}, ""},
		{"a column is inserted, another renamed", "signups", func(_ *testing.T, s *frozenSheet) {
			s.Header = slices.Insert(slices.Clone(s.Header), 1, "Source")
			s.Header[len(s.Header)-1] = "Town"
			for i := range s.Rows {
				s.Rows[i] = slices.Insert(slices.Clone(s.Rows[i]), 1, any("web"))
			}
		}, ""},
		{"appended with a key", "leads", func(_ *testing.T, s *frozenSheet) {
			s.insert(len(s.Rows), []any{"R-9999", "x@new.example", "gold", "new"})
			s.insert(0, []any{"R-9998", "y@new.example", "gold", "new"})
		}, "R-9998:queued R-9999:queued"},
		{"keys sorted and edited", "leads", func(_ *testing.T, s *frozenSheet) {
			sortBy(s, 1)
			for _, r := range s.Rows {
				r[3] = "won"
			}
		}, ""},
		{"vanished keys come back, edited", "leads", func(_ *testing.T, s *frozenSheet) {
			s.insert(5, []any{"R-0217", "another@example.com", "gold", "lost"}, []any{"R-0224", "lead32@example.com", "gold", "lost"})
		}, ""},
		{"a key stands there again", "leads", func(_ *testing.T, s *frozenSheet) {
			s.insert(len(s.Rows), []any{"R-0007", "lead1@example.com", "basic", "won"})
		}, "R-0007:held"},
		{"a blank key is filled in", "leads", func(t *testing.T, s *frozenSheet) {
			i := slices.IndexFunc(s.Rows, func(r []any) bool { return r[1] == "nokey@example.com" })
			s.Rows[i][0] = "R-9000"
		}, ""},
		{
			"doubted before, believed now, with a new one", "doubted", func(_ *testing.T, s *frozenSheet) { s.insert(2, somebody("x@new.example")) },
			"x@new.example:queued",
		},
		{
			"added while it was paused", "shadowed", func(_ *testing.T, s *frozenSheet) { s.insert(1, somebody("x@new.example")) },
			"x@new.example:queued",
		},
		{
			"added to what it watches since it came back", "moved", func(_ *testing.T, s *frozenSheet) { s.insert(0, somebody("x@new.example")) },
			"x@new.example:queued",
		},
	}
	for _, c := range cases {
		for _, restored := range []bool{false, true} {
			if restored && !strings.HasPrefix(c.name, "appended") {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s/restored %t", c.zap, c.name, restored), func(t *testing.T) {
				u := upgrade(t, restored)
				if c.edit != nil {
					c.edit(t, u.sheet(c.zap, 0))
					u.serve(t)
				}
				if restored || c.zap == "shadowed" {
					if _, err := u.Poll(t.Context(), c.zap); !errors.Is(err, ErrPaused) {
						t.Fatalf("%v, want ErrPaused", err)
					}
					if err := u.Resume(t.Context(), c.zap, false); err != nil {
						t.Fatal(err)
					}
				}
				// The first poll after the upgrade, one with today's hashes, and one without
				// changes.
				for range 3 {
					u.poll(t, c.zap)
					if got := u.added(t, c.zap); got != c.want {
						t.Fatalf("found %q, want %q", got, c.want)
					}
				}
			})
		}
	}
}

// TestUpgradeSkips: rows added before and after the upgrade while the zap was paused are skipped if
// an operator says so.
func TestUpgradeSkips(t *testing.T) {
	u := upgrade(t, false)
	u.sheet("shadowed", 0).insert(1, somebody("x@new.example"))
	u.serve(t)
	if err := u.Resume(t.Context(), "shadowed", true); err != nil {
		t.Fatal(err)
	}
	u.poll(t, "shadowed")
	if got := u.added(t, "shadowed"); got != "x@new.example:skipped" {
		t.Errorf("found %q, want x@new.example:skipped", got)
	}
}

// TestUpgradeBackfill: a backfill and why know the rows that fired before the upgrade, even before
// any read with today's hashes, and rows added in between are found once.
func TestUpgradeBackfill(t *testing.T) {
	for zap, want := range map[string][2]int{"signups": {22, 25}, "leads": {29, 10}} {
		u := upgrade(t, false)
		for row, reason := range map[int]string{2: "queued as signups/23", 3: "already there at the first read, so it was not sent", 26: "sent as signups/1"} {
			if w, err := u.Why(t.Context(), "signups", row); err != nil || !strings.HasPrefix(w.Reason, reason) {
				t.Errorf("why row %d: %q, %v, want %q", row, w.Reason, err, reason)
			}
		}
		s := u.sheet(zap, 0)
		row := somebody("x@new.example")
		if zap == "leads" {
			row = []any{"R-9999", "x@new.example", "gold", "new"}
		}
		s.insert(len(s.Rows), row)
		u.serve(t)
		done, err := u.Backfill(t.Context(), zap, "", false, nil)
		if err != nil || done.Queued != want[0] || done.Delivered != want[1] {
			t.Errorf("%s: %+v, %v, want %v queued and delivered", zap, done, err, want)
		}
		u.poll(t, zap)
		u.poll(t, zap)
		ds, err := u.Deliveries(t.Context(), ledger.Query{Zap: zap})
		if err != nil {
			t.Fatal(err)
		}
		firsts := map[string]int{}
		for _, d := range ds {
			if d.First == 0 && d.Row.Cell(0).Text != "" {
				firsts[d.Row.Cell(0).Text]++
			}
		}
		for first, n := range firsts {
			if n > 1 && first != "R-0021" && first != "Person9@example.com" { // held before the upgrade: either may be the other
				t.Errorf("%s: %s has %d deliveries", zap, first, n)
			}
		}
		if firsts[fmt.Sprint(row[0])] != 1 {
			t.Errorf("%s: the row added in between has %d deliveries", zap, firsts[fmt.Sprint(row[0])])
		}
	}
}
