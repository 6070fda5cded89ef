package ui_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// TestARecordThatWasSent shows a delivery of a zap that is gone: its record was kept.
func TestARecordThatWasSent(t *testing.T) {
	h, e := open(t)
	l := e.Ledger
	want := func(path string, texts ...string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+testToken)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, text := range texts {
			if !strings.Contains(webtest.Flat(w.Body.String()), text) {
				t.Errorf("%s: %d %s, want %s in it", path, w.Code, w.Body, text)
			}
		}
	}
	want("/api/v1/deliveries/old/1", `"sent_record":null,"answer"`)

	d, _, err := l.Delivery(t.Context(), "old", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Move(t.Context(), "old", []uint64{1}, []ledger.State{ledger.Held}, ledger.Queued, "by hand", d.DetectedAt); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(t.Context(), "old", []ledger.Outcome{{Number: 1, State: ledger.Queued, MaybeTwice: true}}, d.DetectedAt); err != nil {
		t.Fatal(err)
	}
	want("/api/v1/deliveries/old/1", `"sent_record":null,"sent_record_note":"not kept`)
	want("/deliveries/old/1", "The record of the last attempt is not shown: not kept")

	record := ledger.SentRecord{JSON: []byte(`{"evtData":{"Score":12}}`), Header: d.Header, Origins: []row.Origin{{From: 20, To: 22, Columns: []int{2}}}}
	if err := l.Start(t.Context(), "old", []ledger.Upload{{{Delivery: d, Record: record}}}, ledger.Hides{Known: true}, d.DetectedAt); err != nil {
		t.Fatal(err)
	}
	want("/api/v1/deliveries/old/1", `"record":null`, `"sent_record":{"evtData":{"Score":12}},"answer"`)
	want("/deliveries/old/1", `<th scope="row">evtData.Score</th><td><code>12</code></td>`, "Last attempt")
}

// TestARecordThatWasSentHidesWhatTheZapHides shows it after the zap was taken out with a redact
// list.
func TestARecordThatWasSentHidesWhatTheZapHides(t *testing.T) {
	h, e := open(t)
	l := e.Ledger
	d, _, err := l.Delivery(t.Context(), "old", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Move(t.Context(), "old", []uint64{1}, []ledger.State{ledger.Held}, ledger.Queued, "by hand", d.DetectedAt); err != nil {
		t.Fatal(err)
	}
	record := ledger.SentRecord{JSON: []byte(`{"evtData":{"Score":12}}`), Header: d.Header, Origins: []row.Origin{{From: 20, To: 22, Columns: []int{2}}}}
	if err := l.Start(t.Context(), "old", []ledger.Upload{{{Delivery: d, Record: record}}}, ledger.Hides{}, d.DetectedAt); err != nil {
		t.Fatal(err)
	}
	e.Hide(t, ledger.Hides{Columns: []string{"Score"}})
	status, body := webtest.Ask(t, h, "GET", "/api/v1/deliveries/old/1", "")
	if status != 200 || !strings.Contains(body, `"sent_record":{"evtData":{"Score":"[redacted]"}}`) || strings.Contains(body, "12}") {
		t.Errorf("%d %s, want the score redacted", status, body)
	}
}
