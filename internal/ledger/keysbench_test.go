package ledger_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/ledger"
)

// BenchmarkKeys commits a first read of a million keys, and then polls of 1,000 new rows, of which
// half repeat one.
func BenchmarkKeys(b *testing.B) {
	path := b.TempDir() + "/rowtap.db"
	l, err := ledger.Open(ledger.Options{Path: path})
	must(b, err)
	const start = 1_000_000
	sum := func(i int) uint64 { return xxhash.Sum64String(fmt.Sprint(i)) }
	keys := &ledger.Keys{By: []string{"Email"}, Skip: true, All: func() []ledger.KnownKey { return nil }}
	for i := range start {
		keys.Known = append(keys.Known, ledger.KnownKey{Sum: sum(i)})
	}
	b.Run("first read of 1,000,000", func(b *testing.B) {
		waited := longestWait(b, l)
		for b.Loop() {
			p := pollOf(1, "")
			p.Keys = keys
			_, err := l.Commit(b.Context(), signups, p)
			must(b, err)
		}
		b.ReportMetric(waited().Seconds()*1000, "ms-others-wait")
	})
	info, err := os.Stat(path)
	must(b, err)
	n := start - 500
	b.Run("1,000 new rows", func(b *testing.B) {
		for b.Loop() {
			p := pollOf(1, "")
			p.Keys = &ledger.Keys{By: keys.By, Skip: true}
			for range 1000 {
				p.New = append(p.New, ledger.NewRow{State: ledger.Queued, Row: sheetRow(1), Key: sum(n)})
				n++
			}
			n -= 500
			_, err := l.Commit(b.Context(), signups, p)
			must(b, err)
		}
	})
	b.ReportMetric(float64(info.Size())/start, "bytes/key")
	must(b, l.Close())
}

// longestWait commits to another zap all the time, and returns the longest commit once it is asked.
func longestWait(b *testing.B, l *ledger.Ledger) (stop func() time.Duration) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	longest := make(chan time.Duration)
	go func() {
		var most time.Duration
		for ctx.Err() == nil {
			began := time.Now()
			if err := l.SetPaused(context.WithoutCancel(ctx), "other", true, "", noon); err != nil {
				b.Error(err)
			}
			most = max(most, time.Since(began))
		}
		longest <- most
	}()
	return func() time.Duration { cancel(); return <-longest }
}
