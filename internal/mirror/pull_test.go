package mirror_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
)

// What the questions for values have in them that no other has.
const (
	forWhat  = "select zap, kind, key, value"
	forNewer = "lease = $1 and commit > $2"
	forAll   = "value is not null"
)

// follower is a machine of which is known what it asks the database for.
type follower struct {
	*machine
	proxy *pgtest.Proxy
}

func newFollower(t *testing.T, dsn, host string) *follower {
	t.Helper()
	proxy := pgtest.NewProxy(t, dsn)
	return &follower{start(t, proxy.DSN(t, dsn), "production", host), proxy}
}

// asks checks that Pull asks a question, which it cuts off.
func (f *follower) asks(t *testing.T, question string) {
	t.Helper()
	asked := f.proxy.CutBeforeRequest(question)
	if _, err := f.Pull(t.Context(), f.Ledger); err == nil {
		t.Errorf("Pull does not ask for %s", question)
		f.proxy.Restore(t)
		return
	}
	<-asked
}

// asksNot checks that Pull does not ask a question.
func (f *follower) asksNot(t *testing.T, question string) {
	t.Helper()
	asked := f.proxy.CutBeforeRequest(question)
	f.pulled(t)
	select {
	case <-asked:
		t.Errorf("Pull asks for %s", question)
	default:
	}
	f.proxy.Restore(t)
}

// How a copy comes up to date.
func TestPull(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := start(t, dsn, "production", "host-a", "signups"), newFollower(t, dsn, "host-b")
	wants := func(how func(*testing.T)) func(string) {
		return func(what string) {
			t.Helper()
			t.Run(what, func(t *testing.T) {
				how(t)
				if b.Position() != a.Position() {
					t.Errorf("it is at %+v, the state at %+v", b.Position(), a.Position())
				}
				sameState(t, a, b.machine)
			})
		}
	}
	follows := wants(func(t *testing.T) { b.asks(t, forNewer); b.asksNot(t, forAll) })
	loadsWhole := wants(func(t *testing.T) { b.asksNot(t, forNewer) })
	// Tries to follow, and then loads everything.
	tries := wants(func(t *testing.T) { b.asks(t, forNewer); b.asks(t, forAll); b.pulled(t) })
	stays := wants(func(t *testing.T) { b.asksNot(t, forWhat) })
	if got := b.pulled(t); got != 0 {
		t.Errorf("Pull from a database without state = commit %d", got)
	}

	a.activate(t)
	if got := a.Position().Commit; got != 1 {
		t.Errorf("the seed is commit %d", got)
	}
	loadsWhole("the first time")

	found(t, a.Ledger, "signups", 2)
	found(t, a.Ledger, "webinar", 1)
	follows("two commits later")
	stays("nothing new")
	gone(t, a.Ledger, "webinar")
	follows("values removed")
	b.reopen(t)
	found(t, a.Ledger, "signups", 1)
	follows("after a restart")

	// Tombstones that b has not seen are purged, so b cannot follow.
	gone(t, a.Ledger, "webinar-renamed")
	pgtest.Exec(t, dsn, `update rowtap_kv set removed = removed - interval '25 hours' where value is null`)
	must(t, a.term.Purge(t.Context()))
	loadsWhole("tombstones that it has not seen are gone")
	found(t, a.Ledger, "signups", 1)
	follows("tombstones that it had seen are gone")

	pgtest.Exec(t, dsn, fmt.Sprintf(`insert into rowtap_kv select 'production', 'x', 'rows', decode(repeat('00', 200000) || lpad(to_hex(n), 8, '0'), 'hex'), null, %d, now()
		from generate_series(1, 340) n`, a.Position().Commit+1))
	found(t, a.Ledger, "signups", 1)
	tries("more than 64 MB have changed")

	// A change recorded under an earlier commit is detected by the sums.
	found(t, a.Ledger, "signups", 1)
	pgtest.Exec(t, dsn, fmt.Sprintf(`update rowtap_kv set commit = %d where commit = %d and kind = 'rows'`, b.Position().Commit, a.Position().Commit))
	tries("the changes are not all there")
}

// An interrupted load leaves nothing behind.
func TestPullIsCutOff(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	a, b := start(t, dsn, "production", "host-a", "signups"), start(t, proxy.DSN(t, dsn), "production", "host-b")
	a.activate(t)
	b.pulled(t)
	found(t, a.Ledger, "signups", 1)
	before := b.Position()
	for _, what := range []string{"begin", "select l.layout", "select least", "select zap"} {
		lost := proxy.CutAfterRequest(what)
		_, err := b.Pull(t.Context(), b.Ledger)
		wantError(t, "cut off after "+what, err, ledger.ErrMirrorAway)
		<-lost
		if b.Position() != before {
			t.Errorf("cut off after %s: the copy is at %+v, was at %+v", what, b.Position(), before)
		}
	}
	b.pulled(t)
	sameState(t, a, b)
}

// Caches that must not follow are refused with the reason.
func TestPullRefuses(t *testing.T) {
	dsn := pgtest.Shared(t)
	// begin returns an active machine of a new deployment and one that follows it, both at commit
	// 3.
	begin := func(t *testing.T) (lease string, a, b *machine) {
		lease = t.Name()
		a, b = start(t, dsn, lease, "host-a"), start(t, dsn, lease, "host-b")
		a.activate(t)
		found(t, a.Ledger, "signups", 2)
		found(t, a.Ledger, "signups", 2)
		b.pulled(t)
		return lease, a, b
	}
	// refused checks that a machine does not follow and keeps what it has.
	refused := func(t *testing.T, m *machine, kind error, words ...string) {
		t.Helper()
		before, at := values(t, m.Ledger), m.Position()
		for range 2 {
			_, err := m.Pull(t.Context(), m.Ledger)
			wantError(t, "Pull", err, kind, words...)
		}
		if m.Position() != at || fmt.Sprint(before) != fmt.Sprint(values(t, m.Ledger)) {
			t.Errorf("the copy was changed: it is at %+v, was at %+v", m.Position(), at)
		}
	}
	set := func(t *testing.T, sql, lease string) {
		t.Helper()
		pgtest.Exec(t, dsn, fmt.Sprintf(sql, "'"+lease+"'"))
	}

	t.Run("another state", func(t *testing.T) {
		_, a, _ := begin(t)
		other := openAs(t, dsn, t.Name()+"/other", "host-a")
		a.Mirror = other
		refused(t, a, mirror.ErrForeign)
	})
	t.Run("a database that was restored to an earlier commit", func(t *testing.T) {
		lease, _, b := begin(t)
		set(t, `update rowtap_lease set commit = 2 where name = %s`, lease)
		refused(t, b, mirror.ErrAhead, "commit 3", "up to commit 2")
	})
	t.Run("a database that was restored and changed since", func(t *testing.T) {
		lease, _, b := begin(t)
		c := start(t, dsn, lease, "host-c")
		c.pulled(t)
		set(t, `update rowtap_lease set commit = 2 where name = %s`, lease)
		set(t, `update rowtap_lease set until = 'epoch' where name = %s`, lease)
		term := acquire(t, c.Mirror)
		for n := uint64(3); n < 7; n++ {
			must(t, term.Commit(n, []ledger.Value{value("a", "1")}))
		}
		refused(t, b, mirror.ErrAhead, "commit 3", "up to commit 2")
	})
	t.Run("a database that was restored to before a term", func(t *testing.T) {
		lease, _, b := begin(t)
		b.activate(t)
		found(t, b.Ledger, "signups", 1)
		set(t, `delete from rowtap_term where epoch = 2 and lease = %s`, lease)
		set(t, `update rowtap_lease set epoch = 1, commit = 3, holder = '' where name = %s`, lease)
		refused(t, b, mirror.ErrAhead, "commit 4", "does not know")
		// The same once another term has the number.
		c := start(t, dsn, lease, "host-c")
		term := acquire(t, c.Mirror)
		must(t, term.Commit(4, []ledger.Value{value("a", "1")}))
		must(t, term.Commit(5, []ledger.Value{value("a", "1")}))
		refused(t, b, mirror.ErrAhead, "commit 4", "does not know")
	})
	t.Run("a database that was restored to before it had the state", func(t *testing.T) {
		lease, a, b := begin(t)
		set(t, `update rowtap_lease set epoch = 0, commit = 0, holder = '' where name = %s`, lease)
		set(t, `delete from rowtap_term where lease = %s`, lease)
		refused(t, b, mirror.ErrAhead)
		// A dropped copy is empty and must not become the state.
		must(t, a.Ledger.Close())
		must(t, b.Ledger.Close())
		b.drop(t)
		refused(t, b, mirror.ErrAhead)
	})
	t.Run("a database that was restored, and in which an operator has then put another state", func(t *testing.T) {
		lease, _, b := begin(t)
		set(t, `update rowtap_lease set commit = 2 where name = %s`, lease)
		refused(t, b, mirror.ErrAhead, "commit 3", "up to commit 2")
		set(t, `update rowtap_lease set until = 'epoch' where name = %s`, lease)
		c := start(t, dsn, lease, "host-c", "restored")
		_, err := acquire(t, c.Mirror).Replace(t.Context(), c.Ledger)
		must(t, err)
		b.pulled(t)
		sameState(t, c, b)
	})
	t.Run("a plain state file that has zaps", func(t *testing.T) {
		lease, _, _ := begin(t)
		c := start(t, dsn, lease, "host-c", "mine")
		refused(t, c, mirror.ErrForeign, "mine")
	})
	t.Run("a state that was moved out", func(t *testing.T) {
		lease, a, b := begin(t)
		must(t, a.term.MoveOut(t.Context(), "to host-a"))
		refused(t, a, mirror.ErrMoved, "to host-a")
		refused(t, b, mirror.ErrMoved, "to host-a")
		refused(t, start(t, dsn, lease, "host-c"), mirror.ErrMoved, "to host-a")
	})
	t.Run("a newer schema", func(t *testing.T) {
		_, a, b := begin(t)
		at := a.Position().Commit
		must(t, a.term.Commit(at+1, []ledger.Value{{Kind: "rowtap", Key: []byte("schema"), Value: sealed("schema", 99)}}))
		refused(t, b, ledger.ErrNewer)
	})
}

// sealed returns a ledger value that holds a version.
func sealed(key string, version byte) []byte {
	b := append([]byte{1}, make([]byte, 8)...)
	binary.LittleEndian.PutUint64(b[1:], xxhash.Sum64(append([]byte(key), version)))
	return append(b, version)
}
