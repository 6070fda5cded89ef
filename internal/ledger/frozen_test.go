package ledger_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rowtap/rowtap/internal/ledger"
)

// dump writes everything a ledger returns, in a form that new fields do not change.
func dump(ctx context.Context, w io.Writer, l *ledger.Ledger) error {
	zaps, err := l.Zaps(ctx)
	if err != nil {
		return err
	}
	for _, name := range zaps {
		z, _, err := l.Zap(ctx, name)
		if err != nil {
			return err
		}
		next, err := l.NextDelivery(ctx, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "zap %s: paused %t %q %s; watches %s/%d %q since %s; next %d; %+v\n", name, z.Paused, z.PausedReason, stampOf(z.PausedAt),
			z.SpreadsheetID, z.GID, z.Title, stampOf(z.StartedAt), next, countsOf(z.Counts))
		for _, h := range z.Hours {
			fmt.Fprintf(w, "  hour %s: %d sent, %d skipped, %d failed, %d held%s\n", stampOf(h.At), h.Sent, h.Skipped, h.Failed, h.Held, validatedOf(h))
		}
		ds, err := l.Deliveries(ctx, ledger.Query{Zap: name})
		if err != nil {
			return err
		}
		for _, d := range ds {
			dumpDelivery(w, d)
			sent, ok, err := l.SentRecord(ctx, name, d.Number)
			if err != nil {
				return err
			}
			if ok {
				fmt.Fprintf(w, "    sent %s %v of %q\n", sent.JSON, sent.Origins, sent.Header.Names())
			}
		}
	}
	return nil
}

func dumpDelivery(w io.Writer, d ledger.Delivery) {
	fmt.Fprintf(w, "  %s %s: %q first %d next %d like %d; row %d of %s %q\n", d.ID(), d.State, d.Action, d.First, d.Next, d.Like, d.Row.Number, d.Zone, d.Header.Names())
	var cells []string
	for _, c := range d.Row.Cells {
		cells = append(cells, fmt.Sprintf("%d:%q", c.Kind, c.String()))
	}
	fmt.Fprintf(w, "    cells %s\n", strings.Join(cells, " "))
	fmt.Fprintf(w, "    identity %q; detected %s; updated %s; %d attempts, retry %s; in flight %t, maybe twice %t, shadow %t, solo %t, deleted %t\n",
		d.Identity, stampOf(d.DetectedAt), stampOf(d.UpdatedAt), d.Attempts, stampOf(d.RetryAt), d.InFlight, d.MaybeTwice, d.Shadow, d.Solo, d.DeletedInSheet)
	if d.Reason != "" {
		fmt.Fprintf(w, "    reason %q\n", d.Reason)
	}
	if p := d.Problem; p != nil {
		fmt.Fprintf(w, "    problem %q %q %q %q\n", p.Code, p.Message, p.Column, p.Hint)
	}
	if a := d.Answer; a != nil {
		fmt.Fprintf(w, "    answer %s: %d %q, %d of %d\n", stampOf(a.At), a.HTTPStatus, a.Status, a.Processed, a.Sent)
	}
	for _, s := range d.Steps {
		fmt.Fprintf(w, "    step %s %s %q\n", stampOf(s.At), s.State, s.Text)
	}
}

// dumpCursors writes a hash of each chunk of the worksheets' cursors.
func dumpCursors(ctx context.Context, w io.Writer, l *ledger.Ledger, sheets []*worksheet) error {
	for _, s := range sheets {
		chunks, _, err := cursorOf(ctx, l, s.Zap, s.Spreadsheet, s.GID)
		if err != nil {
			return err
		}
		for i, c := range chunks {
			fmt.Fprintf(w, "cursor of %s, gid %d, chunk %d: %x\n", s.Zap, s.GID, i, sha256.Sum256(c))
		}
	}
	return nil
}

func stampOf(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02T15:04:05.000")
}

// released are the schemas of released versions. testdata has a state file and a backup of each.
var released = []int{4, 5}

// thaw returns a frozen file by the end of its name.
func thaw(t *testing.T, schema int, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("schema-%d%s", schema, name)))
	must(t, err)
	if !strings.HasSuffix(name, ".gz") {
		return content
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	must(t, err)
	content, err = io.ReadAll(z)
	must(t, err)
	return content
}

// frozenState writes a frozen state file or backup (".backup.gz") to a directory of the test.
func frozenState(t *testing.T, schema int, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rowtap.db")
	must(t, os.WriteFile(path, thaw(t, schema, name), 0o600))
	return path
}

func frozenSheets(t *testing.T, schema int) (sheets []*worksheet) {
	t.Helper()
	must(t, json.Unmarshal(thaw(t, schema, ".sheets.json.gz"), &sheets))
	return sheets
}

// countsOf formats counts like schema 4, which had no validated deliveries, unless there are some.
func countsOf(c ledger.Counts) string {
	return strings.Replace(fmt.Sprintf("%+v", c), " Validated:0}", "}", 1)
}

func validatedOf(h ledger.Hour) string {
	if h.Validated == 0 {
		return ""
	}
	return fmt.Sprintf(", %d validated", h.Validated)
}

// beforeSchema6 matches what older files said of recipes, which were stored instead of records.
var beforeSchema6 = regexp.MustCompile(`(?m)^  recipe .*\n|; recipe \d+ print \d+$`)

// frozenText is the dump of a frozen file, without what is no longer read.
func frozenText(t *testing.T, schema int) string {
	t.Helper()
	text := string(thaw(t, schema, ".txt"))
	if schema < 6 {
		text = beforeSchema6.ReplaceAllString(text, "")
	}
	return text
}

// migrated turns the dump of a frozen file of schema 4 into that after migration: deliveries
// validated in shadow mode are no longer called sent, and hours count rows.
func migrated(frozen string) string {
	return strings.NewReplacer(
		"{Waiting:0 Queued:4 Sent:2 Skipped:0 Failed:0 Held:0 Discarded:0}", "{Waiting:0 Queued:4 Sent:0 Skipped:0 Failed:0 Held:0 Discarded:0 Validated:2}",
		"hour 2026-03-05T15:00:00.000: 2 sent, 0 skipped, 0 failed, 0 held", "hour 2026-03-05T15:00:00.000: 0 sent, 0 skipped, 0 failed, 0 held, 2 validated",
		// Hours counted attempts, and the first of two actions.
		"hour 2026-03-05T12:00:00.000: 2 sent, 1 skipped, 2 failed, 2 held", "hour 2026-03-05T12:00:00.000: 0 sent, 1 skipped, 1 failed, 2 held",
		"  shadowed/1 sent:", "  shadowed/1 validated:", "  shadowed/2 sent:", "  shadowed/2 validated:",
	).Replace(frozen)
}

// said returns the dump of a ledger and of the worksheets' cursors.
func said(t *testing.T, l *ledger.Ledger, sheets []*worksheet) string {
	t.Helper()
	var b strings.Builder
	must(t, dump(t.Context(), &b, l))
	must(t, dumpCursors(t.Context(), &b, l, sheets))
	return b.String()
}

// Files of released versions, state files and backups, read the same as then until they are
// migrated: offline commands read them before a daemon does.
func TestReleasedStateIsRead(t *testing.T) {
	for _, schema := range released {
		sheets := frozenSheets(t, schema)
		for _, name := range []string{".db.gz", ".backup.gz"} {
			path := frozenState(t, schema, name)
			want := frozenText(t, schema)
			for _, readOnly := range []bool{true, false, true} { // before, during, after a daemon
				if !readOnly && schema == 4 {
					want = migrated(want)
				}
				l, err := ledger.Open(ledger.Options{Path: path, ReadOnly: readOnly})
				must(t, err)
				if d := diff(want, said(t, l, sheets)); d != "" {
					t.Errorf("schema %d, %s, read-only %t (-want +got):\n%s", schema, name, readOnly, d)
				}
				for _, wrong := range damages(t, l) {
					t.Errorf("schema %d, %s, read-only %t: Check: %v", schema, name, readOnly, wrong)
				}
				must(t, l.Close())
			}
		}
	}
}

// Every zap continues: deliveries in flight are finished, existing rows are known, an appended one
// is new.
func TestReleasedStateGoesOn(t *testing.T) {
	for _, schema := range released {
		sheets := frozenSheets(t, schema)
		for _, name := range []string{".db.gz", ".backup.gz"} {
			l, err := ledger.Open(ledger.Options{Path: frozenState(t, schema, name)})
			must(t, err)
			flying, err := l.InFlight(t.Context(), signups)
			must(t, err)
			if d := diff([]uint64{8, 9, 10}, numbers(flying)); d != "" {
				t.Errorf("schema %d, %s: in flight (-want +got):\n%s", schema, name, d)
			}
			must(t, l.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent, Identity: "x@example.com"}, numbers(flying)...), frozenAt))
			for _, w := range sheets {
				goesOn(t, l, w)
			}
			for _, wrong := range damages(t, l) {
				t.Errorf("schema %d, %s: Check: %v", schema, name, wrong)
			}
			must(t, l.Close())
		}
	}
}

// goesOn polls a frozen worksheet as it was, and with an appended row.
func goesOn(t *testing.T, l *ledger.Ledger, w *worksheet) {
	t.Helper()
	result, err := w.poll(t.Context(), l, how{at: frozenAt})
	must(t, err)
	if len(result.Found) > 0 || result.Doubt != "" {
		t.Errorf("%s, gid %d: the unchanged worksheet: found %+v, doubt %q", w.Zap, w.GID, result.Found, result.Doubt)
	}
	last := slices.Clone(w.Rows[0])
	last[0], last[1] = "quite@new.example", "Somebody else"
	appended := *w
	appended.Rows = append(slices.Clone(w.Rows), last)
	next, err := l.NextDelivery(t.Context(), w.Zap)
	must(t, err)
	result, err = appended.poll(t.Context(), l, how{at: frozenAt.Add(time.Minute)})
	must(t, err)
	if len(result.Found) != 1 || result.Found[0].Row != len(appended.Rows)+1 {
		t.Fatalf("%s, gid %d: with a row appended: %+v, doubt %q", w.Zap, w.GID, result.Found, result.Doubt)
	}
	d, ok, err := l.Delivery(t.Context(), w.Zap, next)
	if err != nil || !ok || d.State != ledger.Queued || d.Row.Cells[0].Text != "quite@new.example" {
		t.Errorf("%s, gid %d: its delivery: %+v, %t, %v", w.Zap, w.GID, d, ok, err)
	}
}

// Reading leaves a file unchanged; opening it for writing migrates it, after which the release that
// wrote it refuses it, as any release refuses what a newer one wrote.
func TestMigration(t *testing.T) {
	for _, schema := range released {
		path := frozenState(t, schema, ".db.gz")
		l, err := ledger.Open(ledger.Options{Path: path, ReadOnly: true})
		must(t, err)
		saved := filepath.Join(t.TempDir(), "backup.db")
		_, zaps, err := ledger.SaveBackup(t.Context(), saved, false, frozenAt, func(w io.Writer) error { _, err := l.Backup(t.Context(), w); return err })
		must(t, errors.Join(err, l.Close()))
		if len(zaps) != 6 {
			t.Errorf("schema %d: a backup without a daemon has zaps %v", schema, zaps)
		}
		if got := ledger.SchemaOf(t, path); got != uint64(schema) {
			t.Errorf("schema %d: after reading, the file has schema %d", schema, got)
		}
		l, err = ledger.Open(ledger.Options{Path: path})
		must(t, err)
		if d := diff([]string{"cells", "cursors", "rows", "sent", "state", "todo"}, ledger.BucketsOf(t, l, signups)); d != "" {
			t.Errorf("schema %d: after opening for writing, a zap has buckets (-want +got):\n%s", schema, d)
		}
		must(t, l.Close())
		if got := ledger.SchemaOf(t, path); got != ledger.Schema {
			t.Errorf("schema %d: after opening for writing, the schema is %d, want %d", schema, got, ledger.Schema)
		}
	}
}

// A backup of any release can be restored and continued. A backup of a newer release is refused
// before anything is changed.
func TestRestoreOfAReleasedBackup(t *testing.T) {
	for _, schema := range released {
		path, backup := filepath.Join(t.TempDir(), "rowtap.db"), frozenState(t, schema, ".backup.gz")
		restored, err := ledger.Restore(t.Context(), path, backup, frozenAt)
		must(t, err)
		if !restored.BackupOf.Equal(frozenAt) || len(restored.Zaps) != 6 {
			t.Errorf("schema %d: Restore = %+v", schema, restored)
		}
		l, err := ledger.Open(ledger.Options{Path: path})
		must(t, err)
		for _, w := range frozenSheets(t, schema) {
			goesOn(t, l, w)
		}
		must(t, l.Close())
		if got := ledger.SchemaOf(t, backup); got != uint64(schema) {
			t.Errorf("schema %d: the backup itself now has schema %d", schema, got)
		}

		before, err := os.ReadFile(path)
		must(t, err)
		ledger.SetSchema(t, backup, ledger.Schema+1)
		_, err = ledger.Restore(t.Context(), path, backup, frozenAt)
		if !errors.Is(err, ledger.ErrNewer) || !strings.Contains(err.Error(), "next: install that version again") {
			t.Errorf("Restore of a newer rowtap's backup: %v, want ErrNewer and what to do", err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("Restore of a newer rowtap's backup changed the state file (%v)", err)
		}
	}
}

// A failed migration leaves the file unchanged, so the previous release can still open it.
func TestAMigrationThatFails(t *testing.T) {
	path := frozenState(t, ledger.OldestSchema, ".db.gz")
	wrong := errors.New("out of luck")
	ledger.SetMigration(t, ledger.OldestSchema, func(tx *bbolt.Tx) error {
		must(t, tx.Bucket([]byte("zaps")).DeleteBucket([]byte(signups)))
		return wrong
	})
	if _, err := ledger.Open(ledger.Options{Path: path}); !errors.Is(err, wrong) || !strings.Contains(err.Error(), path) {
		t.Fatalf("Open = %v, want the migration's error and the path", err)
	}
	l, err := ledger.Open(ledger.Options{Path: path, ReadOnly: true})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	if d := diff(frozenText(t, ledger.OldestSchema), said(t, l, frozenSheets(t, ledger.OldestSchema))); d != "" {
		t.Errorf("after a failed migration (-want +got):\n%s", d)
	}
}
