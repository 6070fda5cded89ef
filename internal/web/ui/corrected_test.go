package ui_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

const bothSettings = `google_accounts:
  google: {credentials_file: google.json}
  emulated: {credentials_file: google.json, endpoint: "http://127.0.0.1:9/"}
clevertap_accounts: {production: {account_id: A, passcode: P, endpoint: "http://127.0.0.1:9"}}
`

// correctedZap maps columns with a name, without one, and beyond Z.
func correctedZap(account string) string {
	return `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: ` + account + `, spreadsheet: book, worksheet: Signups}
action:
  app: clevertap
  event: create_update_user_profile
  account: production
  identity: "{{Email}}"
  properties:
    Name: "{{Name}}"
    City: "{{City}}"
    Score: {value: "{{ row[\"C\"] }}", type: number}
    Phone: {value: "{{Mobile}}", type: phone, country: IN}
redact: [Mobile, City]
`
}

// failedRows returns the page of an engine with the zaps signups, of Google, and local, of an
// emulator. Each has two failed deliveries: one that the mapping has refused for two cells, and one
// that CleverTap has refused for its phone number.
func failedRows(t *testing.T) (http.Handler, *webtest.Engine) {
	t.Helper()
	e := webtest.New(t, "signups", "local")
	write := func(name, text string) {
		must(t, os.WriteFile(filepath.Join(e.Config().Dir, name), []byte(text), 0o600))
	}
	write("rowtap.yaml", bothSettings)
	write("zaps/signups.yaml", correctedZap("google"))
	write("zaps/local.yaml", correctedZap("emulated"))
	must(t, e.Reload(t.Context()))
	names := make([]string, 27)
	copy(names, []string{"Email", "Name", "", "City"})
	names[26] = "Mobile"
	cells := func(email, age, mobile string) []row.Cell {
		cells := make([]row.Cell, 27)
		for i, text := range map[int]string{0: email, 1: "Asha", 2: age, 3: "Pune", 26: mobile} {
			cells[i] = row.TextCell(text)
		}
		return cells
	}
	at := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	for _, zapName := range []string{"signups", "local"} {
		_, err := e.Ledger.Commit(t.Context(), zapName, ledger.Poll{
			SpreadsheetID: "book", Title: "Signups", Header: row.HeaderOf(names), Action: "create_update_user_profile", At: at,
			Cursor: webtest.CursorOf(detect.Seen{Number: 7, Delivery: 1}, detect.Seen{Number: 9, Delivery: 2}),
			New: []ledger.NewRow{
				{State: ledger.Queued, Row: row.Row{Number: 7, Cells: cells("asha@example.com", "old", "+91 98x")}},
				{State: ledger.Queued, Row: row.Row{Number: 8, Cells: cells("noor@example.com", "41", "+91 98450 12345")}},
			},
		})
		must(t, err)
		mapping := &ledger.Problem{Message: "not a number", Column: "C", Hint: "correct the cell", Next: &ledger.Problem{Message: "not a phone number", Column: "Mobile"}}
		must(t, e.Ledger.Finish(t.Context(), zapName, []ledger.Outcome{
			{Number: 1, State: ledger.Failed, Problem: mapping},
			{Number: 2, State: ledger.Failed, Problem: &ledger.Problem{Code: "516", Message: "Phone number refused"}, Answer: &ledger.Answer{At: at, HTTPStatus: 200, Sent: 1}},
		}, at))
	}
	return web.New(web.Options{Engine: e.Engine, Token: config.NewSecret(testToken), Log: zap.NewNop()}), e
}

// wrongCell is a marked cell of the page, up to its place in the sheet.
func wrongCell(column, text, place string) string {
	return `<tr class="wrong"><th scope="row">` + column + `</th><td class="text">` + text + ` <span class="mark">failed</span> ` + place
}

func cellLink(id, column, ref string) string {
	return `<a class="mark" href="/deliveries/` + id + `/row?column=` + column + `" rel="noreferrer noopener" target="_blank" aria-label="Cell ` + ref + ` in the sheet">` + ref + `</a>`
}

// TestAFailedRowShowsItsCells: all cells at fault are marked, with a link to each where Google shows
// the sheet, next to what could be made of the record. What is redacted stays hidden.
func TestAFailedRowShowsItsCells(t *testing.T) {
	h, _ := failedRows(t)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/deliveries/signups/1")
	b.Sees("by the mapping", status, 200, body,
		wrongCell("C", "old", cellLink("signups/1", "C", "C7")), wrongCell("Mobile", "<em>[redacted]</em>", cellLink("signups/1", "Mobile", "AA7")),
		`<tr class="missing"><th scope="row">profileData.Score</th><td><code></code> <span class="mark">missing</span>`, `<tr class="missing"><th scope="row">profileData.Phone</th>`,
		"Incomplete: 2 errors left", `<th scope="row">profileData.Name</th><td><code>&#34;Asha&#34;</code>`, `<th scope="row">profileData.City</th><td><code>&#34;[redacted]&#34;</code>`,
		"Corrections are read at the next poll", `<button formaction="/zaps/signups/poll">Poll now</button>`)
	if n := strings.Count(body, `class="wrong"`); n != 2 {
		t.Errorf("%d cells are marked, want 2", n)
	}
	for _, secret := range []string{"98x", "Pune"} {
		if strings.Contains(body, secret) {
			t.Errorf("the page has %s", secret)
		}
	}
	status, _, body = b.Get("/deliveries/signups/2")
	b.Sees("by CleverTap", status, 200, body, "516: Phone number refused", wrongCell("Mobile", "<em>[redacted]</em>", cellLink("signups/2", "Mobile", "AA8")), `<th scope="row">profileData.Score</th>`)
	b.Leads("/deliveries/signups/1/row?column=C", "/book/edit#gid=0&range=C7")
	b.Leads("/deliveries/signups/2/row?column=Mobile", "/book/edit#gid=0&range=AA9") // its row has moved
	b.Leads("/deliveries/signups/2/row?column=Gone", "/book/edit#gid=0&range=9:9")
	b.Leads("/deliveries/signups/2/row", "/book/edit#gid=0&range=9:9")

	status, _, body = b.Get("/deliveries/local/1")
	b.Sees("of an emulator", status, 200, body, wrongCell("Mobile", "<em>[redacted]</em>", `<span class="mark">AA7</span>`))
	if strings.Contains(body, "row?column=") {
		t.Error("a cell of an emulator is linked to")
	}
	b.Leads("/deliveries/local/2/row?column=Mobile", "/book/edit#gid=0&range=9:9")

	b.Submit("/zaps/signups/pause")
	status, _, body = b.Get("/deliveries/signups/1")
	b.Sees("of a paused zap", status, 200, body, "The zap is paused: corrections are read once it is resumed.")
	if strings.Contains(body, "Poll now") {
		t.Error("a paused zap can be polled")
	}
}

// TestAFailedRowThatCannotBeCorrected: a deleted row has no links and no promise.
func TestAFailedRowThatCannotBeCorrected(t *testing.T) {
	h, e := failedRows(t)
	deleted := true
	_, err := e.Ledger.Commit(t.Context(), "signups", ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", At: time.Now(), Cursor: webtest.CursorOf(), Changes: []ledger.Change{{Delivery: 1, DeletedInSheet: &deleted}},
	})
	must(t, err)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/deliveries/signups/1")
	b.Sees("deleted", status, 200, body, "which has been deleted since", `<tr class="wrong">`)
	for _, text := range []string{"/row", "AA7", "Corrections are", "correct the cell", "Poll now"} {
		if strings.Contains(body, text) {
			t.Errorf("the page has %q", text)
		}
	}
}

// TestAnEditedRowShowsWhatItWas: cells that differ from those that were found say so, without those
// that are hidden. A queued row has none at fault: it may be corrected.
func TestAnEditedRowShowsWhatItWas(t *testing.T) {
	h, e := failedRows(t)
	d, _, err := e.Ledger.Delivery(t.Context(), "signups", 1)
	must(t, err)
	edited := row.Row{Number: 7, Cells: make([]row.Cell, 27)}
	for i, text := range map[int]string{0: "asha@example.com", 1: "Asha Nair", 2: "72", 3: "Delhi", 26: "+91 98450 12345"} {
		edited.Cells[i] = row.TextCell(text)
	}
	_, err = e.Ledger.Commit(t.Context(), "signups", ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", At: time.Now(), Header: d.Header, Cursor: webtest.CursorOf(detect.Seen{Number: 7, Delivery: 1}),
		Changes: []ledger.Change{{Delivery: 1, Row: &edited, State: ledger.Queued}},
	})
	must(t, err)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/deliveries/signups/1")
	b.Sees("edited", status, 200, body, "The last attempt failed:", `<td class="text">Asha Nair <span class="about">when found: Asha</span></td>`, "72 <span class=\"about\">when found: old</span>",
		`<em>[redacted]</em> <span class="about">when found: [redacted]</span>`)
	for _, text := range []string{"98x", "Pune", "Delhi", `class="wrong"`, "found: asha"} {
		if strings.Contains(body, text) {
			t.Errorf("the page has %s", text)
		}
	}
}

// TestACorrectedFileIsShown: once the file maps the row, its record is shown and the cell that it
// failed for stays marked.
func TestACorrectedFileIsShown(t *testing.T) {
	h, e := failedRows(t)
	text := strings.NewReplacer("type: number", "type: text", `{value: "{{Mobile}}", type: phone, country: IN}`, "'+919845012345'").Replace(correctedZap("google"))
	must(t, os.WriteFile(filepath.Join(e.Config().Dir, "zaps/signups.yaml"), []byte(text), 0o600))
	must(t, e.Reload(t.Context()))
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/deliveries/signups/1")
	b.Sees("corrected", status, 200, body, wrongCell("C", "old", ""), `<th scope="row">profileData.Score</th><td><code>&#34;old&#34;</code>`, `<button class="primary" name="do" value="replay">Replay</button>`)
	if strings.Contains(body, "Incomplete") || strings.Contains(body, "Correct the row") {
		t.Error("the row is said to fail again")
	}
}

// A row of a worksheet that the zap no longer watches has no button that leads to its correction,
// which would not be seen.
func TestARowLeftBehindIsNotToBeCorrected(t *testing.T) {
	h, e := failedRows(t)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	refused := &ledger.Problem{Code: "516", Message: "not a phone number: use digits, spaces, ( ) - . / and one leading +", Column: "Mobile"}
	for name, label := range map[string]string{"signups": ">Correct cell B7<", "local": ">Correct the row<"} {
		read := ledger.Poll{
			SpreadsheetID: "book", Title: "Signups", Header: row.HeaderOf([]string{"Email", "Mobile", "C", "Name", "City"}), Action: "create_update_user_profile",
			Cursor: webtest.CursorOf(detect.Seen{Number: 7, Delivery: 3}),
			New:    []ledger.NewRow{{State: ledger.Queued, Row: row.Row{Number: 7, Cells: []row.Cell{row.TextCell("a@example.com"), row.TextCell("98x"), row.TextCell("41")}}}},
		}
		_, err := e.Ledger.Commit(t.Context(), name, read)
		must(t, err)
		must(t, e.Ledger.Finish(t.Context(), name, []ledger.Outcome{{Number: 3, State: ledger.Failed, Problem: refused}}, time.Now()))
		status, _, body := b.Get("/deliveries/" + name + "/3")
		b.Sees("watched", status, 200, body, label)
		read.GID, read.New = 99, nil
		_, err = e.Ledger.Commit(t.Context(), name, read)
		must(t, err)
		status, _, body = b.Get("/deliveries/" + name + "/3")
		b.Sees("left behind", status, 200, body, "no longer watches worksheet", `value="replay"`)
		if strings.Contains(body, ">Correct ") {
			t.Errorf("the row of %s is to be corrected", name)
		}
	}
}

// TestWhySaysWhatIsNext: the page says what the command does.
func TestWhySaysWhatIsNext(t *testing.T) {
	h, _ := failedRows(t)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/zaps/signups/why?row=7")
	b.Sees("failed", status, 200, body, "Next: rowtap show signups/1")
}

// TestAValueThatWasSentIsMissing: the last attempt's record is shown next to one that can no longer
// be made.
func TestAValueThatWasSentIsMissing(t *testing.T) {
	h, e := failedRows(t)
	_, err := e.Ledger.Move(t.Context(), "signups", []uint64{2}, []ledger.State{ledger.Failed}, ledger.Queued, "", time.Now())
	must(t, err)
	d, _, err := e.Ledger.Delivery(t.Context(), "signups", 2)
	must(t, err)
	record := ledger.SentRecord{JSON: []byte(`{"profileData":{"Score":41}}`), Header: d.Header}
	must(t, e.Ledger.Start(t.Context(), "signups", []ledger.Upload{{{Delivery: d, Record: record}}}, ledger.Hides{Known: true}, time.Now()))
	must(t, e.Ledger.Finish(t.Context(), "signups", []ledger.Outcome{{Number: 2, State: ledger.Failed, Problem: &ledger.Problem{Code: "516", Message: "Phone number refused"}}}, time.Now()))
	text := strings.Replace(correctedZap("google"), "type: number", "type: boolean", 1)
	must(t, os.WriteFile(filepath.Join(e.Config().Dir, "zaps/signups.yaml"), []byte(text), 0o600))
	must(t, e.Reload(t.Context()))
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	status, _, body := b.Get("/deliveries/signups/2")
	b.Sees("once sent", status, 200, body, "Last attempt", `<tr class="missing"><th scope="row">profileData.Score</th><td><code>41</code></td><td><code></code> <span class="mark">missing</span></td>`)
}
