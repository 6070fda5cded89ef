package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/pgtest"
)

// TestPostgresTrouble runs under load with PostgreSQL unavailable, slow, full, and behind a pooler:
// nothing is lost, nothing is sent that could not be recorded, and the deployment recovers
// automatically.
func TestPostgresTrouble(t *testing.T) {
	t.Parallel()
	pooled := pgtest.Bouncer(t, pgtest.Shared(t)) // skips the test if there is no pooler
	var worlds []*takeoverWorld
	world := func(name, dsn string, play func(context.Context, *takeoverWorld) error) {
		w := newTakeoverWorld(t, name, dsn)
		w.play = func(ctx context.Context) error { return play(ctx, w) }
		worlds = append(worlds, w)
	}
	restarted := pgtest.Start(t)
	world("restarted, and killed", restarted.DSN(), func(ctx context.Context, w *takeoverWorld) error {
		for range 3 {
			w.awaitUpload()
			restarted.Restart(t)
		}
		for away := range 3 {
			w.awaitUpload()
			restarted.Kill(t)
			<-time.After(time.Duration(away) * time.Second)
			restarted.Restart(t)
		}
		return nil
	})
	gone := pgtest.Start(t)
	world("away for longer than the lease", gone.DSN(), func(ctx context.Context, w *takeoverWorld) error {
		from, err := w.active(ctx)
		if err != nil {
			return err
		}
		w.awaitUpload()
		back := time.After(40 * time.Second)
		gone.Kill(t)
		return w.without(ctx, func() error {
			if err := from.awaitReason(ctx, "PostgreSQL is not available"); err != nil {
				return err
			}
			for _, m := range w.machines {
				if err := m.await(ctx, func(role string) bool {
					return strings.HasPrefix(role, "the active machine is unknown; PostgreSQL is not available")
				}); err != nil {
					return err
				}
			}
			<-back
			return nil
		}, func() { gone.Restart(t) })
	})
	world("slow", pgtest.Shared(t), func(ctx context.Context, w *takeoverWorld) error {
		for _, m := range w.machines {
			m.proxy.Delay(400 * time.Millisecond) // 200 ms each way
		}
		if _, err := w.takeOver(ctx, "handover"); err != nil {
			return err
		}
		_, err := w.takeOver(ctx, "kill")
		return err
	})
	full := pgtest.Shared(t)
	world("full", full, func(ctx context.Context, w *takeoverWorld) error {
		from, err := w.active(ctx)
		if err != nil {
			return err
		}
		w.awaitUpload()
		pgtest.Exec(t, full, `create function no_space() returns trigger language plpgsql as
				$$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
			create trigger no_space before insert or update on rowtap_kv for each statement execute function no_space()`)
		return w.without(ctx, func() error {
			if err := from.awaitReason(ctx, "No space left on device"); err != nil {
				return err
			}
			pgtest.Exec(t, full, `create trigger no_space before update on rowtap_lease for each statement execute function no_space()`)
			for _, m := range w.machines {
				if err := m.await(ctx, func(role string) bool { return strings.Contains(role, "No space left on device") }); err != nil {
					return err
				}
			}
			return nil
		}, func() { pgtest.Exec(t, full, `drop function no_space cascade`) })
	})
	world("behind PgBouncer", pooled, func(ctx context.Context, w *takeoverWorld) error {
		for _, kind := range []string{"kill", "handover", "blackhole"} {
			if _, err := w.takeOver(ctx, kind); err != nil {
				return err
			}
		}
		return nil
	})
	t.Logf("%+v", playAll(t, worlds))
}

// without runs meanwhile while PostgreSQL is unavailable, restores it with back, and returns once a
// machine is active again. During meanwhile, only uploads already recorded as begun may arrive.
func (w *takeoverWorld) without(ctx context.Context, meanwhile func() error, back func()) error {
	gone := w.arrived()
	err := meanwhile()
	if sent := w.arrived() - gone; sent > maxConcurrent {
		w.t.Errorf("%s: %d uploads arrived while PostgreSQL was not available", w.name, sent)
	}
	back()
	if err != nil {
		return err
	}
	_, err = w.active(ctx)
	return err
}

// awaitReason waits until a machine's status has the reason why nothing is sent for each of its
// zaps.
func (m *machine) awaitReason(ctx context.Context, reason string) error {
	var said []byte
	err := eventually(ctx, 200*time.Millisecond, func(context.Context) bool {
		out, err := program(m.dir, m.url, "status", "--json").Output()
		said = out
		zaps, say := 0, 0
		for d := json.NewDecoder(bytes.NewReader(out)); err == nil && d.More(); zaps++ {
			var z engine.ZapStatus
			if err = d.Decode(&z); strings.Contains(z.Reason, reason) {
				say++
			}
		}
		return zaps > 0 && say == zaps
	})
	if err != nil {
		return fmt.Errorf("the status never says %q of all zaps: %w; it says: %s", reason, err, said)
	}
	return nil
}
