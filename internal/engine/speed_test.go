package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/ledger"
)

// The speed of a backfill is measured against a floor: a program that reads the same pages and posts the same batches with net/http and
// encoding/json, and keeps no state, retries nothing and detects nothing. Both talk to a lean emulator in a process of its own, whose
// CPU time is reported: it must not be what is measured. Run it with
//
//	go test -run '^$' -bench 'Floor|Backfill' ./internal/engine
const (
	speedRows = 200_000
	speedPage = 10_000 // rows
)

func TestMain(m *testing.M) {
	if os.Getenv("ROWTAP_LEAN_EMULATOR") != "" {
		if err := serveLean(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// BenchmarkFloor moves 200,000 rows of 10 columns as plainly as can be.
func BenchmarkFloor(b *testing.B) {
	for b.Loop() {
		lean := startLean(b)
		began := time.Now()
		if err := floor(b.Context(), lean.url); err != nil {
			b.Fatal(err)
		}
		lean.report(b, began)
	}
}

// BenchmarkBackfill moves the same rows with rowtap, from the request to the last answer.
func BenchmarkBackfill(b *testing.B) {
	for b.Loop() {
		lean := startLean(b)
		e := speedEngine(b, lean.url)
		ctx, stop := context.WithCancel(b.Context())
		running := make(chan error, 1)
		go func() { running <- e.Run(ctx) }()
		if _, err := e.Poll(ctx, "big"); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		done, err := e.Backfill(ctx, "big", "", false, nil)
		if err != nil || done.Queued != speedRows {
			b.Fatalf("%+v, %v", done, err)
		}
		events, leave := e.Subscribe()
		for { // events tell when to look again
			z, _, err := e.ledger.Zap(ctx, "big")
			if err != nil {
				b.Fatal(err)
			}
			if z.Counts.Sent == speedRows {
				break
			}
			select {
			case <-events:
			case <-time.After(5 * time.Millisecond):
			}
		}
		leave()
		lean.report(b, began)
		stop()
		if err := <-running; err != nil {
			b.Fatal(err)
		}
	}
}

func speedEngine(b *testing.B, base string) *Engine {
	b.Helper()
	dir := b.TempDir()
	for name, text := range map[string]string{
		"rowtap.yaml": fmt.Sprintf("google_accounts:\n  g: {reads_per_minute: 60000, endpoint: %q}\n"+
			"clevertap_accounts:\n  c: {account_id: A, passcode: P, endpoint: %q}\nstate: {path: state/rowtap.db}\n", base+"/", base),
		"zaps/big.yaml": `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: g, spreadsheet: big, worksheet: Signups}
action:
  app: clevertap
  event: create_update_user_profile
  account: c
  identity: "{{Email}}"
  properties: {Name: "{{Name}}", Score: "{{Score}}", City: "{{City}}", Plan: "{{Plan}}", Joined: "{{Signed up}}"}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	plan, err := LoadPlan(dir, os.LookupEnv, "rowtap/test")
	if err != nil {
		b.Fatal(err)
	}
	l, err := ledger.Open(ledger.Options{Path: plan.Config.State.Path})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	e, err := New(Options{Plan: plan, Ledger: l, Log: zap.NewNop(), Version: "test"})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// floor reads pages and posts batches, three at a time as rowtap does.
func floor(ctx context.Context, base string) error {
	g, ctx := errgroup.WithContext(ctx)
	batches := make(chan []map[string]any, 3)
	g.Go(func() error {
		defer close(batches)
		for first := 2; first < speedRows+2; first += speedPage {
			q := url.Values{"ranges": {fmt.Sprintf("'Signups'!%d:%d", first, first+speedPage-1)}, "valueRenderOption": {"UNFORMATTED_VALUE"}}
			var page struct {
				ValueRanges []struct{ Values [][]any }
			}
			if err := plainly(ctx, http.MethodGet, base+"/v4/spreadsheets/big/values:batchGet?"+q.Encode(), nil, &page); err != nil {
				return err
			}
			var batch []map[string]any
			for _, cells := range page.ValueRanges[0].Values {
				batch = append(batch, map[string]any{"type": "profile", "identity": cells[1], "ts": 1_795_000_000, "profileData": map[string]any{
					"Name": cells[0], "Score": cells[6], "City": cells[3], "Plan": cells[5], "Joined": cells[7],
				}})
				if len(batch) == 1000 {
					select {
					case batches <- batch:
					case <-ctx.Done():
						return ctx.Err()
					}
					batch = nil
				}
			}
		}
		return nil
	})
	for range 3 {
		g.Go(func() error {
			for batch := range batches {
				body, err := json.Marshal(map[string]any{"d": batch})
				if err != nil {
					return err
				}
				var answer struct{ Processed int }
				if err := plainly(ctx, http.MethodPost, base+"/1/upload", body, &answer); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func plainly(ctx context.Context, method, address string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}

// lean is an emulator of both APIs in a process of its own.
type lean struct {
	cmd *exec.Cmd
	url string
}

func startLean(b *testing.B) *lean {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "ROWTAP_LEAN_EMULATOR=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // it ends with this process
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	var address string
	if _, err := fmt.Fscan(out, &address); err != nil {
		b.Fatal(err)
	}
	return &lean{cmd, "http://" + address}
}

// report says how many rows a second arrived since, and what CPU time the emulator and this process took.
func (l *lean) report(b *testing.B, began time.Time) {
	b.Helper()
	took := time.Since(began)
	var counts struct{ Records, CPU int64 }
	if err := plainly(b.Context(), http.MethodGet, l.url+"/counts", nil, &counts); err != nil {
		b.Fatal(err)
	}
	if counts.Records != speedRows {
		b.Fatalf("%d records arrived, want %d", counts.Records, speedRows)
	}
	b.ReportMetric(speedRows/took.Seconds(), "rows/s")
	b.ReportMetric(float64(counts.CPU)/1e6, "emulator-cpu-ms")
}

// serveLean serves pages of generated rows, and counts the records that are uploaded.
func serveLean() error {
	var records int64
	done := make(chan int64, 64)
	total := make(chan chan int64)
	go func() {
		for {
			select {
			case n := <-done:
				records += n
			case ask := <-total:
				ask <- records
			}
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v4/spreadsheets/big", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"properties":{"title":"Big","timeZone":"Asia/Kolkata"},"sheets":[{"properties":{"sheetId":0,"title":"Signups",`+
			`"sheetType":"GRID","gridProperties":{"rowCount":%d,"columnCount":10}}}]}`, speedRows+1)
	})
	mux.HandleFunc("GET /v4/spreadsheets/big/values:batchGet", leanPages)
	mux.HandleFunc("POST /1/upload", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		n := bytes.Count(body, []byte(`"identity"`))
		done <- int64(n)
		fmt.Fprintf(w, `{"status":"success","processed":%d,"unprocessed":[]}`, n)
	})
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		ask := make(chan int64)
		total <- ask
		var used syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
		fmt.Fprintf(w, `{"Records":%d,"CPU":%d}`, <-ask, used.Utime.Nano()+used.Stime.Nano())
	})
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	return server.Serve(l)
}

var leanRange = regexp.MustCompile(`!(\d+):(\d+)$`)

func leanPages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	shown := q.Get("dateTimeRenderOption") == "FORMATTED_STRING"
	b := []byte(`{"spreadsheetId":"big","valueRanges":[`)
	for i, text := range q["ranges"] {
		m := leanRange.FindStringSubmatch(text)
		if m == nil {
			http.Error(w, "no range", http.StatusBadRequest)
			return
		}
		first, _ := strconv.Atoi(m[1])
		last, _ := strconv.Atoi(m[2])
		last = min(last, speedRows+1)
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"range":"Signups!A%d:J%d","majorDimension":"ROWS","values":[`, first, last)
		for n := first; n <= last; n++ {
			if n > first {
				b = append(b, ',')
			}
			b = leanRow(b, n, shown)
		}
		b = append(b, "]}"...)
	}
	b = append(b, "]}"...)
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write(b)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
	_, _ = z.Write(b)
	_ = z.Close()
}

func leanRow(b []byte, n int, shown bool) []byte {
	if n == 1 {
		return append(b, `["Name","Email","Phone","City","Country","Plan","Score","Signed up","Note","Source"]`...)
	}
	b = fmt.Appendf(b, `["first%d last%d","u%d@example.com",%d,"city%d","country%d","plan%d",%d,`,
		n%2000, n%307, n, 9_100_000_000+n, n%50, n%7, n%3, n*7919%101)
	if shown {
		b = append(b, `"2026-01-02 03:04"`...)
	} else {
		b = strconv.AppendFloat(b, 46000+float64(n)/1440, 'f', 6, 64)
	}
	return fmt.Appendf(b, `,"note %d","source%d"]`, n%9973, n%5)
}
