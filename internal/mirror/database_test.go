package mirror_test

import (
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
)

// asUser returns dsn for another user.
func asUser(t *testing.T, dsn, user string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	u.User = url.User(user)
	return u.String()
}

func opened(t *testing.T, dsn string) *mirror.Mirror {
	t.Helper()
	m, err := mirror.Open(mirror.Options{DSN: dsn, Lease: "production"})
	must(t, err)
	t.Cleanup(m.Close)
	return m
}

// An invalid DSN is refused without showing its password; an unreachable database is no error yet.
func TestOpen(t *testing.T) {
	_, err := mirror.Open(mirror.Options{DSN: "postgres://rowtap:geheim@db.example.com:port/rowtap"})
	if err == nil || !strings.HasPrefix(err.Error(), "state.postgres: ") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("Open = %v", err)
	}
	m := opened(t, "postgres://rowtap:geheim@127.0.0.1:1/rowtap")
	err = m.Prepare(t.Context())
	wantError(t, "Prepare", err, ledger.ErrMirrorAway, "127.0.0.1:1")
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("the error shows the password: %q", err)
	}
	if one, other := opened(t, "").Self().ID, opened(t, "").Self().ID; one == "" || one == other {
		t.Errorf("two processes have the IDs %q and %q", one, other)
	}
}

// Concurrent calls create the tables once, and later calls change nothing.
func TestPrepare(t *testing.T) {
	dsn := pgtest.Shared(t)
	var all sync.WaitGroup
	for range 8 {
		m := opened(t, dsn)
		all.Go(func() {
			if err := m.Prepare(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	m := opened(t, dsn)
	must(t, acquire(t, m).Commit(1, []ledger.Value{value("a", "1")}))
	before := kept(t, dsn, "production")
	must(t, m.Prepare(t.Context()))
	if got := kept(t, dsn, "production"); got != before {
		t.Errorf("the database has %s, had %s", got, before)
	}
	if got := pgtest.Exec(t, dsn, `select attstorage from pg_attribute where attrelid = 'rowtap_kv'::regclass and attname = 'value'`); got != "e" {
		t.Errorf("values are stored as %q, want e, as they are compressed already", got)
	}
}

// A survey says what the database has, and changes nothing.
func TestSurvey(t *testing.T) {
	dsn := pgtest.Shared(t)
	m := opened(t, dsn)
	survey := func(want mirror.Survey) {
		t.Helper()
		got, err := m.Survey(t.Context())
		must(t, err)
		if !strings.HasPrefix(got.Version, strconv.Itoa(got.Number/10000)+".") {
			t.Errorf("the version is %q and %d", got.Version, got.Number)
		}
		got.Version, got.Number = "", 0
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	survey(mirror.Survey{})
	if got := pgtest.Exec(t, dsn, `select count(*) from pg_class where relname like 'rowtap%'`); got != "0" {
		t.Errorf("the survey created %s tables", got)
	}
	must(t, opened(t, dsn).Prepare(t.Context()))
	pgtest.Exec(t, dsn, `delete from rowtap_lease`)
	survey(mirror.Survey{Tables: true})
	if got := pgtest.Exec(t, dsn, `select count(*) from rowtap_lease`); got != "0" {
		t.Error("the survey created the lease")
	}
	a := start(t, dsn, "production", "host-a", "signups")
	survey(mirror.Survey{Tables: true}) // the lease has no commit yet
	a.activate(t)
	found(t, a.Ledger, "signups", 1)
	before := kept(t, dsn, "production")
	survey(mirror.Survey{Tables: true, State: true})
	if got := kept(t, dsn, "production"); got != before {
		t.Errorf("the database has %s, had %s", got, before)
	}
	must(t, a.term.MoveOut(t.Context(), "elsewhere"))
	survey(mirror.Survey{Tables: true})
	pgtest.Exec(t, dsn, `update rowtap_lease set layout = 2`)
	_, err := m.Survey(t.Context())
	wantError(t, "Survey", err, mirror.ErrLayout, "2", "1")
	_, err = opened(t, "postgres://rowtap:geheim@127.0.0.1:1/rowtap").Survey(t.Context())
	wantError(t, "Survey", err, ledger.ErrMirrorAway, "127.0.0.1:1")
}

// The tables can be created by another user, who grants rowtap's user only reads and writes.
func TestPrepareWithoutRights(t *testing.T) {
	dsn := pgtest.Shared(t)
	pgtest.Exec(t, dsn, `create role narrow login`)
	t.Cleanup(func() { pgtest.Exec(t, dsn, `drop owned by narrow; drop role narrow`) })
	m := opened(t, asUser(t, dsn, "narrow"))
	wantError(t, "Prepare", m.Prepare(t.Context()), ledger.ErrMirrorAway, "create the tables", "permission denied")
	must(t, opened(t, dsn).Prepare(t.Context()))
	pgtest.Exec(t, dsn, `grant select, insert, update, delete on rowtap_lease, rowtap_term, rowtap_kv, rowtap_member to narrow`)
	a := start(t, asUser(t, dsn, "narrow"), "narrow", "host-a", "signups")
	a.activate(t)
	found(t, a.Ledger, "signups", 1)
	must(t, a.Say(t.Context(), a.Position(), "", ""))
	must(t, a.term.Purge(t.Context()))
	b := start(t, asUser(t, dsn, "narrow"), "narrow", "host-b")
	b.pulled(t)
	sameState(t, a, b)
	must(t, a.term.MoveOut(t.Context(), "elsewhere"))
	must(t, a.term.Release(t.Context()))
	must(t, a.Leave(t.Context()))
}

// Tables of a newer rowtap are left alone.
func TestNewerTables(t *testing.T) {
	dsn := pgtest.Shared(t)
	a, b := start(t, dsn, "production", "host-a", "signups"), start(t, dsn, "production", "host-b")
	a.activate(t)
	must(t, a.term.Release(t.Context()))
	pgtest.Exec(t, dsn, `update rowtap_lease set layout = 2`)
	_, err := b.Look(t.Context())
	wantError(t, "Look", err, mirror.ErrLayout, "2", "1")
	_, err = b.Pull(t.Context(), b.Ledger)
	wantError(t, "Pull", err, mirror.ErrLayout)
	_, err = b.Acquire(t.Context())
	wantError(t, "Acquire", err, mirror.ErrHeld)
}

// A transaction pooler may sit in between.
func TestPgBouncer(t *testing.T) {
	dsn := pgtest.Shared(t)
	through := pgtest.Bouncer(t, dsn)
	a, b := start(t, through, "production", "host-a", "signups"), start(t, through, "production", "host-b")
	a.activate(t)
	for range 3 {
		found(t, a.Ledger, "signups", 2)
		b.pulled(t)
		must(t, b.Say(t.Context(), b.Position(), "", ""))
	}
	sameState(t, a, b)
	b.activate(t)
	found(t, b.Ledger, "signups", 1)
	wantError(t, "a commit of the previous term", a.SetPaused(t.Context(), "signups", true, "", noon), ledger.ErrNotActive, "active is host-b")
}

// Settings that can lose commits in a failover are reported before one happens.
func TestWarning(t *testing.T) {
	wants := func(dsn, want string) {
		t.Helper()
		got, err := opened(t, dsn).Warning(t.Context())
		must(t, err)
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("the warning is %q, want %q", got, want)
		}
	}
	replicated := func(dsn string) {
		t.Helper()
		c, err := pgconn.ParseConfig(dsn)
		must(t, err)
		c.RuntimeParams["replication"] = "database" // PostgreSQL lists it as a replica that has just connected
		conn, err := pgconn.ConnectConfig(t.Context(), c)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close(t.Context()) }) // closed with the database
	}
	dsn := pgtest.Shared(t)
	wants(dsn, "")
	replicated(dsn)
	wants(dsn, "PostgreSQL replicates asynchronously (synchronous_standby_names is empty)")

	synchronous := pgtest.Start(t, "synchronous_standby_names = 'b'").DSN()
	replicated(synchronous)
	wants(synchronous, "")
}
