package engine

import (
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// whys checks what why reports for rows of the zap e.
func (r *rig) whys(t *testing.T, when string, want map[int]string) {
	t.Helper()
	for row, reason := range want {
		if w, err := r.Why(t.Context(), "e", row); err != nil || w.Reason != reason {
			t.Errorf("%s: why row %d: %q, %v, want %q", when, row, w.Reason, err, reason)
		}
	}
}

// cursor returns the cursor of the worksheet Signups.
func (r *rig) cursor(t *testing.T) (c detect.Cursor) {
	t.Helper()
	ok, err := r.ledger.Cursor(t.Context(), "e", "book", 0, func(chunks iter.Seq[[]byte]) (err error) {
		c, err = detect.Decode(chunks)
		return err
	})
	if err != nil || !ok {
		t.Fatalf("cursor: %t, %v", ok, err)
	}
	return c
}

// TestAKeyThatReturnsHasFired: with a key, a row that returns after more than a day is the one that
// fired, neither a new row nor one of the first read, however often it comes and goes, and even if
// the history no longer has it.
func TestAKeyThatReturnsHasFired(t *testing.T) {
	r := newRig(t, map[string]string{"e": strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, key: [Email]", 1)})
	clock := r.clocked()
	r.append(t, numbered(5)...)
	r.poll(t, "e")
	r.append(t, [2]string{"fired@example.com", "6"})
	r.once(t)
	r.wants(t, "e", "s", "a new row")
	for days := range 3 {
		clock.set(time.Duration(days*3) * 24 * time.Hour)
		r.remove(t, 7, 7)
		r.remove(t, 2, 2)
		r.once(t)
		clock.set(time.Duration(days*3+2) * 24 * time.Hour)
		// An edit, so that there is a change to commit.
		r.set(t, 5, 2, sandbox.Number(float64(100+days)))
		r.once(t)
		r.append(t, [2]string{"FIRED@example.com", "7"})
		if err := r.box.Sheets().Insert("book", "Signups", 2, pair("user-1@example.com", 1)); err != nil {
			t.Fatal(err)
		}
		r.once(t)
		r.wants(t, "e", "s", "it is back")
		r.whys(t, "it is back", map[int]string{2: "already there at the first read, so it was not sent", 7: "sent as e/1"})
	}
	if got := r.backfill(t, "e", "", true); got.Queued != 5 || got.Delivered != 1 {
		t.Errorf("backfill %+v, want the 5 rows of the first read", got)
	}
	if _, err := r.ledger.Prune(t.Context(), clock.now().Add(time.Hour), 100); err != nil {
		t.Fatal(err)
	}
	r.whys(t, "past the history", map[int]string{7: "fired as e/1, which is no longer in the history"})
	if got := r.backfill(t, "e", "", false); got.Queued != 5 || got.Delivered != 1 {
		t.Errorf("backfill %+v, want the 5 rows of the first read", got)
	}
	r.once(t)
	if got := strings.Count(strings.ToLower(r.sentTo(t)), "fired@example.com"); got != 1 {
		t.Errorf("it was sent %d times: %s", got, r.sentTo(t))
	}
}

// TestWhyOfEachLink: what why reports for a row with each link that a cursor may have.
func TestWhyOfEachLink(t *testing.T) {
	r := newRig(t, map[string]string{"e": "filter: Score < 90\n" + fromNow(eventZap("production"))})
	clock := r.clocked()
	r.append(t, [2]string{"old@example.com", "1"}, [2]string{"", "2"})
	r.poll(t, "e")
	r.append(t, [2]string{"sent@example.com", "3"}, [2]string{"filtered@example.com", "99"}, [2]string{"", "5"},
		[2]string{"refused@example.com", "6"}, [2]string{"old@example.com", "1"})
	r.whys(t, "not read yet", map[int]string{4: "empty at the last read, apart from blank cells, FALSE and ignored columns"})
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "refused@example.com", Code: 512, Times: 1})
	r.poll(t, "e")
	r.whys(t, "found", map[int]string{4: "queued as e/1", 7: "queued as e/4"})
	r.once(t)
	r.wants(t, "e", "skwfw", "all of them")
	r.whys(t, "open and finished", map[int]string{
		1: "this is the header row",
		2: "already there at the first read, so it was not sent",
		3: "already there at the first read, but incomplete: sent once it has everything that `require` lists",
		4: "sent as e/1",
		5: "skipped by the filter as e/2",
		6: "waiting as e/3: waits for Email",
		8: "waiting as e/5: copy of row 2: waits until unchanged for 1m0s",
		9: "empty at the last read, apart from blank cells, FALSE and ignored columns",
	})
	if w, err := r.Why(t.Context(), "e", 7); err != nil || !strings.HasPrefix(w.Reason, "failed as e/4: ") || w.Next != "rowtap show e/4" {
		t.Errorf("why row 7: %q, next %q, %v", w.Reason, w.Next, err)
	}
	for row, want := range map[int]string{2: "rowtap backfill e --rows 2", 4: ""} {
		if w, err := r.Why(t.Context(), "e", row); err != nil || w.Next != want {
			t.Errorf("why row %d: next %q, want %q; %v", row, w.Next, want, err)
		}
	}
	if _, err := r.Act(t.Context(), Discard, Selection{IDs: []string{"e/4"}}); err != nil {
		t.Fatal(err)
	}
	if w, err := r.Why(t.Context(), "e", 7); err != nil || !strings.HasPrefix(w.Reason, "discarded as e/4: ") {
		t.Errorf("why row 7: %q, %v", w.Reason, err)
	}

	r.set(t, 6, 1, sandbox.Text("late@example.com"))
	clock.set(48 * time.Hour)
	r.once(t)
	r.wants(t, "e", "sksds", "two days later")
	if _, err := r.ledger.Prune(t.Context(), clock.now().Add(time.Hour), 100); err != nil {
		t.Fatal(err)
	}
	pruned := map[int]string{
		2: "already there at the first read, so it was not sent",
		4: "fired as e/1, which is no longer in the history", 5: "fired as e/2, which is no longer in the history",
		6: "fired as e/3, which is no longer in the history", 7: "fired as e/4, which is no longer in the history",
		8: "fired as e/5, which is no longer in the history",
	}
	r.whys(t, "past the history", pruned)
	r.set(t, 4, 2, sandbox.Number(33))
	if err := r.box.Sheets().Sort("book", "Signups", 1, true); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	r.wants(t, "e", "", "past the history, edited and sorted")
	if got := r.sentTo(t); got != "sent@example.com late@example.com old@example.com" && got != "sent@example.com old@example.com late@example.com" {
		t.Errorf("sent to %s", got)
	}
	if got := r.backfill(t, "e", "", true); got.Queued != 1 || got.Waiting != 1 || got.Delivered != 5 {
		t.Errorf("backfill %+v, want 1, 1 waiting, 5 delivered", got)
	}
}

// TestWhyOfAnUnknownLink: for a row whose key an earlier release saw without recording the
// delivery, why promises only that it is not sent.
func TestWhyOfAnUnknownLink(t *testing.T) {
	r := newRig(t, map[string]string{"e": strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, key: [Email]", 1)})
	r.append(t, numbered(3)...)
	r.poll(t, "e")
	c := r.cursor(t)
	c.Rows[1].Delivery = detect.Unknown
	cursor := func(uint64) (u ledger.CursorUpdate) {
		u.Chunks, u.Changed = c.Since(detect.Cursor{})
		return u
	}
	if _, err := r.ledger.Commit(t.Context(), "e", ledger.Poll{SpreadsheetID: "book", Title: "Signups", Cursor: cursor, At: r.now()}); err != nil {
		t.Fatal(err)
	}
	const unknown = "its key was seen by an earlier release of rowtap, which did not record the delivery: not sent"
	r.whys(t, "decoded", map[int]string{2: "already there at the first read, so it was not sent", 3: unknown})
	r.set(t, 3, 2, sandbox.Number(44))
	r.once(t)
	r.whys(t, "edited", map[int]string{3: unknown})
	if got := r.backfill(t, "e", "", true); got.Queued != 2 || got.Delivered != 1 {
		t.Errorf("backfill %+v, want the two others", got)
	}
	r.wants(t, "e", "", "nothing fires")
}

// TestWhereARowIsNow: a delivery's row is found by its content, wherever inserted rows have moved
// it.
func TestWhereARowIsNow(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	r.append(t, numbered(3)...)
	r.poll(t, "e")
	r.append(t, [2]string{"fired@example.com", "4"})
	r.once(t)
	isAt := func(when string, want int) {
		t.Helper()
		d, _, err := r.ledger.Delivery(t.Context(), "e", 1)
		if err != nil || d.Row.Number != 5 {
			t.Fatalf("%s: e/1 was found in row %d, %v; want 5", when, d.Row.Number, err)
		}
		if got, ok, err := r.RowNow(t.Context(), d); err != nil || got != want || ok != (want > 0) {
			t.Errorf("%s: its row is now %d, %t, %v; want %d", when, got, ok, err, want)
		}
	}
	isAt("found", 5)
	if err := r.box.Sheets().Insert("book", "Signups", 2, pair("another@example.com", 5)); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	isAt("after a row was inserted above it", 6)
	r.remove(t, 6, 6)
	r.once(t)
	isAt("deleted", 0)
	if _, ok, err := r.RowNow(t.Context(), ledger.Delivery{Zap: "nobody", Number: 1}); ok || err != nil {
		t.Errorf("of a zap that nobody knows: %t, %v", ok, err)
	}
}

// TestWhereAColumnIsNow: columns are found by their names in the last header, those without one by
// their letters.
func TestWhereAColumnIsNow(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	r.append(t, numbered(3)...)
	r.poll(t, "e")
	r.append(t, [2]string{"fired@example.com", "4"})
	isAt := func(when string, want map[string]int) {
		t.Helper()
		r.once(t)
		d, _, err := r.ledger.Delivery(t.Context(), "e", 1)
		if err != nil {
			t.Fatal(err)
		}
		for name, column := range want {
			if got, ok := r.ColumnNow(t.Context(), d, name); got != column && ok || ok != (column >= 0) {
				t.Errorf("%s: column %q is now %d, %t; want %d", when, name, got, ok, column)
			}
		}
	}
	isAt("found", map[string]int{"Email": 0, "Score": 1, "A": -1, "": -1, "Gone": -1})
	if err := r.box.Sheets().InsertColumn("book", "Signups", 1); err != nil {
		t.Fatal(err)
	}
	isAt("after a column was inserted", map[string]int{"Email": 1, "Score": 2, "A": 0})
	if err := r.box.Sheets().AddWorksheet("book", "Other", 7, pairHeader); err != nil {
		t.Fatal(err)
	}
	r.write(t, "e", strings.Replace(fromNow(eventZap("production")), "Signups", "Other", 1))
	isAt("left behind in another worksheet", map[string]int{"Email": 0})
	if err := r.box.Sheets().InsertColumn("book", "Other", 1); err != nil {
		t.Fatal(err)
	}
	isAt("whatever that one has", map[string]int{"Email": 0})
}
