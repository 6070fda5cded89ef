package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// wide adds a worksheet of eight columns, Wide.
func (r *rig) wide(t *testing.T) {
	t.Helper()
	var names []sandbox.Value
	for _, n := range []string{"Email", "Score", "Company", "City", "Country", "Plan", "Source", "Owner"} {
		names = append(names, sandbox.Text(n))
	}
	if err := r.box.Sheets().AddWorksheet("book", "Wide", 7, names); err != nil {
		t.Fatal(err)
	}
}

// colleague returns a row of Wide. Rows with close numbers have most of their cells in common.
func colleague(email string, score, i int) []sandbox.Value {
	return []sandbox.Value{
		sandbox.Text(email), sandbox.Number(float64(score)), sandbox.Text(fmt.Sprint("company ", i/2)), sandbox.Text(fmt.Sprint("city ", i%7)),
		sandbox.Text([]string{"IN", "SG", "US"}[i%3]), sandbox.Text([]string{"free", "pro"}[i%2]), sandbox.Text("webinar"),
		sandbox.Text(fmt.Sprint("owner ", i%4)),
	}
}

// TestAFinishedRowIsLikeAnyOther: however a row was finished, a similar row typed in its place
// later is held, because the finished row may be an earlier form of it. It is never taken for a row
// that is still open.
func TestAFinishedRowIsLikeAnyOther(t *testing.T) {
	ways := []struct{ name, trigger, between, want string }{
		{"sent automatically", "", "", "ssh"},
		{"held by the flood guard, released", ", max_new_rows: 1", "release", "ssh"},
		{"held by the flood guard, discarded", ", max_new_rows: 1", "discard", "ddh"},
		{"waited, then sent", "", "complete", "ssh"},
	}
	for _, way := range ways {
		text := strings.Replace(fromNow(eventZap("production")), "worksheet: Signups", "worksheet: Wide", 1)
		r := newRig(t, map[string]string{"e": strings.Replace(text, "start: now", "start: now"+way.trigger, 1)})
		r.wide(t)
		for i := range 20 {
			r.appendTo(t, "Wide", colleague(fmt.Sprintf("user-%d@example.com", i), i, i))
		}
		r.poll(t, "e")
		emails := []string{"user-20@example.com", "user-21@example.com"}
		if way.between == "complete" {
			emails = []string{"", ""}
		}
		for i, email := range emails {
			r.appendTo(t, "Wide", colleague(email, 20+i, 20+i))
		}
		r.once(t)
		switch way.between {
		case "complete":
			r.wants(t, "e", "ww", way.name)
			for i := range 2 {
				if err := r.box.Sheets().Set("book", "Wide", 22+i, 1, sandbox.Text(fmt.Sprintf("user-%d@example.com", 20+i))); err != nil {
					t.Fatal(err)
				}
			}
		case "release", "discard":
			r.wants(t, "e", "hh", way.name)
			if _, err := r.Act(t.Context(), Action(way.between), Selection{Zap: "e"}); err != nil {
				t.Fatal(err)
			}
		}
		r.once(t)
		r.wants(t, "e", way.want[:2], way.name+", finished")
		for k, v := range colleague("somebody.else@example.com", 77, 20) {
			if err := r.box.Sheets().Set("book", "Wide", 22, k+1, v); err != nil {
				t.Fatal(err)
			}
		}
		r.once(t)
		r.wants(t, "e", way.want, way.name+", then another row typed over it")
		w, err := r.Why(t.Context(), "e", 22)
		if err != nil || !strings.HasPrefix(w.Reason, "held as e/3: may be an edit of the row that was here before") {
			t.Errorf("%s: why row 22: %q, %v", way.name, w.Reason, err)
		}
	}
}

// TestReleasedBetweenTwoPolls: an operator's action between two polls counts at the next one
// without any write to the cursor.
func TestReleasedBetweenTwoPolls(t *testing.T) {
	text := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, max_new_rows: 1", 1)
	r := newRig(t, map[string]string{"e": text})
	r.poll(t, "e")
	r.append(t, numbered(3)...)
	r.once(t)
	r.wants(t, "e", "hhh", "three rows at once")
	// An edit of a held row is stored; one of a released row that was sent no longer matters.
	r.set(t, 2, 2, sandbox.Number(10))
	r.poll(t, "e")
	if _, err := r.Act(t.Context(), Release, Selection{IDs: []string{"e/1"}}); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	r.set(t, 2, 2, sandbox.Number(100))
	r.set(t, 3, 2, sandbox.Number(20))
	r.once(t)
	for n, want := range map[uint64]float64{1: 10, 2: 20, 3: 3} {
		if d, _, err := r.ledger.Delivery(t.Context(), "e", n); err != nil || d.Row.Cell(1).Num != want {
			t.Errorf("e/%d has score %v, %v, want %v", n, d.Row.Cell(1).Num, err, want)
		}
	}
	r.wants(t, "e", "shh", "one of them released")
	if _, err := r.Act(t.Context(), Discard, Selection{IDs: []string{"e/2"}}); err != nil {
		t.Fatal(err)
	}
	r.set(t, 3, 2, sandbox.Number(200))
	r.once(t)
	r.wants(t, "e", "sdh", "another one discarded")
	open, err := r.ledger.OpenRows(t.Context(), "e")
	if err != nil || len(open) != 1 || open[3] != ledger.Held {
		t.Errorf("open rows %v, %v, want e/3 held", open, err)
	}
}

// TestHeldRowsFollowTidying: an edit that changes only letter case, blanks or the form of a number
// makes no row new. What an operator releases is nevertheless what the sheet shows by then, however
// many rows were tidied together.
func TestHeldRowsFollowTidying(t *testing.T) {
	text := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, max_new_rows: 1", 1)
	for _, n := range []int{2, 20} {
		r := newRig(t, map[string]string{"e": text})
		r.append(t, [2]string{"old@example.com", "1"})
		r.poll(t, "e")
		for i := range n {
			r.append(t, [2]string{fmt.Sprintf(" Person%d@Example.com", i), fmt.Sprintf("'%d", i)})
		}
		r.once(t)
		r.wants(t, "e", strings.Repeat("h", n), "a flood")
		for i := range n {
			r.set(t, 3+i, 1, sandbox.Text(fmt.Sprintf("person%d@example.com", i)), sandbox.Number(float64(i)))
		}
		if got := r.poll(t, "e"); got.Found != 0 {
			t.Errorf("%d rows tidied: %+v, want none found", n, got)
		}
		if _, err := r.Act(t.Context(), Release, Selection{Zap: "e"}); err != nil {
			t.Fatal(err)
		}
		r.once(t)
		r.wants(t, "e", strings.Repeat("s", n), "released")
		var want []string
		for i := range n {
			want = append(want, fmt.Sprintf("person%d@example.com", i))
		}
		if got := r.sentTo(t); got != strings.Join(want, " ") {
			t.Errorf("%d rows: sent to %s, want the new spelling of each", n, got)
		}
		for _, rec := range r.box.CleverTap().Records(sandbox.RecordQuery{}) {
			scoreOf(t, rec) // a number, no longer a text
		}
	}
}
