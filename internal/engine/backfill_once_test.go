package engine

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/poll"
	"github.com/rowtap/rowtap/internal/sandbox"
)

func (r *rig) backfill(t *testing.T, name, rows string, dryRun bool) Backfilled {
	t.Helper()
	done, err := r.Backfill(t.Context(), name, rows, dryRun, nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// readsSoFar returns the number of requests that the zaps' Google account has made.
func (r *rig) readsSoFar() int64 {
	_, reads := r.current().Google["marketing"].Opened().Usage()
	return int64(reads)
}

func numbered(n int) [][2]string {
	rows := make([][2]string, n)
	for i := range rows {
		rows[i] = [2]string{fmt.Sprintf("user-%d@example.com", i+1), fmt.Sprint(i + 1)}
	}
	return rows
}

func TestBackfillSendsOldRowsOnce(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	r.append(t, numbered(5)...)
	r.append(t, [2]string{"", "6"}) // row 7 is incomplete
	r.poll(t, "e")
	r.append(t, [2]string{"new@example.com", "8"})
	r.poll(t, "e")
	steps := []struct {
		rows                       string
		dryRun                     bool
		queued, delivered, waiting int
	}{
		{"3:4", true, 2, 0, 0},
		{"3:4", false, 2, 0, 0},
		{"3:4", false, 0, 2, 0},
		{"", false, 3, 3, 1},
		{"", false, 0, 6, 1},
		{"", true, 0, 6, 1},
		{"1:1", false, 0, 0, 0},
		{"100:", false, 0, 0, 0},
	}
	for _, step := range steps {
		got := r.backfill(t, "e", step.rows, step.dryRun)
		if got.Queued != step.queued || got.Delivered != step.delivered || got.Waiting != step.waiting {
			t.Errorf("rows %q, dry run %v: %+v, want %+v", step.rows, step.dryRun, got, step)
		}
	}
	if s := r.once(t); s.Sent != 6 {
		t.Errorf("%+v, want 6 sent", s)
	}
	d, _, err := r.ledger.Delivery(t.Context(), "e", 2)
	if err != nil || d.Row.Number != 3 || !strings.HasPrefix(d.Reason, "backfill by an operator, 20") {
		t.Errorf("%+v, %v: want sheet row 3, with the action and its time", d, err)
	}
	r.poll(t, "e")
	if got := r.states(t, "e"); got != "ssssss" {
		t.Errorf("states %s, want ssssss: backfilled rows are not sent again", got)
	}
	if err := r.box.Sheets().Set("book", "Signups", 7, 1, sandbox.Text("user-6@example.com")); err != nil {
		t.Fatal(err)
	}
	if got := r.once(t); got.Sent != 1 {
		t.Errorf("%+v, want 1 sent: the waiting row, once it is complete", got)
	}
}

// TestBackfillOfRowsUnseen has a zap that was never polled, and then rows inserted above since the
// last poll.
func TestBackfillOfRowsUnseen(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	r.append(t, numbered(6)...)
	if got := r.backfill(t, "e", "2:3", false); got.Queued != 2 {
		t.Fatalf("%+v, want 2 queued", got)
	}
	if err := r.box.Sheets().Insert("book", "Signups", 2, []sandbox.Value{sandbox.Text("above@example.com"), sandbox.Number(7)}); err != nil {
		t.Fatal(err)
	}
	if got := r.backfill(t, "e", "", false); got.Queued != 4 {
		t.Errorf("%+v, want the 4 others queued", got)
	}
	r.once(t)
	r.poll(t, "e")
	if c := r.box.CleverTap().Counts(); c.Accepted != 7 || c.Identities != 7 {
		t.Errorf("CleverTap has %+v, want 7 records of 7 users", c)
	}
}

// TestBackfillWhileTheSheetChanges inserts a row above and edits one below after each of the first
// pages, so that they are read again.
func TestBackfillWhileTheSheetChanges(t *testing.T) {
	const rows = 120_000 // three pages
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	r.append(t, numbered(rows)...)
	r.poll(t, "e")
	n := 0
	change := func(int, int) {
		if n++; n > 3 {
			return
		}
		s := r.box.Sheets()
		if err := s.Insert("book", "Signups", 2, []sandbox.Value{sandbox.Text(fmt.Sprintf("new-%d@example.com", n)), sandbox.Number(1)}); err != nil {
			t.Error(err)
		}
		if err := s.Set("book", "Signups", rows-n, 2, sandbox.Text("edited")); err != nil {
			t.Error(err)
		}
	}
	done, err := r.Backfill(t.Context(), "e", "", false, change)
	if err != nil || done.Queued != rows {
		t.Fatalf("%+v, %v, want %d queued", done, err, rows)
	}
	r.poll(t, "e")
	seen := map[string]bool{}
	for q := (ledger.Query{Zap: "e", Limit: 20_000}); ; {
		ds, err := r.Deliveries(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			email := d.Row.Cell(0).Text
			if seen[email] {
				t.Fatalf("%s is queued twice", email)
			}
			seen[email] = true
		}
		if len(ds) < q.Limit {
			break
		}
		q.Before = ds[len(ds)-1].ID()
	}
	if len(seen) != rows+3 {
		t.Errorf("%d users are queued, want %d with the 3 new rows", len(seen), rows+3)
	}
}

// TestBackfillFindsNewRows: a backfill is a poll, so it also finds new rows.
func TestBackfillFindsNewRows(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	r.append(t, numbered(3)...)
	r.poll(t, "e")
	r.append(t, [2]string{"new@example.com", "4"})
	if got := r.backfill(t, "e", "2:3", true); got.Queued != 2 || r.states(t, "e") != "" {
		t.Errorf("dry run: %+v, states %s; want 2, and nothing done", got, r.states(t, "e"))
	}
	if got := r.backfill(t, "e", "2:3", false); got.Queued != 2 || r.states(t, "e") != "qqq" {
		t.Errorf("%+v, states %s; want the 2 existing rows and the new one", got, r.states(t, "e"))
	}
	if got := r.poll(t, "e"); got.Found != 0 {
		t.Errorf("%+v, want nothing new", got)
	}
}

// TestBackfillOfRecalculatedNumbers has a formula that shows different numbers at each read.
func TestBackfillOfRecalculatedNumbers(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	r.append(t, numbered(20)...)
	r.poll(t, "e")
	for i := range 20 {
		if err := r.box.Sheets().Set("book", "Signups", i+2, 2, sandbox.Number(float64(1000*i+77))); err != nil {
			t.Fatal(err)
		}
	}
	before := r.readsSoFar()
	if got := r.backfill(t, "e", "", false); got.Queued != 20 {
		t.Errorf("%+v, want 20 queued", got)
	}
	if n := r.readsSoFar() - before; n > 3 {
		t.Errorf("%d reads, want 3: the page, its title, and which of its numbers are dates", n)
	}
}

// TestBackfillOfScatteredRows has one existing row in fifty: they are read as many ranges in one
// request.
func TestBackfillOfScatteredRows(t *testing.T) {
	zap := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, max_new_rows: 0", 1)
	r := newRig(t, map[string]string{"e": zap})
	r.append(t, numbered(60)...)
	r.poll(t, "e")
	for i := range 60 { // 49 new rows above each
		rows := make([][]sandbox.Value, 49)
		for k := range rows {
			rows[k] = []sandbox.Value{sandbox.Text(fmt.Sprintf("new-%d-%d@example.com", i, k)), sandbox.Number(float64(k))}
		}
		if err := r.box.Sheets().Insert("book", "Signups", 2+50*i, rows...); err != nil {
			t.Fatal(err)
		}
	}
	r.poll(t, "e")
	before := r.readsSoFar()
	if got := r.backfill(t, "e", "", false); got.Queued != 60 || got.Delivered != 60*49 {
		t.Errorf("%+v, want 60 queued", got)
	}
	if n := r.readsSoFar() - before; n > 3 {
		t.Errorf("%d reads, want 3", n)
	}
}

func TestBackfillWithKey(t *testing.T) {
	zap := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, key: [Email], max_new_rows: 2", 1)
	r := newRig(t, map[string]string{"e": zap})
	r.append(t, [2]string{"a@x.com", "1"}, [2]string{"b@x.com", "2"}, [2]string{"a@x.com", "3"}, [2]string{"c@x.com", "4"}, [2]string{"d@x.com", "5"})
	r.poll(t, "e")
	if got := r.backfill(t, "e", "4:5", false); got.Queued != 1 || got.SameKey != 1 {
		t.Errorf("%+v, want 1 queued, 1 skipped: a row above has its key", got)
	}
	if got := r.backfill(t, "e", "", false); got.Queued != 3 || got.SameKey != 1 {
		t.Errorf("%+v, want 3 queued in spite of max_new_rows, 1 skipped", got)
	}
}

// TestBackfillAfterOwnFilter: history and why report the filter and CleverTap's response, not only
// the operator's backfill.
func TestBackfillAfterOwnFilter(t *testing.T) {
	r := newRig(t, map[string]string{"e": "filter: Score > 1\n" + fromNow(eventZap("production"))})
	r.append(t, numbered(2)...)
	r.poll(t, "e")
	r.backfill(t, "e", "", false)
	r.once(t)
	for row, want := range map[int]string{2: "skipped by the filter as e/1", 3: "sent as e/2"} {
		if w, err := r.Why(t.Context(), "e", row); err != nil || w.Reason != want {
			t.Errorf("why row %d: %q, %v, want %q", row, w.Reason, err, want)
		}
	}
}

func TestBackfillRefuses(t *testing.T) {
	zap := fromNow(eventZap("production"))
	r := newRig(t, map[string]string{"e": zap, "off": strings.Replace(zap, "enabled: true", "enabled: false", 1)})
	r.append(t, numbered(2)...)
	r.poll(t, "e")
	if err := r.Pause(t.Context(), "e", ""); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"e": ErrPaused, "off": ErrDisabled, "none": ErrNoZap} {
		if _, err := r.Backfill(t.Context(), name, "", false, nil); !errors.Is(err, want) {
			t.Errorf("backfill %s: %v, want %v", name, err, want)
		}
	}
}

func TestParseRows(t *testing.T) {
	good := map[string][2]int{"": {1, math.MaxInt32}, "2:5000": {2, 5000}, "2:": {2, math.MaxInt32}, ":9": {1, 9}, "7": {7, 7}, "3:3": {3, 3}}
	for s, want := range good {
		if from, to, err := poll.ParseRows(s); err != nil || from != want[0] || to != want[1] {
			t.Errorf("poll.ParseRows(%q) = %d, %d, %v, want %v", s, from, to, err, want)
		}
	}
	for _, s := range []string{":", "5:2", "0:3", "-1", "a:b", "1:2:3", "2-5", "9999999999"} {
		if from, to, err := poll.ParseRows(s); !errors.Is(err, ErrRows) {
			t.Errorf("poll.ParseRows(%q) = %d, %d, %v, want %v", s, from, to, err, ErrRows)
		}
	}
}
