package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
)

// open returns the state "production" of a database as the machine host.
func open(t *testing.T, dsn, host string) *mirror.Mirror {
	t.Helper()
	return openAs(t, dsn, "production", host)
}

func openAs(t *testing.T, dsn, lease, host string) *mirror.Mirror {
	t.Helper()
	m, err := mirror.Open(mirror.Options{DSN: dsn, Lease: lease, Self: mirror.Member{Host: host, Address: host + ":8321", Version: "v1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	if err := m.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func acquire(t tester, m *mirror.Mirror) *mirror.Term {
	t.Helper()
	term, err := m.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return term
}

func value(key, value string) ledger.Value {
	v := ledger.Value{Zap: "signups", Kind: "rows", Key: []byte(key)}
	if value != "" {
		v.Value = []byte(value)
	}
	return v
}

// stored lists a state's values in a database, including tombstones.
func stored(t *testing.T, dsn string) string {
	t.Helper()
	return pgtest.Exec(t, dsn, `select coalesce(string_agg(encode(key, 'escape') || '=' || coalesce(encode(value, 'escape'), '-') || '@' || commit, ' ' order by key), '') from rowtap_kv`)
}

func TestCommits(t *testing.T) {
	dsn := pgtest.Shared(t)
	term := acquire(t, open(t, dsn, "host-a"))
	for n, set := range [][]ledger.Value{
		{value("a", "1"), value("b", "2")},
		{value("a", ""), value("c", "3")},
		{},
		{value("a", "4"), {Zap: "signups", Kind: "zap", Value: []byte("r")}},
	} {
		if err := term.Commit(uint64(n+1), set); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			if got, want := stored(t, dsn), "a=-@2 b=2@1 c=3@2"; got != want {
				t.Errorf("the database has %q, want %q", got, want)
			}
		}
	}
	if got, want := stored(t, dsn), "=r@4 a=4@4 b=2@1 c=3@2"; got != want {
		t.Errorf("the database has %q, want %q", got, want)
	}
	if got := pgtest.Exec(t, dsn, `select count(*) from rowtap_kv where (value is null) <> (removed is not null)`); got != "0" {
		t.Errorf("%s values are wrongly marked as removed", got)
	}
}

// A process whose term is over changes nothing, even if it does not know.
func TestOldTermWritesNothing(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := open(t, dsn, "host-a"), open(t, dsn, "host-b")
	old := acquire(t, a)
	if err := old.Commit(1, []ledger.Value{value("a", "old")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Acquire(t.Context()); !errors.Is(err, mirror.ErrHeld) {
		t.Fatalf("acquiring a held lease: %v", err)
	}
	pgtest.Exec(t, dsn, `update rowtap_lease set until = clock_timestamp() - interval '1 second'`)
	next := acquire(t, b)
	if err := next.Commit(2, []ledger.Value{value("a", "new")}); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(4) {
		if err := old.Commit(n, []ledger.Value{value("a", "late")}); !errors.Is(err, ledger.ErrNotActive) {
			t.Errorf("commit %d of the old term: %v", n, err)
		}
	}
	if err := old.MayBegin(); !errors.Is(err, ledger.ErrNotActive) {
		t.Errorf("the old term may begin: %v", err)
	}
	if err := old.Keep(t.Context()); !errors.Is(err, ledger.ErrNotActive) {
		t.Errorf("the old term is kept: %v", err)
	}
	if err := old.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := next.Commit(3, nil); err != nil {
		t.Errorf("the new term after the old one's release: %v", err)
	}
	if got, want := stored(t, dsn), "a=new@2"; got != want {
		t.Errorf("the database has %q, want %q", got, want)
	}
}

func TestReleaseIsAtOnce(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := open(t, dsn, "host-a"), open(t, dsn, "host-b")
	if err := acquire(t, a).Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	acquire(t, b)
}

// Of many processes that acquire at once, one succeeds.
func TestOneAcquires(t *testing.T) {
	dsn := pgtest.Shared(t)
	var wg sync.WaitGroup
	got := make(chan error, 8)
	for i := range cap(got) {
		m := open(t, dsn, fmt.Sprint("host-", i))
		wg.Go(func() {
			_, err := m.Acquire(context.Background())
			got <- err
		})
	}
	wg.Wait()
	close(got)
	active := 0
	for err := range got {
		switch {
		case err == nil:
			active++
		case !errors.Is(err, mirror.ErrHeld):
			t.Error(err)
		}
	}
	if active != 1 {
		t.Errorf("%d are active", active)
	}
}

// After a lost response, the next commit continues from what was really committed.
func TestLostAnswer(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	term := acquire(t, open(t, proxy.DSN(t, dsn), "host-a"))
	if err := term.Commit(1, []ledger.Value{value("a", "1")}); err != nil {
		t.Fatal(err)
	}
	lost := proxy.CutAfterRequest("rowtap_kv")
	if err := term.Commit(2, []ledger.Value{value("a", "2")}); err != nil {
		t.Errorf("a commit that was made but whose response was lost: %v", err)
	}
	<-lost
	lost = proxy.CutBeforeRequest("rowtap_kv")
	if err := term.Commit(3, []ledger.Value{value("a", "3")}); !errors.Is(err, ledger.ErrMirrorAway) {
		t.Errorf("a commit that never arrived: %v", err)
	}
	<-lost
	if err := term.Commit(3, []ledger.Value{value("a", "4")}); err != nil {
		t.Error(err)
	}
	if got, want := stored(t, dsn), "a=4@3"; got != want {
		t.Errorf("the database has %q, want %q", got, want)
	}
}

func TestDatabaseAway(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	m := open(t, proxy.DSN(t, dsn), "host-a")
	term := acquire(t, m)
	proxy.Cut()
	// From here on the connection is known to be broken.
	if _, err := m.Look(t.Context()); !errors.Is(err, ledger.ErrMirrorAway) {
		t.Errorf("a look without a database: %v", err)
	}
	if err := term.Commit(1, []ledger.Value{value("a", "1")}); !errors.Is(err, ledger.ErrMirrorAway) {
		t.Errorf("a commit without a database: %v", err)
	}
	if err := term.MayBegin(); err != nil {
		t.Errorf("just renewed: %v", err)
	}
	proxy.Restore(t)
	if err := term.Commit(1, []ledger.Value{value("a", "2")}); err != nil {
		t.Errorf("the database is back: %v", err)
	}
}

// What the lease row says decides, even where the response to a commit was lost.
func TestTheDatabaseSaysOtherwise(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	for _, tt := range []struct {
		name, change string
		want         error
		words        string
	}{
		{"its last commits are gone", `set commit = 1`, mirror.ErrAhead, "it has commit 3, but the database's last commit is 1"},
		{"its term is gone", `set commit = 1, epoch = 0, holder = ''`, mirror.ErrAhead, "it is in term 1, but the database's last term is 0"},
		{"another has taken over", `set epoch = 2, holder = 'x', until = now() + interval '1 hour'`, ledger.ErrNotActive, "active is"},
		{"it has given the lease up", `set holder = '', until = 'epoch'`, ledger.ErrNotActive, "no machine is active"},
		{"a commit it does not know of", `set commit = 4`, ledger.ErrStale, "commit 4 was made, but its response was lost"},
		{"the row is gone", `set name = name || ' of old'`, ledger.ErrNotActive, "no longer has lease"},
	} {
		for _, lost := range []bool{false, true} {
			name := fmt.Sprintf("%s/%t", tt.name, lost)
			t.Run(name, func(t *testing.T) {
				term := acquire(t, openAs(t, proxy.DSN(t, dsn), name, "host-a"))
				for n := range uint64(3) {
					must(t, term.Commit(n+1, []ledger.Value{value("a", "1")}))
				}
				pgtest.Exec(t, dsn, `update rowtap_lease `+tt.change+` where name = '`+name+`'`)
				if lost {
					proxy.CutAfterRequest("rowtap_kv")
				}
				err := term.Commit(4, []ledger.Value{value("a", "2")})
				wantError(t, "Commit", err, tt.want, tt.words)
				if errors.Is(err, ledger.ErrMirrorAway) {
					t.Errorf("Commit = %v, which is retryable", err)
				}
				wantError(t, "MayBegin", term.MayBegin(), tt.want, tt.words)
				wantError(t, "Keep", term.Keep(t.Context()), tt.want)
				wantError(t, "another commit", term.Commit(4, nil), tt.want)
				if got := pgtest.Exec(t, dsn, `select encode(value, 'escape') from rowtap_kv where lease = '`+name+`'`); got != "1" {
					t.Errorf("the database has %s, want 1", got)
				}
			})
		}
	}
}

// A lease that cannot be renewed counts as lost before another process can acquire it.
func TestRenewals(t *testing.T) {
	dsn := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, dsn)
	term := acquire(t, open(t, proxy.DSN(t, dsn), "host-a"))
	pgtest.Exec(t, dsn, `update rowtap_lease set until = clock_timestamp() + interval '5 seconds'`)
	term.Age(9500 * time.Millisecond)
	must(t, term.MayBegin())
	term.Age(500 * time.Millisecond)
	wantError(t, "MayBegin after 10 seconds", term.MayBegin(), ledger.ErrMirrorAway, "the lease was last renewed 10s ago")

	// A successful renewal restores it.
	ctx, stop := context.WithCancel(t.Context())
	kept := make(chan error)
	go func() { kept <- term.Keep(ctx) }()
	for deadline := time.Now().Add(time.Minute); term.MayBegin() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the lease is not renewed")
		}
	}
	stop()
	must(t, <-kept)
	if got := pgtest.Exec(t, dsn, `select extract(epoch from until - clock_timestamp()) between 5 and 14 from rowtap_lease`); got != "t" {
		t.Error("the lease does not last 14 seconds more")
	}

	proxy.Cut()
	term.Age(13900 * time.Millisecond)
	wantError(t, "MayBegin after 13.9 seconds", term.MayBegin(), ledger.ErrMirrorAway)
	term.Age(100 * time.Millisecond)
	ctx, stop = context.WithTimeout(t.Context(), 10*time.Second) // it must not wait for a renewal that comes too late
	defer stop()
	for what, err := range map[string]error{"Keep": term.Keep(ctx), "MayBegin after 14 seconds": term.MayBegin(), "Commit": term.Commit(1, nil)} {
		wantError(t, what, err, ledger.ErrNotActive, "could not be renewed for 14s", "renew the lease")
		if errors.Is(err, ledger.ErrMirrorAway) {
			t.Errorf("%s: %v, which is retryable", what, err)
		}
	}

	// The term ends also while resolve asks about a commit.
	proxy.Restore(t)
	pgtest.Exec(t, dsn, `update rowtap_lease set until = 'epoch'`)
	term = acquire(t, open(t, proxy.DSN(t, dsn), "host-a"))
	lost := proxy.CutBeforeRequest("rowtap_kv")
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		<-lost
		proxy.Cut()
	}()
	term.Age(13900 * time.Millisecond)
	// The commit may be faster than the cut.
	if err := term.Commit(1, nil); !errors.Is(err, ledger.ErrMirrorAway) {
		wantError(t, "Commit", err, ledger.ErrNotActive, "could not be renewed for 14s")
	}
	<-cut
}

// Settings of the database that make commits non-durable or failing are overridden.
func TestSettingsOfTheDatabase(t *testing.T) {
	s := pgtest.Start(t, "default_transaction_isolation = serializable", "synchronous_commit = off", "log_statement = none")
	term := acquire(t, open(t, s.DSN(), "host-a"))
	s.Exec(t, `create table seen (isolation text, durable text)`)
	s.Exec(t, `create function see() returns trigger language plpgsql as $$ begin
		insert into seen values (current_setting('transaction_isolation'), current_setting('synchronous_commit')); return new; end $$`)
	s.Exec(t, `create trigger see before insert on rowtap_kv for each row execute function see()`)
	if err := term.Commit(1, []ledger.Value{value("a", "1")}); err != nil {
		t.Fatal(err)
	}
	if got, want := s.Exec(t, `select isolation || ' ' || durable from seen`), "read committed on"; got != want {
		t.Errorf("a commit is %s, want %s", got, want)
	}
}

// A renewal notices that the database went back: a process with nothing to commit must not go on as
// if all were well.
func TestRenewalNoticesThatTheDatabaseWentBack(t *testing.T) {
	dsn := pgtest.Shared(t)
	m := open(t, dsn, "host-a")
	first := acquire(t, m)
	for n := range uint64(3) {
		if err := first.Commit(n+1, []ledger.Value{value("a", "1")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, commits := range map[string]uint64{"nothing committed in this term": 0, "a commit in this term": 1} {
		t.Run(name, func(t *testing.T) {
			pgtest.Exec(t, dsn, `update rowtap_lease set commit = 3, until = 'epoch'`)
			term := acquire(t, m)
			for n := range commits {
				if err := term.Commit(4+n, nil); err != nil {
					t.Fatal(err)
				}
			}
			pgtest.Exec(t, dsn, `update rowtap_lease set commit = commit - 1`)
			if err := term.Keep(t.Context()); !errors.Is(err, mirror.ErrAhead) {
				t.Errorf("the term is kept: %v", err)
			}
		})
	}
}
