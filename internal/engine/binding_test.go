package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// pair returns a row EMAIL, SCORE.
func pair(email string, score int) []sandbox.Value {
	return []sandbox.Value{sandbox.Text(email), sandbox.Number(float64(score))}
}

var pairHeader = []sandbox.Value{sandbox.Text("Email"), sandbox.Text("Score")}

// takeOver renames the worksheet Signups (gid 0) to 'Signups Oct' and adds another one with the old
// title, gid 99, with some rows.
func takeOver(t *testing.T, s *lab.Sheets, rows ...[]sandbox.Value) {
	t.Helper()
	if err := errors.Join(s.RenameWorksheet("book", "Signups", "Signups Oct"), s.AddWorksheet("book", "Signups", 99, rows...)); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) appendTo(t *testing.T, worksheet string, rows ...[]sandbox.Value) {
	t.Helper()
	if _, err := r.box.Sheets().Append("book", worksheet, rows...); err != nil {
		t.Fatal(err)
	}
}

// takenOver is a rig with six existing rows whose worksheet lost its title to another one.
func takenOver(t *testing.T, text string, rows ...[]sandbox.Value) *rig {
	t.Helper()
	r := newRig(t, map[string]string{"e": text})
	for i := range 6 {
		r.append(t, [2]string{fmt.Sprintf("old-%d@example.com", i), fmt.Sprint(i)})
	}
	r.poll(t, "e")
	takeOver(t, r.box.Sheets(), rows...)
	return r
}

// ambiguous reports whether an error says that a title fits two worksheets, and what to write.
func ambiguous(err error) bool {
	if err == nil {
		return false
	}
	said := err.Error() + hint.Of(err)
	return !slices.ContainsFunc([]string{`"Signups"`, `"Signups Oct"`, "worksheet: {gid: 0}", "worksheet: {gid: 99}", "e.yaml"}, func(part string) bool {
		return !strings.Contains(said, part)
	})
}

// TestAnotherWorksheetTakesTheTitle between two polls, with various contents. The zap is blocked,
// says what to write, and reads rows from neither worksheet, in polls of the daemon and of
// operators, even after a restart.
func TestAnotherWorksheetTakesTheTitle(t *testing.T) {
	tests := []struct {
		name string
		rows [][]sandbox.Value
	}{
		{"other rows", [][]sandbox.Value{pairHeader, pair("a@example.com", 1), pair("b@example.com", 2)}},
		{"many other rows", func() (rows [][]sandbox.Value) {
			rows = append(rows, pairHeader)
			for i := range 20 {
				rows = append(rows, pair(fmt.Sprintf("new-%d@example.com", i), i))
			}
			return rows
		}()},
		{"only a header", [][]sandbox.Value{pairHeader}},
		{"another header", [][]sandbox.Value{{sandbox.Text("Who"), sandbox.Text("What")}, pair("a@example.com", 1)}},
		{"nothing", nil},
		{"a copy, and another row", [][]sandbox.Value{
			pairHeader, pair("old-0@example.com", 0), pair("old-1@example.com", 1), pair("old-2@example.com", 2),
			pair("old-3@example.com", 3), pair("old-4@example.com", 4), pair("old-5@example.com", 5), pair("a@example.com", 1),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := takenOver(t, fromNow(eventZap("production")), tt.rows...)
			r.appendTo(t, "Signups Oct", pair("late@example.com", 7))
			for range 2 {
				if _, errs, _ := r.dueTogether(t, "e"); !ambiguous(errs["e"]) {
					t.Errorf("a poll: %v, next: %s", errs["e"], hint.Of(errs["e"]))
				}
			}
			if _, err := r.Backfill(t.Context(), "e", "2:", false, nil); !ambiguous(err) {
				t.Errorf("a backfill: %v", err)
			}
			r.poller.Renamed("e", "e") // state as after a restart
			if _, err := r.Poll(t.Context(), "e"); !ambiguous(err) {
				t.Errorf("after a restart: %v", err)
			}
			if got := r.states(t, "e"); got != "" {
				t.Errorf("states %s, want none", got)
			}
		})
	}
}

// TestGoOnWithTheRenamedWorksheet, by its gid or its new title: the rows added in the meantime are
// sent, none is held. If the other worksheet gives up the title, the zap file needs no change.
func TestGoOnWithTheRenamedWorksheet(t *testing.T) {
	text := fromNow(eventZap("production"))
	for _, worksheet := range []string{"{gid: 0}", "Signups Oct", "Signups"} {
		r := takenOver(t, text, pairHeader, pair("other@example.com", 1))
		if _, err := r.Poll(t.Context(), "e"); !ambiguous(err) {
			t.Fatal(err)
		}
		r.appendTo(t, "Signups Oct", pair("late@example.com", 7))
		if worksheet == "Signups" {
			if err := r.box.Sheets().RenameWorksheet("book", "Signups", "Signups Nov"); err != nil {
				t.Fatal(err)
			}
		}
		r.write(t, "e", strings.Replace(text, "worksheet: Signups", "worksheet: "+worksheet, 1))
		r.once(t)
		if got := r.states(t, "e"); got != "s" {
			t.Errorf("worksheet %s: states %q, want s", worksheet, got)
		}
		if _, errs, reads := r.dueTogether(t, "e"); errs["e"] != nil || reads != 1+map[string]int64{"Signups": 1}[worksheet] {
			t.Errorf("worksheet %s: a quiet poll takes %d reads, %v", worksheet, reads, errs["e"])
		}
		z, _, err := r.ledger.Zap(t.Context(), "e")
		if err != nil || len(z.Stays) != 1 || z.Stays[0].Title != "Signups Oct" {
			t.Errorf("worksheet %s: %+v, %v, want one stay", worksheet, z.Stays, err)
		}
	}
}

// TestMoveToTheOtherWorksheet: rows added to the old worksheet until then are sent; those in the
// other one are its baseline.
func TestMoveToTheOtherWorksheet(t *testing.T) {
	text := fromNow(eventZap("production"))
	there := strings.Replace(text, "worksheet: Signups", "worksheet: {gid: 99}", 1)
	r := takenOver(t, text, pairHeader, pair("other-1@example.com", 1), pair("other-2@example.com", 2))
	if _, err := r.Poll(t.Context(), "e"); !ambiguous(err) {
		t.Fatal(err)
	}
	r.appendTo(t, "Signups Oct", pair("late@example.com", 7))
	r.write(t, "e", there)
	report := r.poll(t, "e")
	if !report.Baseline || report.Found != 1 || report.Rows != 2 {
		t.Errorf("%+v, want a baseline of 2 rows, and 1 row found in the old worksheet", report)
	}
	r.appendTo(t, "Signups", pair("new@example.com", 3))
	r.appendTo(t, "Signups Oct", pair("too-late@example.com", 8))
	r.once(t)
	if got := r.states(t, "e"); got != "ss" {
		t.Errorf("states %s, want ss", got)
	}
	var sent []string
	for _, rec := range r.box.CleverTap().Records(sandbox.RecordQuery{}) {
		sent = append(sent, rec.Identity)
	}
	slices.Sort(sent)
	if want := []string{"late@example.com", "new@example.com"}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
	z, _, err := r.ledger.Zap(t.Context(), "e")
	if err != nil || len(z.Stays) != 2 || z.Stays[1].First != 2 || z.Stays[1].Start != (ledger.Start{There: 2, LastRow: 3}) {
		t.Errorf("%+v, %v, want a stay from delivery 2 on, with 2 baseline rows down to row 3", z.Stays, err)
	}
}

// TestLastReadThatCannotBe: the zap moves nevertheless, and reports why rows of the old worksheet
// may be missing.
func TestLastReadThatCannotBe(t *testing.T) {
	text := fromNow(eventZap("production"))
	tests := []struct {
		name  string
		spoil func(*lab.Sheets) error
		want  string
	}{
		{"deleted", func(s *lab.Sheets) error { return s.DeleteWorksheet("book", "Signups Oct") }, "deleted"},
		{"a column is gone", func(s *lab.Sheets) error { return s.Set("book", "Signups Oct", 1, 1, sandbox.Text("Who")) }, `no column "Email"`},
		{"its rows are gone", func(s *lab.Sheets) error { return s.Delete("book", "Signups Oct", 2, 7) }, ""},
		{"it is empty", func(s *lab.Sheets) error { return s.Clear("book", "Signups Oct") }, `header row 1 of worksheet "Signups Oct" is empty`},
	}
	for _, tt := range tests {
		r := takenOver(t, text, pairHeader, pair("other@example.com", 1))
		if err := tt.spoil(r.box.Sheets()); err != nil {
			t.Fatal(err)
		}
		r.write(t, "e", strings.Replace(text, "worksheet: Signups", "worksheet: {gid: 99}", 1))
		if report := r.poll(t, "e"); !report.Baseline {
			t.Errorf("%s: %+v, want a baseline", tt.name, report)
		}
		z, _, err := r.ledger.Zap(t.Context(), "e")
		if err != nil || z.GID != 99 || len(z.Stays) != 2 {
			t.Fatalf("%s: %+v, %v", tt.name, z, err)
		}
		if got := z.Stays[1].Start.Unread; (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: unread because %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestLastReadThatIsNotBelieved: a doubtful last read is repeated, and only then does the zap move.
func TestLastReadThatIsNotBelieved(t *testing.T) {
	text := fromNow(eventZap("production"))
	r := takenOver(t, text, pairHeader, pair("other@example.com", 1))
	if err := r.box.Sheets().Delete("book", "Signups Oct", 2, 6); err != nil {
		t.Fatal(err)
	}
	r.appendTo(t, "Signups Oct", pair("late@example.com", 7))
	r.write(t, "e", strings.Replace(text, "worksheet: Signups", "worksheet: {gid: 99}", 1))
	if report := r.poll(t, "e"); report.Baseline || !strings.Contains(report.Doubt, "before the zap moves") {
		t.Errorf("%+v, want a doubt", report)
	}
	if report := r.poll(t, "e"); !report.Baseline || report.Found != 1 {
		t.Errorf("%+v, want the row found, and a baseline", report)
	}
}

// TestTitleIsLookedUp every ten minutes while the zap's worksheet has another title, so that a
// worksheet that takes the configured title later is seen even without other changes. A zap whose
// worksheet has its title makes no such request.
func TestTitleIsLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.Replace(bubbleEvents(), "start: beginning", "start: now", 1)
		b := newBubble(t, "resend", map[string]string{"e": text})
		lookups := func() int { return b.google.lookups() }
		before := lookups()
		b.pass(2 * time.Hour)
		if n := lookups() - before; n != 0 {
			t.Errorf("%d look-ups in two quiet hours, want none", n)
		}
		if err := b.box.Sheets().RenameWorksheet("book", "Signups", "Signups Oct"); err != nil {
			t.Fatal(err)
		}
		b.pass(2 * time.Minute)
		if z := b.zap(t, "e"); z.State != Running {
			t.Fatalf("after a rename the zap is %s: %s", z.State, z.Reason)
		}
		before = lookups()
		b.pass(2 * time.Hour)
		if n := lookups() - before; n < 12 || n > 15 {
			t.Errorf("%d look-ups in two hours under another title, want one in ten minutes", n)
		}
		if err := b.box.Sheets().AddWorksheet("book", "Signups", 99, pairHeader); err != nil {
			t.Fatal(err)
		}
		b.until(t, "the other worksheet is seen", 11*time.Minute, func() bool { return b.zap(t, "e").State == NeedsHand })
		if z := b.zap(t, "e"); !strings.Contains(z.Hint, "{gid: 99}") {
			t.Errorf("reason %q, hint %q", z.Reason, z.Hint)
		}
	})
}

// TestNewTitleIsKept even if the worksheet has not changed: the zap file may use the new title
// without a lookup at each poll, and the state has the current title.
func TestNewTitleIsKept(t *testing.T) {
	text := fromNow(eventZap("production"))
	r := newRig(t, map[string]string{"e": text})
	r.append(t, [2]string{"old@example.com", "1"})
	r.poll(t, "e")
	if err := r.box.Sheets().RenameWorksheet("book", "Signups", "Signups Oct"); err != nil {
		t.Fatal(err)
	}
	r.poll(t, "e")
	if b := status(t, r, "e").Worksheet; b.Named != "Signups" || b.Title != "Signups Oct" {
		t.Errorf("after the rename the zap is bound to %+v", b)
	}
	r.write(t, "e", strings.Replace(text, "worksheet: Signups", "worksheet: Signups Oct", 1))
	r.poll(t, "e")
	if b := status(t, r, "e").Worksheet; b.Named != "Signups Oct" {
		t.Errorf("with the new title in its file the zap is bound to %+v", b)
	}
	if _, errs, reads := r.dueTogether(t, "e"); errs["e"] != nil || reads != 1 {
		t.Errorf("a quiet poll takes %d reads, %v, want 1", reads, errs["e"])
	}
}
