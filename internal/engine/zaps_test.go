package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// BenchmarkBaselines reads the worksheets of 10,000 zaps for the first time, each in its own
// spreadsheet, with an unlimited quota.
func BenchmarkBaselines(b *testing.B) {
	const zaps = 10_000
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasSuffix(r.URL.Path, "/values:batchGet") {
			fmt.Fprint(w, `{"properties":{"title":"Book","timeZone":"Etc/UTC"},"sheets":[{"properties":{"title":"Signups","gridProperties":{"rowCount":3}}}]}`)
			return
		}
		fmt.Fprint(w, `{"valueRanges":[{"range":"Signups!A1:B3","values":[["Email","Score"],["a@example.com",1],["b@example.com",2]]}]}`)
	}))
	defer srv.Close()
	dir := b.TempDir()
	files := map[string]string{"rowtap.yaml": fmt.Sprintf(`google_accounts: {marketing: {reads_per_minute: 100000000, endpoint: "%[1]s/"}}
clevertap_accounts: {production: {account_id: A, passcode: P, endpoint: "%[1]s"}}
state: {path: state/rowtap.db}
`, srv.URL)}
	for n := range zaps {
		files[fmt.Sprintf("zaps/zap-%05d.yaml", n)] = strings.NewReplacer("spreadsheet: book", fmt.Sprintf("spreadsheet: book-%05d", n), "start: beginning", "start: now").
			Replace(eventZap("production"))
	}
	if err := os.MkdirAll(filepath.Join(dir, "zaps"), 0o700); err != nil {
		b.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		began := time.Now()
		plan, err := plan.Load(dir, os.LookupEnv, "rowtap/test")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "load-s")
		l, err := ledger.Open(ledger.Options{Path: filepath.Join(b.TempDir(), "rowtap.db")})
		if err != nil {
			b.Fatal(err)
		}
		e, err := New(Options{Plan: plan, Ledger: l, Log: zap.NewNop()})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		running := make(chan error, 1)
		began = time.Now()
		go func() { running <- e.Run(ctx) }()
		for based := 0; based < zaps; { // each baseline is durable
			<-time.After(100 * time.Millisecond)
			names, err := l.Zaps(ctx)
			if err != nil {
				b.Fatal(err)
			}
			based = len(names)
		}
		b.ReportMetric(time.Since(began).Seconds(), "baselines-s")
		stop()
		if err := <-running; err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
