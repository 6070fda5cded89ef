package engine

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestMoveLeavesOpenRowsBehind: a move reports the open rows left behind, operators can act on
// them, and rows added later belong to the new worksheet.
func TestMoveLeavesOpenRowsBehind(t *testing.T) {
	here := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, max_new_rows: 2", 1)
	there := strings.Replace(here, "Signups", "Other", 1)
	r := newRig(t, map[string]string{"e": here})
	r.other(t)
	r.append(t, [2]string{"old@example.com", "1"})
	r.poll(t, "e")
	r.append(t, [2]string{"", "1"}, [2]string{"refused@example.com", "2"}) // waiting, failed
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "refused@example.com", Code: 512, Times: 1})
	r.once(t)
	r.append(t, [2]string{"b@example.com", "1"}, [2]string{"c@example.com", "2"}, [2]string{"d@example.com", "2"}) // held
	r.once(t)
	if got := r.states(t, "e"); got != "wfhhh" {
		t.Fatalf("states %s, want wfhhh", got)
	}
	if done, err := r.Act(t.Context(), Discard, Selection{Zap: "e", State: ledger.Waiting}); err != nil || done.Count != 0 {
		t.Errorf("%+v, %v: discarded a waiting row of a watched worksheet", done, err)
	}
	z := status(t, r, "e")
	if z.LeftBehind != nil || z.Moved != nil || z.Worksheet == nil || z.Worksheet.String() != `"Signups" (gid 0)` {
		t.Errorf("before the move: %+v, %+v, %+v", z.Worksheet, z.Moved, z.LeftBehind)
	}
	r.appendTo(t, "Other", pair("other-1@example.com", 1), pair("other-2@example.com", 2))
	r.append(t, [2]string{"last@example.com", "9"})

	back := r.current().Recipe("e")
	r.write(t, "e", there)
	if notes := MoveNotes(r.current().Recipe("e"), z); len(notes) != 1 || !strings.Contains(notes[0].Text, `from worksheet "Signups" (gid 0) to "Other"`) ||
		!strings.Contains(notes[0].Text, "1 waiting, 1 failed, 3 held") {
		t.Errorf("notes of a check: %+v", notes)
	}
	if err := r.Pause(t.Context(), "e", ""); err != nil {
		t.Fatal(err)
	}
	if moved, err := r.FinishMoves(t.Context()); err != nil || len(moved) != 1 || len(moved[0].Notes) != 1 ||
		!strings.HasSuffix(moved[0].Notes[0].Text, "once it is resumed. It will leave rows behind in the old worksheet: 1 waiting, 1 failed, 3 held") {
		t.Errorf("while it is paused: %+v, %v", moved, err)
	}
	if err := r.Resume(t.Context(), "e", false); err != nil {
		t.Fatal(err)
	}
	moved, err := r.FinishMoves(t.Context())
	if err != nil || len(moved) != 1 || moved[0].Zap != "e" {
		t.Fatalf("%+v, %v, want e moved", moved, err)
	}
	said := ""
	for _, n := range moved[0].Notes {
		said += n.Text + "\n" + n.Hint + "\n"
	}
	for _, want := range []string{
		`moved from worksheet "Signups" (gid 0) to "Other" (gid 7); its 2 existing rows are not sent`, "rowtap backfill e --rows 2:3",
		"1 waiting, 1 queued, 1 failed, 3 held", "rowtap discard e --state waiting", "replay (or discard) e --state failed",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the notes of the reload lack %q:\n%s", want, said)
		}
	}
	if again, err := r.FinishMoves(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	r.appendTo(t, "Other", pair("new@example.com", 3))
	r.once(t)
	z = status(t, r, "e")
	if want := (LeftBehind{Waiting: 1, Failed: 1, Held: 3}); z.LeftBehind == nil || *z.LeftBehind != want {
		t.Errorf("left behind %+v, want %+v", z.LeftBehind, want)
	}
	if notes := MoveNotes(back, z); len(notes) < 2 || !strings.HasSuffix(notes[0].Text, `to "Signups"; its existing rows are not sent`) {
		t.Errorf("notes of a check before the way back: %+v, want no rows left behind by it", notes)
	}
	for n, gid := range map[uint64]int64{1: 0, 5: 0, 6: 0, 7: 7} {
		d, _, err := r.ledger.Delivery(t.Context(), "e", n)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok, err := r.PlaceOf(t.Context(), d); err != nil || !ok || p.GID != gid || p.Left != (gid == 0) {
			t.Errorf("e/%d is of %+v, %t, %v, want gid %d", n, p, ok, err, gid)
		}
	}
	if done, err := r.Act(t.Context(), Discard, Selection{Zap: "e", State: ledger.Waiting}); err != nil || done.Count != 1 {
		t.Errorf("%+v, %v, want the waiting row discarded", done, err)
	}
	if _, err := r.Act(t.Context(), Discard, Selection{Zap: "e"}); err != nil {
		t.Fatal(err)
	}
	if z := status(t, r, "e"); z.LeftBehind != nil || z.Moved == nil || z.Moved.There != 2 {
		t.Errorf("at the end: %+v, %+v", z.LeftBehind, z.Moved)
	}
	if _, err := r.Backfill(t.Context(), "e", "2:3", false, nil); err != nil {
		t.Fatal(err)
	}
	if z := status(t, r, "e"); z.Moved == nil || z.Moved.There != 0 || z.Moved.Rows != "" {
		t.Errorf("after the backfill: %+v", z.Moved)
	}
}

// TestBackAgainNothingIsLeftBehind: once the zap is back at a worksheet, the rows there are
// followed again.
func TestBackAgainNothingIsLeftBehind(t *testing.T) {
	here := fromNow(eventZap("production"))
	r := newRig(t, map[string]string{"e": here})
	r.other(t)
	r.poll(t, "e")
	r.append(t, [2]string{"", "1"})
	r.poll(t, "e")
	r.write(t, "e", strings.Replace(here, "Signups", "Other", 1))
	r.poll(t, "e")
	if z := status(t, r, "e"); z.LeftBehind == nil || z.LeftBehind.Waiting != 1 {
		t.Errorf("left behind %+v, want 1 waiting", z.LeftBehind)
	}
	r.write(t, "e", here)
	r.poll(t, "e")
	if z := status(t, r, "e"); z.LeftBehind != nil {
		t.Errorf("left behind %+v, want none", z.LeftBehind)
	}
	if done, err := r.Act(t.Context(), Discard, Selection{Zap: "e", State: ledger.Waiting}); err != nil || done.Count != 0 {
		t.Errorf("%+v, %v: discarded a waiting row of a watched worksheet", done, err)
	}
}

func status(t *testing.T, r *rig, name string) ZapStatus {
	t.Helper()
	st, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range st.Zaps {
		if z.Zap == name {
			return z
		}
	}
	t.Fatalf("no zap %s", name)
	return ZapStatus{}
}
