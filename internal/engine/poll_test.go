package engine

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

func fromNow(zap string) string { return strings.Replace(zap, "start: beginning", "start: now", 1) }

// other adds a second worksheet, Other.
func (r *rig) other(t *testing.T) {
	t.Helper()
	if err := r.box.Sheets().AddWorksheet("book", "Other", 7, []sandbox.Value{sandbox.Text("Email"), sandbox.Text("Score")}); err != nil {
		t.Fatal(err)
	}
}

// TestThereAndBack points a zap at another worksheet and back: no existing row is sent, rows added
// in the meantime are held, and polls continue.
func TestThereAndBack(t *testing.T) {
	here := fromNow(eventZap("production"))
	there := strings.Replace(here, "Signups", "Other", 1)
	r := newRig(t, map[string]string{"e": here})
	r.other(t)
	r.append(t, [2]string{"old@example.com", "1"})
	r.poll(t, "e")
	r.write(t, "e", there)
	if got := r.poll(t, "e"); !got.Baseline || got.Found != 0 {
		t.Errorf("the other worksheet: %+v, want a baseline", got)
	}
	if _, err := r.box.Sheets().Append("book", "Other", []sandbox.Value{sandbox.Text("there@example.com"), sandbox.Number(1)}); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	r.append(t, [2]string{"meanwhile@example.com", "2"})
	r.write(t, "e", here)
	r.once(t)
	if got := r.states(t, "e"); got != "sh" {
		t.Errorf("states %s, want sh: rows added in the meantime are held", got)
	}
	r.append(t, [2]string{"after@example.com", "3"})
	r.once(t)
	if got := r.states(t, "e"); got != "shs" {
		t.Errorf("states %s, want shs: rows added later are sent", got)
	}
}

// TestDisabledZapHasABaseline: enabled: false and later true act like pause and resume, for each
// worksheet.
func TestDisabledZapHasABaseline(t *testing.T) {
	text := strings.Replace(fromNow(eventZap("production")), "enabled: true", "enabled: false", 1)
	r := newRig(t, map[string]string{"e": text})
	r.other(t)
	r.poll(t, "e")
	if _, err := r.Poll(t.Context(), "e"); err == nil {
		t.Error("a disabled zap was polled again")
	}
	text = strings.Replace(text, "Signups", "Other", 1)
	r.write(t, "e", text)
	r.poll(t, "e")
	if _, err := r.box.Sheets().Append("book", "Other", []sandbox.Value{sandbox.Text("x@example.com"), sandbox.Number(1)}); err != nil {
		t.Fatal(err)
	}
	r.write(t, "e", strings.Replace(text, "enabled: false", "enabled: true", 1))
	r.once(t)
	if got := r.states(t, "e"); got != "s" {
		t.Errorf("states %q, want s", got)
	}
}

// TestReaddedZapDoesNotPollTwice removes a zap and adds it again during a poll: the second poll
// waits for the first.
func TestReaddedZapDoesNotPollTwice(t *testing.T) {
	r := newRig(t, map[string]string{"e": eventZap("production"), "stays": eventZap("production")})
	r.append(t, [2]string{"a@example.com", "1"})
	if !r.claims.TryPoll("e") { // a poll is in progress
		t.Fatal("e is polled already")
	}
	r.write(t, "e", "")
	r.write(t, "e", eventZap("production"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Poll(ctx, "e"); err == nil {
		t.Error("two polls of a zap ran at once")
	}
	r.claims.EndPoll("e")
	if got := r.poll(t, "e"); got.Found != 1 {
		t.Errorf("%+v, want 1 row found", got)
	}
}

// TestShadowRowThatBecomesReadyOutOfIt: a row that was incomplete in shadow mode and is completed
// after it is sent.
func TestShadowRowThatBecomesReadyOutOfIt(t *testing.T) {
	text := fromNow(eventZap("production"))
	r := newRig(t, map[string]string{"e": "shadow: true\n" + text})
	r.poll(t, "e")
	r.append(t, [2]string{"", "1"})
	r.poll(t, "e")
	r.write(t, "e", text)
	if err := r.box.Sheets().Set("book", "Signups", 2, 1, sandbox.Text("x@example.com")); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	if c := r.box.CleverTap().Counts(); c.Accepted != 1 || c.DryRuns != 0 {
		t.Errorf("%+v, want 1 accepted", c)
	}
}

// TestMendedWhileQueued: a cell is corrected after its row was found and before it was mapped. The
// row fails with the cells found, and is then sent automatically. A note next to it does not send
// it again.
func TestMendedWhileQueued(t *testing.T) {
	phone := strings.Replace(eventZap("production"), `"{{Score}}"`, `{value: "{{Score}}", type: phone, country: IN}`, 1)
	r := newRig(t, map[string]string{"e": phone})
	r.append(t, [2]string{"a@example.com", "12"}, [2]string{"b@example.com", "9876543210"}, [2]string{"c@example.com", "34"})
	r.poll(t, "e")
	set := func(row, column int, v sandbox.Value) {
		t.Helper()
		if err := r.box.Sheets().Set("book", "Signups", row, column, v); err != nil {
			t.Fatal(err)
		}
	}
	set(2, 2, sandbox.Text("9876543211"))
	r.poll(t, "e") // the comparison stores the edit
	r.once(t)
	if got := r.states(t, "e"); got != "fsf" {
		t.Fatalf("states %s, want fsf", got)
	}
	set(4, 3, sandbox.Text("called back"))
	r.once(t)
	if got := r.states(t, "e"); got != "ssf" {
		t.Errorf("states %s, want ssf", got)
	}
	d, _, err := r.ledger.Delivery(t.Context(), "e", 3)
	if err != nil || d.Attempts != 0 {
		t.Errorf("e/3: %d attempts, %v; want none: its record has not changed", d.Attempts, err)
	}
}

// TestEmptyWorksheetStartsAtZeroRows: the first rows ever typed are new, even if the header is
// typed together with them.
func TestEmptyWorksheetStartsAtZeroRows(t *testing.T) {
	r := newRig(t, map[string]string{"e": fromNow(eventZap("production"))})
	if err := r.box.Sheets().Clear("book", "Signups"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Poll(t.Context(), "e"); err == nil || !strings.Contains(err.Error(), `header row 1 of worksheet "Signups" is empty`) {
			t.Fatalf("an empty worksheet: %v", err)
		}
	}
	r.append(t, [2]string{"Email", "Score"}, [2]string{"first@example.com", "1"})
	r.once(t)
	if got := r.states(t, "e"); got != "s" {
		t.Errorf("states %q, want s", got)
	}
}

// TestRemovedZapKeepsItsQueue unsent.
func TestRemovedZapKeepsItsQueue(t *testing.T) {
	r := newRigAt(t, map[string]string{"e": eventZap("production"), "stays": eventZap("production")}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	r.append(t, [2]string{"a@example.com", "1"})
	r.poll(t, "e")
	r.write(t, "e", "")
	if got := r.states(t, "e"); got != "q" {
		t.Errorf("states %q, want q: a removed zap keeps its queue", got)
	}
	ds, err := r.Deliveries(t.Context(), ledger.Query{Zap: "e"})
	if err != nil || len(ds) != 1 {
		t.Errorf("%v %v", ds, err)
	}
}
