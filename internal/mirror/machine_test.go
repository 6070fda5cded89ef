package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
	"github.com/rowtap/rowtap/internal/row"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// tester is implemented by *testing.T and *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Context() context.Context
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// machine is a process with its copy of a state.
type machine struct {
	*mirror.Mirror
	*ledger.Ledger
	db   func(sql string)
	path string
	term *mirror.Term // nil while it stands by
}

// start returns a machine that stands by. Until it gets a copy, it has a plain state file with zaps
// of one new row each.
func start(t *testing.T, dsn, lease, host string, zaps ...string) *machine {
	t.Helper()
	m := &machine{Mirror: openAs(t, dsn, lease, host), path: filepath.Join(t.TempDir(), host+".db"), db: func(sql string) { pgtest.Exec(t, dsn, sql) }}
	l, err := ledger.Open(ledger.Options{Path: m.path})
	must(t, err)
	for _, zap := range zaps {
		found(t, l, zap, 1)
	}
	must(t, l.Close())
	m.open(t)
	t.Cleanup(func() { _ = m.Ledger.Close() }) // it may have ended
	return m
}

func (m *machine) open(t tester) {
	t.Helper()
	var err error
	m.Ledger, err = ledger.OpenCache(ledger.Options{Path: m.path})
	must(t, err)
}

func (m *machine) reopen(t tester) {
	t.Helper()
	must(t, m.Ledger.Close())
	m.open(t)
}

// activate makes a machine the active one, whichever was active, and seeds a database without
// state.
func (m *machine) activate(t tester) {
	t.Helper()
	m.db(`update rowtap_lease set until = 'epoch'`)
	m.term = acquire(t, m.Mirror)
	commit, err := m.Pull(t.Context(), m.Ledger)
	must(t, err)
	if commit == 0 {
		position, err := m.term.Replace(t.Context(), m.Ledger)
		must(t, err)
		must(t, m.Stamp(t.Context(), position))
	}
	must(t, m.Promote(t.Context(), m.term, m.term.ID()))
}

// pulled brings a machine up to date and returns its commit.
func (m *machine) pulled(t tester) uint64 {
	t.Helper()
	commit, err := m.Pull(t.Context(), m.Ledger)
	must(t, err)
	if got := m.Position().Commit; got != commit {
		t.Errorf("Pull = %d, but the copy has commit %d", commit, got)
	}
	return commit
}

// values lists all values of a ledger.
func values(t tester, l *ledger.Ledger) []string {
	t.Helper()
	var all []string
	must(t, l.EachValue(context.Background(), func(v ledger.Value) error {
		all = append(all, fmt.Sprintf("%s/%s/%q = %x", v.Zap, v.Kind, v.Key, v.Value))
		return nil
	}))
	return all
}

// sameState checks that two machines have the same copy.
func sameState(t tester, want, got *machine) {
	t.Helper()
	if diff := cmp.Diff(values(t, want.Ledger), values(t, got.Ledger)); diff != "" {
		t.Errorf("the copies differ (-want +got):\n%s", diff)
	}
	wanted, err := want.Deliveries(context.Background(), ledger.Query{})
	must(t, err)
	deliveries, err := got.Deliveries(context.Background(), ledger.Query{})
	must(t, err)
	if len(wanted) != len(deliveries) {
		t.Errorf("one copy has %d deliveries, the other %d", len(wanted), len(deliveries))
	}
}

// found commits a poll with n new rows.
func found(t tester, l *ledger.Ledger, zap string, n int) {
	t.Helper()
	p := ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Header: row.HeaderOf([]string{"Email"}), Zone: "UTC", Action: "profile", At: noon,
		Cursor: func(first uint64) ledger.CursorUpdate {
			return ledger.CursorUpdate{Chunks: 1, Changed: func(yield func(int, []byte) bool) { yield(0, fmt.Append(nil, "read to ", first)) }}
		},
	}
	for i := range n {
		p.New = append(p.New, ledger.NewRow{State: ledger.Queued, Row: row.Row{Number: i + 2, Cells: []row.Cell{row.TextCell(fmt.Sprint(zap, i, "@example.com"))}}})
	}
	_, err := l.Commit(context.Background(), zap, p)
	must(t, err)
}

// gone removes everything stored for a zap, by renaming the zap.
func gone(t tester, l *ledger.Ledger, zap string) {
	t.Helper()
	must(t, l.Rename(t.Context(), zap, zap+"-renamed"))
}

// wantError checks that an error is of a kind and contains the words.
func wantError(t *testing.T, what string, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not contain %q", what, err, w)
		}
	}
}

// drop damages a machine's copy, so that it is lost as after a crash; its Ledger must be closed.
func (m *machine) drop(t tester) {
	t.Helper()
	must(t, os.Truncate(m.path, 100))
	m.open(t)
	if p := m.Position(); p.State == "" || p.Epoch != "" {
		t.Fatalf("the copy is at %+v after it was lost", p)
	}
}
