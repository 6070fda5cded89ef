package ledger_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// Tests write a state as its letter and a poll as a string of letters.
var (
	header = row.HeaderOf([]string{"Email", "Score", "Joined"})
	noon   = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
)

const signups = "signups"

// sheetRow returns the row of delivery n.
func sheetRow(n uint64) row.Row {
	return row.Row{Number: int(n) + 1, Cells: []row.Cell{
		row.TextCell(fmt.Sprintf("user%d@example.com", n)), row.NumberCell(float64(n) / 2), row.DateCell(46000 + float64(n)),
	}}
}

// newRows returns the rows of deliveries from first on, one per letter: w(aiting), q(ueued),
// h(eld), k (skipped).
func newRows(first uint64, letters string) []ledger.NewRow {
	states := map[rune]ledger.State{'w': ledger.Waiting, 'q': ledger.Queued, 'h': ledger.Held, 'k': ledger.Skipped}
	var out []ledger.NewRow
	for i, c := range letters {
		n := first + uint64(i)
		out = append(out, ledger.NewRow{Row: sheetRow(n), State: states[c]})
	}
	return out
}

// pollOf returns a poll with such rows.
func pollOf(first uint64, letters string) ledger.Poll {
	return ledger.Poll{
		SpreadsheetID: "1abc", GID: 7, Title: "Signups", Cursor: wholeCursor([][]byte{fmt.Appendf(nil, "up to %d", first+uint64(len(letters)))}),
		Header: header, Zone: "Asia/Kolkata", Action: "Upload Event", New: newRows(first, letters), At: noon,
	}
}

// file is a state file of a test with the ledger that has it open.
type file struct {
	*ledger.Ledger
	t    *testing.T
	path string
}

// newFile opens a new ledger, which is checked at the end of the test.
func newFile(t *testing.T) *file {
	t.Helper()
	f := &file{t: t, path: filepath.Join(t.TempDir(), "state", "rowtap.db")}
	f.open()
	t.Cleanup(func() {
		for _, err := range damages(t, f.Ledger) {
			t.Errorf("Check: %v", err)
		}
		f.close()
	})
	return f
}

func (f *file) open() {
	f.t.Helper()
	l, err := ledger.Open(ledger.Options{Path: f.path})
	if err != nil {
		f.t.Fatalf("Open(%s): %v", f.path, err)
	}
	f.Ledger = l
}

func (f *file) close() {
	f.t.Helper()
	must(f.t, f.Close())
}

func (f *file) reopen() {
	f.t.Helper()
	f.close()
	f.open()
}

func (f *file) commit(zap string, p ledger.Poll) {
	f.t.Helper()
	commit(f.t, f, zap, p)
}

func (f *file) delivery(zap string, n uint64) ledger.Delivery {
	f.t.Helper()
	d, ok, err := f.Delivery(f.t.Context(), zap, n)
	must(f.t, err)
	if !ok {
		f.t.Fatalf("Delivery(%s, %d): not found", zap, n)
	}
	return d
}

func (f *file) zap(name string) ledger.Zap {
	f.t.Helper()
	z, ok, err := f.Zap(f.t.Context(), name)
	must(f.t, err)
	if !ok {
		f.t.Fatalf("Zap(%s): not found", name)
	}
	return z
}

func must(t interface {
	Helper()
	Fatal(...any)
}, err error,
) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// damages returns the defects of a ledger.
func damages(t interface {
	Helper()
	Fatal(...any)
}, l *ledger.Ledger,
) []ledger.Damage {
	t.Helper()
	wrong, err := l.Check(context.Background())
	must(t, err)
	return wrong
}

// check is rapid.Check with fewer runs unless the command line sets a number: each step waits for
// the disk.
func check(t *testing.T, times int, property func(*rapid.T)) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		must(t, f.Value.Set(strconv.Itoa(times)))
		defer func() { must(t, f.Value.Set(f.DefValue)) }()
	}
	rapid.Check(t, property)
}

// diff compares what the ledger returned with what is expected. Headers are compared by their
// names.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.Transformer("names", func(h row.Header) []string { return h.Names() }))
}

// numbers returns the numbers of deliveries.
func numbers(ds []ledger.Delivery) []uint64 {
	out := []uint64{}
	for _, d := range ds {
		out = append(out, d.Number)
	}
	return out
}

// ids returns the IDs of deliveries.
func ids(ds []ledger.Delivery) []string {
	out := []string{}
	for _, d := range ds {
		out = append(out, d.ID())
	}
	return out
}

// upTo returns first, first+1 … last.
func upTo(first, last uint64) []uint64 {
	var out []uint64
	for n := first; n <= last; n++ {
		out = append(out, n)
	}
	return out
}

// outcomes returns the same outcome for several deliveries.
func outcomes(o ledger.Outcome, ns ...uint64) []ledger.Outcome {
	var out []ledger.Outcome
	for _, n := range ns {
		o.Number = n
		out = append(out, o)
	}
	return out
}

// wholeCursor stores all chunks of a cursor, whatever numbers the new rows get.
func wholeCursor(chunks [][]byte) func(uint64) ledger.CursorUpdate {
	return func(uint64) ledger.CursorUpdate {
		return ledger.CursorUpdate{Chunks: len(chunks), Changed: slices.All(chunks)}
	}
}

// commit commits a poll and returns the number of its first new row.
func commit(t interface {
	Helper()
	Fatal(...any)
}, l interface {
	Commit(ctx context.Context, zap string, p ledger.Poll) (uint64, error)
}, zap string, p ledger.Poll,
) uint64 {
	t.Helper()
	first, err := l.Commit(context.Background(), zap, p)
	must(t, err)
	return first
}

// cursorOf returns the chunks of a zap's cursor.
func cursorOf(ctx context.Context, l *ledger.Ledger, zap, spreadsheetID string, gid int64) (chunks [][]byte, ok bool, err error) {
	ok, err = l.Cursor(ctx, zap, spreadsheetID, gid, func(each iter.Seq[[]byte]) error {
		for chunk := range each {
			chunks = append(chunks, bytes.Clone(chunk))
		}
		return nil
	})
	return chunks, ok, err
}
