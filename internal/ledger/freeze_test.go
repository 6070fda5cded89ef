package ledger_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/poll"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/row/rowtest"
)

// The frozen files in testdata were written by releases. They are made before the stored form
// changes:
//
//	go test ./internal/ledger -run TestFreeze -freeze
//
// writes, by schema number, schema-N.db.gz (a state file as a stopped daemon leaves it),
// schema-N.backup.gz (a backup of it), schema-N.sheets.json.gz (the worksheets at the last poll)
// and schema-N.txt (everything the ledger returns). Files of released schemas are never rewritten.
var freeze = flag.Bool("freeze", false, "write the frozen files of the schema in force")

func TestFreeze(t *testing.T) {
	if !*freeze {
		t.Skip("only with -freeze")
	}
	stem := filepath.Join("testdata", fmt.Sprintf("schema-%d", ledger.Schema))
	if _, err := os.Stat(stem + ".txt"); err == nil {
		t.Fatalf("%s.txt already exists; a released form does not change", stem)
	}
	f := newFile(t)
	sheets := freezeState(f)
	var said strings.Builder
	must(t, dump(t.Context(), &said, f.Ledger))
	must(t, dumpCursors(t.Context(), &said, f.Ledger, sheets))
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, _, err := ledger.SaveBackup(t.Context(), backup, false, frozenAt, func(w io.Writer) error { _, err := f.Backup(t.Context(), w); return err })
	must(t, err)
	f.close()
	state, err := os.ReadFile(f.path)
	must(t, err)
	f.open()
	copied, err := os.ReadFile(backup)
	must(t, err)
	plain, err := json.Marshal(sheets)
	must(t, err)
	must(t, os.WriteFile(stem+".txt", []byte(said.String()), 0o600))
	for name, content := range map[string][]byte{".db.gz": state, ".backup.gz": copied, ".sheets.json.gz": plain} {
		must(t, os.WriteFile(stem+name, zipped(t, content), 0o600))
	}
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	must(t, err)
	_, err = z.Write(content)
	must(t, errors.Join(err, z.Close()))
	return b.Bytes()
}

// frozenAt is when the frozen files were made.
var frozenAt = noon.Add(60 * 24 * time.Hour)

// worksheet is a worksheet of a frozen zap at its last poll.
type worksheet struct {
	Zap, Spreadsheet string
	GID              int64
	Title            string
	Require, Key     []string `json:",omitempty"`
	Header           []string
	// Rows are those from sheet row 2 on: text, number or bool; a date is {"date": serial}; null is
	// blank.
	Rows [][]any
}

// rows returns the rows. Polls read dates as numbers; the ledger gets them typed.
func (w *worksheet) rows(typed bool) []row.Row {
	rows := make([]row.Row, 0, len(w.Rows))
	for i, cells := range w.Rows {
		r := row.Row{Number: i + 2}
		for _, v := range cells {
			switch v := v.(type) {
			case map[string]any:
				c := row.NumberCell(v["date"].(float64))
				if typed {
					c = row.DateCell(c.Num)
				}
				r.Cells = append(r.Cells, c)
			case int:
				r.Cells = append(r.Cells, row.NumberCell(float64(v)))
			default:
				r.Cells = append(r.Cells, rowtest.FromJSON(v))
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func date(serial float64) map[string]any { return map[string]any{"date": serial} }

func (w *worksheet) options() detect.Options { return detect.Options{Require: w.Require, Key: w.Key} }

func (w *worksheet) reading() *detect.Reading {
	r := detect.NewReading(row.HeaderOf(w.Header), w.options(), len(w.Rows))
	r.Add(w.rows(false)...)
	return r
}

// cursor returns the ledger's cursor of the worksheet.
func (w *worksheet) cursor(ctx context.Context, l *ledger.Ledger) (c detect.Cursor, ok bool, err error) {
	ok, err = l.Cursor(ctx, w.Zap, w.Spreadsheet, w.GID, func(chunks iter.Seq[[]byte]) (err error) {
		c, err = detect.Decode(chunks)
		return err
	})
	return c, ok, err
}

// how a worksheet of a frozen zap is polled.
type how struct {
	oldTo     int  // last old row of a first read
	shadow    bool // the zap is in shadow mode
	elsewhere bool // it watched another worksheet in between
	at        time.Time
}

// poll polls the worksheet like the engine and returns what is new.
func (w *worksheet) poll(ctx context.Context, l *ledger.Ledger, how how) (detect.Result, error) {
	known, ok, err := w.cursor(ctx, l)
	if err != nil {
		return detect.Result{}, err
	}
	var result detect.Result
	if ok {
		o := w.options()
		if o.Open, err = poll.OpenRows(ctx, l, w.Zap); err != nil {
			return detect.Result{}, err
		}
		result = detect.Diff(known, w.reading(), o, how.at)
	} else {
		result = detect.Begin(w.reading(), w.options(), how.oldTo, 1, how.at)
	}
	cursor := func(first uint64) (u ledger.CursorUpdate) {
		result.Renumber(first)
		u.Chunks, u.Changed = result.Cursor.Since(known)
		return u
	}
	p := ledger.Poll{
		SpreadsheetID: w.Spreadsheet, GID: w.GID, Title: w.Title, Cursor: cursor,
		Header: row.HeaderOf(w.Header), Zone: "Asia/Kolkata", Action: "Create/Update User Profile", Shadow: how.shadow, At: how.at,
	}
	rows := w.rows(true)
	for _, f := range result.Found {
		n := ledger.NewRow{Row: rows[f.Row-2], State: poll.LedgerState(f.State), Reason: f.Reason, Like: f.LikeDelivery}
		if n.LikeNew = result.LikeFound(f); n.LikeNew > 0 {
			n.Like = 0
		}
		if how.elsewhere {
			n.State, n.Reason = ledger.Held, "added while the zap watched another worksheet"
		}
		p.New = append(p.New, n)
	}
	for _, ch := range result.Changes {
		gone := ch.Kind == detect.Deleted
		c := ledger.Change{Delivery: ch.Delivery, Reason: ch.Reason}
		switch ch.Kind {
		case detect.Deleted, detect.Back:
			c.DeletedInSheet = &gone
		case detect.BecameReady:
			c.State = ledger.Queued
		case detect.BecameHeld:
			c.State = ledger.Held
		case detect.Edited, detect.Moved:
		}
		if !gone {
			c.Row = &rows[ch.Row-2]
		}
		p.Changes = append(p.Changes, c)
	}
	_, err = l.Commit(ctx, w.Zap, p)
	return result, err
}

// freezeState makes a state with all kinds of values and returns the worksheets at their last poll.
func freezeState(f *file) []*worksheet {
	t, l := f.t, f.Ledger
	at := noon
	later := func(d time.Duration) time.Time { at = at.Add(d); return at }
	poll := func(w *worksheet, h how) {
		t.Helper()
		h.at = later(10 * time.Minute)
		_, err := w.poll(t.Context(), l, h)
		must(t, err)
	}
	finish := func(zap string, out ...ledger.Outcome) {
		t.Helper()
		var ns []uint64
		for i := range out {
			ns = append(ns, out[i].Number)
			if out[i].State == ledger.Sent {
				out[i].CountAttempt = true
				out[i].Answer = &ledger.Answer{At: at.Add(time.Second), HTTPStatus: 200, Status: "success", Processed: len(out), Sent: len(out)}
			}
		}
		must(t, l.Start(t.Context(), zap, uploadOf(ns...), ledger.Hides{}, at))
		must(t, l.Finish(t.Context(), zap, out, later(time.Second)))
	}
	person := func(i int) []any {
		return []any{fmt.Sprintf("Person%d@example.com", i), fmt.Sprintf("  Ünal  %d", i), "+91 98200 " + fmt.Sprint(10000+i*37), float64(i) / 4, date(46000 + float64(i) + 0.25), i%3 == 0, []string{"Pune", "Delhi", "Goa"}[i%3]}
	}
	people := []string{"Email", "Name", "Mobile", "Score", "Joined", "Consent", "City"}

	// Two actions, all states, edits, vanished rows.
	sign := &worksheet{Zap: signups, Spreadsheet: "1signups", GID: 0, Title: "Signups", Require: []string{"Email"}, Header: people}
	for i := range 24 {
		sign.Rows = append(sign.Rows, person(i))
	}
	sign.Rows[5][0] = nil // existed at the start, incomplete
	poll(sign, how{oldTo: math.MaxInt})
	for i := 24; i < 44; i++ {
		sign.Rows = append(sign.Rows, person(i))
	}
	sign.Rows[40][0], sign.Rows[41][0] = nil, nil // wait for Email
	poll(sign, how{})
	event := "Upload Event"
	finish(signups,
		ledger.Outcome{Number: 1, State: ledger.Sent, Identity: "person24@example.com", Then: event},
		ledger.Outcome{Number: 2, State: ledger.Sent, Identity: "person25@example.com", Then: event},
		ledger.Outcome{Number: 3, State: ledger.Skipped},
		ledger.Outcome{Number: 4, State: ledger.Failed, Identity: "person27@example.com", CountAttempt: true, Problem: &ledger.Problem{Code: "525", Message: "not a phone number for country IN (9 digits)", Column: "Mobile", Hint: "correct the cell"}},
		ledger.Outcome{Number: 5, State: ledger.Failed, Problem: &ledger.Problem{Message: "the identity is empty", Column: "Email"}},
		ledger.Outcome{Number: 6, State: ledger.Held, Reason: "whether it arrived is not known", MaybeTwice: true, CountAttempt: true},
		ledger.Outcome{Number: 7, State: ledger.Queued, CountAttempt: true, Solo: true, RetryAt: at.Add(time.Hour), Problem: &ledger.Problem{Message: "HTTP 503"}, MaybeTwice: true})
	for i := 44; i < 50; i++ {
		sign.Rows = append(sign.Rows, person(i))
	}
	sign.Rows[40][0] = "late@example.com"                     // was waiting, now ready
	sign.Rows[27][2] = "+91 98200 99999"                      // of a failed row
	sign.Rows = append(sign.Rows[:33], sign.Rows[36:]...)     // gone
	sign.Rows = append([][]any{person(90)}, sign.Rows[0:]...) // inserted at the top
	poll(sign, how{})
	// Moved to the end and edited: ambiguous, so it is held.
	moved := append([]any{}, sign.Rows[10]...)
	moved[3], moved[4] = 77.5, date(45000)
	sign.Rows = append(append(sign.Rows[:10], sign.Rows[11:]...), moved)
	poll(sign, how{})
	_, err := l.Move(t.Context(), signups, []uint64{5}, []ledger.State{ledger.Failed}, ledger.Discarded, "discard by an operator", later(time.Minute))
	must(t, err)
	_, err = l.Move(t.Context(), signups, []uint64{2}, []ledger.State{ledger.Sent}, ledger.Queued, "replay by an operator", later(time.Minute))
	must(t, err)
	// In flight when rowtap stopped.
	must(t, l.Start(t.Context(), signups, uploadOf(8, 9, 10), ledger.Hides{}, later(time.Minute)))

	// With key: repeated, vanished and blank ones.
	keyed := &worksheet{Zap: "leads", Spreadsheet: "1leads", GID: 12, Title: "Form Responses 1", Require: []string{"Response ID"}, Key: []string{"Response ID"}, Header: []string{"Response ID", "Email", "Plan", "Stage"}}
	lead := func(i int) []any {
		return []any{fmt.Sprintf("R-%04d", 7*i), fmt.Sprintf("lead%d@example.com", i), []string{"gold", "basic"}[i%2], "new"}
	}
	for i := range 30 {
		keyed.Rows = append(keyed.Rows, lead(i))
	}
	poll(keyed, how{oldTo: math.MaxInt})
	for i := 30; i < 40; i++ {
		keyed.Rows = append(keyed.Rows, lead(i))
	}
	poll(keyed, how{})
	finish("leads", ledger.Outcome{Number: 1, State: ledger.Sent, Identity: "lead30@example.com"}, ledger.Outcome{Number: 2, State: ledger.Failed, CountAttempt: true, Problem: &ledger.Problem{Code: "512", Message: "refused"}})
	again := lead(3)
	again[3] = "won"
	keyed.Rows = append(keyed.Rows, again, []any{nil, "nokey@example.com", "gold", "new"})
	keyed.Rows = append(keyed.Rows[:31], keyed.Rows[33:]...)
	poll(keyed, how{})

	// A large worksheet, whose rows are sent from some row on; 1,000 of them are older than the
	// history.
	orders := &worksheet{Zap: "orders", Spreadsheet: "1orders", GID: 3, Title: "Orders", Require: []string{"Order"}, Header: []string{"Order", "Customer", "Amount", "Paid"}}
	order := func(i int) []any {
		return []any{fmt.Sprintf("O%06d", i), fmt.Sprintf("c%d@example.com", i%900), i * 5, i%4 == 0}
	}
	for i := range 2600 {
		orders.Rows = append(orders.Rows, order(i))
	}
	poll(orders, how{oldTo: 1500})
	for first := uint64(1); first <= 1100; first += 100 {
		var out []ledger.Outcome
		for n := first; n < first+100; n++ {
			out = append(out, ledger.Outcome{Number: n, State: ledger.Sent, Identity: fmt.Sprintf("c%d@example.com", n%900)})
		}
		finish("orders", out...)
	}
	if n, err := l.Prune(t.Context(), at.Add(time.Second), 1000); err != nil || n != 1000 {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	orders.Rows = append(orders.Rows[:700], orders.Rows[702:]...)
	for i := 2600; i < 2610; i++ {
		orders.Rows = append(orders.Rows, order(i))
	}
	orders.Rows = append(orders.Rows, []any{nil, "c1@example.com", 17, false})
	poll(orders, how{})

	// Watched one worksheet, then another, then the first one again.
	before := &worksheet{Zap: "moved", Spreadsheet: "1moved", GID: 0, Title: "2025", Require: []string{"Email"}, Header: people}
	now := &worksheet{Zap: "moved", Spreadsheet: "1moved", GID: 5, Title: "2026", Require: []string{"Email"}, Header: people}
	third := &worksheet{Zap: "moved", Spreadsheet: "1moved", GID: 6, Title: "Test", Require: []string{"Email"}, Header: people}
	for i := range 8 {
		before.Rows = append(before.Rows, person(100+i))
		now.Rows = append(now.Rows, person(200+i))
		third.Rows = append(third.Rows, person(300+i))
	}
	poll(before, how{oldTo: math.MaxInt})
	before.Rows = append(before.Rows, person(108))
	poll(before, how{})
	poll(now, how{oldTo: math.MaxInt})
	now.Rows = append(now.Rows, person(208))
	poll(now, how{})
	poll(third, how{oldTo: math.MaxInt})
	before.Rows = append(before.Rows, person(109))
	poll(before, how{elsewhere: true})
	finish("moved", ledger.Outcome{Number: 1, State: ledger.Sent, Identity: "person108@example.com"}, ledger.Outcome{Number: 2, State: ledger.Failed, Problem: &ledger.Problem{Message: "the cell has no date", Column: "Joined"}})

	// A rejected read: more than half of the rows were gone.
	doubted := &worksheet{Zap: "doubted", Spreadsheet: "1doubted", GID: 1, Title: "Sheet1", Require: []string{"Email"}, Header: people}
	for i := range 12 {
		doubted.Rows = append(doubted.Rows, person(400+i))
	}
	poll(doubted, how{oldTo: math.MaxInt})
	all := doubted.Rows
	doubted.Rows = all[:3]
	poll(doubted, how{})
	doubted.Rows = all

	// In shadow mode, then paused with a queue.
	shadowed := &worksheet{Zap: "shadowed", Spreadsheet: "1shadowed", GID: 1, Title: "Sheet1", Require: []string{"Email"}, Header: people}
	poll(shadowed, how{})
	for i := range 5 {
		shadowed.Rows = append(shadowed.Rows, person(500+i))
	}
	poll(shadowed, how{shadow: true})
	finish("shadowed", ledger.Outcome{Number: 1, State: ledger.Sent, Identity: "person500@example.com"}, ledger.Outcome{Number: 2, State: ledger.Sent, Identity: "person501@example.com"})
	shadowed.Rows = append(shadowed.Rows, person(505))
	poll(shadowed, how{})
	must(t, l.SetPaused(t.Context(), "shadowed", true, "list is being cleaned", later(time.Minute)))
	return []*worksheet{sign, keyed, orders, before, now, third, doubted, shadowed}
}
