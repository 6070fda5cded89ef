package ledger_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestDeliveriesListsNewestFirst(t *testing.T) {
	f := newFile(t)
	// The clock goes back at the third poll; the order of detection does not.
	for i, p := range []struct {
		zap   string
		first uint64
		rows  string
		at    int // minutes after noon
	}{{"a", 1, "qk", 0}, {"b", 1, "qq", 10}, {"a", 3, "hk", 5}, {"b", 3, "k", 5}, {"a", 5, "q", 6}} {
		poll := pollOf(p.first, p.rows)
		poll.At = noon.Add(time.Duration(p.at) * time.Minute)
		if i == 2 {
			poll.New[1].Row.Number = 99
		}
		f.commit(p.zap, poll)
	}
	all := []string{"a/5", "b/3", "a/4", "a/3", "b/2", "b/1", "a/2", "a/1"}
	tests := []struct {
		query ledger.Query
		want  []string
	}{
		{ledger.Query{}, all},
		{ledger.Query{Limit: 3}, all[:3]},
		{ledger.Query{Before: "a/4", Limit: 3}, all[3:6]},
		{ledger.Query{Before: "b/2"}, all[5:]},
		{ledger.Query{Before: "a/1"}, []string{}},
		{ledger.Query{Zap: "a"}, []string{"a/5", "a/4", "a/3", "a/2", "a/1"}},
		{ledger.Query{Zap: "a", Before: "a/3"}, []string{"a/2", "a/1"}},
		{ledger.Query{Zap: "a", State: ledger.Skipped}, []string{"a/4", "a/2"}},
		{ledger.Query{State: ledger.Skipped, Limit: 2}, []string{"b/3", "a/4"}},
		{ledger.Query{State: ledger.Failed}, []string{}},
		{ledger.Query{State: 77}, []string{}},
		{ledger.Query{Row: 99}, []string{"a/4"}},
		{ledger.Query{Row: 2}, []string{"b/1", "a/1"}},
		{ledger.Query{Zap: "nobody"}, []string{}},
	}
	for _, tt := range tests {
		ds, err := f.Deliveries(t.Context(), tt.query)
		must(t, err)
		if got := ids(ds); !slices.Equal(got, tt.want) {
			t.Errorf("Deliveries(%+v)\n got %v\nwant %v", tt.query, got, tt.want)
		}
	}
	for _, tt := range []struct {
		query ledger.Query
		want  error
	}{
		{ledger.Query{Before: "a"}, ledger.ErrBadID},
		{ledger.Query{Before: "a/0"}, ledger.ErrBadID},
		{ledger.Query{Before: "b/1", Zap: "a"}, ledger.ErrBadID},
		{ledger.Query{Before: "a/99"}, ledger.ErrUnknown},
		{ledger.Query{Before: "nobody/1"}, ledger.ErrUnknown},
		{ledger.Query{Before: "/1"}, ledger.ErrBadID},
	} {
		if _, err := f.Deliveries(t.Context(), tt.query); !errors.Is(err, tt.want) {
			t.Errorf("Deliveries(%+v): %v, want %v", tt.query, err, tt.want)
		}
	}
}

func TestDeliveriesInPagesAreTheListing(t *testing.T) {
	f := newFile(t)
	next := map[string]uint64{}
	for i := range 60 {
		zap := string(rune('a' + i%3))
		rows := strings.Repeat("qkh"[i%3:i%3+1], 1+i*i%90)
		f.commit(zap, pollOf(next[zap]+1, rows))
		next[zap] += uint64(len(rows))
	}
	for _, q := range []ledger.Query{{}, {State: ledger.Held}, {Zap: "b"}} {
		ds, err := f.Deliveries(t.Context(), q)
		must(t, err)
		want := ids(ds)
		var got []string
		for q.Limit = 37; ; {
			page, err := f.Deliveries(t.Context(), q)
			must(t, err)
			if len(page) == 0 {
				break
			}
			got = append(got, ids(page)...)
			q.Before = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %d deliveries in pages, %d at once, or the order differs", q, len(got), len(want))
		}
	}
}

func TestPrune(t *testing.T) {
	f := newFile(t)
	p := pollOf(1, strings.Repeat("k", 2500)+"h")
	f.commit(signups, p)
	edited := sheetRow(1)
	f.commit(signups, ledger.Poll{At: noon, Header: header, Changes: []ledger.Change{{Delivery: 2501, Row: &edited}}})

	prune := func(before time.Time, limit, want int) {
		t.Helper()
		got, err := f.Prune(t.Context(), before, limit)
		must(t, err)
		if got != want {
			t.Errorf("Prune(%s, %d) = %d, want %d", before.Format(time.TimeOnly), limit, got, want)
		}
	}
	prune(noon, 5000, 0) // updated at noon is not before noon
	prune(noon.Add(time.Second), 1, 1000)
	prune(noon.Add(time.Second), 5000, 1000)
	prune(noon.Add(time.Second), 5000, 0) // one is held
	moved, err := f.Move(t.Context(), signups, []uint64{1, 2501}, []ledger.State{ledger.Held, ledger.Skipped}, ledger.Discarded, "", noon)
	must(t, err)
	if !slices.Equal(moved, []uint64{2501}) {
		t.Errorf("moved %v, want only 2501, as 1 is pruned", moved)
	}
	prune(noon.Add(time.Second), 5000, 501)
	f.reopen()
	if got, want := f.zap(signups).Counts, (ledger.Counts{Skipped: 2500, Discarded: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if _, ok, err := f.Delivery(t.Context(), signups, 2501); ok || err != nil {
		t.Errorf("a pruned delivery: %t, %v", ok, err)
	}
	// A chunk that was deleted half full continues to be filled.
	f.commit(signups, pollOf(2502, "qqk"))
	f.commit(signups, ledger.Poll{At: noon, Changes: []ledger.Change{{Delivery: 2501, State: ledger.Queued}}})
	ds, err := f.Deliveries(t.Context(), ledger.Query{})
	must(t, err)
	if got, want := numbers(ds), []uint64{2504, 2503, 2502}; !slices.Equal(got, want) {
		t.Errorf("deliveries %v, want %v", got, want)
	}
	if d := diff(sheetRow(2503), f.delivery(signups, 2503).Row); d != "" {
		t.Errorf("row (-want +got):\n%s", d)
	}
}

func TestStatesAndIDs(t *testing.T) {
	for s := ledger.Waiting; s <= ledger.Validated; s++ {
		if got, err := ledger.ParseState(s.String()); got != s || err != nil {
			t.Errorf("ParseState(%q) = %d, %v; want %d", s, got, err, s)
		}
	}
	for _, bad := range []string{"", "unknown", "Sent"} {
		if _, err := ledger.ParseState(bad); err == nil {
			t.Errorf("ParseState(%q): no error", bad)
		}
	}
	tests := []struct {
		id, zap string
		n       uint64
	}{
		{"webinar-signups/1042", "webinar-signups", 1042},
		{"a/b/1", "a/b", 1},
	}
	for _, bad := range []string{"a/0", "a/", "/1", "", "1", "a/-1", "a/+1", "a/1x", "a/ 1", "a/18446744073709551616"} {
		if zap, n, err := ledger.ParseID(bad); !errors.Is(err, ledger.ErrBadID) {
			t.Errorf("ParseID(%q) = %q, %d, %v; want ErrBadID", bad, zap, n, err)
		}
	}
	for _, tt := range tests {
		zap, n, err := ledger.ParseID(tt.id)
		if zap != tt.zap || n != tt.n || err != nil {
			t.Errorf("ParseID(%q) = %q, %d, %v; want %q, %d", tt.id, zap, n, err, tt.zap, tt.n)
		}
	}
}

func TestSearch(t *testing.T) {
	f := newFile(t)
	const rows = 2500 // three chunks
	poll := pollOf(1, strings.Repeat("q", rows))
	f.commit("a", poll)
	f.commit("b", pollOf(1, "q"))
	var out []ledger.Outcome
	for n := uint64(1); n < rows; n++ { // the last one has no identity yet
		who := "User@example.com"
		if n%1000 == 7 {
			who = "Asha@Example.com"
		}
		out = append(out, ledger.Outcome{Number: n, State: ledger.Sent, Identity: who})
	}
	must(t, f.Finish(t.Context(), "a", out, noon))
	always := func() bool { return true }
	times := func(n int) func() bool {
		return func() bool { n--; return n >= 0 }
	}
	tests := []struct {
		name     string
		query    ledger.Query
		identity string
		goOn     func() bool
		want     []string
		before   string
	}{
		{"identity", ledger.Query{Limit: 9}, "asha@", always, []string{"a/2500", "a/2007", "a/1007", "a/7"}, ""},
		{"up to the limit", ledger.Query{Limit: 2}, "asha@", always, []string{"a/2500", "a/2007"}, "a/2007"},
		{"continued", ledger.Query{Limit: 9, Before: "a/2007"}, "asha@", always, []string{"a/1007", "a/7"}, ""},
		{"with a state", ledger.Query{Limit: 9, State: ledger.Sent}, "asha@", always, []string{"a/2007", "a/1007", "a/7"}, ""},
		{"row", ledger.Query{Limit: 9, Row: 12}, "", always, []string{"a/11"}, ""},
		{"stopped after one chunk", ledger.Query{Limit: 9, Row: 12}, "", times(1), []string{}, "a/2001"},
		{"stopped after two", ledger.Query{Limit: 9}, "asha@", times(2), []string{"a/2500", "a/2007", "a/1007"}, "a/1001"},
		{"no match", ledger.Query{Limit: 9, State: ledger.Sent}, "nobody", always, []string{}, ""},
	}
	for _, tt := range tests {
		tt.query.Zap = "a"
		got, err := f.Search(t.Context(), tt.query, tt.identity, tt.goOn)
		must(t, err)
		if got := ids(got.Deliveries); !slices.Equal(got, tt.want) {
			t.Errorf("%s: found %v, want %v", tt.name, got, tt.want)
		}
		if got.Before != tt.before || (got.Before != "") != got.Through.Equal(noon) {
			t.Errorf("%s: continues before %q (%v), want %q", tt.name, got.Before, got.Through, tt.before)
		}
	}
	if got, err := f.Search(t.Context(), ledger.Query{Zap: "nobody", Limit: 1}, "", always); err != nil || len(got.Deliveries) > 0 || got.Before != "" {
		t.Errorf("an unknown zap: %+v, %v", got, err)
	}
}

// TestEachEnds checks that an error of fn ends a listing and is returned unchanged.
func TestEachEnds(t *testing.T) {
	f := newFile(t)
	f.commit("a", pollOf(1, "qqqq"))
	enough, n := errors.New("enough"), 0
	err := f.Each(t.Context(), ledger.Query{}, func(ledger.Delivery) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || err.Error() != "enough" || n != 3 {
		t.Errorf("%d deliveries, %v; want the third to end it", n, err)
	}
}
