package ledger_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

var benchHeader = row.HeaderOf([]string{"Timestamp", "Email", "First name", "Last name", "Mobile", "Country", "Score", "Consent"})

// benchPoll is a poll with new rows of eight columns, like the responses of a form.
func benchPoll(first uint64, rows int) ledger.Poll {
	p := ledger.Poll{SpreadsheetID: "1abc", Header: benchHeader, Zone: "UTC", Action: "Upload Event", At: noon, Cursor: wholeCursor([][]byte{fmt.Append(nil, first)})}
	countries := []string{"IN", "SG", "US", "DE"}
	for i := range rows {
		n := first + uint64(i)
		h := n * 0x9E3779B97F4A7C15 >> 20
		p.New = append(p.New, ledger.NewRow{State: ledger.Queued, Row: row.Row{Number: int(n) + 1, Cells: []row.Cell{
			row.DateCell(46000 + float64(n)/1440), row.TextCell(fmt.Sprintf("%x.%d@example.com", h%0xffffff, n)), row.TextCell(fmt.Sprintf("First%x", h%4093)),
			row.TextCell(fmt.Sprintf("Last%x", h%65521)), row.TextCell(fmt.Sprintf("+9198%08d", h%100000000)), row.TextCell(countries[h%4]),
			row.NumberCell(float64(h%10000) / 10), row.BoolCell(h%3 > 0),
		}}})
	}
	return p
}

func benchLedger(b testing.TB, rows int) *ledger.Ledger {
	b.Helper()
	l, err := ledger.Open(ledger.Options{Path: filepath.Join(b.TempDir(), "rowtap.db")})
	must(b, err)
	b.Cleanup(func() { must(b, l.Close()) })
	if rows > 0 {
		commit(b, l, signups, benchPoll(1, rows))
	}
	return l
}

func perSecond(b *testing.B, rows int) {
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkCommit(b *testing.B) {
	for _, rows := range []int{1, 1000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			l := benchLedger(b, 0)
			p := benchPoll(1, rows)
			before, _ := l.Size()
			b.ReportAllocs()
			for b.Loop() {
				commit(b, l, signups, p)
			}
			perSecond(b, rows)
			size, free := l.Size()
			b.ReportMetric(float64(size-free-before)/float64(b.N*rows), "B/row")
		})
	}
}

// takesAll is a mirror that accepts everything.
type takesAll struct{}

func (takesAll) Commit(uint64, []ledger.Value) error { return nil }

// benchCache is benchLedger with the cache of the active process: without syncs, with write sets.
func benchCache(b testing.TB, rows int) *ledger.Ledger {
	b.Helper()
	l, err := ledger.OpenCache(ledger.Options{Path: filepath.Join(b.TempDir(), "rowtap.db")})
	must(b, err)
	b.Cleanup(func() { must(b, l.Close()) })
	must(b, l.Stamp(b.Context(), ledger.Position{State: "state", Epoch: "epoch"}))
	must(b, l.Promote(b.Context(), takesAll{}, "epoch"))
	if rows > 0 {
		commit(b, l, signups, benchPoll(1, rows))
	}
	return l
}

func BenchmarkMirrored(b *testing.B) {
	for _, rows := range []int{1, 1000} {
		b.Run(fmt.Sprintf("commit=%d", rows), func(b *testing.B) {
			l := benchCache(b, 0)
			p := benchPoll(1, rows)
			b.ReportAllocs()
			for b.Loop() {
				commit(b, l, signups, p)
			}
			perSecond(b, rows)
		})
	}
	b.Run("start and finish", func(b *testing.B) { benchStartFinish(b, benchCache(b, 5000)) })
}

// BenchmarkLoad loads 100,000 rows into a cache.
func BenchmarkLoad(b *testing.B) {
	l := benchLedger(b, 100_000)
	var values []ledger.Value
	size := 0
	must(b, l.EachValue(b.Context(), func(v ledger.Value) error {
		v.Key, v.Value = bytes.Clone(v.Key), bytes.Clone(v.Value)
		values = append(values, v)
		size += len(v.Key) + len(v.Value)
		return nil
	}))
	into, err := ledger.OpenCache(ledger.Options{Path: filepath.Join(b.TempDir(), "cache.db")})
	must(b, err)
	b.Cleanup(func() { must(b, into.Close()) })
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		must(b, into.Load(b.Context(), ledger.Position{State: "state", Epoch: "epoch"}, func(put func(ledger.Value) error) error {
			for _, v := range values {
				if err := put(v); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func BenchmarkStartFinish(b *testing.B) { benchStartFinish(b, benchLedger(b, 5000)) }

func benchStartFinish(b *testing.B, l *ledger.Ledger) {
	b.Helper()
	ns := upTo(1001, 2000)
	out := outcomes(ledger.Outcome{State: ledger.Queued, CountAttempt: true, Answer: &ledger.Answer{At: noon, HTTPStatus: 200, Status: "success"}}, ns...)
	for i := range out {
		out[i].Identity = fmt.Sprintf("user%d@example.com", i*7919)
	}
	b.ReportAllocs()
	for b.Loop() {
		must(b, l.Start(b.Context(), signups, uploadOf(ns...), ledger.Hides{}, noon))
		must(b, l.Finish(b.Context(), signups, out, noon))
	}
	perSecond(b, len(ns))
}

func BenchmarkQueuedScanOf100kBacklog(b *testing.B) {
	const backlog = 100_000
	l := benchLedger(b, backlog)
	b.ReportAllocs()
	for b.Loop() {
		for from := uint64(1); from <= backlog; from += 1000 {
			ds, err := l.Queued(b.Context(), signups, from, 1000)
			must(b, err)
			if len(ds) != 1000 {
				b.Fatalf("%d deliveries from %d on", len(ds), from)
			}
		}
	}
	perSecond(b, backlog)
}

func BenchmarkNewest50Of100k(b *testing.B) {
	l := benchLedger(b, 100_000)
	must(b, l.Finish(b.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed}, 5, 50_000), noon))
	for name, q := range map[string]ledger.Query{"all": {}, "zap": {Zap: signups}, "failed": {State: ledger.Failed}, "row": {Row: 7}} {
		b.Run(name, func(b *testing.B) {
			q.Limit = 50
			b.ReportAllocs()
			for b.Loop() {
				_, err := l.Deliveries(b.Context(), q)
				must(b, err)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "rowtap.db")
	l, err := ledger.Open(ledger.Options{Path: path})
	must(b, err)
	for i := range 10 {
		commit(b, l, fmt.Sprint("zap-", i), benchPoll(1, 100_000))
	}
	must(b, l.Close())
	b.ReportAllocs()
	for b.Loop() {
		l, err := ledger.Open(ledger.Options{Path: path})
		must(b, err)
		must(b, l.Close())
	}
	perSecond(b, 200_000)
}

func BenchmarkCursorAppend(b *testing.B) {
	l := benchLedger(b, 0)
	p := ledger.Poll{SpreadsheetID: "1abc", At: noon}
	var chunks [][]byte
	for range 25 { // 100,000 rows
		chunks = append(chunks, []byte(strings.Repeat("0123456789abcdef", 4096*40/16)))
	}
	p.Cursor = wholeCursor(chunks)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		chunks[24] = fmt.Append(chunks[24][:4096*40], i)
		commit(b, l, signups, p)
	}
}

// BenchmarkOpenRows finds 100 failed rows, or 5,000 held ones, among 200,000.
func BenchmarkOpenRows(b *testing.B) {
	for _, open := range []int{100, 5_000} {
		b.Run(fmt.Sprint(open), func(b *testing.B) {
			l := benchLedger(b, 0)
			for first := uint64(1); first <= 200_000; first += 10_000 {
				p := benchPoll(first, 10_000)
				for i := range p.New {
					if p.New[i].State = ledger.Skipped; (first+uint64(i))%(200_000/uint64(open)) == 0 {
						p.New[i].State = ledger.Held
					}
				}
				commit(b, l, "bench", p)
			}
			b.ReportAllocs()
			for b.Loop() {
				found, err := l.OpenRows(b.Context(), "bench")
				if err != nil || len(found) != open {
					b.Fatalf("OpenRows = %d, %v", len(found), err)
				}
			}
		})
	}
}

// benchZap has ten columns with common mappings: text as it is, two names in one, a phone number,
// dates, a list.
const benchZap = `schedule: "@every 1m"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: m, spreadsheet: b, worksheet: S, start: now}
action:
  app: clevertap
  event: create_update_user_profile
  account: p
  identity: "{{Email}}"
  time: "{{Timestamp}}"
  properties:
    Name: "{{First name}} {{Last name}}"
    Email: "{{Email}}"
    Phone: {value: "{{Mobile}}", type: phone, country: IN}
    City: "{{City}}"
    Country: "{{Country}}"
    Score: "{{Score}}"
    Consent: "{{Consent}}"
    Interests: {value: "{{Interests}}", type: list, separator: ",", op: add}
    Signed up: "{{Timestamp}}"
    Source: webinar
`

var benchTenColumns = row.HeaderOf([]string{"Timestamp", "Email", "First name", "Last name", "Mobile", "City", "Country", "Score", "Consent", "Interests"})

// benchSendings queues rows of ten columns and maps them.
func benchSendings(b testing.TB, l *ledger.Ledger, rows int) []ledger.Sending {
	b.Helper()
	firsts := strings.Fields("Asha Rahul Priya Arjun Meera Vikram Ananya Rohan Kavya Aditya Isha Karthik Divya Sanjay Neha Manish Pooja Suresh Lakshmi Deepak")
	lasts := strings.Fields("Sharma Patel Reddy Iyer Nair Gupta Singh Khan Das Mehta Joshi Kulkarni Bose Chatterjee Menon Pillai Rao Verma Agarwal Kapoor")
	cities := strings.Fields("Mumbai Delhi Bengaluru Hyderabad Chennai Kolkata Pune Jaipur Lucknow Surat Nagpur Indore")
	interests := strings.Fields("cricket music travel food films books fitness tech fashion gaming")
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	p := ledger.Poll{SpreadsheetID: "1abc", Header: benchTenColumns, Zone: "Asia/Kolkata", Action: "profile", At: noon, Cursor: wholeCursor([][]byte{{1}})}
	at := 46000.0
	for i := range rows {
		at += random.Float64() / 400
		first, last := pick(firsts), pick(lasts)
		p.New = append(p.New, ledger.NewRow{State: ledger.Queued, Row: row.Row{Number: i + 2, Cells: []row.Cell{
			row.DateCell(math.Round(at*86400) / 86400),
			row.TextCell(strings.ToLower(fmt.Sprintf("%s.%s%d@%s.com", first, last, random.IntN(10000), pick([]string{"gmail", "yahoo", "outlook", "example"})))),
			row.TextCell(first), row.TextCell(last), row.TextCell(fmt.Sprintf("9%04d %05d", random.IntN(10000), random.IntN(100000))),
			row.TextCell(pick(cities)), row.TextCell("India"), row.NumberCell(float64(random.IntN(1000)) / 10), row.BoolCell(random.IntN(3) > 0),
			row.TextCell(pick(interests) + ", " + pick(interests)),
		}}})
	}
	_, err := l.Commit(b.Context(), signups, p)
	must(b, err)
	none := &config.Config{}
	var m *mapping.Mapping
	z, _, err := none.ParseZap("z.yaml", []byte(benchZap), func(string) (string, bool) { return "", false }, func(z *config.Zap) (err error) {
		m, err = mapping.Compile(z)
		return err
	})
	must(b, err)
	r := &plan.Recipe{Zap: z, Mapping: m}
	ds, err := l.Queued(b.Context(), signups, 1, 0)
	must(b, err)
	var all []ledger.Sending
	var binder plan.Binder
	for _, d := range ds {
		bound, err := binder.Bind(r, d)
		must(b, err)
		record, _, err := bound.Record(0, d.Row, plan.MappingContext(d))
		must(b, err)
		all = append(all, binder.Sending(d, record))
	}
	return all
}

// recordBytes returns the size of a record per row in a compact file, and as JSON, for uploads of a
// given size.
func recordBytes(b testing.TB, rows, upload int, edited bool) (kept, json float64) {
	b.Helper()
	compacted := func(l *ledger.Ledger) float64 {
		path := filepath.Join(b.TempDir(), "compact.db")
		must(b, l.CompactTo(b.Context(), path))
		info, err := os.Stat(path)
		must(b, err)
		return float64(info.Size())
	}
	l := benchLedger(b, 0)
	all := benchSendings(b, l, rows)
	before := compacted(l)
	for i := range all {
		all[i].Delivery.Edited = edited
		json += float64(len(all[i].Record.JSON))
	}
	for u := range slices.Chunk(all, upload) {
		must(b, l.Start(b.Context(), signups, []ledger.Upload{u}, ledger.Hides{}, noon))
	}
	return (compacted(l) - before) / float64(rows), json / float64(rows)
}

// BenchmarkSentRecords measures the size of records of ten columns, with and without parts from
// cells.
func BenchmarkSentRecords(b *testing.B) {
	for _, upload := range []int{1000, 50, 1} {
		for _, edited := range []bool{false, true} {
			b.Run(fmt.Sprintf("upload=%d/cells=%t", upload, edited), func(b *testing.B) {
				var kept, json float64
				for b.Loop() {
					kept, json = recordBytes(b, min(20_000, 1000*upload), upload, edited)
				}
				b.ReportMetric(kept, "B/row")
				b.ReportMetric(json, "JSON/row")
			})
		}
	}
}

// A record takes a tenth of its JSON, because what is in the row's cells is not stored twice.
func TestRecordsTakeLittleRoom(t *testing.T) {
	for upload, limit := range map[int]float64{1000: 27, 50: 45, 1: 40} {
		if kept, json := recordBytes(t, min(2000, 256*upload), upload, false); kept > limit {
			t.Errorf("%d in an upload: records of %.0f bytes take %.1f, want at most %.0f", upload, json, kept, limit)
		}
	}
}

// benchSent makes a ledger of sent deliveries, 10,000 per poll, evenly over zaps, and returns the
// identity of a delivery.
func benchSent(b testing.TB, l *ledger.Ledger, rows, zaps int) (identity func(n int) string) {
	b.Helper()
	identity = func(n int) string { return fmt.Sprintf("%x.%d@example.com", n*7919%0xffffff, n) }
	next := make([]uint64, zaps)
	for i := 0; i < rows; {
		n := min(10_000, rows/zaps)
		zap := i / n % zaps
		name := fmt.Sprint("zap-", zap)
		first := next[zap] + 1
		commit(b, l, name, benchPoll(first, n))
		out := make([]ledger.Outcome, n)
		for k := range out {
			out[k] = ledger.Outcome{Number: first + uint64(k), State: ledger.Sent, Identity: identity(i + k), CountAttempt: true, Answer: &ledger.Answer{At: noon, HTTPStatus: 200, Status: "success"}}
		}
		must(b, l.Finish(b.Context(), name, out, noon))
		next[zap] += uint64(n)
		i += n
	}
	return identity
}

// BenchmarkFindIdentity finds one delivery of a user among 1,000,000, and reports what the index
// takes.
func BenchmarkFindIdentity(b *testing.B) {
	const rows = 1_000_000
	none := func(string) ledger.Identifier { return ledger.Identifier{} }
	for _, zaps := range []int{1, 100, 10_000} {
		l := benchLedger(b, 0)
		identity := benchSent(b, l, rows, zaps)
		find := func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				ds, err := l.Deliveries(b.Context(), ledger.Query{Identity: identity(i * 104_729 % rows), Identify: none, Limit: 50})
				if err != nil || len(ds) != 1 {
					b.Fatalf("%d deliveries, %v", len(ds), err)
				}
			}
		}
		b.Run(fmt.Sprintf("zaps=%d/without index", zaps), find)
		size, free := l.Size()
		waited, began := longestWait(b, l), time.Now()
		for {
			n, err := l.IndexIdentities(b.Context(), none, 20_000)
			must(b, err)
			if n < 20_000 {
				break
			}
		}
		took, wait := time.Since(began), waited()
		indexed, free2 := l.Size()
		b.Run(fmt.Sprintf("zaps=%d/index", zaps), func(b *testing.B) {
			find(b)
			b.ReportMetric(took.Seconds(), "s/index")
			b.ReportMetric(wait.Seconds()*1000, "ms-others-wait")
			b.ReportMetric(float64(indexed-free2-size+free)/rows, "B/row")
			b.ReportMetric(float64(size-free)/rows, "B/row-before")
		})
	}
}
