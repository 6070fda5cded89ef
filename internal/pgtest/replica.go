package pgtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Replica returns a new server that streams everything from s and can be read. A synchronous
// replica has each commit before the commit returns, so commits wait while it is away. With several
// synchronous replicas, each commit waits for the first that is available.
func (s *Server) Replica(t testing.TB, synchronous bool) *Server {
	t.Helper()
	w, err := theWorkshop()
	if err != nil {
		t.Fatal(err)
	}
	r := newServer(t)
	if err := w.do(w.postgres("pg_basebackup"), "-D", r.dir, "-d", s.DSN(), "-X", "stream", "-c", "fast", "--no-sync"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.configure("wal_retrieve_retry_interval = 100ms", fmt.Sprintf("primary_conninfo = '%s&application_name=%s'", s.DSN(), r.name)); err != nil {
		t.Fatal(err)
	}
	// Otherwise it would wait for its sisters once promoted.
	if err := r.forget("synchronous_standby_names"); err != nil {
		t.Fatal(err)
	}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.endWith(t)
	if synchronous {
		s.synchronous = append(s.synchronous, r.name)
		s.Exec(t, "alter system set synchronous_standby_names = "+strings.Join(s.synchronous, ", "))
		s.Exec(t, "select pg_reload_conf()")
	}
	s.await(t, fmt.Sprintf("select state = 'streaming' and (sync_state <> 'async') = %t from pg_stat_replication where application_name = '%s'",
		synchronous, r.name), "t")
	// The checkpointer decides whether commits wait, and reads the new setting first.
	s.Exec(t, "checkpoint")
	return r
}

// forget removes a setting made by alter system set.
func (s *Server) forget(setting string) error {
	path := filepath.Join(s.dir, "postgresql.auto.conf")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(b), "\n"), func(line string) bool {
		return strings.HasPrefix(line, setting+" ")
	})
	return os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600)
}

// Promote makes a replica an independent, writable server and returns once it is one.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if got := s.Exec(t, "select pg_promote()"); got != "t" {
		t.Fatalf("pg_promote: got %q, want t", got)
	}
}

// await runs a query until it returns want.
func (s *Server) await(t testing.TB, sql, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := query(ctx, s.DSN(), sql)
		if err == nil && got == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: got %q (error: %v), want %q", sql, got, err, want)
		case <-tick.C:
		}
	}
}
