package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// renamedFile is an engine whose zap old has sent a row and queued another when its file is renamed
// to new and the daemon restarts. A row is added before the first read under the new name, and one
// after it.
func renamedFile(t *testing.T, seed int) *rig {
	t.Helper()
	text := strings.Replace(fromNow(eventZap("production")), "start: now", "start: now, recheck: 1h", 1)
	r := newRig(t, map[string]string{"old": text})
	if seed > 0 {
		r.seed(t, "Signups", seed)
	}
	r.poll(t, "old")
	r.append(t, [2]string{"sent@example.com", "1"})
	r.once(t)
	r.append(t, [2]string{"queued@example.com", "2"})
	r.poll(t, "old")
	if got := r.states(t, "old"); got != "sq" {
		t.Fatalf("states of the old zap %q, want sq", got)
	}
	zaps := filepath.Join(r.dir, "zaps")
	if err := os.Rename(filepath.Join(zaps, "old.yaml"), filepath.Join(zaps, "new.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	r = openRig(t, r.box, r.dir)
	r.append(t, [2]string{"before@example.com", "3"})
	r.poll(t, "new")
	r.append(t, [2]string{"after@example.com", "4"})
	return r
}

// scores returns the scores of the events that CleverTap has, in order of arrival.
func (r *rig) scores(t *testing.T) string {
	t.Helper()
	var list []string
	for _, record := range r.box.CleverTap().Records(sandbox.RecordQuery{}) {
		list = append(list, fmt.Sprint(scoreOf(t, record)))
	}
	return strings.Join(list, " ")
}

// TestRenamedFileAsks: a zap whose file was renamed sends nothing until an operator has said
// whether it is the old zap. Either choice loses no row that it promises and sends none twice.
func TestRenamedFileAsks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		seed   int
		choose func(*rig) error
		old    string // states of the old zap afterwards
		want   string // scores of the events that arrived
	}{
		{"the same zap", 0, func(r *rig) error { return r.Rename(t.Context(), "old", "new") }, "", "1 2 3 4"},
		{"the same zap, a large worksheet", 8000, func(r *rig) error { return r.Rename(t.Context(), "old", "new") }, "", "1 2 3 4"},
		{"another zap", 0, func(r *rig) error { return r.Resume(t.Context(), "new", false) }, "sq", "1 4"},
		{"another zap, from now", 0, func(r *rig) error { return r.Resume(t.Context(), "new", true) }, "sq", "1 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := renamedFile(t, tt.seed)
			for range 2 { // it keeps asking
				_, err := r.Poll(t.Context(), "new")
				blocked, ok := errors.AsType[*hint.Blocked](err)
				if !ok || !strings.Contains(blocked.Hint, "rowtap state rename old new") || !strings.Contains(blocked.Hint, "rowtap resume new") ||
					!strings.Contains(blocked.Hint, "1 row of old stays unsent") {
					t.Fatalf("got %v, hint %q; want the question", err, hint.Of(err))
				}
			}
			st, err := r.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if z := st.Zaps[0]; z.Zap != "new" || z.State != NeedsHand || z.Hint == "" || strings.Contains(z.Reason+z.Hint, "\n") {
				t.Errorf("status %+v, want it to ask", z)
			}
			if err := r.Pause(t.Context(), "new", ""); err != nil { // which must not answer the question
				t.Fatal(err)
			}
			if err := tt.choose(r); err != nil {
				t.Fatal(err)
			}
			if tt.want == "1 5" {
				r.append(t, [2]string{"later@example.com", "5"})
			}
			r.once(t)
			r.once(t)
			if got := r.scores(t); got != tt.want {
				t.Errorf("events %q, want %q", got, tt.want)
			}
			if got := r.states(t, "old"); got != tt.old {
				t.Errorf("states under the old name %q, want %q", got, tt.old)
			}
		})
	}
}

// TestRenameOntoAZapWithRows: a zap that was resumed as another one has rows of its own and is not
// replaced. The hint warns against giving the old name again.
func TestRenameOntoAZapWithRows(t *testing.T) {
	r := renamedFile(t, 0)
	if err := r.Resume(t.Context(), "new", false); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	err := r.Rename(t.Context(), "old", "new")
	if !errors.Is(err, ledger.ErrExists) || !strings.Contains(hint.Of(err), "do not give it the old name again") || !strings.Contains(hint.Of(err), "rowtap history old") {
		t.Errorf("got %v, hint %q", err, hint.Of(err))
	}
	if got := r.states(t, "old") + " " + r.states(t, "new"); got != "sq s" {
		t.Errorf("states %q, want sq s", got)
	}
}
