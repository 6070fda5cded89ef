package ledger_test

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Schema 4 called deliveries validated in shadow mode sent. The migration corrects those whose row
// was found, or became ready, in shadow mode.
func TestValidateShadow(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("q", 1500)))
	p := pollOf(1501, "wqqqf")
	p.New[4].State = ledger.Queued
	p.Shadow = true
	f.commit(signups, p)
	live := sheetRow(1501) // found in shadow mode, ready afterwards
	f.commit(signups, ledger.Poll{At: noon, Header: header, Changes: []ledger.Change{{Delivery: 1501, Row: &live, State: ledger.Queued}}})
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 1, 1000, 1001, 1501, 1502, 1503), noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed, Problem: &ledger.Problem{Message: "x"}}, 1505), noon))
	must(t, ledger.ValidateShadow(t.Context(), f.Ledger))
	for n, want := range map[uint64]ledger.State{
		1: ledger.Sent, 2: ledger.Queued, 1001: ledger.Sent, 1501: ledger.Sent, 1502: ledger.Validated, 1503: ledger.Validated,
		1504: ledger.Queued, 1505: ledger.Failed,
	} {
		if got := f.delivery(signups, n).State; got != want {
			t.Errorf("delivery %d is %s, want %s", n, got, want)
		}
	}
	z := f.zap(signups)
	if z.Counts.Sent != 4 || z.Counts.Validated != 2 || len(z.Hours) != 1 || z.Hours[0].Sent != 4 || z.Hours[0].Validated != 2 {
		t.Errorf("counts %+v, hours %+v; want 4 sent and 2 validated", z.Counts, z.Hours)
	}
	for state, want := range map[ledger.State]int{ledger.Sent: 4, ledger.Validated: 2} {
		ds, err := f.Deliveries(t.Context(), ledger.Query{Zap: signups, State: state})
		if err != nil || len(ds) != want {
			t.Errorf("%d deliveries are %s, %v; want %d", len(ds), state, err, want)
		}
	}
	for _, wrong := range damages(t, f.Ledger) {
		t.Error(wrong)
	}
}
