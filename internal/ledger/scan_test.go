package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestScan(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("q", 999)+"hh"+strings.Repeat("q", 1500)+"wk"))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed}, 3, 2000), noon.Add(-time.Hour)))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 2, 4), noon.Add(-time.Hour)))
	_, err := f.Prune(t.Context(), noon.Add(12*time.Hour), 1<<20) // 2 and 4 are gone
	must(t, err)
	failed, held := []ledger.State{ledger.Failed}, []ledger.State{ledger.Held, ledger.Waiting}
	tests := []struct {
		name    string
		states  []ledger.State
		numbers []uint64
		want    []uint64
	}{
		{"of all", failed, nil, []uint64{3, 2000}},
		{"several states", held, nil, []uint64{1000, 1001, 2502}},
		{"of some", failed, []uint64{2000, 5, 2, 3, 3}, []uint64{3, 2000}},
		{"of none", failed, []uint64{}, nil},
		{"gone ones", []ledger.State{ledger.Sent}, []uint64{2, 4}, nil},
	}
	// Not requested below.
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Held}, 1), noon))
	tests[1].want = append([]uint64{1}, tests[1].want...)
	for _, tt := range tests {
		var got []uint64
		err := f.Scan(t.Context(), signups, tt.states, tt.numbers, func(d ledger.Delivery) error {
			got = append(got, d.Number)
			if diff(f.delivery(signups, d.Number), d) != "" { // fn may call the ledger
				t.Errorf("%s: %+v differs from Delivery", tt.name, d)
			}
			return nil
		})
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
	none := func(ledger.Delivery) error { return nil }
	for _, n := range []uint64{0, 2504} {
		if err := f.Scan(t.Context(), signups, failed, []uint64{n}, none); !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("Scan of number %d: %v, want ErrUnknown", n, err)
		}
	}
	if err := f.Scan(t.Context(), "nobody", failed, nil, none); err != nil {
		t.Errorf("Scan of an unknown zap: %v", err)
	}
	enough := errors.New("enough")
	if err := f.Scan(t.Context(), signups, failed, nil, func(ledger.Delivery) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("an error of fn: %v", err)
	}
}

func TestSentSince(t *testing.T) {
	f := newFile(t)
	p := pollOf(1, strings.Repeat("q", 1500))
	f.commit(signups, p)
	p = pollOf(1501, "wqq")
	p.Shadow = true
	f.commit(signups, p)
	live := sheetRow(1501) // found in shadow mode, ready afterwards
	f.commit(signups, ledger.Poll{At: noon, Header: header, Changes: []ledger.Change{{Delivery: 1501, Row: &live, State: ledger.Queued}}})
	var out []ledger.Outcome
	for _, n := range []uint64{1, 3, 1000, 1001, 1400, 1501, 1502} {
		out = append(out, ledger.Outcome{Number: n, State: ledger.Sent, Identity: fmt.Sprint("u", n), Then: map[uint64]string{1400: "Upload Event 2"}[n]})
	}
	must(t, f.Finish(t.Context(), signups, out, noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent, Identity: "u1400"}, 1504), noon))
	check := func(when string, from, wantGone uint64, want ...string) {
		t.Helper()
		var got []string
		gone, err := f.SentSince(t.Context(), signups, from, func(d ledger.Delivery) {
			got = append(got, fmt.Sprintf("%d/%d %s %s", d.Number, d.Origin(), d.Identity, d.Action))
			whole := f.delivery(signups, d.Number)
			if d.Action != whole.Action || d.Identity != whole.Identity {
				t.Errorf("%s: %+v; the delivery is %+v", when, d, whole)
			}
		})
		must(t, err)
		if d := diff(want, got); gone != wantGone || d != "" {
			t.Errorf("%s: gone %d, want %d; (-want +got):\n%s", when, gone, wantGone, d)
		}
	}
	const event = "Upload Event"
	check("all", 0, 0, "1504/1400 u1400 "+event+" 2", "1502/1502 u1502 "+event, "1501/1501 u1501 "+event,
		"1400/1400 u1400 "+event, "1001/1001 u1001 "+event, "1000/1000 u1000 "+event, "3/3 u3 "+event, "1/1 u1 "+event)
	check("from one on", 1401, 0, "1504/1400 u1400 "+event+" 2", "1502/1502 u1502 "+event, "1501/1501 u1501 "+event)

	later := noon.Add(24 * time.Hour)
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent, Identity: "late"}, 2), later))
	_, err := f.Prune(t.Context(), noon.Add(13*time.Hour), 1<<20)
	must(t, err)
	check("after a Prune", 0, 1504, "2/2 late "+event)
	check("of a number that is gone", 1504, 1504)
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, 1503), later))
	f.commit(signups, pollOf(1505, "qq"))
	check("above all that is gone", 1505, 0)
	check("a tombstone", 1002, 1504, "1503/1503  "+event)
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, upTo(4, 999)...), later))
	_, err = f.Prune(t.Context(), later.Add(time.Hour), 1<<20)
	must(t, err)
	check("a whole chunk is gone", 1, 1504, "1503/1503  "+event)
	if gone, err := f.SentSince(t.Context(), "nobody", 1, nil); gone != 0 || err != nil {
		t.Errorf("of an unknown zap: %d, %v", gone, err)
	}
}
