package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// TestReloadsRaceRenames: while a zap's file is renamed again and again, rows are added and others
// reload. No reload is undone by an older one or by a rename, and each row is sent once, under the
// zap's name at that time.
func TestReloadsRaceRenames(t *testing.T) {
	const renames = 12
	r := newRig(t, map[string]string{"a": eventZap("production"), "b": eventZap("other")})
	r.poll(t, "a") // the ledger has it
	zaps := filepath.Join(r.dir, "zaps")
	move := func(from, to string) {
		if err := os.Rename(filepath.Join(zaps, from), filepath.Join(zaps, to)); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running, reloading sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()

	done := make(chan struct{})
	going := func() bool {
		select {
		case <-done:
			return false
		default:
			return true
		}
	}
	for range 2 {
		reloading.Go(func() {
			for going() {
				_ = r.Reload(t.Context()) // a file may be renamed while it is read
			}
		})
	}
	version := 0
	reloading.Go(func() {
		for going() {
			version++
			text := strings.Replace(eventZap("other"), "start: beginning", fmt.Sprintf("start: now, max_new_rows: %d", version), 1)
			if err := os.WriteFile(filepath.Join(zaps, ".b.new"), []byte(text), 0o600); err != nil {
				t.Error(err)
			}
			move(".b.new", "b.yaml")
			if r.Reload(t.Context()) != nil {
				continue
			}
			if got := r.current().Recipe("b").Trigger.MaxNewRows; got != version {
				t.Errorf("after a reload of version %d, version %d is in force", version, got)
			}
		}
	})

	name, rows := "a", 0
	for i := range renames {
		rows++
		r.append(t, [2]string{fmt.Sprintf("user-%d@example.com", rows), fmt.Sprint(rows)})
		to := fmt.Sprintf("a%d", i)
		move(name+".yaml", to+".yaml")
		if i%2 == 1 { // perhaps after a poll under the new name
			_, _ = r.Poll(t.Context(), to)
		}
		if err := r.Rename(t.Context(), name, to); err != nil {
			t.Errorf("rename %s to %s: %v", name, to, err)
		}
		if r.Configured(name) || !r.Configured(to) {
			t.Errorf("after the rename of %s to %s: configured %t, %t", name, to, r.Configured(name), r.Configured(to))
		}
		name = to
	}
	close(done)
	reloading.Wait()

	events, stop := r.Subscribe()
	defer stop()
	if _, err := r.Poll(t.Context(), name); err != nil {
		t.Error(err)
	}
	late := time.After(30 * time.Second)
	for r.states(t, name) != strings.Repeat("s", rows) {
		select {
		case <-events:
			continue
		case <-late:
			t.Fatalf("states %s of %d rows", r.states(t, name), rows)
		}
	}
	count := map[string]int{}
	for score := range strings.FieldsSeq(r.scores(t)) {
		count[score]++
	}
	if len(count) != rows {
		t.Errorf("%d of %d rows were sent: %v", len(count), rows, count)
	}
	for score, times := range count {
		if times != 1 {
			t.Errorf("row %s was sent %d times", score, times)
		}
	}
	names, err := r.ledger.Zaps(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) > 2 {
		t.Errorf("the ledger has zaps %v, want %s and b", names, name)
	}
	if z, _, err := r.ledger.Zap(ctx, name); err != nil || z.Paused || z.Counts != (ledger.Counts{Sent: int64(rows)}) {
		t.Errorf("zap %s: %+v, %v", name, z, err)
	}
}
