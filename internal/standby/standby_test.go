package standby_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/standby"
)

// patience is how long a condition is awaited. It is no measure of speed.
const patience = time.Minute

// every is how often processes of these tests look.
const every = 10 * time.Millisecond

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// machine is a process of a deployment.
type machine struct {
	*standby.Process
	mirror  *mirror.Mirror
	path    string
	command bool         // it may not seed
	plan    atomic.Value // string
	looks   atomic.Int64
	logs    *observer.ObservedLogs

	serving chan *served // each time that it becomes the active one
	stop    context.CancelFunc
	done    chan error
}

// served is one time of being the active one. It ends with ctx, or with an error that is sent to
// fail.
type served struct {
	*ledger.Ledger
	term *mirror.Term
	ctx  context.Context
	fail chan error
}

// newMachine returns a machine that does not run yet. Its file is a plain one with some zaps, until
// it gets a copy.
func newMachine(t *testing.T, dsn, host string, zaps ...string) *machine {
	t.Helper()
	m := &machine{path: filepath.Join(t.TempDir(), "rowtap.db"), serving: make(chan *served, 10)}
	if len(zaps) > 0 {
		l, err := ledger.Open(ledger.Options{Path: m.path})
		must(t, err)
		for _, zap := range zaps {
			must(t, polled(l, zap))
		}
		must(t, l.Close())
	}
	m.plan.Store("plan")
	m.connect(t, dsn, host)
	return m
}

// connect makes the machine's process, of a program that has just started.
func (m *machine) connect(t *testing.T, dsn, host string) {
	t.Helper()
	var err error
	m.mirror, err = mirror.Open(mirror.Options{DSN: dsn, Lease: "production", Self: mirror.Member{Host: host, Address: host + ":8321", Version: "v1"}})
	must(t, err)
	t.Cleanup(m.mirror.Close)
	core, logs := observer.New(zapcore.InfoLevel)
	m.logs = logs
	m.Process = standby.New(standby.Options{
		Mirror: m.mirror, Path: m.path, Log: zap.New(core), Every: every, Seed: !m.command,
		Plan:  func() string { return m.plan.Load().(string) },
		Pulse: func() { m.looks.Add(1) },
		Open: func(context.Context) (*ledger.Ledger, error) {
			return ledger.OpenCache(ledger.Options{Path: m.path})
		},
		Serve: func(ctx context.Context, l *ledger.Ledger, term *mirror.Term) error {
			s := &served{l, term, ctx, make(chan error)}
			m.serving <- s
			select {
			case <-ctx.Done():
				return nil
			case err := <-s.fail:
				return err
			}
		},
	})
}

// run starts the machine; it ends with the test.
func (m *machine) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	m.stop, m.done = stop, make(chan error, 1)
	go func() { m.done <- m.Run(ctx) }()
	t.Cleanup(func() { m.end(t) })
}

// end stops the machine, if it runs.
func (m *machine) end(t *testing.T) {
	t.Helper()
	if m.done == nil {
		return
	}
	m.stop()
	if err := <-m.done; err != nil {
		t.Errorf("%s: %v", m.mirror.Self().Host, err)
	}
	m.done = nil
}

// active waits until the machine is the active one.
func (m *machine) active(t *testing.T) *served {
	t.Helper()
	select {
	case s := <-m.serving:
		return s
	case <-time.After(patience):
		t.Fatalf("%s does not become the active one: %+v\n%+v", m.mirror.Self().Host, m.State(), m.logs.All())
		return nil
	}
}

// await waits until a machine's state is as it should be.
func (m *machine) await(t *testing.T, what string, holds func(standby.State) bool) standby.State {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		s := m.State()
		if holds(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not %s: %+v\n%+v", m.mirror.Self().Host, what, s, m.logs.All())
		}
	}
}

// standsBy tells that the machine looks some times more, and does not become the active one.
func (m *machine) standsBy(t *testing.T) {
	t.Helper()
	from := m.looks.Load()
	m.await(t, "looking", func(standby.State) bool { return m.looks.Load() > from+5 })
	if len(m.serving) > 0 || m.State().Active {
		t.Fatalf("%s is the active one", m.mirror.Self().Host)
	}
}

// follows waits until the machine has what the active one has.
func (m *machine) follows(t *testing.T, s *served) {
	t.Helper()
	commit := s.Position().Commit
	m.await(t, fmt.Sprint("at commit ", commit), func(s standby.State) bool { return s.Commit == commit })
}

// logged counts messages that begin with some words.
func (m *machine) logged(words string) int {
	return m.logs.Filter(func(e observer.LoggedEntry) bool { return strings.HasPrefix(e.Message, words) }).Len()
}

// polled commits a poll that found a new row.
func polled(l *ledger.Ledger, zap string) error {
	_, err := l.Commit(context.Background(), zap, ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Header: row.HeaderOf([]string{"Email"}), Zone: "UTC", Action: "profile", At: time.Now(),
		Cursor: func(first uint64) ledger.CursorUpdate {
			return ledger.CursorUpdate{Chunks: 1, Changed: slices.All([][]byte{fmt.Append(nil, first)})}
		},
		New: []ledger.NewRow{{State: ledger.Queued, Row: row.Row{Number: 2, Cells: []row.Cell{row.TextCell("asha@example.com")}}}},
	})
	return err
}

// expire ends the time of the lease, as when its holder is cut off.
func expire(t *testing.T, dsn string) {
	t.Helper()
	pgtest.Exec(t, dsn, `update rowtap_lease set until = 'epoch'`)
}

// The first one brings its state in, the second one follows it, takes over, and gives it back.
func TestTakeover(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := newMachine(t, dsn, "host-a", "signups"), newMachine(t, dsn, "host-b")
	a.run(t)
	first := a.active(t)
	must(t, polled(first.Ledger, "signups"))
	b.run(t)
	b.follows(t, first)
	must(t, polled(first.Ledger, "webinar"))
	b.follows(t, first)
	b.standsBy(t)
	for _, m := range []*machine{a, b} {
		m.await(t, "knowing both", func(s standby.State) bool {
			active, ok := s.Now.Active()
			return ok && active.Host == "host-a" && len(s.Now.Members) == 2 && s.Active == (m == a)
		})
	}

	// host-a continues for a moment, without a lease.
	expire(t, dsn)
	second := b.active(t)
	must(t, polled(second.Ledger, "signups"))
	err := polled(first.Ledger, "signups")
	if !errors.Is(err, ledger.ErrNotActive) || !strings.Contains(err.Error(), "active is host-b") {
		t.Errorf("a commit of who was the active one: %v", err)
	}
	first.fail <- err
	a.follows(t, second)
	a.standsBy(t)
	if deliveries, err := second.Deliveries(t.Context(), ledger.Query{}); err != nil || len(deliveries) != 4 {
		t.Errorf("host-b has %d deliveries, want 4: %v", len(deliveries), err)
	}

	b.end(t)
	third := a.active(t)
	if got, err := third.Deliveries(t.Context(), ledger.Query{}); err != nil || len(got) != 4 {
		t.Errorf("host-a has %d deliveries, want 4: %v", len(got), err)
	}
	a.await(t, "alone", func(s standby.State) bool { return len(s.Now.Members) == 1 })
	a.end(t)
	if got := pgtest.Exec(t, dsn, `select holder, until < now(), (select count(*) from rowtap_member) from rowtap_lease`); got != "|t|0" {
		t.Errorf("after both have ended, the database has %s, want |t|0", got)
	}
	if a.State().Active || b.State().Active {
		t.Error("one is active that has ended")
	}
}

// A lease that ends before the next look is taken when it ends.
func TestTakeoverInTime(t *testing.T) {
	dsn := pgtest.Shared(t)
	a := newMachine(t, dsn, "host-a", "signups")
	a.Process = standby.New(standby.Options{
		Mirror: a.mirror, Path: a.path, Log: zap.NewNop(), Plan: func() string { return "" }, Pulse: func() {}, Every: time.Hour, Seed: true,
		Open:  func(context.Context) (*ledger.Ledger, error) { return ledger.OpenCache(ledger.Options{Path: a.path}) },
		Serve: func(context.Context, *ledger.Ledger, *mirror.Term) error { return errors.New("it serves") },
	})
	must(t, a.mirror.Prepare(t.Context()))
	pgtest.Exec(t, dsn, `update rowtap_lease set holder = 'x', until = clock_timestamp() + interval '1 second'`)
	if err := a.Run(t.Context()); err == nil || err.Error() != "it serves" {
		t.Errorf("Run = %v", err)
	}
}

// What a daemon cannot go on with ends the process, and gives the lease up.
func TestServeFails(t *testing.T) {
	dsn := pgtest.Shared(t)
	a := newMachine(t, dsn, "host-a", "signups")
	a.run(t)
	a.active(t).fail <- errors.New("the port is taken")
	if err := <-a.done; err == nil || err.Error() != "the port is taken" {
		t.Errorf("Run = %v", err)
	}
	a.done = nil
	if got := pgtest.Exec(t, dsn, `select holder, until < now() from rowtap_lease`); got != "|t" {
		t.Errorf("the lease is %s, want |t", got)
	}
}

// TestCopyIsLoadedAgain: a copy that lacks commits of the database is dropped and loaded again in
// full.
func TestCopyIsLoadedAgain(t *testing.T) {
	dsn := pgtest.Shared(t)
	a := newMachine(t, dsn, "host-a", "signups")
	a.run(t)
	s := a.active(t)
	must(t, polled(s.Ledger, "signups"))
	// As if a commit had been made of which nothing is known here.
	pgtest.Exec(t, dsn, `update rowtap_lease set commit = commit + 1`)
	err := polled(s.Ledger, "signups")
	if !errors.Is(err, ledger.ErrStale) {
		t.Fatalf("a commit: %v, want ErrStale", err)
	}
	s.fail <- err
	s = a.active(t)
	if got := s.Position().Commit; got != 3 {
		t.Errorf("it goes on from commit %d, want 3", got)
	}
	must(t, polled(s.Ledger, "signups"))
	if got, err := s.Deliveries(t.Context(), ledger.Query{}); err != nil || len(got) != 3 {
		t.Errorf("there are %d deliveries, want 3: %v", len(got), err)
	}
}

func TestHandOver(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := newMachine(t, dsn, "host-a", "signups"), newMachine(t, dsn, "host-b")
	refused := func(m *machine, kind error, words string) {
		t.Helper()
		err := m.HandOver(t.Context())
		if !errors.Is(err, kind) || !strings.Contains(err.Error(), words) {
			t.Errorf("HandOver of %s = %v, want %v with %q", m.mirror.Self().Host, err, kind, words)
		}
	}
	a.run(t)
	a.active(t)
	refused(a, standby.ErrNoStandby, "there is none")
	refused(b, ledger.ErrNotActive, "no machine is active") // it has not looked yet

	// Standbys that would not take over.
	say := func(m *machine, trouble string) {
		t.Helper()
		must(t, m.mirror.Say(t.Context(), ledger.Position{Commit: 1}, "plan", trouble))
		a.await(t, "seeing it", func(s standby.State) bool {
			return slices.ContainsFunc(s.Now.Members, func(n mirror.Seen) bool {
				return n.Host == m.mirror.Self().Host && n.Trouble == trouble && n.Ago < 10*time.Second
			})
		})
	}
	say(b, "its copy is of another state")
	refused(a, standby.ErrNoStandby, "host-b: its copy is of another state")
	say(b, "")
	pgtest.Exec(t, dsn, `update rowtap_member set seen = seen - interval '11 seconds' where host = 'host-b'`)
	a.await(t, "not hearing of it", func(s standby.State) bool { return s.Now.Members[1].Ago > 10*time.Second })
	refused(a, standby.ErrNoStandby, "host-b was last heard of 1")
	a.standsUp(t)

	// One that could take over, has just started, and is slow to.
	must(t, b.mirror.Say(t.Context(), ledger.Position{Commit: 1}, "plan", ""))
	must(t, a.HandOver(t.Context()))
	if got := pgtest.Exec(t, dsn, `select holder, until < now() from rowtap_lease`); got != "|t" {
		t.Errorf("the lease is %s, want |t", got)
	}
	if s := a.State(); s.Active || s.Now.Who() != "no machine is active" {
		t.Errorf("after a handover: active %t, %s", s.Active, s.Now.Who())
	}
	a.standsBy(t)
	refused(a, ledger.ErrNotActive, "no machine is active")
	b.run(t)
	b.active(t)
	a.await(t, "seeing host-b", func(s standby.State) bool { return s.Now.Who() == "active is host-b" })
	refused(a, ledger.ErrNotActive, "active is host-b")

	// Once another was active, there is no reason to wait.
	must(t, b.HandOver(t.Context()))
	a.active(t)
	b.await(t, "seeing host-a", func(s standby.State) bool { return s.Now.Who() == "active is host-a" })
	must(t, a.HandOver(t.Context()))
	b.active(t)
}

// standsUp tells that the machine is the active one still.
func (m *machine) standsUp(t *testing.T) {
	t.Helper()
	if !m.State().Active {
		t.Errorf("%s is not active any more", m.mirror.Self().Host)
	}
}

// TestTrouble: a machine that must not take over does not, reports the reason to all, and takes
// over when the reason is gone.
func TestTrouble(t *testing.T) {
	for _, tt := range []struct {
		name     string
		zap      string // that the machine's file has of its own
		bring    string // brings the trouble about, after the first look
		mend     string
		want     error
		words    string
		next     string
		unspoken bool // it cannot say so to the others
	}{
		{
			name: "a file of its own", zap: "mine", mend: `-`,
			want: mirror.ErrForeign, words: "mine", next: "move",
		},
		{
			name: "the database was restored", bring: `update rowtap_lease set commit = 1`, mend: `update rowtap_lease set commit = 2`,
			want: mirror.ErrAhead, words: "it has commit 2", next: "rowtap state restore",
		},
		{
			name: "another state", bring: `update rowtap_lease set id = gen_random_uuid()`, mend: `-`,
			want: mirror.ErrForeign, next: "state.postgres",
		},
		{
			name: "moved out", bring: `update rowtap_lease set moved = 'to host-c'`, mend: `update rowtap_lease set moved = ''`,
			want: mirror.ErrMoved, words: "to host-c", next: "rowtap state migrate --to postgres",
		},
		{
			name: "newer tables", bring: `update rowtap_lease set layout = 9`, mend: `update rowtap_lease set layout = 1`,
			want: mirror.ErrLayout, words: "9", next: "install the version", unspoken: true,
		},
		{
			name: "another machine has more than the database",
			bring: `insert into rowtap_member (lease, member, host, address, version, plan, trouble, term, commit, seen)
				select 'production', 'x', 'host-x', '', '', '', '', id, 3, now() + interval '1 hour' from rowtap_term where first <= 2 order by epoch desc limit 1`,
			mend: `update rowtap_member set seen = now() - interval '11 seconds' where member = 'x'`,
			want: standby.ErrBehind, words: "host-x has commit 3, and the database's last one is 2", next: "on host-x: rowtap status",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dsn := pgtest.Shared(t)
			a := newMachine(t, dsn, "host-a", "signups")
			a.run(t)
			s := a.active(t)
			must(t, polled(s.Ledger, "signups"))
			zaps := []string{}
			if tt.zap != "" {
				zaps = append(zaps, tt.zap)
			}
			b := newMachine(t, dsn, "host-b", zaps...)
			b.run(t)
			if tt.bring != "" {
				b.follows(t, s)
			}
			a.end(t)
			if tt.bring != "" {
				s := b.active(t)
				if s.Position().Commit != 2 {
					t.Fatalf("it has commit %d", s.Position().Commit)
				}
				b.end(t)
				pgtest.Exec(t, dsn, tt.bring)
				b.connect(t, dsn, "host-b")
				b.run(t)
			}
			trouble := func(s standby.State) error {
				if tt.unspoken {
					return s.Err
				}
				return s.Trouble
			}
			state := b.await(t, "in trouble", func(s standby.State) bool { return trouble(s) != nil })
			err := trouble(state)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.words) || !strings.Contains(hint.Of(err), tt.next) {
				t.Errorf("the trouble is %v, next: %q; want %v with %q, next: %q", err, hint.Of(err), tt.want, tt.words, tt.next)
			}
			b.standsBy(t)
			if !tt.unspoken {
				if got := pgtest.Exec(t, dsn, `select trouble from rowtap_member where host = 'host-b'`); got != err.Error() {
					t.Errorf("the others hear %q, want %q", got, err)
				}
				if got := b.logged("this machine cannot take over"); got != 1 {
					t.Errorf("it was logged %d times", got)
				}
			}
			if errors.Is(tt.want, mirror.ErrForeign) {
				// Commits of another state are none that this one lacks.
				if got := pgtest.Exec(t, dsn, `select commit from rowtap_member where host = 'host-b'`); got != "0" {
					t.Errorf("it says that it has commit %s of this state", got)
				}
			}
			if tt.mend != "-" {
				pgtest.Exec(t, dsn, tt.mend)
				b.active(t)
			}
		})
	}
}

// What was lost with a failover is not sent again by who had not got that far: an operator decides.
func TestDatabaseFailsOver(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := newMachine(t, dsn, "host-a", "signups"), newMachine(t, dsn, "host-b")
	a.run(t)
	s := a.active(t)
	b.run(t)
	b.follows(t, s)
	b.end(t)
	must(t, polled(s.Ledger, "signups"))
	must(t, polled(s.Ledger, "signups"))
	pgtest.Exec(t, dsn, `update rowtap_lease set commit = 1`)
	err := polled(s.Ledger, "signups")
	if !errors.Is(err, mirror.ErrAhead) {
		t.Fatalf("a commit: %v, want ErrAhead", err)
	}
	b.connect(t, dsn, "host-b")
	b.run(t)
	s.fail <- err
	a.await(t, "ahead", func(s standby.State) bool { return errors.Is(s.Trouble, mirror.ErrAhead) })
	b.await(t, "behind", func(s standby.State) bool { return errors.Is(s.Trouble, standby.ErrBehind) })
	expire(t, dsn)
	b.standsBy(t)
	a.end(t) // what is lost is lost
	b.active(t)
}

// TestDatabaseAway: an unavailable database and its return are reported once each; the copy stays,
// and no machine becomes active.
func TestDatabaseAway(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	proxy.Cut()
	a := newMachine(t, proxy.DSN(t, dsn), "host-a", "signups")
	a.run(t)
	away := func(s standby.State) bool { return errors.Is(s.Err, ledger.ErrMirrorAway) }
	a.await(t, "without a database", away)
	proxy.Restore(t)
	s := a.active(t)
	a.await(t, "well again", func(s standby.State) bool { return s.Err == nil })
	must(t, polled(s.Ledger, "signups"))

	proxy.Cut()
	a.await(t, "without a database", away)
	a.standsUp(t)
	proxy.Restore(t)
	a.await(t, "well again", func(s standby.State) bool { return s.Err == nil })
	must(t, polled(s.Ledger, "signups"))
	if got, back := a.logged("the state on PostgreSQL is not available"), a.logged("the state on PostgreSQL is available again"); got != 2 || back != 2 {
		t.Errorf("it was logged %d times that the database is away, and %d times that it is back", got, back)
	}
	a.end(t)

	// Tables that are gone are made again; what was in them is not made up.
	a.connect(t, dsn, "host-a")
	pgtest.Exec(t, dsn, `update rowtap_lease set holder = 'x', until = now() + interval '1 hour'`)
	a.run(t)
	a.await(t, "standing by", func(s standby.State) bool { return s.Now.Left > time.Minute })
	pgtest.Exec(t, dsn, `drop table rowtap_lease, rowtap_term, rowtap_kv, rowtap_member`)
	a.await(t, "in trouble", func(s standby.State) bool { return errors.Is(s.Trouble, mirror.ErrForeign) })
	a.standsBy(t)
}

// A takeover with another configuration is told of.
func TestAnotherConfiguration(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := newMachine(t, dsn, "host-a", "signups"), newMachine(t, dsn, "host-b")
	const words = "the configuration differs from"
	a.run(t)
	a.active(t)
	a.await(t, "known", func(s standby.State) bool { return len(s.Now.Members) == 1 })
	b.plan.Store("another plan")
	b.run(t)
	b.await(t, "seeing it", func(s standby.State) bool { active, _ := s.Now.Active(); return active.Plan == "plan" })
	b.standsBy(t)
	must(t, a.HandOver(t.Context()))
	b.active(t)
	if got := b.logged(words); got != 1 {
		t.Errorf("host-b tells of it %d times, want once", got)
	}
	if a.logged(words) > 0 {
		t.Error("host-a tells of another configuration, and was the first one")
	}
	a.plan.Store("another plan")
	a.await(t, "seeing it", func(s standby.State) bool { active, _ := s.Now.Active(); return active.Plan == "another plan" })
	a.standsBy(t)
	must(t, b.HandOver(t.Context()))
	a.active(t)
	if a.logged(words) > 0 {
		t.Error("host-a tells of another configuration, and has the same")
	}
}

// Who is active looks after the database: old tombstones go, and settings that may lose commits are
// told of.
func TestHousekeeping(t *testing.T) {
	dsn := pgtest.Shared(t)
	c, err := pgconn.ParseConfig(dsn)
	must(t, err)
	c.RuntimeParams["replication"] = "database" // PostgreSQL lists it as a replica that has just come
	replica, err := pgconn.ConnectConfig(t.Context(), c)
	must(t, err)
	a := newMachine(t, dsn, "host-a", "signups")
	a.run(t)
	must(t, a.active(t).Rename(t.Context(), "signups", "renamed"))
	a.await(t, "warned", func(s standby.State) bool {
		return strings.HasPrefix(s.Warning, "PostgreSQL replicates asynchronously")
	})
	if got := a.logged("PostgreSQL replicates asynchronously"); got != 1 {
		t.Errorf("it was logged %d times", got)
	}
	a.end(t)
	must(t, replica.Close(t.Context()))

	pgtest.Exec(t, dsn, `update rowtap_kv set removed = now() - interval '2 days' where removed is not null`)
	a.connect(t, dsn, "host-a")
	a.run(t)
	a.active(t)
	a.await(t, "without tombstones", func(standby.State) bool {
		return pgtest.Exec(t, dsn, `select count(*) from rowtap_kv where value is null`) == "0"
	})
	if got := a.State().Warning; got != "" {
		t.Errorf("without a replica it warns: %s", got)
	}
}
