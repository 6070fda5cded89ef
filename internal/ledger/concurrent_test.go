package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// A poller, a sender, an operator and a backup share a ledger; every row is sent once.
func TestPollingSendingAndReadingAtOnce(t *testing.T) {
	const polls, rows = 30, 40
	f := newFile(t)
	var work sync.WaitGroup
	committed := make(chan uint64, polls) // the first delivery of each poll
	work.Go(func() {
		defer close(committed)
		for i := range polls {
			first := uint64(i*rows + 1)
			p := pollOf(first, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq")
			if _, err := f.Commit(t.Context(), signups, p); err != nil {
				t.Error(err)
				return
			}
			committed <- first
		}
	})
	work.Go(func() {
		for first := range committed {
			ns := upTo(first, first+rows-1)
			err := errors.Join(f.Start(t.Context(), signups, uploadOf(ns...), ledger.Hides{}, noon), f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent}, ns...), noon))
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 2 {
		work.Go(func() {
			for range 10 {
				_, err1 := f.Deliveries(t.Context(), ledger.Query{Limit: 100})
				_, err2 := f.Backup(t.Context(), io.Discard)
				_, err3 := f.Queued(t.Context(), signups, 0, 0)
				if err := errors.Join(err1, err2, err3, f.Ping(t.Context())); err != nil {
					t.Error(err)
				}
				f.Size()
			}
		})
	}
	work.Wait()
	if got := f.zap(signups).Counts; got != (ledger.Counts{Sent: polls * rows}) {
		t.Errorf("counts %+v, want %d sent", got, polls*rows)
	}
}

// linked is a cursor with the number from which new rows count.
func linked(first uint64) ledger.CursorUpdate {
	return wholeCursor([][]byte{fmt.Appendf(nil, "from %d on", first)})(first)
}

// Several polls of a zap, and the sender that creates next deliveries, take numbers concurrently.
// Each number is used once, for the row of the poll that was given it, and the poll's cursor links
// to it.
func TestNumbersAreTakenAtOnce(t *testing.T) {
	const pollers, polls, rows = 4, 20, 3
	f := newFile(t)
	var polling, sending sync.WaitGroup
	var firsts [pollers][polls]uint64
	for gid := range pollers {
		polling.Go(func() {
			for i := range polls {
				p := ledger.Poll{SpreadsheetID: "1abc", GID: int64(gid), Cursor: linked, Header: header, Action: "profile", At: noon}
				for n := range rows {
					p.New = append(p.New, ledger.NewRow{
						State: ledger.Queued, LikeNew: n, // the previous one
						Row: row.Row{Number: n + 2, Cells: []row.Cell{row.TextCell(fmt.Sprint(gid, i, n))}},
					})
				}
				first, err := f.Commit(t.Context(), signups, p)
				if err != nil {
					t.Error(err)
				}
				firsts[gid][i] = first
			}
		})
	}
	polled := make(chan struct{})
	sending.Go(func() {
		for last := false; ; {
			ds, err := f.Queued(t.Context(), signups, 0, 7)
			if err != nil {
				t.Error(err)
				return
			}
			if len(ds) == 0 && last {
				return
			}
			var out []ledger.Outcome
			for _, d := range ds {
				o := ledger.Outcome{Number: d.Number, State: ledger.Sent}
				if d.Action == "profile" {
					o.Then = "event"
				}
				out = append(out, o)
			}
			if err := f.Finish(t.Context(), signups, out, noon); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-polled:
				last = true
			default:
			}
		}
	})
	polling.Wait()
	close(polled)
	sending.Wait()

	const all = 2 * pollers * polls * rows
	if next, err := f.NextDelivery(t.Context(), signups); next != all+1 || err != nil {
		t.Errorf("the next number is %d, %v; want %d", next, err, all+1)
	}
	for gid := range pollers {
		for i, first := range firsts[gid] {
			for n := range uint64(rows) {
				d, ok, err := f.Delivery(t.Context(), signups, first+n)
				must(t, err)
				next, known, err := f.Delivery(t.Context(), signups, d.Next)
				must(t, err)
				want, like := fmt.Sprint(gid, i, n), uint64(0)
				if n > 0 {
					like = first + n - 1
				}
				if !ok || d.Row.Cells[0].Text != want || d.Like != like || !known || next.Row.Cells[0].Text != want || next.First != first+n {
					t.Errorf("delivery %d is %+v, followed by %+v; want row %s, like %d", first+n, d, next, want, like)
				}
			}
		}
		chunks, _, err := cursorOf(t.Context(), f.Ledger, signups, "1abc", int64(gid))
		must(t, err)
		if got, want := string(chunks[0]), fmt.Sprintf("from %d on", firsts[gid][polls-1]); got != want {
			t.Errorf("worksheet %d: the cursor says %q, want %q", gid, got, want)
		}
	}
}

// A cursor is encoded while others may write. If they take its numbers it is encoded again, finally
// during the turn to write, so a poll is committed however many rows get next deliveries.
func TestNumbersThatOthersTookMeanwhile(t *testing.T) {
	for _, taken := range []int{0, 1, 2, 3} {
		t.Run(fmt.Sprint(taken), func(t *testing.T) {
			f := newFile(t)
			calls := 0
			p := pollOf(1, "qh")
			p.New[1].LikeNew = 1
			p.Cursor = func(first uint64) ledger.CursorUpdate {
				if calls++; calls <= taken {
					commit(t, f, signups, ledger.Poll{At: noon, New: newRows(9, "k")})
				} else if taken == 3 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					defer cancel()
					if err := f.SetPaused(ctx, signups, true, "", noon); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("others can still write: %v", err)
					}
				}
				return linked(first)
			}
			want := uint64(taken) + 1
			if first := commit(t, f, signups, p); first != want || calls != taken+1 {
				t.Errorf("Commit = %d after %d calls, want %d after %d", first, calls, want, taken+1)
			}
			d, _, err := f.Delivery(t.Context(), signups, want+1)
			must(t, err)
			if d.Like != want || d.State != ledger.Held {
				t.Errorf("the second row is %+v, want it like %d", d, want)
			}
			chunks, _, err := cursorOf(t.Context(), f.Ledger, signups, "1abc", 7)
			must(t, err)
			if got := string(chunks[0]); got != fmt.Sprintf("from %d on", want) {
				t.Errorf("the cursor says %q, want from %d on", got, want)
			}
		})
	}
}
