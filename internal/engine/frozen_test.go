package engine

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// frozenTime is shortly after the last poll of the state written by the first release, within the
// day for which vanished rows are remembered.
var frozenTime = time.Date(2026, 3, 5, 18, 0, 0, 0, time.UTC)

const frozenZap = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: %s, worksheet: %q, start: now, max_new_rows: 0, %s}
action:
  app: clevertap
  event: create_update_user_profile
  account: production
  identity: "{{%s}}"
  properties: {%s}
`

// frozenTriggers are the trigger settings, identity columns and properties of the zaps of the
// frozen state. The key of leads is its identity, in which letter case does not count: today each
// of its keys has a different hash.
var frozenTriggers = map[string][3]string{
	"signups":  {"require: [Email]", "Email", `Name: "{{Name}}", Mobile: {value: "{{Mobile}}", type: phone, country: IN}`},
	"leads":    {`require: ["Response ID"], key: ["Response ID"]`, "Response ID", `Plan: "{{Plan}}"`},
	"moved":    {"require: [Email]", "Email", `Name: "{{Name}}"`},
	"doubted":  {"require: [Email]", "Email", `Name: "{{Name}}"`},
	"shadowed": {"require: [Email]", "Email", `Name: "{{Name}}"`},
}

// frozenSheet is a worksheet as it was when its zap last polled it. serve writes edits of it to the
// sandbox.
type frozenSheet struct {
	Zap, Spreadsheet string
	GID              int64
	Title            string
	Header           []string
	Rows             [][]any
}

// unzipped returns a frozen file of the first release, by the end of its name.
func unzipped(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "ledger", "testdata", "schema-4"+name))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if content, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return content
}

// upgraded is today's engine on the state of the first release, with the worksheets as they were.
type upgraded struct {
	*rig
	clock  *shiftedClock
	sheets []*frozenSheet
	next   map[string]uint64 // the zaps' next deliveries before the upgrade
}

// upgrade makes one from the frozen state file or, with restored, from a restored backup.
func upgrade(t *testing.T, restored bool) *upgraded {
	t.Helper()
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(box.Handler())
	t.Cleanup(srv.Close)
	t.Cleanup(box.Close)
	u := &upgraded{next: map[string]uint64{}}
	if err := json.Unmarshal(unzipped(t, ".sheets.json.gz"), &u.sheets); err != nil {
		t.Fatal(err)
	}
	key, err := box.AuthorizedUserKey(srv.URL + "/token")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	state := filepath.Join(dir, "state", "rowtap.db")
	files := map[string][]byte{"rowtap.yaml": fmt.Appendf(nil, rigSettings, srv.URL, srv.URL), "google.json": key}
	if restored {
		files["backup.db"] = unzipped(t, ".backup.gz")
	} else {
		files["state/rowtap.db"] = unzipped(t, ".db.gz")
	}
	u.sheets = slices.DeleteFunc(u.sheets, func(s *frozenSheet) bool { return s.Zap == "orders" })
	for _, s := range u.sheets {
		if err := box.Sheets().AddSpreadsheet(s.Spreadsheet, s.Zap, "Asia/Kolkata"); err != nil && len(files["zaps/"+s.Zap+".yaml"]) == 0 {
			t.Fatal(err)
		}
		if err := box.Sheets().AddWorksheet(s.Spreadsheet, s.Title, s.GID); err != nil {
			t.Fatal(err)
		}
		if len(files["zaps/"+s.Zap+".yaml"]) == 0 { // of several worksheets, the first is the one read last
			files["zaps/"+s.Zap+".yaml"] = []byte(frozenFile(s))
		}
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if restored {
		if _, err := ledger.Restore(t.Context(), state, filepath.Join(dir, "backup.db"), frozenTime); err != nil {
			t.Fatal(err)
		}
	}
	u.rig = openRig(t, box, dir)
	u.clock = u.clocked()
	u.at(0)
	for name := range frozenTriggers {
		u.next[name] = u.nextDelivery(t, name)
	}
	u.serve(t)
	return u
}

func frozenFile(s *frozenSheet) string {
	says := frozenTriggers[s.Zap]
	return fmt.Sprintf(frozenZap, s.Spreadsheet, s.Title, says[0], says[1], says[2])
}

// at sets the clock to a time after the last poll before the upgrade.
func (u *upgraded) at(after time.Duration) { u.clock.set(frozenTime.Add(after).Sub(wallClock())) }

// sheet returns the nth worksheet of a zap.
func (u *upgraded) sheet(zap string, nth int) *frozenSheet {
	for _, s := range u.sheets {
		if s.Zap == zap {
			if nth == 0 {
				return s
			}
			nth--
		}
	}
	return nil
}

// serve writes the worksheets to the sandbox.
func (u *upgraded) serve(t *testing.T) {
	t.Helper()
	for _, s := range u.sheets {
		rows := make([][]sandbox.Value, 1, 1+len(s.Rows))
		for _, name := range s.Header {
			rows[0] = append(rows[0], sandbox.Text(name))
		}
		for _, cells := range s.Rows {
			var line []sandbox.Value
			for _, v := range cells {
				line = append(line, cellOf(v))
			}
			rows = append(rows, line)
		}
		if err := u.box.Sheets().Replace(s.Spreadsheet, s.Title, rows...); err != nil {
			t.Fatal(err)
		}
	}
}

func cellOf(v any) sandbox.Value {
	switch v := v.(type) {
	case string:
		return sandbox.Text(v)
	case float64:
		return sandbox.Number(v)
	case bool:
		return sandbox.Bool(v)
	case map[string]any:
		return sandbox.Date(v["date"].(float64), "")
	}
	return sandbox.Value{}
}

// added returns the rows that a zap has found since the upgrade, in order, as CELL:STATE with the
// first cell of each. Rows that fired are queued or sent.
func (u *upgraded) added(t *testing.T, zap string) string {
	t.Helper()
	ds, err := u.Deliveries(t.Context(), ledger.Query{Zap: zap})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, d := range ds {
		if d.Number >= u.next[zap] {
			found = append(found, d.Row.Cell(0).String()+":"+d.State.String())
		}
	}
	slices.Reverse(found)
	return strings.Join(found, " ")
}

func (s *frozenSheet) insert(at int, rows ...[]any) { s.Rows = slices.Insert(s.Rows, at, rows...) }

// find returns the row whose first cell is a text.
func (s *frozenSheet) find(t *testing.T, first string) []any {
	t.Helper()
	for _, r := range s.Rows {
		if r[0] == first {
			return r
		}
	}
	t.Fatalf("no row %s in worksheet %s of zap %s", first, s.Title, s.Zap)
	return nil
}

// somebody returns a new row for the worksheets of people.
func somebody(name string) []any {
	return []any{name, "Some Body", "+91 99000 11223", 5.5, map[string]any{"date": 46500.5}, true, "Chennai"}
}

// frozenPerson returns a row as in the frozen state.
func frozenPerson(i int) []any {
	return []any{
		fmt.Sprintf("Person%d@example.com", i), fmt.Sprintf("  Ünal  %d", i), fmt.Sprint("+91 98200 ", 10000+i*37), float64(i) / 4,
		map[string]any{"date": 46000 + float64(i) + 0.25},
		i%3 == 0, []string{"Pune", "Delhi", "Goa"}[i%3],
	}
}

func sortBy(s *frozenSheet, column int) {
	slices.SortStableFunc(s.Rows, func(a, b []any) int { return cmp.Compare(fmt.Sprint(a[column]), fmt.Sprint(b[column])) })
}
