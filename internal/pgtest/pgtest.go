// Package pgtest gives tests a private PostgreSQL on loopback: clusters that can be stopped,
// killed, frozen, replicated and promoted, PgBouncer, and a proxy that cuts, delays and loses
// responses.
//
// [Shared] is cheap: a new database in a cluster that all tests of the process share. [Start]
// creates a cluster that a test may stop and kill. Without PostgreSQL, tests are skipped; with
// ROWTAP_CI=1 they fail.
//
// Nothing outlives the test process, however it ends: all files are in one directory, and a guard
// (a shell that waits for the end of a pipe) kills whatever still runs in it and removes it.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience bounds each wait for a process or a server.
const patience = time.Minute

// defaults are the first lines of postgresql.conf, before those of a test. Tests do not survive a
// crash of the operating system, so they need no fsync.
var defaults = []string{
	"listen_addresses = '127.0.0.1'",
	"unix_socket_directories = ''",
	"fsync = off",
	"shared_buffers = 16MB",
	"wal_keep_size = 256MB", // lets a replica that was frozen catch up
	"lc_messages = 'C'",
	"timezone = 'UTC'",
}

// Server is a PostgreSQL server. It ends with the test that started it.
type Server struct {
	name        string // application_name of a replica
	dir         string // data directory
	port        int
	log         *log     // of all runs
	running     *process // nil while stopped
	synchronous []string // names of its synchronous replicas
}

// Start returns a new, running server. Each setting is a line of postgresql.conf such as "fsync =
// on" or "max_connections = 20". The superuser postgres needs no password.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := newServer(t)
	if err := s.create(settings); err != nil {
		t.Fatal(err)
	}
	s.endWith(t)
	return s
}

// DSN returns the connection string of the database postgres.
func (s *Server) DSN() string { return dsn(s.port, "postgres") }

// Shared returns the connection string of a new database in a cluster that all tests of the process
// share. The database is dropped at the end of the test. The cluster must not be stopped; for that,
// use [Start].
func Shared(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		giveUp(t, err)
	}
	name := fmt.Sprintf("test%d", databases.Add(1))
	s.Exec(t, "create database "+name)
	t.Cleanup(func() { s.Exec(t, "drop database "+name+" with (force)") })
	return dsn(s.port, name)
}

var shared = sync.OnceValues(func() (*Server, error) {
	s, err := reserve()
	if err != nil {
		return nil, err
	}
	return s, s.create([]string{"max_connections = 300"})
})

// databases counts the databases of all servers.
var databases atomic.Int64

// Exec runs statements in the database postgres; see [Exec].
func (s *Server) Exec(t testing.TB, sql string) string {
	t.Helper()
	return Exec(t, s.DSN(), sql)
}

// Exec runs statements as one simple query on a new connection and returns the rows of the last one
// as text: one line per row, values separated by |, null as nothing.
func Exec(t testing.TB, dsn, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	text, err := query(ctx, dsn, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func query(ctx context.Context, dsn, sql string) (string, error) {
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return "", err
	}
	var lines []string
	for _, row := range results[len(results)-1].Rows {
		lines = append(lines, string(bytes.Join(row, []byte("|"))))
	}
	return strings.Join(lines, "\n"), nil
}

// Stop shuts the server down cleanly: transactions are rolled back, connections closed, a
// checkpoint written. A frozen server is continued first. Stopping a stopped server does nothing.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.running == nil {
		return
	}
	s.Continue(t)
	if err := s.running.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	select {
	case <-s.running.ended:
		s.running = nil
	case <-time.After(patience):
		t.Fatalf("postgres has not stopped:\n%s", s.log)
	}
}

// Kill kills all processes of the server at once, like a crash of the machine. Its files remain,
// for Restart. Killing a stopped server does nothing.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) kill() error {
	if s.running == nil {
		return nil
	}
	if err := s.running.kill(); err != nil {
		return err
	}
	s.running = nil
	return nil
}

// Restart stops the server if it runs and starts it on the same port with the same files.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// Pause freezes all processes of the server and returns once they are frozen: connections stay open
// and get no response.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	if s.running == nil {
		t.Fatal("pause: the server is stopped")
	}
	if err := s.running.freeze(); err != nil {
		t.Fatal(err)
	}
}

// Continue resumes a frozen server.
func (s *Server) Continue(t testing.TB) {
	t.Helper()
	if s.running == nil {
		t.Fatal("continue: the server is stopped")
	}
	if err := s.running.signalAll(continues); err != nil {
		t.Fatal(err)
	}
}

// newServer returns a server without files yet, or skips or fails the test; see giveUp.
func newServer(t testing.TB) *Server {
	t.Helper()
	s, err := reserve()
	if err != nil {
		giveUp(t, err)
	}
	return s
}

// giveUp ends the test: it skips it if a program is not installed, and fails it in CI or on any
// other error.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errMissing) && os.Getenv("ROWTAP_CI") == "" {
		t.Skip(err)
	}
	t.Fatal(err)
}

// endWith ends the server with the test and logs the server's output if the test failed.
func (s *Server) endWith(t testing.TB) {
	t.Cleanup(func() {
		if err := s.kill(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(s.dir); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of the server on port %d:\n%s", s.port, s.log)
		}
	})
}

// reserve returns a server with a port and the name of a directory to create.
func reserve() (*Server, error) {
	w, err := theWorkshop()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("server%d", w.made.Add(1))
	return &Server{name: name, dir: filepath.Join(w.dir, name), port: port, log: &log{}}, nil
}

// create creates the files of a cluster and starts it.
func (s *Server) create(settings []string) error {
	w, err := theWorkshop()
	if err != nil {
		return err
	}
	template, err := w.template()
	if err != nil {
		return err
	}
	if err := w.do("cp", "-a", "--reflink=auto", template, s.dir); err != nil {
		return err
	}
	if err := s.configure(append(slices.Clip(defaults), settings...)...); err != nil {
		return err
	}
	return s.run()
}

// configure appends lines to postgresql.conf, where the last line for a setting wins.
func (s *Server) configure(settings ...string) error {
	f, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\nport = %d\n%s\n", s.port, strings.Join(settings, "\n"))
	return errors.Join(err, f.Close())
}

// run starts the server and waits until it accepts connections.
func (s *Server) run() error {
	w, err := theWorkshop()
	if err != nil {
		return err
	}
	s.running, err = run(w.command(s.dir, w.postgres("postgres"), "-D", s.dir), s.log, "ready to accept")
	return err
}

func dsn(port int, database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", port, database)
}

// through returns the connection string with another port of 127.0.0.1.
func through(dsn string, port int) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return u.String(), nil
}
