package ui

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web/api"
)

const (
	benchToken     = "secret-token"
	manyZaps       = 500
	manyDeliveries = 1_000_000
	mostDeliveries = 501_000 // of zap-000; the others share the rest
)

// openMany returns a server with 500 zaps and a million deliveries of the last week. Most are sent;
// of 100, about four are skipped, one is held and one failed.
func openMany(b *testing.B) *Server {
	b.Helper()
	dir := b.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	write("rowtap.yaml", `google_accounts:
  marketing: {reads_per_minute: 6000, endpoint: "http://127.0.0.1:1/"}
clevertap_accounts:
  production: {account_id: TEST, passcode: x, endpoint: "http://127.0.0.1:1"}
`)
	if err := os.Mkdir(filepath.Join(dir, "zaps"), 0o700); err != nil {
		b.Fatal(err)
	}
	name := func(i int) string { return fmt.Sprintf("zap-%03d", i) }
	for i := range manyZaps {
		write(filepath.Join("zaps", name(i)+".yaml"), fmt.Sprintf(`enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: %040d, worksheet: Signups}
action: {app: clevertap, event: upload_event, account: production, identity: "{{Email}}", event_name: Signed up, properties: {City: "{{City}}"}}
`, i))
	}
	plan, err := plan.Load(dir, os.LookupEnv, "test")
	if err != nil {
		b.Fatal(err)
	}
	l, err := ledger.Open(ledger.Options{Path: filepath.Join(b.TempDir(), "rowtap.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	for i := range manyZaps {
		rows, hours := (manyDeliveries-mostDeliveries)/(manyZaps-1), 24
		if i == 0 {
			rows, hours = mostDeliveries, 7*24
		}
		fill(b, l, name(i), rows, hours)
	}
	e, err := engine.New(engine.Options{Plan: plan, Ledger: l, Log: zap.NewNop(), Version: "test"})
	if err != nil {
		b.Fatal(err)
	}
	log := zap.NewNop()
	a := api.New(api.Options{Engine: e, Log: log})
	return New(Options{Engine: e, API: a, Token: config.NewSecret(benchToken), Log: log})
}

// fill commits deliveries of a zap as polls of the last hours, some with many rows and some with
// few, and ends them.
func fill(b *testing.B, l *ledger.Ledger, zapName string, rows, hours int) {
	b.Helper()
	random := rand.New(rand.NewPCG(uint64(rows), uint64(crc32.ChecksumIEEE([]byte(zapName)))))
	ends := make([]int, hours) // the last row of each hour
	for i := range ends {
		ends[i] = random.IntN(rows)
	}
	slices.Sort(ends)
	ends[hours-1] = rows
	now := time.Now()
	next := 1
	for hour, end := range ends {
		at := now.Add(time.Duration(hour-hours+1) * time.Hour)
		p := ledger.Poll{SpreadsheetID: "1abc", Title: "Signups", Header: row.HeaderOf([]string{"Email", "City"}), Action: "upload_event", At: at}
		var out []ledger.Outcome
		for ; next <= end; next++ {
			r := ledger.NewRow{
				State: ledger.Queued,
				Row:   row.Row{Number: next + 1, Cells: []row.Cell{row.TextCell(fmt.Sprintf("user%d@example.com", next)), row.TextCell("Pune")}},
			}
			o := ledger.Outcome{
				Number: uint64(next), State: ledger.Sent, CountAttempt: true, Identity: fmt.Sprintf("user%d@example.com", next),
				Answer: &ledger.Answer{At: at, HTTPStatus: 200, Status: "success"},
			}
			switch random.IntN(100) {
			case 1, 2, 3, 4:
				o.State, o.CountAttempt, o.Answer = ledger.Skipped, false, nil
			case 5:
				o.State = ledger.Failed
			case 6:
				r.State, r.Reason = ledger.Held, "may be an edit of row 4"
			}
			p.New = append(p.New, r)
			if r.State == ledger.Queued {
				out = append(out, o)
			}
		}
		if _, err := l.Commit(b.Context(), zapName, p); err != nil {
			b.Fatal(err)
		}
		if err := l.Finish(b.Context(), zapName, out, at); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPage opens pages over a million deliveries, compressed. Each is rendered, an overview
// also from a new snapshot, except where the name says that it is shared by readers or unchanged
// since the last refresh.
func BenchmarkPage(b *testing.B) {
	s := openMany(b)
	h := gzhttp.GzipHandler(s.Handler())
	rendered := func() {
		if now, err := s.current(b.Context()); err == nil {
			now.pages = map[string][]byte{}
		}
	}
	nothing := func() {}
	for _, p := range []struct {
		name, path string
		before     func()
		refresh    bool // with the ETag of the page
	}{
		{"overview", "/", s.invalidateSnapshot, false},
		{"overview=status_read", "/", rendered, false},
		{"overview=filtered", "/?q=zap-4", rendered, false},
		{"overview=shared", "/", nothing, false},
		{"overview=unchanged", "/", nothing, true},
		{"overview=unchanged,status_unread", "/", s.invalidateSnapshot, true},
		{"history", "/zaps/zap-000", rendered, false},
		{"history=unchanged", "/zaps/zap-000", nothing, true},
		{"history=failed", "/zaps/zap-000?state=failed", rendered, false},
		{"history=held", "/zaps/zap-000?state=held", rendered, false},
		{"history=deep", "/zaps/zap-000?before=zap-000/3000", rendered, false},
		{"history=row", "/zaps/zap-000?q=250000", rendered, false},
		{"history=identity", "/zaps/zap-000?q=user500777@", rendered, false},
		{"history=nobody", "/zaps/zap-000?q=nobody", rendered, false},
		{"history=small", "/zaps/zap-250", rendered, false},
		{"delivery", "/deliveries/zap-000/250000", rendered, false},
		{"delivery=unchanged", "/deliveries/zap-000/250000", nothing, true},
		{"why", "/zaps/zap-000/why?row=250000", rendered, false},
	} {
		b.Run(p.name, func(b *testing.B) {
			tag, want := "", http.StatusOK
			get := func() *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, p.path, nil)
				r.Header.Set("Authorization", "Bearer "+benchToken)
				r.Header.Set("Accept-Encoding", "gzip")
				if tag != "" {
					r.Header.Set("If-None-Match", tag)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w
			}
			if p.refresh {
				tag, want = get().Header().Get("ETag"), http.StatusNotModified
			}
			b.ReportAllocs()
			var size int
			for b.Loop() {
				p.before()
				w := get()
				if size = w.Body.Len(); w.Code != want {
					b.Fatalf("%s: %d: %s", p.path, w.Code, w.Body)
				}
			}
			b.ReportMetric(float64(size)/1000, "KB/page")
		})
	}
}
