package claim

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnePollAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table Table
		if !table.TryPoll("a") || table.TryPoll("a") || !table.TryPoll("b") {
			t.Fatal("TryPoll: want a, not a again, b")
		}
		if !table.Depart("a") {
			t.Error("Depart: a zap that is being polled cannot be uploaded")
		}
		done := make(chan error, 1)
		go func() { done <- table.Poll(t.Context(), "a") }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Poll did not wait for the running one: %v", err)
		default:
		}
		table.EndPoll("a")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := table.Poll(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Poll of a zap whose poll never ends: %v", err)
		}
	})
}

func TestStandStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table Table
		table.TryPoll("a")
		table.Depart("b")
		table.Depart("b")
		got := make(chan func(), 1)
		go func() {
			release, err := table.StandStill(t.Context(), "b", "a", "b")
			if err != nil {
				t.Error(err)
			}
			got <- release
		}()
		for _, end := range []func(){func() { table.EndPoll("a") }, func() { table.Land("b") }, func() { table.Land("b") }} {
			synctest.Wait()
			select {
			case <-got:
				t.Fatal("StandStill did not wait")
			default:
			}
			end()
		}
		release := <-got
		if table.TryPoll("a") || table.Depart("a") || table.TryPoll("b") || table.Depart("b") {
			t.Error("a poll or upload started although the zaps stand still")
		}
		release()
		if !table.TryPoll("a") || !table.Depart("a") || !table.Depart("b") {
			t.Error("nothing can start after the release")
		}
	})
}

// TestStandStillGivesUp checks that a failed StandStill frees the zaps.
func TestStandStillGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, busy := range []func(*Table){func(t *Table) { t.TryPoll("b") }, func(t *Table) { t.Depart("b") }} {
			var table Table
			busy(&table)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := table.StandStill(ctx, "a", "b"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("StandStill: %v", err)
			}
			cancel()
			if !table.TryPoll("a") || !table.Depart("b") {
				t.Error("a zap still stands still")
			}
		}
	})
}
