package poll

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// between is a transport that runs a function right before each read of cells.
type between struct{ before func(query string) }

func (b between) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "values") {
		b.before(r.URL.RawQuery)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestCellsThatWereNotKept checks that new and corrected rows of a worksheet that is too large to
// keep are read again, and that the whole worksheet is read again if they have moved.
func TestCellsThatWereNotKept(t *testing.T) {
	for _, shifted := range []bool{false, true} {
		zap := strings.Replace(fromNow(testZap), "start: now", "start: now, max_new_rows: 0, require: [Email]", 1)
		r := newRig(t, map[string]string{"e": zap})
		r.keptBytes = 1
		fetches := 0
		shift := false
		r.plan.Google["marketing"].Options.Transport = between{func(query string) {
			// Only a fetch requests several ranges of values as serials.
			if strings.Count(query, "ranges=") > 1 && strings.Contains(query, "SERIAL_NUMBER") {
				if fetches++; shift {
					shift = false
					if err := r.box.Sheets().Insert("book", "Signups", 2, []sandbox.Value{sandbox.Text("top@example.com"), sandbox.Number(1)}); err != nil {
						t.Error(err)
					}
				}
			}
		}}
		if err := r.box.Sheets().Set("book", "Signups", 1, 20, sandbox.Text("Far")); err != nil { // wide enough for three pages
			t.Fatal(err)
		}
		r.seed(t, 1, 12_000)
		r.append(t, [2]string{"", "7"}) // incomplete: it waits
		r.poll(t, "e")
		r.append(t, [2]string{"b@example.com", "8"}, [2]string{"c@example.com", "9"})
		if err := r.box.Sheets().Set("book", "Signups", 12_002, 1, sandbox.Text("a@example.com")); err != nil {
			t.Fatal(err)
		}
		if err := r.box.Sheets().Insert("book", "Signups", 100, []sandbox.Value{sandbox.Text("d@example.com"), sandbox.Number(10)}); err != nil {
			t.Fatal(err)
		}
		shift = shifted
		r.poll(t, "e")
		if fetches == 0 {
			t.Error("no rows were fetched: the test is none")
		}
		ds, err := r.opts.Ledger.Deliveries(t.Context(), ledger.Query{Zap: "e"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range ds {
			got = append(got, d.Row.Cell(0).String()+" "+d.Row.Cell(1).String()+" "+d.State.String())
		}
		slices.Sort(got)
		want := []string{"a@example.com 7 queued", "b@example.com 8 queued", "c@example.com 9 queued", "d@example.com 10 queued"}
		if shifted {
			want = append(want, "top@example.com 1 queued")
		}
		if !slices.Equal(got, want) {
			t.Errorf("shifted %t: got %q, want %q", shifted, got, want)
		}
	}
}
