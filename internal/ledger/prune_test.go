package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// finished returns outcomes of consecutive deliveries, one letter each: s(ent), f(ailed), h(eld), -
// (left queued).
func finished(first uint64, letters string) []ledger.Outcome {
	states := map[rune]ledger.State{'s': ledger.Sent, 'f': ledger.Failed, 'h': ledger.Held}
	var out []ledger.Outcome
	for i, c := range letters {
		if c == '-' {
			continue
		}
		n := first + uint64(i)
		o := ledger.Outcome{Number: n, State: states[c], Identity: fmt.Sprintf("user%d@example.com", n), CountAttempt: true, Reason: fmt.Sprintf("private %d", n)}
		o.Problem = &ledger.Problem{Message: fmt.Sprintf("private %d", n)}
		o.Answer = &ledger.Answer{At: noon, HTTPStatus: 200, Status: fmt.Sprintf("private %d", n)}
		out = append(out, o)
	}
	return out
}

// An open row does not keep its neighbors.
func TestPruneTakesEachRowForItself(t *testing.T) {
	const day = 24 * time.Hour
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("q", 1000)+"whqqk"))
	must(t, f.Finish(t.Context(), signups, finished(1, states(1000, map[int]rune{3: 'f', 500: 'f', 501: 'h', 700: '-'})), noon))
	must(t, f.Finish(t.Context(), signups, finished(1003, "sf"), noon.Add(day)))
	edited := sheetRow(4)
	edited.Cells[0] = row.TextCell("edited@example.com")
	f.commit(signups, ledger.Poll{At: noon, Header: header, Changes: []ledger.Change{{Delivery: 500, Row: &edited}, {Delivery: 3, Row: &edited}}})
	// With cells of its own.
	_, err := f.Move(t.Context(), signups, []uint64{3}, []ledger.State{ledger.Failed}, ledger.Discarded, "private 3", noon)
	must(t, err)
	counts := f.zap(signups).Counts

	_, err = f.Prune(t.Context(), noon.Add(time.Second), 1<<20)
	must(t, err)
	if ds, err := f.Deliveries(t.Context(), ledger.Query{}); err != nil || len(ds) != 1005 {
		t.Fatalf("within half a day %d deliveries are left, %v; none is late", len(ds), err)
	}
	_, err = f.Prune(t.Context(), noon.Add(12*time.Hour+time.Second), 1<<20)
	must(t, err)
	for range 2 { // and as stored
		ds, err := f.Deliveries(t.Context(), ledger.Query{})
		must(t, err)
		if got, want := numbers(ds), []uint64{1004, 1003, 1002, 1001, 700, 501, 500}; !slices.Equal(got, want) {
			t.Fatalf("deliveries %v, want %v", got, want)
		}
		if d := diff(edited, f.delivery(signups, 500).Row); d != "" {
			t.Errorf("the row of a kept delivery (-want +got):\n%s", d)
		}
		if d := f.delivery(signups, 501); d.Identity != "user501@example.com" || d.Row.Cells[0].Text != "user501@example.com" {
			t.Errorf("a kept delivery: %+v", d)
		}
		for _, n := range []uint64{1, 3, 499, 502, 1000, 1005} {
			if state, err := f.StateOf(t.Context(), signups, n); err != nil || state != 0 {
				t.Errorf("StateOf(%d) = %s, %v", n, state, err)
			}
			if _, ok, err := f.Delivery(t.Context(), signups, n); ok || err != nil {
				t.Errorf("Delivery(%d): %t, %v", n, ok, err)
			}
		}
		f.reopen()
	}
	open, err := f.OpenRows(t.Context(), signups)
	must(t, err)
	want := map[uint64]ledger.State{500: ledger.Failed, 501: ledger.Held, 700: ledger.Queued, 1001: ledger.Waiting, 1002: ledger.Held, 1004: ledger.Failed}
	if d := diff(want, open); d != "" {
		t.Errorf("open (-want +got):\n%s", d)
	}
	if got := f.zap(signups).Counts; got != counts {
		t.Errorf("counts %+v, want %+v as before", got, counts)
	}
	for _, text := range ledger.TextsOf(t, f.Ledger, signups) {
		for n := 1; n <= 1005; n++ {
			if _, kept := open[uint64(n)]; kept || n == 1003 {
				continue
			}
			for _, private := range []string{fmt.Sprintf("user%d@", n), fmt.Sprintf("private %d", n)} {
				if i := strings.Index(text, private); i >= 0 && (len(text) == i+len(private) || text[i+len(private)-1] == '@' || text[i+len(private)] < '0' || text[i+len(private)] > '9') {
					t.Fatalf("%q is still stored", private)
				}
			}
		}
	}
	// Pruned deliveries cannot be moved, and the zap continues.
	moved, err := f.Move(t.Context(), signups, []uint64{1, 500}, []ledger.State{ledger.Sent, ledger.Failed}, ledger.Queued, "", noon)
	if err != nil || !slices.Equal(moved, []uint64{500}) {
		t.Errorf("Move = %v, %v, want only 500", moved, err)
	}
	f.commit(signups, pollOf(1006, "q"))
	if got := f.delivery(signups, 1006).Row; got.Number != 1007 {
		t.Errorf("the next delivery has row %+v", got)
	}
}

// states returns letters for [finished], s unless given.
func states(n int, others map[int]rune) string {
	letters := []rune(strings.Repeat("s", n))
	for at, c := range others {
		letters[at-1] = c
	}
	return string(letters)
}

// With a few rows per day, each is removed at most a day after it is older than the history, and a
// value is rewritten at most twice a day.
func TestPruneKeepsToTheHistory(t *testing.T) {
	const hour, history, days = time.Hour, 2 * 24 * time.Hour, 6
	f := newFile(t)
	next, now, rewritten := uint64(1), noon, 0
	for range 24 * days {
		now = now.Add(hour)
		p := pollOf(next, "qq")
		p.At = now
		f.commit(signups, p)
		must(t, f.Finish(t.Context(), signups, finished(next, "ss"), now))
		next += 2
		before := f.delivery(signups, next-1)
		done, err := f.Prune(t.Context(), now.Add(-history), 1000)
		must(t, err)
		if done > 0 {
			rewritten++
		}
		if d := diff(before, f.delivery(signups, next-1)); d != "" {
			t.Fatalf("the newest delivery (-want +got):\n%s", d)
		}
		ds, err := f.Deliveries(t.Context(), ledger.Query{Zap: signups})
		must(t, err)
		if oldest := ds[len(ds)-1]; now.Sub(oldest.UpdatedAt) > history+13*hour {
			t.Fatalf("%s: %s is %s old", now, oldest.ID(), now.Sub(oldest.UpdatedAt))
		}
	}
	if rewritten < days || rewritten > 2*days {
		t.Errorf("rows were removed %d times in %d days with an hourly Prune, want at most twice a day", rewritten, days)
	}
}
