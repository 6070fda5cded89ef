package pgtest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowtap/rowtap/internal/pgtest"
)

func TestProxyCut(t *testing.T) {
	direct := pgtest.Shared(t)
	p := pgtest.NewProxy(t, direct)
	conn := connect(t, p.DSN(t, direct))
	ok(t, conn.Ping(t.Context()))
	p.Cut()
	if err := conn.Ping(t.Context()); !dropped(err) {
		t.Errorf("an open connection: got %v, want it dropped", err)
	}
	refused(t, p.DSN(t, direct))
	p.Restore(t)
	ok(t, connect(t, p.DSN(t, direct)).Ping(t.Context()))
}

// TestProxyBlackhole checks that old and new connections hang, and resume after Restore.
func TestProxyBlackhole(t *testing.T) {
	direct := pgtest.Shared(t)
	p := pgtest.NewProxy(t, direct)
	conn := connect(t, p.DSN(t, direct))
	p.Blackhole()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := pgx.Connect(ctx, p.DSN(t, direct)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a new connection: got %v, want a deadline", err)
	}
	answer := make(chan error, 1)
	go func() { answer <- conn.Ping(context.WithoutCancel(t.Context())) }()
	select {
	case err := <-answer:
		t.Errorf("a response through a blackhole: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	p.Restore(t)
	ok(t, <-answer)

	p.Blackhole()
	p.Cut()
	if err := conn.Ping(t.Context()); !dropped(err) {
		t.Errorf("cut in a blackhole: got %v, want it dropped", err)
	}
}

func TestProxyDelay(t *testing.T) {
	direct := pgtest.Shared(t)
	p := pgtest.NewProxy(t, direct)
	conn := connect(t, p.DSN(t, direct))
	const d = 150 * time.Millisecond
	p.Delay(d)
	start := time.Now()
	ok(t, conn.Ping(t.Context()))
	if took := time.Since(start); took < d {
		t.Errorf("a response came after %s, before the delay of %s", took, d)
	}
	// 4 MB come in many chunks.
	var text string
	ok(t, conn.QueryRow(t.Context(), "select repeat('x', 1 << 22)").Scan(&text))
	if len(text) != 1<<22 {
		t.Errorf("got %d bytes, want %d", len(text), 1<<22)
	}
	p.Restore(t)
	ok(t, conn.Ping(t.Context()))
}

// TestProxyLosesAnswer checks that a statement with a lost response is durable, and one with a lost
// request is not.
func TestProxyLosesAnswer(t *testing.T) {
	direct := pgtest.Shared(t)
	pgtest.Exec(t, direct, "create table kept (n int)")
	p := pgtest.NewProxy(t, direct)
	for _, tt := range []struct {
		name string
		lose func(string) <-chan struct{}
		want string // rows
	}{
		{"after", p.CutAfterRequest, "1"},
		{"before", p.CutBeforeRequest, "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pgtest.Exec(t, direct, "truncate kept")
			conn, other := connect(t, p.DSN(t, direct)), connect(t, p.DSN(t, direct))
			done := tt.lose("insert into kept")
			ok(t, conn.Ping(t.Context())) // another request
			_, err := conn.Exec(t.Context(), "insert into kept values ($1)", 1)
			if !dropped(err) {
				t.Errorf("insert: got %v, want it dropped", err)
			}
			<-done
			equal(t, pgtest.Exec(t, direct, "select count(*) from kept"), tt.want)
			ok(t, other.Ping(t.Context()))
			_, err = other.Exec(t.Context(), "insert into kept values (2)") // only one response is lost
			ok(t, err)

			tt.lose("")
			if err := other.Ping(t.Context()); !dropped(err) {
				t.Errorf("any request: got %v, want it dropped", err)
			}
			tt.lose("insert into kept")
			p.Restore(t) // disarms it
			_, err = connect(t, p.DSN(t, direct)).Exec(t.Context(), "insert into kept values (3)")
			ok(t, err)
		})
	}
}

// TestProxyLosesLateText checks that the text is found anywhere in a request larger than one read.
func TestProxyLosesLateText(t *testing.T) {
	direct := pgtest.Shared(t)
	p := pgtest.NewProxy(t, direct)
	for pad := 32<<10 - 60; pad < 32<<10; pad += 3 { // across the boundary of a chunk
		conn := connect(t, p.DSN(t, direct))
		done := p.CutAfterRequest("here it is")
		// The text of pgx's error varies.
		if _, err := conn.Exec(t.Context(), "select "+strings.Repeat(" ", pad)+"'here it is'"); err == nil || !conn.IsClosed() {
			t.Fatalf("after %d spaces: got %v, want it dropped", pad, err)
		}
		<-done
	}
}

func TestProxyRedirect(t *testing.T) {
	first, second := pgtest.Start(t), pgtest.Shared(t)
	p := pgtest.NewProxy(t, first.DSN())
	equal(t, pgtest.Exec(t, p.DSN(t, first.DSN()), "select current_setting('max_connections')"), "100")
	p.Redirect(t, second)
	equal(t, pgtest.Exec(t, p.DSN(t, first.DSN()), "select current_setting('max_connections')"), "300")
}

// TestProxyServerAway checks that a client is dropped at once if the server is away.
func TestProxyServerAway(t *testing.T) {
	s := pgtest.Start(t)
	p := pgtest.NewProxy(t, s.DSN())
	s.Kill(t)
	if _, err := pgx.Connect(t.Context(), p.DSN(t, s.DSN())); !dropped(err) {
		t.Errorf("connect: got %v, want it dropped", err)
	}
}

func dropped(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
