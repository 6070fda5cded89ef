package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Move changes the state of deliveries for an operator: a replay (failed or sent → queued), a
// release (held → queued) or a discard (held or failed → discarded). It moves the deliveries that
// are in one of the states from and not in flight, and returns their numbers. The note becomes
// their reason.
func (l *Ledger) Move(ctx context.Context, zap string, numbers []uint64, from []State, to State, note string, at time.Time) (moved []uint64, err error) {
	if to != Queued && to != Discarded && to != Held {
		return nil, fmt.Errorf("move deliveries of zap %s: an operator cannot make them %s", zap, to)
	}
	if len(numbers) == 0 {
		return nil, nil
	}
	moved, _, err = l.move(ctx, zap, numbers, from, to, note, false, at)
	return moved, err
}

// Queue is [Ledger.Move] to Queued for a zap that skips repeated keys: deliveries that repeat a key
// that another row has taken in the meantime become Skipped. Those that were held or skipped for
// that are queued.
func (l *Ledger) Queue(ctx context.Context, zap string, numbers []uint64, from []State, note string, at time.Time) (moved, repeats []uint64, err error) {
	if len(numbers) == 0 {
		return nil, nil, nil
	}
	return l.move(ctx, zap, numbers, from, Queued, note, true, at)
}

func (l *Ledger) move(ctx context.Context, zap string, numbers []uint64, from []State, to State, note string, judge bool, at time.Time) (moved, repeats []uint64, err error) {
	err = l.edit(ctx, zap, false, func(e *edit) error {
		for _, n := range numbers {
			en, err := e.entry(n)
			if err != nil {
				return err
			}
			if en == nil || en.is(flagInFlight) || !slices.Contains(from, en.state) {
				continue
			}
			to, note := to, note
			switch {
			case to != Queued:
			case !judge:
				err = e.claim(en.key, n)
			default:
				var reason string
				if reason, err = e.queue(en, n); reason != "" {
					to, note = Skipped, reason
				}
			}
			if err != nil {
				return err
			}
			en.step(to, at, note)
			e.move(en, to, at)
			en.retry, en.reason = 0, note
			en.set(flagSolo, false)
			e.touch(n, at)
			if to == Skipped {
				repeats = append(repeats, n)
			} else {
				moved = append(moved, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("move %d deliveries of zap %s to %s: %w", len(numbers), zap, to, err)
	}
	return moved, repeats, nil
}
