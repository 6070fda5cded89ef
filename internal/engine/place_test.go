package engine

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// TestStateFileRemovedWhileRunning: nothing starts that the next start would forget, and uploads in
// flight are recorded.
func TestStateFileRemovedWhileRunning(t *testing.T) {
	var path string
	uploads, remove := 0, false
	r := newRigAt(t, map[string]string{"e": eventZap("production")}, func(w http.ResponseWriter, req *http.Request) {
		uploads++
		if remove {
			if err := os.Rename(path, path+".away"); err != nil {
				t.Error(err)
			}
		}
		fmt.Fprint(w, `{"status":"success","processed":1,"unprocessed":[]}`)
	})
	path = r.current().Config.State.Path
	well := func(when string, want bool) {
		t.Helper()
		if err := r.Healthy(t.Context()); err != nil && !strings.Contains(err.Error(), "scheduler has not run") { // no scheduler runs here
			t.Errorf("%s: Healthy = %v; a restart would lose the state", when, err)
		}
		blocked, err := r.Degraded(t.Context())
		if err != nil || (len(blocked) == 0) != want {
			t.Errorf("%s: Degraded = %v, %v", when, blocked, err)
		}
		conditions, err := r.conditions(t.Context())
		i := slices.IndexFunc(conditions, func(c condition) bool { return c.trouble == TroubleStateFile })
		if err != nil || i < 0 || conditions[i].needs == want {
			t.Errorf("%s: the notices: %+v, %v", when, conditions, err)
		} else if c := conditions[i]; !want && (!strings.Contains(c.reason, "nothing is read or sent: ") || !strings.Contains(c.next, "rowtap state backup")) {
			t.Errorf("%s: the notice: %+v", when, c)
		}
	}
	r.append(t, [2]string{"a@example.com", "1"})
	r.poll(t, "e")
	well("at first", true)

	remove = true // during the upload
	if s := r.once(t); s.Sent != 1 {
		t.Fatalf("%+v, want 1 sent", s)
	}
	remove = false
	if got := r.states(t, "e"); got != "s" {
		t.Errorf("states %s: the upload in flight is not recorded", got)
	}
	r.append(t, [2]string{"b@example.com", "2"})
	if s := r.once(t); s.Found != 0 || s.Sent != 0 || s.Blocked != 1 {
		t.Errorf("without the file: %+v, want nothing found or sent, one zap blocked", s)
	}
	if _, err := r.Poll(t.Context(), "e"); !errors.Is(err, ledger.ErrMisplaced) || !strings.Contains(hint.Of(err), "rowtap state restore FILE") {
		t.Errorf("a poll that an operator asks for: %v, next: %s", err, hint.Of(err))
	}
	if _, err := r.Backfill(t.Context(), "e", "2:9", false, nil); !errors.Is(err, ledger.ErrMisplaced) {
		t.Errorf("a backfill: %v", err)
	}
	well("without the file", false)

	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if s := r.once(t); s.Found != 1 || s.Sent != 1 || uploads != 2 {
		t.Errorf("back in its place: %+v after %d uploads, want 1 found and sent", s, uploads)
	}
	well("back in its place", true)
}
