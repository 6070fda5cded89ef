package cli

import (
	"context"
	"testing"

	"github.com/rowtap/rowtap/internal/pgtest"
)

// TestCrashAtACommit kills the active machine at commits of polls, of rows about to be sent and of
// responses: before PostgreSQL has the commit, and afterwards but before the machine knows of it.
// Other commits lose only their response.
func TestCrashAtACommit(t *testing.T) {
	t.Parallel()
	var worlds []*takeoverWorld
	for name, arm := range map[string]func(*pgtest.Proxy) <-chan struct{}{
		"before": func(p *pgtest.Proxy) <-chan struct{} { return p.CutBeforeRequest("rowtap_kv") },
		"after":  func(p *pgtest.Proxy) <-chan struct{} { return p.CutAfterRequest("rowtap_kv") },
	} {
		crash := newTakeoverWorld(t, "crash "+name+" a commit", pgtest.Shared(t))
		crash.play = func(ctx context.Context) error {
			for range 8 {
				if err := crash.crash(ctx, arm); err != nil {
					return err
				}
			}
			return nil
		}
		lost := newTakeoverWorld(t, "connection lost "+name+" a commit", pgtest.Shared(t))
		lost.play = func(ctx context.Context) error {
			for range 20 {
				m, err := lost.active(ctx)
				if err != nil {
					return err
				}
				<-arm(m.proxy)
			}
			return nil
		}
		worlds = append(worlds, crash, lost)
	}
	t.Logf("%+v", playAll(t, worlds))
}

// crash kills the active machine at a commit, ends its lease, and restarts it once the other
// machine has taken over.
func (w *takeoverWorld) crash(ctx context.Context, arm func(*pgtest.Proxy) <-chan struct{}) error {
	from, err := w.active(ctx)
	if err != nil {
		return err
	}
	to := w.other(from)
	if err := to.await(ctx, standsBy); err != nil {
		return err
	}
	<-arm(from.proxy)
	if err := from.kill(); err != nil {
		return err
	}
	w.tally.takeovers++
	pgtest.Exec(w.t, w.dsn+"&application_name="+from.name, `update rowtap_lease set until = 'epoch' where holder <> ''`)
	if err := to.awaitActive(ctx); err != nil {
		return err
	}
	return w.start(from)
}
