package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// nextDelivery returns the number that a zap's next new row gets, judging by its deliveries.
func (r *rig) nextDelivery(t testing.TB, name string) uint64 {
	t.Helper()
	ds, err := r.ledger.Deliveries(t.Context(), ledger.Query{Zap: name, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(ds) == 0 {
		return 1
	}
	return ds[0].Number + 1
}

// found commits new rows of a zap, given the e-mail of each and their state.
func (r *rig) found(t testing.TB, name string, at time.Time, state ledger.State, emails ...string) {
	t.Helper()
	next := r.nextDelivery(t, name)
	p := ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Header: row.HeaderOf([]string{"Email", "Score"}), Zone: "Etc/UTC",
		Action: r.current().Recipe(name).Actions[0].Name, At: at,
	}
	for i, email := range emails {
		n := next + uint64(i)
		p.New = append(p.New, ledger.NewRow{State: state, Row: row.Row{
			Number: int(n) + 1, Cells: []row.Cell{row.TextCell(email), row.NumberCell(float64(n))},
		}})
	}
	if _, err := r.ledger.Commit(t.Context(), name, p); err != nil {
		t.Fatal(err)
	}
}

// sent marks deliveries of a zap as sent, each to the user of its row.
func (r *rig) sent(t testing.TB, name string, at time.Time, numbers ...uint64) {
	t.Helper()
	var out []ledger.Outcome
	err := r.ledger.Scan(t.Context(), name, []ledger.State{ledger.Queued}, numbers, func(d ledger.Delivery) error {
		out = append(out, ledger.Outcome{Number: d.Number, State: ledger.Sent, Identity: d.Row.Cells[0].Text})
		return nil
	})
	if err == nil {
		err = r.ledger.Finish(t.Context(), name, out, at)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestADryRunCounts: a dry run counts what would be done, lists no IDs and changes nothing.
func TestADryRunCounts(t *testing.T) {
	r := newRig(t, map[string]string{"p": profileZap("production"), "e": eventZap("production")})
	now := r.now()
	for _, name := range []string{"p", "e"} {
		r.found(t, name, now.Add(-3*time.Hour), ledger.Held, "a@example.com", "b@example.com")
		r.found(t, name, now, ledger.Queued, "a@example.com", "c@example.com")
		r.sent(t, name, now, 3, 4)
		r.found(t, name, now, ledger.Held, "d@example.com")
	}
	tests := []struct {
		name  string
		do    Action
		sel   Selection
		count int
		stale int
		would Foreseen
	}{
		{"profiles", Release, Selection{Zap: "p"}, 2, 1, Foreseen{Profiles: 2}},
		{"profiles, superseded ones included", Release, Selection{Zap: "p", Again: true}, 3, 0, Foreseen{Profiles: 3}},
		{"events", Release, Selection{Zap: "e"}, 3, 0, Foreseen{Events: 3, OldEvents: 2}},
		{"events sent before", Replay, Selection{Zap: "e", Again: true}, 2, 0, Foreseen{Events: 2, Repeated: 2}},
		{"of all zaps", Release, Selection{State: ledger.Held}, 5, 1, Foreseen{Profiles: 2, Events: 3, OldEvents: 2}},
		{"by name", Release, Selection{IDs: []string{"p/1", "e/1", "e/3"}}, 1, 1, Foreseen{Events: 1, OldEvents: 1}},
		{"to discard", Discard, Selection{Zap: "p"}, 3, 0, Foreseen{}},
	}
	for _, tt := range tests {
		tt.sel.DryRun = true
		done, err := r.Act(t.Context(), tt.do, tt.sel)
		if err != nil || done.Count != tt.count || done.Stale != tt.stale || done.Would == nil || *done.Would != tt.would || len(done.IDs) > 0 {
			t.Errorf("%s: %+v (%+v), %v", tt.name, done, done.Would, err)
		}
	}
	if p, e := r.states(t, "p"), r.states(t, "e"); p != "hhssh" || e != "hhssh" {
		t.Errorf("states %s and %s: a dry run changed something", p, e)
	}
}

// TestARowOlderThanTheHistoryNeedsAgain: which users newer rows have updated is no longer known.
func TestARowOlderThanTheHistoryNeedsAgain(t *testing.T) {
	r := newRig(t, map[string]string{"p": profileZap("production"), "e": eventZap("production")})
	now := r.now()
	for _, name := range []string{"p", "e"} {
		r.found(t, name, now.Add(-60*24*time.Hour), ledger.Held, "a@example.com")
		r.found(t, name, now.Add(-60*24*time.Hour), ledger.Queued, "b@example.com", "a@example.com")
		r.sent(t, name, now.Add(-59*24*time.Hour), 2, 3)
		r.found(t, name, now.Add(-time.Hour), ledger.Held, "c@example.com")
	}
	if _, err := r.ledger.Prune(t.Context(), now.Add(-30*24*time.Hour), 1000); err != nil {
		t.Fatal(err)
	}
	if p := r.states(t, "p"); p != "hh" {
		t.Fatalf("states %s after a Prune, want hh", p)
	}
	done, err := r.Act(t.Context(), Release, Selection{Zap: "p"})
	if err != nil || done.Stale != 1 || !slices.Equal(done.IDs, []string{"p/4"}) {
		t.Errorf("Release = %+v, %v, want p/4 alone", done, err)
	}
	if done, err = r.Act(t.Context(), Release, Selection{Zap: "p", Again: true}); err != nil || !slices.Equal(done.IDs, []string{"p/1"}) {
		t.Errorf("Release with Again = %+v, %v, want p/1", done, err)
	}
	if done, err = r.Act(t.Context(), Release, Selection{Zap: "e"}); err != nil || done.Count != 2 {
		t.Errorf("Release of events = %+v, %v, want both", done, err)
	}
}

// TestOnceRemovesWhatIsPastTheHistory: if rowtap runs only from cron, nothing else removes it.
func TestOnceRemovesWhatIsPastTheHistory(t *testing.T) {
	r := newRig(t, map[string]string{"e": eventZap("production")})
	old := r.now().Add(-60 * 24 * time.Hour)
	r.found(t, "e", old, ledger.Queued, "a@example.com", "b@example.com")
	r.sent(t, "e", old, 1)
	r.once(t)
	if got := r.states(t, "e"); got != "s" {
		t.Errorf("states %s, want s: only the row sent now", got)
	}
}

// TestACorrectedRowOlderThanTheHistoryIsHeld: otherwise it would be sent at once.
func TestACorrectedRowOlderThanTheHistoryIsHeld(t *testing.T) {
	r := newRig(t, map[string]string{"p": profileZap("production")})
	r.append(t, [2]string{"a@example.com", "1"}, [2]string{"b@example.com", "1"})
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "a@example.com", Code: 515, Times: 1})
	r.once(t)
	if got := r.states(t, "p"); got != "fs" {
		t.Fatalf("states %s, want fs", got)
	}
	if _, err := r.ledger.Prune(t.Context(), r.now().Add(13*time.Hour), 1000); err != nil {
		t.Fatal(err)
	}
	if err := r.box.Sheets().Set("book", "Signups", 2, 2, sandbox.Number(7)); err != nil {
		t.Fatal(err)
	}
	r.poll(t, "p")
	ds, err := r.Deliveries(t.Context(), ledger.Query{Zap: "p"})
	if err != nil || len(ds) != 1 || ds[0].State != ledger.Held || !strings.Contains(ds[0].Reason, "past state.history") {
		t.Errorf("%+v, %v: want it held, because the history no longer covers it", ds, err)
	}
}

// TestShadowOvertakesNothing: validated rows have not updated anyone.
func TestShadowOvertakesNothing(t *testing.T) {
	r := newRig(t, map[string]string{"p": "shadow: true\n" + profileZap("production")})
	r.found(t, "p", r.now(), ledger.Held, "a@example.com")
	r.append(t, [2]string{"x@example.com", "1"})
	r.poll(t, "p")
	r.append(t, [2]string{"a@example.com", "1"})
	r.once(t)
	if got := r.states(t, "p"); !strings.HasSuffix(got, "v") {
		t.Fatalf("states %s", got)
	}
	if done, err := r.Act(t.Context(), Release, Selection{IDs: []string{"p/1"}}); err != nil || done.Count != 1 {
		t.Errorf("Release = %+v, %v, want 1", done, err)
	}
}

// BenchmarkAct releases, discards and replays 20,000 profile rows of a zap that has sent the same
// number of rows before, and ten times as many.
//
//	go test -run '^$' -bench Act -benchtime 3x ./internal/engine
func BenchmarkAct(b *testing.B) {
	const rows = 20_000
	emails := make([]string, rows)
	numbers := make([]uint64, rows)
	for _, history := range []int{rows, 10 * rows} {
		r := newRigAt(b, map[string]string{"p": profileZap("production")}, nil)
		next := uint64(1)
		for sent := 0; sent < history; sent += rows {
			for i := range emails {
				emails[i], numbers[i] = fmt.Sprintf("u%d@example.com", sent+i), next+uint64(i)
			}
			r.found(b, "p", r.now(), ledger.Queued, emails...)
			r.sent(b, "p", r.now(), numbers...)
			next += rows
		}
		for i := range emails {
			emails[i], numbers[i] = fmt.Sprintf("held%d@example.com", i), next+uint64(i)
		}
		r.found(b, "p", r.now(), ledger.Held, emails...)
		for _, do := range []struct {
			Action
			state ledger.State
		}{{Release, ledger.Held}, {Discard, ledger.Held}, {Replay, ledger.Failed}} {
			b.Run(fmt.Sprintf("%s/sent=%d", do.Action, history), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					states := []ledger.State{ledger.Queued, ledger.Discarded, ledger.Held, ledger.Failed}
					if _, err := r.ledger.Move(b.Context(), "p", numbers, states, ledger.Held, "", r.now()); err != nil {
						b.Fatal(err)
					}
					if do.state == ledger.Failed {
						if _, err := r.ledger.Move(b.Context(), "p", numbers, states, ledger.Queued, "", r.now()); err != nil {
							b.Fatal(err)
						}
						var out []ledger.Outcome
						for _, n := range numbers {
							out = append(out, ledger.Outcome{Number: n, State: ledger.Failed})
						}
						if err := r.ledger.Finish(b.Context(), "p", out, r.now()); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
					if done, err := r.Act(b.Context(), do.Action, Selection{Zap: "p"}); err != nil || done.Count != rows {
						b.Fatalf("%d, %v", done.Count, err)
					}
				}
			})
		}
	}
}

// TestAgainNeedsAZap: deliveries sent by a removed zap are not queued again, neither by name nor
// with all zaps.
func TestAgainNeedsAZap(t *testing.T) {
	r := newRig(t, map[string]string{"e": eventZap("production"), "gone": eventZap("production")})
	for _, name := range []string{"e", "gone"} {
		r.found(t, name, r.now(), ledger.Queued, "a@example.com")
		r.sent(t, name, r.now(), 1)
	}
	r.write(t, "gone", "")
	for _, sel := range []Selection{{IDs: []string{"e/1", "gone/1"}, Again: true}, {Zap: "gone", Again: true}} {
		if done, err := r.Act(t.Context(), Replay, sel); !errors.Is(err, ErrRemoved) || done.Count != 0 {
			t.Errorf("%+v: %+v, %v; want ErrRemoved and nothing done", sel, done, err)
		}
	}
	if done, err := r.Act(t.Context(), Replay, Selection{IDs: []string{"e/1"}}); err != nil || done.Count != 0 || done.Sent != 1 {
		t.Errorf("without Again: %+v, %v; want one sent before", done, err)
	}
	if done, err := r.Act(t.Context(), Replay, Selection{State: ledger.Sent, Again: true}); err != nil || !slices.Equal(done.IDs, []string{"e/1"}) {
		t.Errorf("of all zaps: %+v, %v; want e/1", done, err)
	}
}
