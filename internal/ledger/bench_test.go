package ledger_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

var benchHeader = row.HeaderOf([]string{"Timestamp", "Email", "First name", "Last name", "Mobile", "Country", "Score", "Consent"})

// benchPoll is a poll with new rows of eight columns, as a form's answers are.
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

func benchLedger(b *testing.B, rows int) *ledger.Ledger {
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

func BenchmarkStartFinish(b *testing.B) {
	l := benchLedger(b, 5000)
	ns := upTo(1001, 2000)
	out := outcomes(ledger.Outcome{State: ledger.Queued, CountAttempt: true, Answer: &ledger.Answer{At: noon, HTTPStatus: 200, Status: "success"}}, ns...)
	for i := range out {
		out[i].Identity = fmt.Sprintf("user%d@example.com", i*7919)
		out[i].Recipe, out[i].Print = 1, uint32(i*0x9E3779B1)
	}
	b.ReportAllocs()
	for b.Loop() {
		must(b, l.Start(b.Context(), signups, ns, noon))
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

// BenchmarkOpenRows looks for a hundred failed rows, and for 5,000 held ones, among 200,000.
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
