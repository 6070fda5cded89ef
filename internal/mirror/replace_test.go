package mirror_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
)

// lose lets another process take the lease, as after leaseTime without a renewal.
func lose(t *testing.T, dsn, lease string) *mirror.Term {
	t.Helper()
	pgtest.Exec(t, dsn, `update rowtap_lease set until = 'epoch' where name = '`+lease+`'`)
	return acquire(t, openAs(t, dsn, lease, "host-x"))
}

// kept returns everything that the database stores for a deployment.
func kept(t *testing.T, dsn, lease string) string {
	t.Helper()
	return pgtest.Exec(t, dsn, `select l.commit, l.purged, l.moved, (select md5(string_agg(row(k.*)::text, ' ' order by zap, kind, key)) from rowtap_kv k where k.lease = l.name)
		from rowtap_lease l where name = '`+lease+`'`)
}

// Replace swaps all values in one commit, and all copies reload the whole state.
func TestReplace(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := start(t, dsn, "production", "host-a", "signups"), newFollower(t, dsn, "host-b")
	other := start(t, dsn, "other", "host-a", "others")
	other.activate(t)
	others := kept(t, dsn, "other")
	a.activate(t)
	found(t, a.Ledger, "signups", 3)
	gone(t, a.Ledger, "signups")
	b.pulled(t)

	restored := start(t, dsn, "production", "host-a", "one", "two")
	restored.term = acquire(t, a.Mirror)
	position, err := restored.term.Replace(t.Context(), restored.Ledger)
	must(t, err)
	must(t, restored.Stamp(t.Context(), position))
	if got, want := pgtest.Exec(t, dsn, `select count(*), min(commit), max(commit), count(removed) from rowtap_kv where lease = 'production'`), "12|4|4|0"; got != want {
		t.Errorf("the database has %s values, want %s", got, want)
	}
	if position.Commit != 4 || position.State != a.Position().State || position.Epoch != restored.term.ID() {
		t.Errorf("the position is %+v", position)
	}
	// b has no other way to learn what is gone.
	b.asksNot(t, forNewer)
	if b.Position() != position {
		t.Errorf("the copy is at %+v, want %+v", b.Position(), position)
	}
	sameState(t, restored, b.machine)
	must(t, restored.Promote(t.Context(), restored.term, restored.term.ID()))
	found(t, restored.Ledger, "one", 1)
	b.pulled(t)
	sameState(t, restored, b.machine)
	if got := kept(t, dsn, "other"); got != others {
		t.Errorf("another deployment of the same database has %s, had %s", got, others)
	}
}

// A copy that has commits the database lost follows again after an operator has replaced the state.
func TestReplaceALostState(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := start(t, dsn, "production", "host-a", "signups"), newFollower(t, dsn, "host-b")
	a.activate(t)
	found(t, a.Ledger, "signups", 3)
	found(t, a.Ledger, "signups", 3)
	b.pulled(t)
	pgtest.Exec(t, dsn, `update rowtap_lease set commit = 1`)
	restored := start(t, dsn, "production", "host-a", "one")
	restored.term = lose(t, dsn, "production")
	_, err := b.Pull(t.Context(), b.Ledger)
	wantError(t, "Pull before", err, mirror.ErrAhead)
	_, err = restored.term.Replace(t.Context(), restored.Ledger)
	must(t, err)
	b.asksNot(t, forNewer) // it loads all
	if got := b.Position().Commit; got != 2 {
		t.Errorf("the copy has commit %d, want 2", got)
	}
	sameState(t, restored, b.machine)
}

// Values that the database drops silently are detected by the count.
func TestReplaceCounts(t *testing.T) {
	dsn := pgtest.Shared(t)
	a := start(t, dsn, "production", "host-a", "signups")
	term := acquire(t, a.Mirror)
	pgtest.Exec(t, dsn, `create function lose() returns trigger language plpgsql as $$ begin return null; end $$;
		create trigger lose before insert on rowtap_kv for each row when (new.kind = 'state') execute function lose()`)
	_, err := term.Replace(t.Context(), a.Ledger)
	wantError(t, "Replace", err, ledger.ErrMirrorAway, "7 values were sent, but the database has 6")
	if got, want := kept(t, dsn, "production"), "0|0||"; got != want {
		t.Errorf("the database has %s, want %s", got, want)
	}
}

// A process that has lost its lease changes nothing.
func TestLeaseIsLost(t *testing.T) {
	dsn := pgtest.Shared(t)
	for name, change := range map[string]func(*machine) error{
		"Replace": func(m *machine) error { _, err := m.term.Replace(t.Context(), m.Ledger); return err },
		"MoveOut": func(m *machine) error { return m.term.MoveOut(t.Context(), "elsewhere") },
		"Purge": func(m *machine) error {
			if err := m.term.Purge(t.Context()); err != nil {
				return err
			}
			return ledger.ErrNotActive // it may return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, dsn, name, "host-a", "signups")
			a.activate(t)
			gone(t, a.Ledger, "signups")
			pgtest.Exec(t, dsn, `update rowtap_kv set removed = removed - interval '25 hours' where value is null`)
			next := lose(t, dsn, name)
			before := kept(t, dsn, name)
			wantError(t, name, change(a), ledger.ErrNotActive)
			if after := kept(t, dsn, name); after != before {
				t.Errorf("%s of a term that is over: the database had %s, has %s", name, before, after)
			}
			if name != "Purge" {
				wantError(t, "MayBegin", a.term.MayBegin(), ledger.ErrNotActive, "host-x")
			}
			must(t, next.Commit(3, []ledger.Value{value("a", "1")}))
		})
	}
}

// TestMoveOut: after MoveOut, no machine takes the state from the database; after Clear, the
// database has only the new place of the state, until a state is sent again.
func TestMoveOut(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := start(t, dsn, "production", "host-a", "signups"), start(t, dsn, "production", "host-b")
	a.activate(t)
	b.pulled(t)
	wantError(t, "Clear", a.term.Clear(t.Context()), ledger.ErrStale) // it was not moved
	a.term = acquire(t, a.Mirror)
	values := kept(t, dsn, "production")
	must(t, a.term.MoveOut(t.Context(), "to host-a"))
	if got, want := kept(t, dsn, "production"), strings.Replace(values, "|1||", "|1|to host-a|", 1); got != want {
		t.Errorf("the database has %s, want %s: a move that is cut off must not lose the values", got, want)
	}
	_, err := b.Pull(t.Context(), b.Ledger)
	wantError(t, "Pull", err, mirror.ErrMoved)
	must(t, a.term.Clear(t.Context()))
	if got, want := kept(t, dsn, "production"), "2|2|to host-a|"; got != want {
		t.Errorf("the database has %s, want %s", got, want)
	}
	now, err := b.Look(t.Context())
	must(t, err)
	if !now.Empty() {
		t.Error("Empty = false")
	}
	must(t, a.Ledger.Close())
	must(t, ledger.Unstamp(t.Context(), a.path))
	a.open(t)
	position, err := a.term.Replace(t.Context(), a.Ledger)
	must(t, err)
	must(t, a.Stamp(t.Context(), position))
	b.pulled(t)
	sameState(t, a, b)
}

// Purge removes old tombstones and records up to which commit.
func TestPurge(t *testing.T) {
	dsn := pgtest.Shared(t)
	term := acquire(t, open(t, dsn, "host-a"))
	for n, set := range [][]ledger.Value{
		{value("a", "1"), value("b", "1"), value("c", "1"), value("d", "1")},
		{value("a", ""), value("b", "")},
		{value("c", "")},
		{value("d", ""), value("b", "2")},
	} {
		must(t, term.Commit(uint64(n+1), set))
	}
	pgtest.Exec(t, dsn, `insert into rowtap_kv select 'other', zap, kind, key, value, commit, removed from rowtap_kv`)
	for _, tt := range []struct{ age, want, purged string }{
		{`interval '23 hours 59 minutes'`, "a=-@2 b=2@4 c=-@3 d=-@4", "0"},
		{`case commit when 4 then interval '0' else interval '1 minute' end`, "b=2@4 d=-@4", "3"},
		{`interval '0'`, "b=2@4 d=-@4", "3"},
		{`interval '1 minute'`, "b=2@4", "4"},
	} {
		pgtest.Exec(t, dsn, `update rowtap_kv set removed = removed - `+tt.age)
		must(t, term.Purge(t.Context()))
		got := pgtest.Exec(t, dsn, `select string_agg(encode(key, 'escape') || '=' || coalesce(encode(value, 'escape'), '-') || '@' || commit, ' ' order by key) from rowtap_kv where lease = 'production'`)
		if got != tt.want {
			t.Errorf("after %s: %s, want %s", tt.age, got, tt.want)
		}
		if got := pgtest.Exec(t, dsn, `select purged from rowtap_lease`); got != tt.purged {
			t.Errorf("after %s purged is %s, want %s", tt.age, got, tt.purged)
		}
	}
	pgtest.Exec(t, dsn, `insert into rowtap_kv values ('production', 'x', 'rows', 'x', null, 3, now() - interval '2 days')`)
	must(t, term.Purge(t.Context()))
	if got := pgtest.Exec(t, dsn, `select purged from rowtap_lease`); got != "4" {
		t.Errorf("after an older one purged is %s, want 4 still", got)
	}
	if got := pgtest.Exec(t, dsn, `select count(*) from rowtap_kv where lease = 'other'`); got != "4" {
		t.Errorf("another deployment has %s values left, want 4", got)
	}
	must(t, term.Commit(5, nil))
}

// A machine is ahead that has what the database has lost, until others have gone on without it.
func TestAhead(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := open(t, dsn, "host-a"), start(t, dsn, "production", "host-b", "signups")
	at := ledger.Position{State: "s", Epoch: "b5e0a1a0-0000-4000-8000-000000000000", Commit: 1} // of a term that is lost
	wants := func(what string, want bool) {
		t.Helper()
		must(t, a.Say(t.Context(), at, "", ""))
		now, err := b.Look(t.Context())
		must(t, err)
		i := slices.IndexFunc(now.Members, func(s mirror.Seen) bool { return s.Host == "host-a" })
		if got := now.Members[i].Ahead; got != want {
			t.Errorf("%s: ahead is %t, want %t", what, got, want)
		}
	}
	wants("a database that was restored to nothing", true)
	term := acquire(t, a)
	for n := range uint64(4) {
		must(t, term.Commit(n+1, []ledger.Value{value("a", "1")}))
	}
	wants("as many commits", false)
	at.Commit = 5
	wants("a term that is lost", true)
	at.Epoch = term.ID()
	wants("more commits of the last term", true)
	at.Commit = 4
	wants("all commits of the last term", false)
	pgtest.Exec(t, dsn, `update rowtap_lease set commit = 2`)
	wants("the last commits are gone", true)

	next := lose(t, dsn, "production")
	wants("another has the lease, and no commit", true)
	must(t, next.Commit(3, nil))
	wants("another has gone on", false)

	at.Epoch, at.Commit = "b5e0a1a0-0000-4000-8000-000000000000", 9
	wants("a term that is lost, later", true)
	must(t, next.Release(t.Context()))
	_, err := acquire(t, b.Mirror).Replace(t.Context(), b.Ledger)
	must(t, err)
	wants("an operator has restored a state", false)
	at = ledger.Position{}
	wants("it has nothing", false)
}

// Machines come and go.
func TestMembers(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := open(t, dsn, "host-a"), open(t, dsn, "host-b")
	look := func() (mirror.Now, []string) {
		t.Helper()
		now, err := b.Look(t.Context())
		must(t, err)
		var all []string
		for _, s := range now.Members {
			text := s.Host + " " + s.Plan + " " + s.Trouble
			if s.Active {
				text += " active"
			}
			all = append(all, text)
			if s.Address != s.Host+":8321" || s.Version != "v1" && s.Plan != "" || s.ID == "" || s.Active == s.Since.IsZero() {
				t.Errorf("a member is %+v", s)
			}
		}
		return now, all
	}
	wants := func(what, who string, want ...string) {
		t.Helper()
		now, got := look()
		slices.SortStableFunc(got, func(a, b string) int { // members of one host have no order
			if strings.Fields(a)[0] != strings.Fields(b)[0] {
				return 0
			}
			return strings.Compare(a, b)
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: members are %q, want %q", what, got, want)
		}
		if now.Who() != who {
			t.Errorf("%s: %s, want %s", what, now.Who(), who)
		}
	}
	wants("at first", "no machine is active")
	must(t, b.Say(t.Context(), ledger.Position{Commit: 3}, "plan-b", "its trouble"))
	must(t, a.Say(t.Context(), ledger.Position{Commit: 4}, "plan-a", ""))
	wants("both are there", "no machine is active", "host-a plan-a ", "host-b plan-b its trouble")
	must(t, b.Say(t.Context(), ledger.Position{Commit: 3}, "plan-c", ""))
	wants("another configuration", "no machine is active", "host-a plan-a ", "host-b plan-c ")

	term := acquire(t, b)
	must(t, term.Commit(1, nil))
	must(t, term.Commit(2, nil))
	wants("b is active", "active is host-b", "host-b plan-c  active", "host-a plan-a ")
	now, _ := look()
	active, ok := now.Active()
	if !ok || active != now.Members[0] || active.ID != b.Self().ID || active.Commit != 2 || now.Commit != 2 {
		t.Errorf("active is %+v (%t), want host-b with commit 2", active, ok)
	}
	if got := now.Members[1].Commit; got != 4 {
		t.Errorf("host-a has commit %d, want 4", got)
	}
	must(t, b.Leave(t.Context()))
	wants("the active one is a command", "active is host-b", "host-b   active", "host-a plan-a ")
	must(t, term.Release(t.Context()))
	wants("released", "no machine is active", "host-a plan-a ")

	// A lease that was not renewed.
	acquire(t, b)
	must(t, b.Say(t.Context(), ledger.Position{Commit: 2}, "plan-c", ""))
	pgtest.Exec(t, dsn, `update rowtap_lease set until = clock_timestamp() - interval '1 millisecond'`)
	wants("expired", "no machine is active", "host-a plan-a ", "host-b plan-c ")

	// Members that have not reported recently.
	pgtest.Exec(t, dsn, `update rowtap_member set seen = seen - interval '59 minutes' where host = 'host-a'`)
	wants("reported recently", "no machine is active", "host-a plan-a ", "host-b plan-c ")
	if now, _ := look(); now.Members[0].Ago.Minutes() < 59 || now.Members[1].Ago.Minutes() > 1 {
		t.Errorf("last reports %s and %s ago", now.Members[0].Ago, now.Members[1].Ago)
	}
	pgtest.Exec(t, dsn, `update rowtap_member set seen = seen - interval '1 minute' where host = 'host-a'`)
	wants("heard of long ago", "no machine is active", "host-b plan-c ")
	must(t, a.Say(t.Context(), ledger.Position{Commit: 4}, "plan-a", ""))
	wants("heard of again", "no machine is active", "host-a plan-a ", "host-b plan-c ")

	// A process that was killed and restarted is listed once; two machines may share a host name.
	again := open(t, dsn, "host-a")
	must(t, again.Say(t.Context(), ledger.Position{Commit: 4}, "plan-d", ""))
	wants("two of one name", "no machine is active", "host-a plan-a ", "host-a plan-d ", "host-b plan-c ")
	pgtest.Exec(t, dsn, `update rowtap_member set seen = seen - interval '6 seconds'`)
	must(t, again.Say(t.Context(), ledger.Position{Commit: 4}, "plan-d", ""))
	wants("killed and started", "no machine is active", "host-a plan-d ", "host-b plan-c ")
	other := openAs(t, dsn, "other", "host-a")
	must(t, other.Say(t.Context(), ledger.Position{Commit: 4}, "plan-o", ""))
	pgtest.Exec(t, dsn, `update rowtap_member set seen = seen - interval '6 seconds'`)
	must(t, other.Say(t.Context(), ledger.Position{Commit: 4}, "plan-o", ""))
	wants("another deployment", "no machine is active", "host-a plan-d ", "host-b plan-c ")
}
