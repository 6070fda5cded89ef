package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
)

// uploadOf returns an upload of deliveries, each with a record that contains its number.
func uploadOf(ns ...uint64) []ledger.Upload {
	var u ledger.Upload
	for _, n := range ns {
		u = append(u, ledger.Sending{Delivery: ledger.Delivery{Number: n}, Record: ledger.SentRecord{JSON: fmt.Appendf(nil, `{"n":%d}`, n)}})
	}
	return []ledger.Upload{u}
}

// sending returns a delivery with a record whose values contain text and cells: 0, 1 and 2, or
// none.
func sending(d ledger.Delivery, text string) ledger.Sending {
	r := ledger.SentRecord{Header: d.Header, JSON: fmt.Appendf(nil, `{"n":%d`, d.Number)}
	value := func(name string, columns ...int) {
		r.JSON = append(r.JSON, fmt.Sprintf(`,"%s":`, name)...)
		from := len(r.JSON)
		r.JSON = append(r.JSON, `"`+text...)
		for _, c := range columns {
			r.JSON = append(r.JSON, d.Row.Cell(c).String()...)
		}
		r.JSON = append(r.JSON, '"')
		if len(columns) > 0 {
			r.Origins = append(r.Origins, row.Origin{From: from, To: len(r.JSON), Columns: columns})
		}
	}
	value("one", 0)
	value("two", 1, 2)
	value("none")
	r.JSON = append(r.JSON, '}')
	return ledger.Sending{Delivery: d, Record: r}
}

func (f *file) wantRecord(zap string, n uint64, want ledger.SentRecord) {
	f.t.Helper()
	got, ok, err := f.SentRecord(f.t.Context(), zap, n)
	must(f.t, err)
	if ok != (want.JSON != nil) {
		f.t.Errorf("SentRecord(%s/%d) = %s, %t; want %s", zap, n, got.JSON, ok, want.JSON)
	} else if d := diff(want, got); d != "" {
		f.t.Errorf("SentRecord(%s/%d) (-want +got):\n%s", zap, n, d)
	}
}

func (f *file) start(zap string, uploads ...ledger.Upload) {
	f.t.Helper()
	must(f.t, f.Start(f.t.Context(), zap, uploads, ledger.Hides{}, noon))
}

// The record of a started delivery is available from then on, whatever becomes of the row in the
// sheet, and under any name of the zap.
func TestTheRecordThatWasStarted(t *testing.T) {
	f := newFile(t)
	p := pollOf(1, strings.Repeat("q", 70))
	p.New[0].Row.Cells = []row.Cell{row.TextCell(" \"quoted\"\\ "), row.NumberCell(-0.5), row.BoolCell(true), row.TextCell("x")}
	p.New[1].Row.Cells = []row.Cell{row.DateCell(46000.5), row.TextCell("true"), row.TextCell("a"), row.TextCell("a")}
	p.New[2].Row.Cells = nil
	f.commit(signups, p)
	f.wantRecord(signups, 1, ledger.SentRecord{})
	f.wantRecord("nobody", 1, ledger.SentRecord{})
	ds, err := f.Queued(t.Context(), signups, 1, 0)
	must(t, err)
	var large, small ledger.Upload
	for _, d := range ds {
		if o := sending(d, "<é> "); d.Number == 2 || d.Number == 5 {
			small = append(small, o)
		} else {
			large = append(large, o)
		}
	}
	small[0].Record.Header = row.HeaderOf([]string{"other", "", "names"})
	f.start(signups, large, small[:1], small[1:])
	all := slices.Concat(large, small)
	for _, o := range all {
		f.wantRecord(signups, o.Delivery.Number, o.Record)
	}
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed}, 1, 2), noon))
	edited := sheetRow(9)
	f.commit(signups, ledger.Poll{Header: header, At: noon, Changes: []ledger.Change{{Delivery: 1, Row: &edited}, {Delivery: 2, Row: &edited}}})
	f.reopen()
	must(t, f.Rename(t.Context(), signups, "webinar"))
	for _, o := range all {
		f.wantRecord("webinar", o.Delivery.Number, o.Record)
	}
	for _, wrong := range damages(t, f.Ledger) {
		t.Errorf("Check: %v", wrong)
	}
}

// A new record replaces the previous one, which is removed from the file.
func TestTheRecordThatWasStartedLast(t *testing.T) {
	for _, rows := range []int{2, 80} {
		f := newFile(t)
		f.commit(signups, pollOf(1, strings.Repeat("q", rows)))
		ds, err := f.Queued(t.Context(), signups, 1, 0)
		must(t, err)
		var before ledger.Upload
		for _, d := range ds {
			before = append(before, sending(d, "before"))
		}
		f.start(signups, before)
		must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed}, 2), noon))
		edited := sheetRow(9)
		f.commit(signups, ledger.Poll{Header: header, At: noon, Changes: []ledger.Change{{Delivery: 2, Row: &edited, State: ledger.Queued}}})
		again := sending(f.delivery(signups, 2), "again")
		if !again.Delivery.Edited || again.Delivery.Row.Number != 9+1 {
			t.Fatalf("the delivery of an edited row is %+v", again.Delivery)
		}
		f.start(signups, ledger.Upload{again})
		f.reopen()
		f.wantRecord(signups, 1, before[0].Record)
		f.wantRecord(signups, 2, again.Record)
		if texts := strings.Join(ledger.TextsOf(t, f.Ledger, signups), ""); strings.Count(texts, "before") != 3*(rows-1) || strings.Count(texts, "again") != 3 {
			t.Errorf("of %d rows, one of them sent again: %d texts of the first time and %d of the second", rows, strings.Count(texts, "before"), strings.Count(texts, "again"))
		}
		for _, o := range before { // all of it again
			must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Queued}, o.Delivery.Number), noon))
		}
		f.start(signups, before)
		f.wantRecord(signups, 2, before[1].Record)
		if texts := strings.Join(ledger.TextsOf(t, f.Ledger, signups), ""); strings.Count(texts, "before") != 3*rows || strings.Contains(texts, "again") {
			t.Errorf("of %d rows sent again: %q", rows, texts)
		}
		for _, wrong := range damages(t, f.Ledger) {
			t.Errorf("Check: %v", wrong)
		}
	}
}

// Single records share a value, which has their header and property names once.
func TestFewRecordsArePutTogether(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("q", 200)))
	ds, err := f.Queued(t.Context(), signups, 1, 0)
	must(t, err)
	for _, d := range ds {
		f.start(signups, ledger.Upload{sending(d, "x")})
	}
	if n := ledger.SentValues(t, f.Ledger, signups); n != 4 {
		t.Errorf("200 records sent one by one are %d values, want 4", n)
	}
	for _, d := range ds {
		f.wantRecord(signups, d.Number, sending(d, "x").Record)
	}
}

// Prune removes the records of each row that is older than the history.
func TestPruneTakesTheRecords(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("q", 1100)))
	ds, err := f.Queued(t.Context(), signups, 1, 0)
	must(t, err)
	var u ledger.Upload
	for _, d := range ds {
		u = append(u, sending(d, fmt.Sprintf("<%d>", d.Number)))
	}
	f.start(signups, u[:80], u[80:1050], u[1050:])
	must(t, f.Finish(t.Context(), signups, finished(1, states(1100, map[int]rune{7: 'f', 1001: 'h', 1100: '-'})), noon))
	_, err = f.Prune(t.Context(), noon.Add(13*time.Hour), 1<<20)
	must(t, err)
	for range 2 {
		for _, o := range u {
			want := ledger.SentRecord{}
			if n := o.Delivery.Number; n == 7 || n == 1001 || n == 1100 {
				want = o.Record
			}
			f.wantRecord(signups, o.Delivery.Number, want)
		}
		f.reopen()
	}
	texts := strings.Join(ledger.TextsOf(t, f.Ledger, signups), "")
	for n := 1; n <= 1100; n++ {
		if kept := n == 7 || n == 1001 || n == 1100; strings.Contains(texts, fmt.Sprintf("<%d>", n)) != kept {
			t.Errorf("the record of delivery %d is stored: %t", n, !kept)
		}
	}
	if n := ledger.SentValues(t, f.Ledger, signups); n != 3 {
		t.Errorf("three records of three uploads are %d values", n)
	}
	_, err = f.Move(t.Context(), signups, []uint64{7, 1001, 1100}, []ledger.State{ledger.Failed, ledger.Held, ledger.Queued}, ledger.Discarded, "", noon)
	must(t, err)
	must(t, f.Finish(t.Context(), signups, nil, noon))
	_, err = f.Prune(t.Context(), noon.Add(13*time.Hour), 1<<20)
	must(t, err)
	for _, wrong := range damages(t, f.Ledger) {
		t.Errorf("Check: %v", wrong)
	}
}

// Each delivery's record exists, and each record belongs to a delivery.
func TestCheckOfRecords(t *testing.T) {
	tests := map[string]func(*ledger.Ledger) error{
		"a record that is missing":  func(l *ledger.Ledger) error { return ledger.RemoveUpload(t.Context(), l, signups, 1) },
		"a record without delivery": func(l *ledger.Ledger) error { return ledger.ForgetUpload(t.Context(), l, signups, 2) },
	}
	for name, harm := range tests {
		l, err := ledger.Open(ledger.Options{Path: t.TempDir() + "/rowtap.db"})
		must(t, err)
		commit(t, l, signups, pollOf(1, "qqq"))
		must(t, l.Start(t.Context(), signups, uploadOf(1, 2), ledger.Hides{}, noon))
		must(t, harm(l))
		if wrong := damages(t, l); len(wrong) != 1 || wrong[0].Zap != signups || wrong[0].Kind != "sent" {
			t.Errorf("%s: Check: %v, want one defect of sent records of %s", name, wrong, signups)
		}
		must(t, l.Close())
	}
}

// A record that is not JSON could be confused with another one.
func TestARecordWithControlCharactersIsRefused(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, strings.Repeat("q", 100)))
	for _, n := range []uint64{1, 100} {
		uploads := uploadOf(upTo(1, n)...)
		uploads[0][0].Record.JSON = []byte("{\x03}")
		if err := f.Start(t.Context(), signups, uploads, ledger.Hides{}, noon); err == nil || f.delivery(signups, 1).InFlight {
			t.Errorf("Start of %d: %v", n, err)
		}
	}
}

func TestWhatAZapHidesIsKept(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "q"))
	f.commit("leads", pollOf(1, "q"))
	want := func(zap string, want ledger.Hides) {
		t.Helper()
		if d := diff(want, f.zap(zap).Hides); d != "" {
			t.Errorf("%s hides (-want +got):\n%s", zap, d)
		}
	}
	keep := func(all map[string]ledger.Hides) {
		t.Helper()
		must(t, f.KeepHides(t.Context(), all))
	}
	want(signups, ledger.Hides{})
	keep(map[string]ledger.Hides{signups: {Known: true}, "nobody": {Identity: true}})
	want(signups, ledger.Hides{Known: true})
	if _, ok, err := f.Zap(t.Context(), "nobody"); ok || err != nil {
		t.Errorf("an unknown zap was created: %t, %v", ok, err)
	}
	both := map[string]ledger.Hides{signups: {Columns: []string{"Email", "C"}, Identity: true}, "leads": {Known: true, Columns: []string{"Plan"}}}
	keep(both)
	f.reopen()
	want(signups, ledger.Hides{Columns: []string{"Email", "C"}, Identity: true})
	want("leads", ledger.Hides{Known: true, Columns: []string{"Plan"}})
	release := f.HoldWriting() // nothing has changed, so nothing is written
	keep(both)
	release()
	must(t, f.Start(t.Context(), "leads", uploadOf(1), ledger.Hides{Known: true, Columns: []string{"Stage"}}, noon))
	must(t, f.Rename(t.Context(), "leads", "contacts"))
	want("contacts", ledger.Hides{Known: true, Columns: []string{"Plan"}})
	f.commit("fresh", pollOf(1, "q"))
	must(t, f.Start(t.Context(), "fresh", uploadOf(1), ledger.Hides{Known: true, Columns: []string{"Stage"}}, noon))
	want("fresh", ledger.Hides{Known: true, Columns: []string{"Stage"}})
	if err := f.Start(t.Context(), signups, uploadOf(2), ledger.Hides{}, noon); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("Start of an unknown delivery: %v", err)
	}
	want(signups, ledger.Hides{Columns: []string{"Email", "C"}, Identity: true})
}
