// Package pgtest gives tests a private PostgreSQL on loopback: clusters that can be stopped, killed,
// frozen, replicated and promoted, PgBouncer, and a proxy that cuts, delays and loses answers.
//
// [Shared] is the cheap one: a fresh database in a cluster that all tests of the process share.
// [Start] makes a cluster that a test may stop and kill. Where PostgreSQL is not installed, tests
// are skipped; with ROWTAP_CI=1 they fail.
//
// Nothing outlives the test process, however it ends: all files are in one directory, and a guard
// (a shell that waits for the end of a pipe) kills what still runs in it and removes it.
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

// defaults are lines of postgresql.conf, before those of the test. Tests trust the operating system
// to stay up, so they need no fsync.
var defaults = []string{
	"listen_addresses = '127.0.0.1'",
	"unix_socket_directories = ''",
	"fsync = off",
	"shared_buffers = 16MB",
	"wal_keep_size = 256MB", // a replica that was frozen can go on
	"lc_messages = 'C'",
	"timezone = 'UTC'",
}

// Server is a PostgreSQL server. It ends with the test that started it.
type Server struct {
	name        string // as a replica names itself to its primary
	dir         string // its data directory
	port        int
	log         *log     // of all its runs
	running     *process // nil while it is stopped
	synchronous []string // names of its synchronous replicas
}

// Start returns a new server that runs. Each setting is a line of postgresql.conf, such as
// "fsync = on" or "max_connections = 20". The superuser postgres needs no password.
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
// share, dropped at the end of the test. The cluster must not be stopped; for that, use [Start].
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

// Database creates a database, and returns its connection string.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	s.Exec(t, "create database "+name)
	return dsn(s.port, name)
}

// databases counts the databases of all servers.
var databases atomic.Int64

// Exec runs statements in the database postgres; see [Exec].
func (s *Server) Exec(t testing.TB, sql string) string {
	t.Helper()
	return Exec(t, s.DSN(), sql)
}

// Exec runs statements, as one simple query on a connection of its own, and returns the rows of the
// last one as text: a line for each, values separated by |, nothing for null.
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

// Stop shuts the server down in order: transactions are rolled back, connections closed, a
// checkpoint written. A frozen server is continued. A stopped one stays so.
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
		t.Fatalf("postgres does not stop:\n%s", s.log)
	}
}

// Kill ends all processes of the server at once, as a crash of the machine does; its files stay, for
// Restart. A stopped server stays so.
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

// Restart stops the server if it runs, and starts it on the same port with the same files.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// Pause freezes all processes of the server, and returns once they are: connections stay open and
// nothing answers.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	if s.running == nil {
		t.Fatal("pause: the server is stopped")
	}
	if err := s.running.freeze(); err != nil {
		t.Fatal(err)
	}
}

// Continue lets a frozen server go on.
func (s *Server) Continue(t testing.TB) {
	t.Helper()
	if s.running == nil {
		t.Fatal("continue: the server is stopped")
	}
	if err := s.running.signalAll(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// newServer returns a server that is still to be made, or ends the test where there is no PostgreSQL.
func newServer(t testing.TB) *Server {
	t.Helper()
	s, err := reserve()
	if err != nil {
		giveUp(t, err)
	}
	return s
}

// giveUp skips the test where a program is missing that CI has, and otherwise fails it.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errMissing) && os.Getenv("ROWTAP_CI") == "" {
		t.Skip(err)
	}
	t.Fatal(err)
}

// endWith ends the server with the test, and shows its log where the test failed.
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

// reserve returns a server that has a directory to be made and a port.
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

// create makes the files of a cluster, and starts it.
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

// configure appends lines to postgresql.conf, where the last one of a name counts.
func (s *Server) configure(settings ...string) error {
	f, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\nport = %d\n%s\n", s.port, strings.Join(settings, "\n"))
	return errors.Join(err, f.Close())
}

// run starts the server, and waits until it takes connections.
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
