package pgtest_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowtap/rowtap/internal/pgtest"
)

func TestServer(t *testing.T) {
	s := pgtest.Start(t, "max_connections = 17", "fsync = on")
	equal(t, s.Exec(t, "show fsync; show max_connections"), "17")
	equal(t, s.Exec(t, "show fsync"), "on")
	s.Exec(t, "create table kept (n int, text text); insert into kept values (1, 'a'), (2, null)")
	check := func(after string) {
		t.Helper()
		if got, want := s.Exec(t, "select * from kept order by n"), "1|a\n2|"; got != want {
			t.Errorf("after %s: got %q, want %q", after, got, want)
		}
	}
	check("insert")
	before := s.DSN()

	s.Stop(t)
	refused(t, s.DSN())
	s.Restart(t)
	check("stop and restart")

	s.Kill(t)
	refused(t, s.DSN())
	s.Kill(t) // of a stopped server
	s.Restart(t)
	check("kill and restart")

	s.Restart(t)
	check("restart")
	equal(t, s.DSN(), before)

	s.Pause(t)
	s.Kill(t)
	s.Restart(t)
	check("kill while frozen")

	s.Pause(t)
	s.Stop(t)
	s.Restart(t)
	check("stop while frozen")
}

// TestPause checks that a frozen server sends no response and handles everything once it continues.
func TestPause(t *testing.T) {
	s := pgtest.Start(t)
	conn := connect(t, s.DSN())
	s.Pause(t)
	answer := make(chan error, 1)
	go func() { answer <- conn.Ping(context.WithoutCancel(t.Context())) }()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := pgx.Connect(ctx, s.DSN()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a new connection to a frozen server: got %v, want a deadline", err)
	}
	select {
	case err := <-answer:
		t.Errorf("a frozen server responded: %v", err)
	default:
	}
	s.Continue(t)
	ok(t, <-answer)
}

func TestShared(t *testing.T) {
	var first string
	t.Run("first", func(t *testing.T) {
		first = pgtest.Shared(t)
		pgtest.Exec(t, first, "create table one (n int)")
		second := pgtest.Shared(t)
		equal(t, pgtest.Exec(t, second, "select to_regclass('one') is null"), "t")
		connect(t, first) // an open connection does not prevent the drop
	})
	if _, err := pgx.Connect(t.Context(), first); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("connect after its test: got %v, want that the database does not exist", err)
	}
}

func refused(t *testing.T, dsn string) {
	t.Helper()
	if _, err := pgx.Connect(t.Context(), dsn); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connect: got %v, want it refused", err)
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	ok(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	ok(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("timeout: %s", what)
		case <-tick.C:
		}
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
