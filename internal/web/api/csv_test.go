package api_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// asCSV returns the lines of deliveries as CSV.
func asCSV(t *testing.T, e *webtest.Engine, query string) [][]string {
	t.Helper()
	status, body := webtest.Ask(t, handlerOf(e), "GET", "/api/v1/deliveries?format=csv&"+query, "")
	if status != 200 {
		t.Fatalf("%s: %d %s", query, status, body)
	}
	lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return lines
}

// Formulas are neutralized, in headers, too, unless the client asks for cells as they are. Redacted
// cells are left out in both cases.
func TestDeliveriesAsCSV(t *testing.T) {
	_, e := open(t)
	cells := []string{
		"=1+1", "'=1+1", "@SUM(A1)", "'@SUM(A1)", "\t=1", "'\t=1", "\r=1", "'\r=1",
		"+91 (98765) 432-10", "+91 (98765) 432-10", "-12.5", "-12.5", "+1/2", "+1/2", "+", "+", "-", "-",
		"+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0", "-2+3", "'-2+3", "-a", "'-a", "+1\n=2", "'+1\n=2", "+1,5", "'+1,5",
		"a=b", "a=b", " =1", " =1", "a,\"b\"\nc", "a,\"b\"\nc", "é", "é", "", "",
	}
	p := ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Cursor: webtest.CursorIn([]byte{1}), Action: "upload_event",
		Header: row.HeaderOf([]string{"=HYPERLINK(1)", "Mobile"}), At: time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC),
	}
	for i := 0; i < len(cells); i += 2 {
		p.New = append(p.New, ledger.NewRow{State: ledger.Held, Reason: "=why", Row: row.Row{Number: i + 10, Cells: []row.Cell{row.TextCell(cells[i]), row.TextCell("secret")}}})
	}
	if _, err := e.Ledger.Commit(t.Context(), "old", p); err != nil {
		t.Fatal(err)
	}
	e.Hide(t, ledger.Hides{Columns: []string{"Mobile"}})
	for raw, kept := range map[string]int{"": 1, "&raw=true": 0} {
		lines := asCSV(t, e, "zap=old&limit=0&columns=true"+raw)
		slices.Reverse(lines)
		mark := strings.Repeat("'", kept)
		if got, want := strings.Join(lines[len(lines)-1], "|"), "id|zap|row|state|identity|detected_at|updated_at|error|"+mark+"=HYPERLINK(1)|Mobile|Email|B|Score"; got != want {
			t.Errorf("header %q, want %q", got, want)
		}
		if got, want := strings.Join(lines[0], "|"), "old/1|old|7|held||2026-11-24T10:00:00Z|2026-11-24T10:00:00Z|may be an edit of row 4|||a@example.com|FALSE|12"; got != want {
			t.Errorf("first delivery %q, want %q", got, want)
		}
		for i := 0; i < len(cells); i += 2 {
			line := lines[i/2+1]
			if want := strings.ReplaceAll(cells[i+kept], "\r\n", "\n"); line[8] != want {
				t.Errorf("raw %q: cell %q is %q, want %q", raw, cells[i], line[8], want)
			}
			if line[9] != mapping.Redacted || line[7] != mark+"=why" {
				t.Errorf("raw %q: %q, want a redacted cell and %s=why", raw, line, mark)
			}
		}
	}
}

// Redacted identities are left out, whatever the options.
func TestCSVWithoutIdentities(t *testing.T) {
	_, e := open(t)
	e.Fill(t, 3)
	e.Hide(t, ledger.Hides{Columns: []string{"Email"}, Identity: true})
	for _, line := range asCSV(t, e, "raw=true&limit=0&zap=old")[1:] {
		if len(line) != 8 || line[4] != mapping.Redacted {
			t.Errorf("line %q, want 8 fields and no identity", line)
		}
	}
}

// The list and the CSV file have the same deliveries.
func TestCSVOfAPeriod(t *testing.T) {
	_, e := open(t)
	e.Fill(t, 3)
	for query, want := range map[string]int{
		"":                           4,
		"limit=2":                    2,
		"since=2026-11-24T10:30:00Z": 3,
		"until=2026-11-24T11:00:00Z": 1,
		"error=EDIT+of+row":          1,
		"state=sent":                 0,
		"identity=a@example.com":     0, // the zap is not in the configuration
		"since=2026-11-24T10:30:00Z&until=2026-11-24T10:40:00Z": 0,
	} {
		if got := len(asCSV(t, e, query)) - 1; got != want {
			t.Errorf("%s: %d deliveries as CSV, want %d", query, got, want)
		}
		if status, body := webtest.Ask(t, handlerOf(e), "GET", "/api/v1/deliveries?"+query, ""); status != 200 || strings.Count(body, `"id":`) != want {
			t.Errorf("%s: %d, %d deliveries as JSON, want %d", query, status, strings.Count(body, `"id":`), want)
		}
	}
}
