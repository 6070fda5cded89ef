package standby_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
	"github.com/rowtap/rowtap/internal/standby"
)

// A command is the active one for as long as it works.
func TestTake(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	a := newMachine(t, proxy.DSN(t, dsn), "host-a", "signups")
	a.command = true
	a.connect(t, proxy.DSN(t, dsn), "host-a")
	if _, _, _, err := a.Take(t.Context()); !errors.Is(err, standby.ErrEmpty) {
		t.Errorf("Take of a database without a state = %v, want ErrEmpty", err)
	}
	if got := pgtest.Exec(t, dsn, `select commit, holder, until < now() from rowtap_lease`); got != "0||t" {
		t.Errorf("after that the lease is %s, want 0||t", got)
	}
	a.command = false
	a.connect(t, proxy.DSN(t, dsn), "host-a")
	l, term, release, err := a.Take(t.Context())
	must(t, err)
	must(t, polled(l, "signups"))
	must(t, term.MayBegin())
	b := newMachine(t, dsn, "host-b")
	refused := func(m *machine, kind error, words string) {
		t.Helper()
		_, _, _, err := m.Take(t.Context())
		if !errors.Is(err, kind) || !strings.Contains(err.Error(), words) {
			t.Errorf("Take of %s = %v, want %v with %q", m.mirror.Self().Host, err, kind, words)
		}
		again, err := ledger.OpenCache(ledger.Options{Path: m.path, Timeout: time.Millisecond})
		must(t, err) // it was closed
		must(t, again.Close())
	}
	refused(b, mirror.ErrHeld, "active is host-a")
	must(t, errors.Join(l.Close(), release()))
	if got := pgtest.Exec(t, dsn, `select holder, until < now(), (select count(*) from rowtap_member) from rowtap_lease`); got != "|t|0" {
		t.Errorf("after a command, the database has %s, want |t|0", got)
	}
	l, _, release, err = b.Take(t.Context())
	must(t, err)
	if got, err := l.Deliveries(t.Context(), ledger.Query{}); err != nil || len(got) != 2 {
		t.Errorf("host-b has %d deliveries, want 2: %v", len(got), err)
	}
	must(t, errors.Join(l.Close(), release()))
	refused(newMachine(t, dsn, "host-c", "mine"), mirror.ErrForeign, "mine")
	proxy.Cut()
	refused(a, ledger.ErrMirrorAway, "look for the lease")
}

func TestSend(t *testing.T) {
	dsn := pgtest.Shared(t)
	send := func(m *machine, instead bool) (ledger.Position, error) {
		t.Helper()
		l, err := ledger.OpenCache(ledger.Options{Path: m.path})
		must(t, err)
		defer func() { must(t, l.Close()) }()
		position, err := standby.Send(t.Context(), m.mirror, l, instead)
		if err == nil && position != l.Position() {
			t.Errorf("Send = %+v, and the file is at %+v", position, l.Position())
		}
		return position, err
	}
	refused := func(m *machine, instead bool, kind error) {
		t.Helper()
		if _, err := send(m, instead); !errors.Is(err, kind) {
			t.Errorf("Send = %v, want %v", err, kind)
		}
		if got := pgtest.Exec(t, dsn, `select holder in ('', 'x') from rowtap_lease`); got != "t" {
			t.Error("the lease was not given up")
		}
	}
	a, b := newMachine(t, dsn, "host-a", "signups"), newMachine(t, dsn, "host-b", "webinar")
	c := newMachine(t, dsn, "host-c")
	must(t, c.mirror.Prepare(t.Context()))
	refused(c, false, standby.ErrNothing)
	if _, err := send(c, true); err != nil { // an operator wants it
		t.Errorf("an empty state in place of what is there: %v", err)
	}
	first, err := send(a, false) // in place of a state without zaps, which a first start on another machine leaves
	must(t, err)
	if first.Commit != 2 {
		t.Errorf("it is commit %d, want 2", first.Commit)
	}
	refused(a, false, ledger.ErrCopy)
	refused(a, true, ledger.ErrCopy)
	refused(b, false, standby.ErrTaken)
	pgtest.Exec(t, dsn, `update rowtap_lease set holder = 'x', until = now() + interval '1 hour'`)
	refused(b, true, mirror.ErrHeld)
	expire(t, dsn)
	second, err := send(b, true)
	must(t, err)
	if second.Commit != 3 || second.State != first.State {
		t.Errorf("the state is at %+v, and was at %+v", second, first)
	}
	a.run(t)
	if zaps, err := a.active(t).Zaps(t.Context()); err != nil || !slices.Equal(zaps, []string{"webinar"}) {
		t.Errorf("host-a has the zaps %q: %v", zaps, err)
	}
}

// A standby's copy can be backed up, once it has one.
func TestBackup(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	a, b := newMachine(t, dsn, "host-a", "signups"), newMachine(t, proxy.DSN(t, dsn), "host-b")
	var copied bytes.Buffer
	if err := b.Backup(t.Context(), &copied); err == nil || copied.Len() > 0 {
		t.Errorf("Backup without a copy = %v", err)
	}
	a.run(t)
	s := a.active(t)
	b.run(t)
	b.follows(t, s)
	must(t, b.Backup(t.Context(), &copied))
	if copied.Len() == 0 {
		t.Error("the backup is empty")
	}
	proxy.Cut()
	b.await(t, "without a database", func(s standby.State) bool { return s.Err != nil })
	if err := b.Backup(t.Context(), &copied); err == nil || !strings.Contains(err.Error(), "this machine's copy of the state is from 20") {
		t.Errorf("Backup without a database = %v", err)
	}
}
