package cli

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/pgtest"
)

// TestFailover fails PostgreSQL over to a replica under load. With synchronous replication, nothing
// is lost and the deployment resumes automatically. Without it, if the replica lacks the last
// commits, the machines stop sending and explain why, and following their hint restores the
// deployment.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	synchronous := newTakeoverWorld(t, "synchronous", primary.DSN())
	synchronous.play = func(ctx context.Context) error {
		for range 3 {
			replica := primary.Replica(t, true)
			for range 5 {
				synchronous.awaitUpload()
			}
			primary.Kill(t)
			replica.Promote(t)
			synchronous.failOver(replica)
			if _, err := synchronous.active(ctx); err != nil {
				return err
			}
			primary = replica
		}
		return nil
	}

	lagging := pgtest.Start(t)
	late := lagging.Replica(t, false)
	asynchronous := newTakeoverWorld(t, "asynchronous", lagging.DSN())
	asynchronous.play = func(ctx context.Context) error {
		w := asynchronous
		from, err := w.active(ctx)
		if err != nil {
			return err
		}
		if err := from.awaitLog(ctx, "PostgreSQL replicates asynchronously"); err != nil {
			return err
		}
		w.awaitUpload()
		late.Stop(t)
		for range 5 {
			w.awaitUpload()
		}
		lagging.Kill(t)
		late.Restart(t)
		late.Promote(t)
		w.failOver(late)
		return w.recoverAhead(ctx, from)
	}

	lonely := pgtest.Start(t)
	absent := lonely.Replica(t, true)
	without := newTakeoverWorld(t, "synchronous, and the replica is away for longer than the lease", lonely.DSN())
	without.play = func(ctx context.Context) error {
		from, err := without.active(ctx)
		if err != nil {
			return err
		}
		without.awaitUpload()
		absent.Stop(t)
		err = without.without(ctx, func() error {
			back := time.After(40 * time.Second)
			if err := from.await(ctx, func(role string) bool { return role != active }); err != nil {
				return err
			}
			<-back
			return nil
		}, func() { absent.Restart(t) })
		if err != nil {
			return err
		}
		without.awaitUpload()
		lonely.Kill(t)
		absent.Promote(t)
		without.failOver(absent)
		_, err = without.active(ctx)
		return err
	}
	t.Logf("%+v", playAll(t, []*takeoverWorld{synchronous, asynchronous, without}))
}

// failOver connects the machines to another server.
func (w *takeoverWorld) failOver(to *pgtest.Server) {
	w.dsn = to.DSN()
	for _, m := range w.machines {
		m.proxy.Cut()
		m.proxy.Redirect(w.t, w.dsn)
		m.proxy.Restore(w.t)
	}
}

// recoverAhead checks that both machines find that they are ahead of the database, and follows
// their hint to continue from the copy of one of them.
func (w *takeoverWorld) recoverAhead(ctx context.Context, from *machine) error {
	const ahead = "this machine's copy of the state is ahead of the database"
	sent := w.arrived()
	for _, m := range w.machines {
		if err := m.await(ctx, func(role string) bool { return strings.Contains(role, ahead) }); err != nil {
			return err
		}
		if err := m.awaitLog(ctx, ahead); err != nil {
			return err
		}
		out, err := program(m.dir, m.url, "status").CombinedOutput()
		if err != nil || !strings.Contains(string(out), ahead) || !strings.Contains(string(out), "next: ") {
			return fmt.Errorf("the status of machine %s: %w\n%s", m.name, err, out)
		}
	}
	<-time.After(20 * time.Second) // longer than the lease
	if n := w.arrived() - sent; n > maxConcurrent {
		return fmt.Errorf("%d uploads arrived after the failover", n)
	}
	restore := regexp.MustCompile(`rowtap (state restore) (\S+)`).FindSubmatch(from.said())
	if restore == nil {
		return fmt.Errorf("the log of machine %s does not say how to go on:\n%s", from.name, from.said())
	}
	for _, m := range w.machines {
		if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		if err := m.cmd.Wait(); err != nil {
			return fmt.Errorf("machine %s after SIGTERM: %w", m.name, err)
		}
	}
	for _, args := range [][]string{{"state", "restore", string(restore[2])}, {"status"}, {"resume", "both"}, {"resume", "events"}} {
		out, err := program(from.dir, from.url, args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", args, err, out)
		}
		if args[0] == "status" && strings.Count(string(out), "paused") < 2 {
			return fmt.Errorf("the zaps are not paused:\n%s", out)
		}
	}
	for _, m := range w.machines {
		if err := w.start(m); err != nil {
			return err
		}
	}
	return nil
}

// awaitLog waits until a machine's log has a text.
func (m *machine) awaitLog(ctx context.Context, text string) error {
	err := eventually(ctx, 20*time.Millisecond, func(context.Context) bool { return bytes.Contains(m.said(), []byte(text)) })
	if err != nil {
		return fmt.Errorf("machine %s does not log %q: %w\n%s", m.name, text, err, m.said())
	}
	return nil
}
