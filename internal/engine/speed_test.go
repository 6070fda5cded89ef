package engine

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
	"github.com/rowtap/rowtap/internal/plan"
)

// The speed of moving many rows is measured against a floor: a program that reads the same pages
// and posts the same batches with net/http and encoding/json, but keeps no state, retries nothing
// and detects nothing. Both talk to a lean emulator in a separate process, whose CPU time is
// reported because it must not be what is measured. "apis" has the delays of the real APIs, 0.4 s
// per read and 0.15 s per upload. The peak is the memory of this process. Run it with
//
//	go test -run '^$' -bench 'Floor|Many' -benchtime 1x ./internal/engine
const (
	speedRows = 200_000
	speedPage = 10_000 // rows
)

// speeds are the delays of the emulator.
var speeds = []struct {
	name         string
	read, upload time.Duration
}{{"bare", 0, 0}, {"apis", 400 * time.Millisecond, 150 * time.Millisecond}}

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

// BenchmarkFloor moves 200,000 rows of 10 columns as directly as possible.
func BenchmarkFloor(b *testing.B) {
	for _, speed := range speeds {
		b.Run(speed.name, func(b *testing.B) {
			for b.Loop() {
				lean := startLean(b, speed.read, speed.upload, speedRows)
				lean.begin(b)
				if err := floor(b.Context(), lean.url); err != nil {
					b.Fatal(err)
				}
				lean.report(b)
			}
		})
	}
}

// BenchmarkMany moves the same rows with rowtap, from the request to the last response: by a backfill, by a first read of a zap with
// start: beginning (also with the state on PostgreSQL), and where they are pasted below as many that were there.
func BenchmarkMany(b *testing.B) {
	for _, way := range []struct {
		name, start string
		open        openState
		known       int // rows at the first read
		move        func(ctx context.Context, b *testing.B, e *Engine)
	}{
		{"backfill", "now", openFile, speedRows, func(ctx context.Context, b *testing.B, e *Engine) {
			if done, err := e.Backfill(ctx, "big", "", false, nil); err != nil || done.Queued != speedRows {
				b.Fatalf("%+v, %v", done, err)
			}
		}},
		{"beginning", "beginning", openFile, 0, nil},
		{"beginning on PostgreSQL", "beginning", openPostgres, 0, nil},
		{"paste", "now, max_new_rows: 0", openFile, speedRows, nil},
	} {
		for _, speed := range speeds {
			b.Run(way.name+"/"+speed.name, func(b *testing.B) {
				for b.Loop() {
					lean := startLean(b, speed.read, speed.upload, max(way.known, 1))
					e := speedEngine(b, lean.url, way.start, way.open)
					ctx, stop := context.WithCancel(b.Context())
					running := make(chan error, 1)
					if way.known > 0 {
						if _, err := e.Poll(ctx, "big"); err != nil {
							b.Fatal(err)
						}
					}
					if way.move == nil {
						lean.rows(b, way.known+speedRows)
					}
					lean.begin(b)
					go func() { running <- e.Run(ctx) }()
					if way.move != nil {
						way.move(ctx, b, e)
					} else if _, err := e.Poll(ctx, "big"); err != nil {
						b.Fatal(err)
					}
					e.untilSent(b, "big", speedRows)
					lean.report(b)
					stop()
					if err := <-running; err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkWhole reads and compares a million rows of 10 columns, none of which has changed.
func BenchmarkWhole(b *testing.B) {
	const rows = 1_000_000
	for b.Loop() {
		lean := startLean(b, 0, 0, rows)
		e := speedEngine(b, lean.url, "now", openFile)
		if _, err := e.PollNow(b.Context(), "big"); err != nil {
			b.Fatal(err)
		}
		lean.begin(b)
		report, err := e.PollNow(b.Context(), "big")
		if err != nil || report.Rows != rows || report.Found != 0 {
			b.Fatalf("%+v, %v", report, err)
		}
		b.ReportMetric(time.Since(lean.began).Seconds(), "s")
		b.ReportMetric(float64(lean.counts(b).CPU-lean.cpu)/1e9, "emulator-cpu-s")
		b.ReportMetric(peak(b)/1e6, "peak-MB")
	}
}

// BenchmarkStandby copies a state of a million rows of 10 columns, all sent, to PostgreSQL, and loads it into the copy of a machine that
// has nothing of it.
func BenchmarkStandby(b *testing.B) {
	const rows = 1_000_000
	lean := startLean(b, 0, 0, rows)
	var l *ledger.Ledger
	var path string
	e := speedEngine(b, lean.url, "beginning", func(t testing.TB, at string) *ledger.Ledger {
		t.Helper()
		var err error
		if l, err = ledger.Open(ledger.Options{Path: at}); err != nil {
			t.Fatal(err)
		}
		path = at
		return l
	})
	ctx, stop := context.WithCancel(b.Context())
	running := make(chan error, 1)
	go func() { running <- e.Run(ctx) }()
	if _, err := e.Poll(ctx, "big"); err != nil {
		b.Fatal(err)
	}
	e.untilSent(b, "big", rows)
	stop()
	if err := errors.Join(<-running, l.Close()); err != nil {
		b.Fatal(err)
	}
	open := func(path string) *ledger.Ledger {
		return closedWith(b, func() (*ledger.Ledger, error) { return ledger.OpenCache(ledger.Options{Path: path}) })
	}
	for b.Loop() {
		m, err := mirror.Open(mirror.Options{DSN: pgtest.Start(b, "fsync = on").DSN(), Lease: "rowtap"})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(m.Close)
		seed := filepath.Join(b.TempDir(), "seed.db")
		if _, _, err := ledger.SaveBackup(b.Context(), seed, false, time.Now(), func(w io.Writer) error { return copyFile(w, path) }); err != nil {
			b.Fatal(err)
		}
		lean.begin(b)
		if err := promoteOn(b, m, open(seed)); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(lean.began).Seconds(), "seed-s")
		b.ReportMetric(peak(b)/1e6, "seed-peak-MB")

		lean.begin(b)
		copied := open(filepath.Join(b.TempDir(), "copy.db"))
		if _, err := m.Pull(b.Context(), copied); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(lean.began).Seconds(), "load-s")
		b.ReportMetric(peak(b)/1e6, "load-peak-MB")
		size, free := copied.Size()
		b.ReportMetric(float64(size-free)/1e6, "MB")
	}
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return errors.Join(err, f.Close())
}

// untilSent waits until so many rows of a zap are sent.
func (e *Engine) untilSent(b *testing.B, zapName string, rows int64) {
	b.Helper()
	events, leave := e.Subscribe()
	defer leave()
	for { // events trigger the next check
		z, _, err := e.ledger.Zap(b.Context(), zapName)
		if err != nil {
			b.Fatal(err)
		}
		if z.Counts.Sent == rows {
			return
		}
		select {
		case <-events:
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func speedEngine(b *testing.B, base, start string, open openState) *Engine {
	b.Helper()
	dir := b.TempDir()
	for name, text := range map[string]string{
		"rowtap.yaml": fmt.Sprintf("google_accounts:\n  g: {reads_per_minute: 60000, endpoint: %q}\n"+
			"clevertap_accounts:\n  c: {account_id: A, passcode: P, endpoint: %q}\nstate: {path: state/rowtap.db}\n", base+"/", base),
		"zaps/big.yaml": `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: g, spreadsheet: big, worksheet: Signups, start: ` + start + `}
action:
  app: clevertap
  event: create_update_user_profile
  account: c
  identity: "{{Email}}"
  properties: {Name: "{{Name}}", Score: "{{Score}}", City: "{{City}}", Plan: "{{Plan}}", Joined: "{{Signed}}"}
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
	plan, err := plan.Load(dir, os.LookupEnv, "rowtap/test")
	if err != nil {
		b.Fatal(err)
	}
	e, err := New(Options{Plan: plan, Ledger: open(b, plan.Config.State.Path), Log: zap.NewNop(), Version: "test"})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// floor reads pages and posts batches, three at a time like rowtap.
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

// lean is an emulator of both APIs in a separate process.
type lean struct {
	cmd   *exec.Cmd
	url   string
	began time.Time
	cpu   int64 // of the emulator at the start, in ns
}

// startLean starts an emulator of a worksheet with that many rows.
func startLean(b *testing.B, read, upload time.Duration, rows int) *lean {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "ROWTAP_LEAN_EMULATOR=1",
		fmt.Sprint("ROWTAP_LEAN_READ=", read), fmt.Sprint("ROWTAP_LEAN_UPLOAD=", upload), fmt.Sprint("ROWTAP_LEAN_ROWS=", rows))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // the emulator ends with this process
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
	return &lean{cmd: cmd, url: "http://" + address}
}

// rows sets the number of rows of the worksheet.
func (l *lean) rows(b *testing.B, rows int) {
	b.Helper()
	if err := plainly(b.Context(), http.MethodPost, l.url+"/rows?n="+strconv.Itoa(rows), nil, new(struct{})); err != nil {
		b.Fatal(err)
	}
}

// begin starts the measurement.
func (l *lean) begin(b *testing.B) {
	b.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // resets the peak
		b.Log(err)
	}
	l.began, l.cpu = time.Now(), l.counts(b).CPU
}

type leanCounts struct{ Records, CPU int64 }

func (l *lean) counts(b *testing.B) (c leanCounts) {
	b.Helper()
	if err := plainly(b.Context(), http.MethodGet, l.url+"/counts", nil, &c); err != nil {
		b.Fatal(err)
	}
	return c
}

// report reports the rows per second, the CPU time of the emulator, and the peak memory of this
// process.
func (l *lean) report(b *testing.B) {
	b.Helper()
	took := time.Since(l.began)
	counts := l.counts(b)
	if counts.Records != speedRows {
		b.Fatalf("%d records arrived, want %d", counts.Records, speedRows)
	}
	b.ReportMetric(took.Seconds(), "s")
	b.ReportMetric(speedRows/took.Seconds(), "rows/s")
	b.ReportMetric(float64(counts.CPU-l.cpu)/1e9, "emulator-cpu-s")
	b.ReportMetric(peak(b)/1e6, "peak-MB")
}

// peak returns the peak memory of this process, in bytes.
func peak(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kib float64
	if _, after, ok := strings.Cut(string(text), "VmHWM:"); ok {
		if _, err := fmt.Sscan(after, &kib); err != nil {
			b.Fatal(err)
		}
	}
	return kib * 1024
}

// serveLean serves pages of generated rows and counts the uploaded records.
func serveLean() error {
	var records, rows atomic.Int64
	var delays [2]time.Duration
	for i, name := range []string{"READ", "UPLOAD"} {
		var err error
		if delays[i], err = time.ParseDuration(os.Getenv("ROWTAP_LEAN_" + name)); err != nil {
			return err
		}
	}
	n, err := strconv.Atoi(os.Getenv("ROWTAP_LEAN_ROWS"))
	if err != nil {
		return err
	}
	rows.Store(int64(n))
	delayed := func(by time.Duration, h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			<-time.After(by)
			h(w, r)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v4/spreadsheets/big", delayed(delays[0], func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"properties":{"title":"Big","timeZone":"Asia/Kolkata"},"sheets":[{"properties":{"sheetId":0,"title":"Signups",`+
			`"sheetType":"GRID","gridProperties":{"rowCount":%d,"columnCount":10}}}]}`, rows.Load()+1)
	}))
	mux.HandleFunc("GET /v4/spreadsheets/big/values:batchGet", delayed(delays[0], func(w http.ResponseWriter, r *http.Request) { leanPages(w, r, int(rows.Load())) }))
	mux.HandleFunc("POST /1/upload", delayed(delays[1], func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		n := bytes.Count(body, []byte(`"identity"`))
		records.Add(int64(n))
		fmt.Fprintf(w, `{"status":"success","processed":%d,"unprocessed":[]}`, n)
	}))
	mux.HandleFunc("POST /rows", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		rows.Store(n)
		fmt.Fprint(w, "{}")
	})
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"Records":%d,"CPU":%d}`, records.Load(), timeOnCPU())
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

var leanRange = regexp.MustCompile(`!([A-Z]?)(\d+):([A-Z]?)(\d+)$`)

func leanPages(w http.ResponseWriter, r *http.Request, rows int) {
	q := r.URL.Query()
	shown := q.Get("dateTimeRenderOption") == "FORMATTED_STRING"
	b := []byte(`{"spreadsheetId":"big","valueRanges":[`)
	for i, text := range q["ranges"] {
		m := leanRange.FindStringSubmatch(text)
		if m == nil {
			http.Error(w, "no range", http.StatusBadRequest)
			return
		}
		from, to := cmp.Or(m[1], "A"), cmp.Or(m[3], "J")
		first, _ := strconv.Atoi(m[2])
		last, _ := strconv.Atoi(m[4])
		if first > rows+1 {
			http.Error(w, `{"error":{"code":400,"message":"Range ('Signups'!A1) exceeds grid limits.","status":"INVALID_ARGUMENT"}}`, http.StatusBadRequest)
			return
		}
		last = min(last, rows+1)
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"range":"Signups!%s%d:%s%d","majorDimension":"ROWS","values":[`, from, first, to, last)
		for n := first; n <= last; n++ {
			if n > first {
				b = append(b, ',')
			}
			b = leanRow(b, n, shown, int(from[0]-'A'), int(to[0]-'A'))
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

var leanHeader = strings.Fields(`"Name" "Email" "Phone" "City" "Country" "Plan" "Score" "Signed" "Note" "Source"`)

// leanRow appends the cells of a row from one column to another, inclusive.
func leanRow(b []byte, n int, shown bool, from, to int) []byte {
	b = append(b, '[')
	for column := from; column <= to; column++ {
		if column > from {
			b = append(b, ',')
		}
		switch {
		case n == 1:
			b = append(b, leanHeader[column]...)
		case column == 0:
			b = fmt.Appendf(b, `"first%d last%d"`, n%2000, n%307)
		case column == 1:
			b = fmt.Appendf(b, `"u%d@example.com"`, n)
		case column == 2:
			b = strconv.AppendInt(b, 9_100_000_000+int64(n), 10)
		case column == 3:
			b = fmt.Appendf(b, `"city%d"`, n%50)
		case column == 4:
			b = fmt.Appendf(b, `"country%d"`, n%7)
		case column == 5:
			b = fmt.Appendf(b, `"plan%d"`, n%3)
		case column == 6:
			b = strconv.AppendInt(b, int64(n*7919%101), 10)
		case column == 7 && shown:
			b = append(b, time.Date(2025, 12, 9, 0, 0, 0, 0, time.UTC).Add(time.Duration(n)*time.Minute).Format(`"2006-01-02 15:04"`)...)
		case column == 7:
			b = strconv.AppendFloat(b, 46000+float64(n)/1440, 'f', 6, 64)
		case column == 8:
			b = fmt.Appendf(b, `"note %d"`, n%9973)
		case column == 9:
			b = fmt.Appendf(b, `"source%d"`, n%5)
		}
	}
	return append(b, ']')
}
