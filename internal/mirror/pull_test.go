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

// wholeLoad occurs only in the query of a full load.
const wholeLoad = "value is not null"

func TestPull(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	a, b := start(t, dsn, "production", "host-a", "signups"), start(t, proxy.DSN(t, dsn), "production", "host-b")
	// follows checks that b comes up to date, and whether it loads the whole state.
	follows := func(what string, whole bool) {
		t.Helper()
		asked := proxy.CutBeforeRequest(wholeLoad)
		if whole {
			if _, err := b.Pull(t.Context(), b.Ledger); err == nil {
				t.Errorf("%s: no full load", what)
			} else {
				<-asked
			}
		}
		b.pulled(t)
		select {
		case <-asked:
			if !whole {
				t.Errorf("%s: a full load", what)
			}
		default:
		}
		proxy.Restore(t)
		sameState(t, a, b)
	}
	if got := b.pulled(t); got != 0 {
		t.Errorf("Pull from a database without state = commit %d", got)
	}

	a.activate(t)
	if got := a.Position().Commit; got != 1 {
		t.Errorf("the seed is commit %d", got)
	}
	follows("the first time", true)
	if b.Position() != a.Position() {
		t.Errorf("the active machine is at %+v, the copy at %+v", a.Position(), b.Position())
	}

	found(t, a.Ledger, "signups", 2)
	found(t, a.Ledger, "webinar", 1)
	follows("two commits later", false)
	follows("nothing new", false)
	gone(t, a.Ledger, "webinar")
	follows("values removed", false)
	b.reopen(t)
	found(t, a.Ledger, "signups", 1)
	follows("after a restart", false)

	// Tombstones that b has not seen are purged, so b cannot follow.
	gone(t, a.Ledger, "webinar-renamed")
	pgtest.Exec(t, dsn, `update rowtap_kv set removed = removed - interval '25 hours' where value is null`)
	must(t, a.term.Purge(t.Context()))
	follows("unseen tombstones are purged", true)
	found(t, a.Ledger, "signups", 1)
	follows("seen tombstones are purged", false)

	pgtest.Exec(t, dsn, fmt.Sprintf(`insert into rowtap_kv select 'production', 'x', 'rows', decode(repeat('00', 200000) || lpad(to_hex(n), 8, '0'), 'hex'), null, %d, now()
		from generate_series(1, 340) n`, a.Position().Commit+1))
	found(t, a.Ledger, "signups", 1)
	follows("more than 64 MB have changed", true)

	// A change recorded under an earlier commit is detected by the sums.
	found(t, a.Ledger, "signups", 1)
	pgtest.Exec(t, dsn, fmt.Sprintf(`update rowtap_kv set commit = %d where commit = %d and kind = 'rows'`, b.Position().Commit, a.Position().Commit))
	follows("the changes are not all there", true)
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
	for _, what := range []string{"begin", "select l.layout", "select coalesce", "select zap"} {
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
