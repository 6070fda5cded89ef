package ui_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// TestRowsOfAWorksheetThatWasLeft: links of old rows lead to their own worksheet, one that failed
// promises nothing for a cell that is corrected there, and one that waits can be given up.
func TestRowsOfAWorksheetThatWasLeft(t *testing.T) {
	h, e := open(t)
	l := e.Ledger
	at := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	commit := func(p ledger.Poll) {
		t.Helper()
		_, err := l.Commit(t.Context(), "old", p)
		ok(err)
	}
	newRow := func(n uint64, s ledger.State) ledger.NewRow {
		return ledger.NewRow{State: s, Row: row.Row{Number: int(n) + 10, Cells: []row.Cell{row.TextCell("b@example.com")}}}
	}
	poll := ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Shown: "Signups Oct", Header: row.HeaderOf([]string{"Email"}), Action: "upload_event", At: at,
		New:    []ledger.NewRow{newRow(2, ledger.Waiting), newRow(3, ledger.Queued)},
		Cursor: webtest.CursorOf(detect.Seen{Number: 12, Delivery: 2}, detect.Seen{Number: 13, Delivery: 3}),
	}
	commit(poll)
	const promise = "correct the cell and rowtap retries the row"
	ok(l.Finish(t.Context(), "old", []ledger.Outcome{{Number: 3, State: ledger.Failed, Problem: &ledger.Problem{Message: "no phone number", Hint: promise}}}, at))
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/deliveries/old/3")
	b.Sees("before the move", status, 200, body, promise)
	b.Leads("/deliveries/old/3/row", "#gid=0&range=13:13")

	poll.GID, poll.Shown, poll.New = 99, "Signups", []ledger.NewRow{newRow(4, ledger.Queued)}
	poll.Cursor = webtest.CursorOf(detect.Seen{Number: 14, Delivery: 4})
	commit(poll)
	status, _, body = b.Get("/deliveries/old/3")
	b.Sees("a failed row", status, 200, body, "the zap no longer watches worksheet", "corrections there go unnoticed", "rowtap replay old/3")
	if strings.Contains(body, promise) {
		t.Error("a failed row that was left behind promises a retry")
	}
	status, _, body = b.Get("/deliveries/old/2")
	b.Sees("a waiting row", status, 200, body, "The zap no longer watches worksheet", `value="discard"`)
	for n, want := range map[int]string{2: "#gid=0&range=12:12", 3: "#gid=0&range=13:13", 4: "#gid=99&range=14:14"} {
		path := fmt.Sprintf("/deliveries/old/%d/row", n)
		b.Leads(path, want)
		status, _, body = b.Get("/zaps/old")
		b.Sees("history", status, 200, body, path)
	}

	r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/deliveries?zap=old", nil)
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+testToken)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var ds []api.Delivery
	ok(json.Unmarshal(w.Body.Bytes(), &ds))
	for _, d := range ds {
		if left := d.ID != "old/4"; d.LeftBehind != left || d.Worksheet == nil || (d.Worksheet.GID == 0) != left {
			t.Errorf("%s: left behind %t, of %+v", d.ID, d.LeftBehind, d.Worksheet)
		}
	}
}
