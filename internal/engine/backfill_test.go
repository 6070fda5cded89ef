package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// TestBackfillBrokenOff: a backfill that is cancelled between two pages has queued nothing. The
// next one queues all rows, although rows were inserted and deleted above in the meantime and the
// sheet was sorted.
func TestBackfillBrokenOff(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	const rows = 60_000 // two pages
	r.seed(t, "Signups", rows)
	r.poll(t, "e")
	ctx, stop := context.WithCancel(t.Context())
	_, err := r.Backfill(ctx, "e", "", false, func(read, of int) {
		if read < of {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	if z, _, err := r.ledger.Zap(t.Context(), "e"); err != nil || z.Counts != (ledger.Counts{}) {
		t.Fatalf("%+v, %v after it was cancelled, want nothing", z.Counts, err)
	}
	for _, err := range []error{
		r.box.Sheets().Insert("book", "Signups", 2, []sandbox.Value{sandbox.Text("new@example.com"), sandbox.Number(1)}),
		r.box.Sheets().Delete("book", "Signups", 10, 10),
		r.box.Sheets().Sort("book", "Signups", 1, false),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	done, err := r.Backfill(t.Context(), "e", "", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if done.Queued != rows-1 { // one was deleted
		t.Errorf("%+v, want %d queued", done, rows-1)
	}
	again, err := r.Backfill(t.Context(), "e", "", false, nil)
	if err != nil || again.Queued != 0 {
		t.Errorf("once more: %+v, %v, want none queued", again, err)
	}
	seen := map[string]bool{}
	for q := (ledger.Query{Zap: "e", Limit: 10_000}); ; {
		ds, err := r.Deliveries(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			if email := d.Row.Cell(0).Text; seen[email] {
				t.Fatalf("%s is queued twice", email)
			} else {
				seen[email] = true
			}
		}
		if len(ds) < q.Limit {
			break
		}
		q.Before = ds[len(ds)-1].ID()
	}
	if len(seen) != rows { // all except the deleted one, and the new one
		t.Errorf("%d rows are queued, want %d", len(seen), rows)
	}
}
