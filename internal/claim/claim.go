// Package claim tracks who is working on a zap: a running poll, uploads in flight, or an operator's
// action that needs the zap to stand still. It holds one state per zap behind one lock, and is the
// only place where anything waits for a zap.
//
//	          Poll, TryPoll                    Depart
//	free ──────────────────► polled    free ──────────► uploading (several)
//	 ▲                          │       ▲                   │
//	 └────────── EndPoll ───────┘       └────── Land ───────┘
//
// A zap may be polled and uploaded at the same time. While it stands still ([Table.StandStill]), no
// poll and no upload starts.
package claim

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Table is the state of all zaps, by name. In the zero value all are free. It is safe for
// concurrent use.
type Table struct {
	mu    sync.Mutex
	zaps  map[string]state // without free zaps
	freed chan struct{}    // closed at the next release; nil: nothing waits
}

// state is what is happening to a zap.
type state struct {
	polled  bool
	uploads int
	still   bool
}

// TryPoll claims a zap for a poll. It returns false if the zap is being polled or stands still.
func (t *Table) TryPoll(zap string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(zap, canPoll, func(s *state) { s.polled = true })
}

// Poll waits until a zap is neither polled nor standing still, and claims it for a poll. The error
// is that of ctx.
func (t *Table) Poll(ctx context.Context, zap string) error {
	return t.wait(ctx, zap, canPoll, func(s *state) { s.polled = true })
}

// EndPoll releases the claim of Poll or TryPoll.
func (t *Table) EndPoll(zap string) { t.give(zap, func(s *state) { s.polled = false }) }

// Depart claims a zap for one more upload. It returns false if the zap stands still.
func (t *Table) Depart(zap string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(zap, func(s state) bool { return !s.still }, func(s *state) { s.uploads++ })
}

// Land releases the claim of Depart. Call it once the result is recorded, or if no upload was made.
func (t *Table) Land(zap string) { t.give(zap, func(s *state) { s.uploads-- }) }

// StandStill keeps zaps from being polled and uploaded until release is called. It waits for
// running polls and for uploads in flight. On error the zaps are free again; the error names the
// zap waited for and wraps that of ctx.
func (t *Table) StandStill(ctx context.Context, zaps ...string) (release func(), err error) {
	// Sorted, so that two calls for the same zaps cannot deadlock.
	zaps = slices.Compact(slices.Sorted(slices.Values(zaps)))
	var held []string
	release = func() {
		for _, zap := range held {
			t.give(zap, func(s *state) { s.still = false })
		}
	}
	for _, zap := range zaps {
		if err := t.wait(ctx, zap, canPoll, func(s *state) { s.still = true }); err != nil {
			release()
			return nil, fmt.Errorf("waiting for a poll of %s: %w", zap, err)
		}
		held = append(held, zap)
	}
	for _, zap := range zaps {
		if err := t.wait(ctx, zap, func(s state) bool { return s.uploads == 0 }, func(*state) {}); err != nil {
			release()
			return nil, fmt.Errorf("waiting for uploads of %s: %w", zap, err)
		}
	}
	return release, nil
}

func canPoll(s state) bool { return !s.polled && !s.still }

// take changes a zap's state if may allows it. t.mu is held.
func (t *Table) take(zap string, may func(state) bool, change func(*state)) bool {
	s := t.zaps[zap]
	if !may(s) {
		return false
	}
	t.set(zap, s, change)
	return true
}

// set changes a zap's state. t.mu is held.
func (t *Table) set(zap string, s state, change func(*state)) {
	change(&s)
	if s == (state{}) {
		delete(t.zaps, zap)
		return
	}
	if t.zaps == nil {
		t.zaps = map[string]state{}
	}
	t.zaps[zap] = s
}

// give changes a zap's state and wakes all waiters.
func (t *Table) give(zap string, change func(*state)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(zap, t.zaps[zap], change)
	if t.freed != nil {
		close(t.freed)
		t.freed = nil
	}
}

// wait changes a zap's state once may allows it. The error is that of ctx.
func (t *Table) wait(ctx context.Context, zap string, may func(state) bool, change func(*state)) error {
	for {
		t.mu.Lock()
		if t.take(zap, may, change) {
			t.mu.Unlock()
			return nil
		}
		if t.freed == nil {
			t.freed = make(chan struct{})
		}
		freed := t.freed
		t.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
