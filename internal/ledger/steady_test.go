package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Under steady load with history: 0, the file does not grow. ROWTAP_TEST_ROWS sets the number of
// rows; with a million the file must stay below 64 MB.
func TestAtSteadyLoadTheFileDoesNotGrow(t *testing.T) {
	rows := uint64(50_000)
	if text := os.Getenv("ROWTAP_TEST_ROWS"); text != "" {
		var err error
		rows, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	// Rows: one minute of a busy machine, and the limit that the engine passes to Prune.
	const batch, pruneEvery, pruneAtOnce = 1000, 50_000, 200
	path := filepath.Join(t.TempDir(), "steady.db")
	l, err := ledger.Open(ledger.Options{Path: path})
	must(t, err)
	began, now := time.Now(), noon
	for first := uint64(1); first <= rows; first += batch {
		now = now.Add(time.Second)
		p := benchPoll(first, batch)
		p.At = now
		commit(t, l, signups, p)
		ns := upTo(first, first+batch-1)
		must(t, l.Start(t.Context(), signups, uploadOf(ns...), ledger.Hides{}, now))
		out := outcomes(ledger.Outcome{State: ledger.Sent, CountAttempt: true, Answer: &ledger.Answer{At: now, HTTPStatus: 200, Status: "success"}}, ns...)
		for i := range out {
			out[i].Identity = fmt.Sprintf("user%d@example.com", out[i].Number*7919)
		}
		must(t, l.Finish(t.Context(), signups, out, now))
		for (first+batch-1)%pruneEvery == 0 {
			n, err := l.Prune(t.Context(), now.Add(time.Second), pruneAtOnce)
			must(t, err)
			if n < pruneAtOnce {
				break
			}
		}
	}
	size, free := l.Size()
	info, err := os.Stat(path)
	must(t, err)
	t.Logf("%d rows in %s: the file has %.1f MB, %.1f written, of these %.1f free",
		rows, time.Since(began).Round(time.Millisecond), mb(info.Size()), mb(size), mb(free))
	if limit := int64(64 << 20); info.Size() > limit {
		t.Errorf("the file has %d bytes after %d rows, want at most %d", info.Size(), rows, limit)
	}
	must(t, l.Close())
}

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }
