package pgtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowtap/rowtap/internal/pgtest"
)

func TestBouncer(t *testing.T) {
	direct := pgtest.Shared(t)
	through := pgtest.Bouncer(t, direct)
	if through == direct {
		t.Fatal("the connection string is that of the server")
	}
	pgtest.Exec(t, through, "create table kept (n int)")
	one, two := connect(t, through), connect(t, through)
	var first, second int
	ok(t, one.QueryRow(t.Context(), "select pg_backend_pid() + $1", 0).Scan(&first))
	ok(t, two.QueryRow(t.Context(), "select pg_backend_pid() + $1", 0).Scan(&second))
	if first != second {
		t.Errorf("servers %d and %d: idle connections keep their servers, so this is not transaction mode", first, second)
	}

	tx, err := one.Begin(t.Context())
	ok(t, err)
	_, err = tx.Exec(t.Context(), "insert into kept values (1)")
	ok(t, err)
	ok(t, two.QueryRow(t.Context(), "select count(*) from kept").Scan(&second))
	if second != 0 {
		t.Error("an uncommitted row is visible")
	}
	ok(t, tx.Commit(t.Context()))
	equal(t, pgtest.Exec(t, direct, "select n from kept"), "1")
}

// TestBouncerChain puts a proxy in front of PgBouncer and another between it and its server.
func TestBouncerChain(t *testing.T) {
	direct := pgtest.Shared(t)
	behind := pgtest.NewProxy(t, direct)
	through := pgtest.Bouncer(t, behind.DSN(t, direct))
	front := pgtest.NewProxy(t, through)
	conn := connect(t, front.DSN(t, through))
	ok(t, conn.Ping(t.Context()))
	behind.Cut()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := conn.Ping(ctx); err == nil {
		t.Error("a response through a cut")
	}
	behind.Restore(t)
	await(t, "PgBouncer reconnects", func() bool {
		conn, err := pgx.Connect(t.Context(), front.DSN(t, through))
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close(t.Context()) }()
		return conn.Ping(t.Context()) == nil
	})
	front.Cut()
	refused(t, front.DSN(t, through))
	front.Restore(t)
	equal(t, pgtest.Exec(t, front.DSN(t, through), "select 1"), "1")
}
