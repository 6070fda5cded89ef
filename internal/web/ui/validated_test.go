package ui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// What was validated in shadow mode has a state of its own, on the page and in the API.
func TestValidatedIsNotSent(t *testing.T) {
	h, e := open(t)
	now := time.Now()
	_, err := e.Ledger.Commit(t.Context(), "old", ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Header: row.HeaderOf([]string{"Email"}), Action: "upload_event", At: now, Shadow: true,
		New: []ledger.NewRow{{State: ledger.Queued, Row: row.Row{Number: 8, Cells: []row.Cell{row.TextCell("b@example.com")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Ledger.Finish(t.Context(), "old", []ledger.Outcome{{Number: 2, State: ledger.Validated}}, now); err != nil {
		t.Fatal(err)
	}
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/")
	b.Sees("overview", status, 200, body, `data-name="Validated">1</td>`, `class="n zero" data-name="Sent">0</td>`, `<path class="validated"`, "1 validated")
	status, _, body = b.Get("/zaps/old?state=validated")
	b.Sees("history", status, 200, body, `>validated <span class="count">1</span>`, `href="/deliveries/old/2"`, `<dt>Validated</dt><dd>1</dd>`, `<span class="state validated">validated</span>`)
	status, _, body = b.Get("/deliveries/old/2")
	b.Sees("delivery", status, 200, body, "by a dry run in shadow mode: not sent", "Validate again")
	for state, want := range map[string]bool{"validated": true, "sent": false} {
		code, body := webtest.Ask(t, h, http.MethodGet, "/api/v1/deliveries?state="+state, "")
		if code != http.StatusOK || strings.Contains(body, `"old/2"`) != want {
			t.Errorf("state %s: HTTP %d, %s; want old/2 among them: %t", state, code, body, want)
		}
	}
}
