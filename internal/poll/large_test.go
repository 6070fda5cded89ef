package poll

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// TestLargeWorksheetFilledDown completes 600 prefilled rows, more than a window, before one poll.
// Each fires once, and the stored cursor can be decoded.
func TestLargeWorksheetFilledDown(t *testing.T) {
	text := strings.Replace(fromNow(testZap), `"@every 1h"`, `"@every 1s"`, 1)
	text = strings.Replace(text, "start: now", "start: now, recheck: 1h", 1)
	r := newRig(t, map[string]string{"e": text})
	r.seed(t, 1, 8000)
	for i := range 600 {
		if _, err := r.box.Sheets().Append("book", "Signups", []sandbox.Value{sandbox.Text(""), sandbox.Number(float64(i))}); err != nil {
			t.Fatal(err)
		}
	}
	r.dueTogether(t, "e")
	for i := range 600 {
		if err := r.box.Sheets().Set("book", "Signups", 8002+i, 1, sandbox.Text(fmt.Sprintf("filled%d@example.com", i))); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, errs := r.dueTogether(t, "e"); errs["e"] != nil {
			t.Fatal(errs["e"])
		}
		r.cache.forget("e")
	}
	if got, want := r.counts(t, "e"), (ledger.Counts{Queued: 600}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestManyNewRows checks that each poll takes some of many new rows until all are taken. A window
// in between would find only the last ones, and send them although the others are held.
func TestManyNewRows(t *testing.T) {
	for _, tt := range []struct {
		trigger string
		found   []int
		want    ledger.Counts
	}{
		{"max_new_rows: 1000", []int{700, 700, 1600, 0}, ledger.Counts{Held: 3000}},
		{"max_new_rows: 0", []int{700, 700, 700, 700, 200, 0}, ledger.Counts{Queued: 3000}},
	} {
		t.Run(tt.trigger, func(t *testing.T) {
			text := strings.Replace(fromNow(testZap), `"@every 1h"`, `"@every 1s"`, 1)
			r := newRig(t, map[string]string{"e": strings.Replace(text, "start: now", "start: now, recheck: 1h, "+tt.trigger, 1)})
			r.rowsPerPoll = 700
			r.seed(t, 1, 8000)
			r.dueTogether(t, "e")
			r.seed(t, 10_001, 3000)
			for i, want := range tt.found {
				reports, errs := r.dueTogether(t, "e")
				if got := reports["e"]; errs["e"] != nil || got.Found != want || (got.Partial != "") != (i+2 < len(tt.found)) {
					t.Errorf("poll %d: %+v, %v; want %d found", i, got, errs["e"], want)
				}
			}
			if got := r.counts(t, "e"); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestOnceTakesAllNewRows checks run --once, which has no next poll to leave new rows to.
func TestOnceTakesAllNewRows(t *testing.T) {
	text := fromNow(testZap)
	r := newRig(t, map[string]string{"e": strings.Replace(text, "start: now", "start: now, max_new_rows: 0", 1)})
	r.rowsPerPoll = 700
	r.seed(t, 1, 8000)
	r.poll(t, "e")
	r.seed(t, 10_001, 3000)
	found := 0
	polled := r.PollAll(t.Context(), func(end End) {
		if end.Err != nil {
			t.Error(end.Err)
		}
		found += end.Report.Found
	})
	if polled != 1 || found != 3000 {
		t.Errorf("%d zaps polled, %d rows found; want one, 3,000", polled, found)
	}
}

// TestLongWindowsAreApart has two zaps of a large worksheet that are due together and extend their
// windows. Neither may see the rows that the other's extension read.
func TestLongWindowsAreApart(t *testing.T) {
	text := strings.Replace(fromNow(testZap), `"@every 1h"`, `"@every 1s"`, 1)
	text = strings.Replace(text, "start: now", "start: now, recheck: 1h, max_new_rows: 0", 1)
	r := newRig(t, map[string]string{"a": text, "b": text})
	r.seed(t, 1, 8000)
	r.dueTogether(t, "a", "b")
	r.seed(t, 10_001, 1500)
	reports, errs := r.dueTogether(t, "a", "b")
	for _, name := range []string{"a", "b"} {
		if errs[name] != nil || reports[name].Found != 1500 {
			t.Errorf("%s: %+v, %v; want 1,500 found", name, reports[name], errs[name])
		}
	}
}
