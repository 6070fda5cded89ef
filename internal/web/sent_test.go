package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
)

const sentBy = `{"text":"schedule: '@every 1m'\ntrigger: {app: google_sheets, event: new_spreadsheet_row, account: m, spreadsheet: b, worksheet: S, start: now}\n` +
	`action: {app: clevertap, event: upload_event, account: p, identity: '{{Email}}', event_name: Signup, properties: {Score: '{{Score}}'}}\n"}`

// TestARecordThatWasSent shows a delivery of a zap that is gone: the record is made by the recipe of then.
func TestARecordThatWasSent(t *testing.T) {
	h, e := open(t)
	l := e.Ledger()
	if status, body := ask(t, h, "GET", "/api/v1/deliveries/old/1", ""); status != 200 || !strings.Contains(body, `"sent_record":null,"answer"`) {
		t.Errorf("before it is sent: %d %s, want no sent_record", status, body)
	}
	d, _, err := l.Delivery(t.Context(), "old", 1)
	if err != nil {
		t.Fatal(err)
	}
	z, err := config.ReadKept("old", []byte(sentBy))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Compile(z)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := m.Bind(d.Header)
	if err != nil {
		t.Fatal(err)
	}
	record, _, err := bound.Record(0, d.Row, mapping.Context{Zone: time.UTC, DetectedAt: d.DetectedAt})
	if err != nil {
		t.Fatal(err)
	}
	version, err := l.KeepRecipe(t.Context(), "old", []byte(sentBy))
	if err != nil {
		t.Fatal(err)
	}
	finish := func(print uint32) {
		t.Helper()
		if _, err := l.Move(t.Context(), "old", []uint64{1}, []ledger.State{ledger.Held, ledger.Sent}, ledger.Queued, "by hand", d.DetectedAt); err != nil {
			t.Fatal(err)
		}
		if err := l.Finish(t.Context(), "old", []ledger.Outcome{{Number: 1, State: ledger.Sent, Recipe: version, Print: print}}, d.DetectedAt); err != nil {
			t.Fatal(err)
		}
	}
	want := func(path string, texts ...string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, text := range texts {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s: %d %s, want %s in it", path, w.Code, w.Body, text)
			}
		}
	}
	finish(uint32(xxhash.Sum64(record.JSON)))
	want("/api/v1/deliveries/old/1", `"record":null`, `"sent_record":`+string(record.JSON)+`,"answer"`)
	want("/deliveries/old/1", `<th scope="row">evtData.Score</th><td><code>12</code></td>`, "As it was tried")
	finish(1)
	want("/api/v1/deliveries/old/1", `"sent_record":null,"sent_record_note":"the row has been edited`)
	want("/deliveries/old/1", "The record that was tried is not shown: the row has been edited")
}
