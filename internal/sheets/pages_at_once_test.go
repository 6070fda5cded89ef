package sheets_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/sheets"
)

// gate is a transport that holds each request until the test lets it through.
type gate struct {
	base http.RoundTripper

	mu      sync.Mutex
	waiting []*held // sorted by range
	most    int     // highest number that waited at once
}

type held struct {
	first int // row
	pass  chan struct{}
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if !r.URL.Query().Has("ranges") { // a lookup of the grid's size
		return g.base.RoundTrip(r)
	}
	h := &held{pass: make(chan struct{})}
	_, rows, _ := strings.Cut(r.URL.Query().Get("ranges"), "!")
	if _, err := fmt.Sscanf(rows, "%d:", &h.first); err != nil {
		return nil, err
	}
	g.mu.Lock()
	at, _ := slices.BinarySearchFunc(g.waiting, h, func(a, b *held) int { return a.first - b.first })
	g.waiting = slices.Insert(g.waiting, at, h)
	g.most = max(g.most, len(g.waiting))
	g.mu.Unlock()
	select {
	case <-h.pass:
	case <-r.Context().Done():
	}
	g.mu.Lock()
	g.waiting = slices.DeleteFunc(g.waiting, func(other *held) bool { return other == h })
	g.mu.Unlock()
	return g.base.RoundTrip(r)
}

// gated runs a read in a synctest bubble. Whenever the read blocks, next is called with the first
// rows of the waiting requests, in sheet order, and returns which one to serve; -1: none, because
// the test did something else.
func gated(t *testing.T, base http.RoundTripper, read func(*testing.T, *sheets.Account), next func(waiting []int) int) (most int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{base: base}
		a := open(t, http.NotFoundHandler(), func(o *sheets.Options) { o.Transport = g })
		done := make(chan struct{})
		go func() {
			defer close(done)
			read(t, a)
			g.mu.Lock()
			defer g.mu.Unlock()
			if len(g.waiting) > 0 {
				t.Errorf("%d requests are still in flight", len(g.waiting))
			}
		}()
		for {
			synctest.Wait()
			select {
			case <-done:
				most = g.most
				return
			default:
			}
			g.mu.Lock()
			waiting := slices.Clone(g.waiting)
			g.mu.Unlock()
			var rows []int
			for _, h := range waiting {
				rows = append(rows, h.first)
			}
			if i := next(rows); i >= 0 {
				close(waiting[i].pass)
			}
		}
	})
	return most
}

// TestPagesAtOnceWhileTheSheetChanges serves pages in any order and inserts and deletes rows in
// between. A read that is not torn has every row that was always there, once and in order, and no
// row twice. After a single change it equals the worksheet before or after the change.
func TestPagesAtOnceWhileTheSheetChanges(t *testing.T) {
	whole, torn := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.IntRange(2_100, 9_000).Draw(rt, "rows")
		known := max(rows+rapid.IntRange(-3_000, 3_000).Draw(rt, "known rows too many"), 1)
		order := rapid.SliceOfN(rapid.IntRange(0, 3), 12, 12).Draw(rt, "waiting request to serve")
		changes := map[int][2]int{} // by the number of the read that they precede
		for i := range rapid.IntRange(0, 3).Draw(rt, "changes") {
			read := rapid.IntRange(1, 6).Draw(rt, fmt.Sprint("change ", i, " comes before read"))
			changes[read] = [2]int{rapid.IntRange(1, rows-1_000).Draw(rt, "at"), rapid.IntRange(-900, 900).Draw(rt, "rows inserted")}
		}
		f := &fake{title: "Signups", rows: numbered(rows, 40, 1<<30)} // pages of 2,500 rows
		for i := 3; i < rows; i += 3 {
			f.rows[i] = []any{"same"}
		}
		stays := map[string]bool{}
		for _, r := range f.rows[1:] {
			stays[r[0].(string)] = true
		}
		delete(stays, "same")
		states := []*fake{{title: f.title, rows: slices.Clone(f.rows)}}
		f.before = func(read int) {
			change, ok := changes[read]
			if !ok {
				return
			}
			at, by := min(change[0], len(f.rows)), change[1]
			if by < 0 {
				gone := f.rows[at:min(at-by, len(f.rows))]
				for _, r := range gone {
					delete(stays, r[0].(string))
				}
				f.rows = slices.Delete(slices.Clone(f.rows), at, at+len(gone))
			} else {
				var fresh [][]any
				for i := range by {
					fresh = append(fresh, []any{fmt.Sprint("new ", read, "/", i)})
				}
				f.rows = slices.Insert(slices.Clone(f.rows), at, fresh...)
			}
			states = append(states, &fake{title: f.title, rows: f.rows})
		}
		var table wholeSheet
		var err error
		served := 0
		gated(t, direct{f}, func(t *testing.T, a *sheets.Account) {
			table, err = readOnce(t.Context(), a, "id", "Signups", 1, known, nil)
		}, func(waiting []int) int {
			served++
			return order[served%len(order)] % len(waiting)
		})
		if errors.Is(err, sheets.ErrTorn) {
			if torn++; len(states) == 1 {
				rt.Fatalf("torn without a change: %v; requests %q", err, f.reads)
			}
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		whole++
		if len(states) <= 2 {
			if !slices.ContainsFunc(states, func(s *fake) bool { _, truth := s.truth(1); return same(table.Rows, truth) }) {
				rt.Fatalf("%d rows match none of the %d states; requests %q", len(table.Rows), len(states), f.reads)
			}
		}
		seen, last := map[string]bool{}, 0
		for _, r := range table.Rows {
			text := r.Cells[0].Text
			if text == "same" {
				continue
			}
			if seen[text] {
				rt.Fatalf("%q occurs twice; requests %q", text, f.reads)
			}
			seen[text] = true
			var n int
			if _, err := fmt.Sscanf(text, "row %d", &n); err == nil {
				if n < last {
					rt.Fatalf("%q comes after row %d; requests %q", text, last, f.reads)
				}
				last = n
			}
		}
		for text := range stays {
			if !seen[text] {
				rt.Fatalf("%q is missing; requests %q", text, f.reads)
			}
		}
	})
	if whole == 0 || torn == 0 {
		t.Errorf("%d complete reads and %d torn ones: too few to prove anything", whole, torn)
	}
}

// TestPagesAtOnceRequests checks that concurrent reading takes no more requests than sequential
// reading, whatever is known of the grid, and none for rows below its end. One more is allowed if
// the grid continues by more than a page, to look up its size.
func TestPagesAtOnceRequests(t *testing.T) {
	for _, rows := range []int{1, 500, 1_999, 2_000, 2_001, 9_936, 9_999, 10_000, 19_999, 30_000, 60_000} {
		f := &fake{title: "Signups", rows: numbered(rows, 10, 1<<30)}
		if _, err := readOnce(t.Context(), open(t, f), "id", "Signups", 1, 0, nil); err != nil {
			t.Fatal(err)
		}
		inTurn := slices.Clone(f.reads)
		for _, known := range []int{1, rows - 1, rows, rows / 2, rows - 3_000} {
			f.reads, f.looks = nil, 0
			var table wholeSheet
			var err error
			most := gated(t, direct{f}, func(t *testing.T, a *sheets.Account) {
				table, err = readOnce(t.Context(), a, "id", "Signups", 1, max(known, 1), nil)
			}, func(waiting []int) int {
				if waiting[len(waiting)-1] > rows {
					t.Errorf("%d rows, %d known: rows from %d on were requested", rows, known, waiting[len(waiting)-1])
				}
				return len(waiting) - 1 // the last one first
			})
			_, truth := f.truth(1)
			slices.SortFunc(f.reads, func(a, b string) int { return slices.Index(inTurn, a) - slices.Index(inTurn, b) })
			if err != nil || !same(table.Rows, truth) || !slices.Equal(f.reads, inTurn) {
				t.Errorf("%d rows, %d known: %v, %d rows; requests %q, want %q", rows, known, err, len(table.Rows), f.reads, inTurn)
			}
			if most > 4 || rows == 60_000 && most < 4 {
				t.Errorf("%d rows, %d known: %d requests at once, want 4", rows, known, most)
			}
			if f.looks > 1 || f.looks > 0 && rows-known <= 1_000 {
				t.Errorf("%d rows, %d known: %d lookups of the grid's size", rows, known, f.looks)
			}
		}
	}
}

// TestPagesAtOnceHeld checks that at most three pages after a stalled one are requested.
func TestPagesAtOnceHeld(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(90_000, 10, 1<<30)}
	var cancel context.CancelFunc
	var err error
	gated(t, direct{f}, func(t *testing.T, a *sheets.Account) {
		ctx, stop := context.WithCancel(t.Context())
		cancel = stop
		_, err = readOnce(ctx, a, "id", "Signups", 1, 90_000, nil)
	}, func(waiting []int) int {
		if waiting[0] == 1 || len(waiting) > 1 {
			return len(waiting) - 1
		}
		cancel() // only the second page is left
		return -1
	})
	if e, ok := errors.AsType[*sheets.Error](err); !ok || !errors.Is(err, context.Canceled) || !e.Temporary() {
		t.Errorf("%v, want a canceled read", err)
	}
	if len(f.reads) != 4 {
		t.Errorf("requests %q, want the first page and three after the stalled one", f.reads)
	}
}

// TestPagesAtOnceLeft checks that all requests end when the consumer stops. The bubble fails if one
// is left.
func TestPagesAtOnceLeft(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(90_000, 10, 1<<30)}
	for _, leave := range []func(){func() {}, func() { panic("no more") }} {
		f.reads = nil
		gated(t, direct{f}, func(t *testing.T, a *sheets.Account) {
			defer func() { _ = recover() }()
			for page, err := range a.Pages(t.Context(), "id", "Signups", 1, 90_000, nil) {
				if err != nil {
					t.Error(err)
				}
				if page.First > 1 {
					leave()
					break
				}
			}
		}, func([]int) int { return 0 })
		if len(f.reads) != 2 {
			t.Errorf("requests %q, want only two served", f.reads)
		}
	}
}

// bigBetween announces a body that is too big for requests of more than a number of rows that reach
// into a given region.
type bigBetween struct {
	base        http.RoundTripper
	first, last int
	rows        int

	mu   sync.Mutex
	many int // refused requests
}

func (b *bigBetween) RoundTrip(r *http.Request) (*http.Response, error) {
	var first, last int
	_, text, _ := strings.Cut(r.URL.Query().Get("ranges"), "!")
	if _, err := fmt.Sscanf(text, "%d:%d", &first, &last); err != nil {
		return nil, err
	}
	if last < b.first || first > b.last || last-first < b.rows {
		return b.base.RoundTrip(r)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.many++
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{")), ContentLength: 1 << 40, Request: r}, nil
}

// TestPagesAtOnceTooBig checks pages in the middle that are too big while others are in flight.
func TestPagesAtOnceTooBig(t *testing.T) {
	for _, test := range []struct {
		known, first, last, rows int
		refused                  int
	}{
		{0, 5_000, 12_000, 600, 2},
		{12_000, 5_000, 12_000, 600, 5}, // including those in flight
		{12_000, 9_000, 10_000, 40, 10},
		{12_000, 11_990, 12_000, 2, 15},
	} {
		f := &fake{title: "Signups", rows: numbered(12_000, 50, 1<<30)} // pages of 2,000 rows
		big := &bigBetween{base: direct{f}, first: test.first, last: test.last, rows: test.rows}
		var table wholeSheet
		var err error
		most := gated(t, big, func(t *testing.T, a *sheets.Account) {
			table, err = readOnce(t.Context(), a, "id", "Signups", 1, test.known, nil)
			if n := a.PageRows("id", "Signups"); n > test.rows {
				t.Errorf("%+v: the next read starts with %d rows", test, n)
			}
		}, func(waiting []int) int { return len(waiting) - 1 })
		if _, truth := f.truth(1); err != nil || !same(table.Rows, truth) {
			t.Errorf("%+v: %v, %d rows", test, err, len(table.Rows))
		}
		if most > 4 || big.many != test.refused {
			t.Errorf("%+v: %d requests at once, %d of them too big", test, most, big.many)
		}
	}
}

// TestPagesAtOnceReadOn checks that a caller that continues after a torn pair of pages gets every
// page.
func TestPagesAtOnceReadOn(t *testing.T) {
	f := &fake{title: "Signups", rows: numbered(20_000, 20, 1<<30)}
	f.before = func(read int) {
		if read == 3 {
			f.rows = slices.Insert(f.rows, 1, []any{"new"})
		}
	}
	var got []string
	gated(t, direct{f}, func(t *testing.T, a *sheets.Account) {
		for page, err := range a.Pages(t.Context(), "id", "Signups", 1, 20_000, nil) {
			if err != nil && !errors.Is(err, sheets.ErrTorn) {
				t.Error(err)
			}
			got = append(got, fmt.Sprintf("%d-%d %v", page.First, page.Last, err != nil))
		}
	}, func(waiting []int) int { return len(waiting) - 1 })
	// The second request served is for the last of the first four pages: it alone shows the
	// worksheet before the change.
	want := []string{"1-2000 false", "1937-6999 true", "7000-11998 false", "11999-16997 false", "16934-20000 true"}
	if !slices.Equal(got, want) {
		t.Errorf("pages %q, want %q", got, want)
	}
}
