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
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// frozenTime is shortly after the last poll of the state that the first release wrote, within the day that vanished rows are
// remembered for.
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

// frozenTriggers are what the zaps of the frozen state say beyond their worksheets, their identities' columns and their properties.
// The key of leads is its identity, so that letter case does not count in it: each of its keys is hashed otherwise today.
var frozenTriggers = map[string][3]string{
	"signups":  {"require: [Email]", "Email", `Name: "{{Name}}", Mobile: {value: "{{Mobile}}", type: phone, country: IN}`},
	"leads":    {`require: ["Response ID"], key: ["Response ID"]`, "Response ID", `Plan: "{{Plan}}"`},
	"moved":    {"require: [Email]", "Email", `Name: "{{Name}}"`},
	"doubted":  {"require: [Email]", "Email", `Name: "{{Name}}"`},
	"shadowed": {"require: [Email]", "Email", `Name: "{{Name}}"`},
}

// frozenSheet is a worksheet as it was when its zap last polled it; an edit of it is written to the sandbox by serve.
type frozenSheet struct {
	Zap, Spreadsheet string
	GID              int64
	Title            string
	Header           []string
	Rows             [][]any
}

// unzipped returns a frozen file of the first release's form, by the end of its name.
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

// upgraded is an engine of today on the state of the first release, with the worksheets as they were.
type upgraded struct {
	*rig
	clock  *shiftedClock
	sheets []*frozenSheet
	next   map[string]uint64 // the zaps' next deliveries before the upgrade
}

// upgrade makes one. The state is the frozen state file, or with restored a backup that was restored.
func upgrade(t *testing.T, restored bool) *upgraded {
	t.Helper()
	box, err := sandbox.New(sandbox.Options{ReadsPerMinute: -1})
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
		if len(files["zaps/"+s.Zap+".yaml"]) == 0 { // of several worksheets the first is the one that was read last
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
		if _, err := ledger.Restore(state, filepath.Join(dir, "backup.db"), frozenTime); err != nil {
			t.Fatal(err)
		}
	}
	u.rig = openRig(t, box, dir)
	u.clock = u.clocked()
	u.at(0)
	for name := range frozenTriggers {
		if u.next[name], err = u.ledger.NextDelivery(name); err != nil {
			t.Fatal(err)
		}
	}
	u.serve(t)
	return u
}

func frozenFile(s *frozenSheet) string {
	says := frozenTriggers[s.Zap]
	return fmt.Sprintf(frozenZap, s.Spreadsheet, s.Title, says[0], says[1], says[2])
}

// at sets the clock to some time after the last poll before the upgrade.
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

// added returns what a zap has found since the upgrade, in order, as CELL:STATE by the rows' first cell. Rows that fired are queued or
// sent.
func (u *upgraded) added(t *testing.T, zap string) string {
	t.Helper()
	ds, err := u.Deliveries(ledger.Query{Zap: zap})
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

// somebody is a new row for the worksheets of people.
func somebody(name string) []any {
	return []any{name, "Some Body", "+91 99000 11223", 5.5, map[string]any{"date": 46500.5}, true, "Chennai"}
}

// TestUpgrade: what is added between the last poll of the first release and the first of today's fires, what was there does not,
// whatever was done to the sheet meanwhile.
func TestUpgrade(t *testing.T) {
	cases := []struct {
		name, zap string
		edit      func(*testing.T, *frozenSheet)
		want      string // added
	}{
		{"as it was", "signups", nil, ""},
		{"as it was", "leads", nil, ""},
		{"as it was", "moved", nil, ""},
		{"as it was", "doubted", nil, ""},
		{"as it was, in shadow then paused", "shadowed", nil, ""},
		{
			"appended", "signups", func(_ *testing.T, s *frozenSheet) {
				s.insert(len(s.Rows), somebody("x@new.example"), somebody("y@new.example"))
			},
			"x@new.example:queued y@new.example:queued",
		},
		{"inserted", "signups", func(_ *testing.T, s *frozenSheet) {
			s.insert(20, somebody("x@new.example"))
			s.insert(0, somebody("y@new.example"))
		}, "y@new.example:queued x@new.example:queued"},
		{"half-typed", "signups", func(_ *testing.T, s *frozenSheet) { s.insert(3, []any{nil, "Half"}) }, ":waiting"},
		{"sorted", "signups", func(_ *testing.T, s *frozenSheet) { sortBy(s, 1) }, ""},
		{"sorted, with a new one", "signups", func(_ *testing.T, s *frozenSheet) {
			s.insert(0, somebody("x@new.example"))
			sortBy(s, 2)
		}, "x@new.example:queued"},
		{"reversed, a row deleted, another edited", "signups", func(_ *testing.T, s *frozenSheet) {
			slices.Reverse(s.Rows)
			s.Rows = slices.Delete(s.Rows, 4, 5)
			s.Rows[12][6] = "Mumbai"
		}, ""},
		{"vanished rows come back", "signups", func(_ *testing.T, s *frozenSheet) {
			for i := 33; i < 36; i++ { // deleted before the upgrade
				s.insert(len(s.Rows), frozenPerson(i))
			}
		}, ""},
		{"a column is inserted, another renamed", "signups", func(_ *testing.T, s *frozenSheet) {
			s.Header = slices.Insert(slices.Clone(s.Header), 1, "Source")
			s.Header[len(s.Header)-1] = "Town"
			for i := range s.Rows {
				s.Rows[i] = slices.Insert(slices.Clone(s.Rows[i]), 1, any("web"))
			}
		}, ""},
		{"appended with a key", "leads", func(_ *testing.T, s *frozenSheet) {
			s.insert(len(s.Rows), []any{"R-9999", "x@new.example", "gold", "new"})
			s.insert(0, []any{"R-9998", "y@new.example", "gold", "new"})
		}, "R-9998:queued R-9999:queued"},
		{"keys sorted and edited", "leads", func(_ *testing.T, s *frozenSheet) {
			sortBy(s, 1)
			for _, r := range s.Rows {
				r[3] = "won"
			}
		}, ""},
		{"vanished keys come back, edited", "leads", func(_ *testing.T, s *frozenSheet) {
			s.insert(5, []any{"R-0217", "another@example.com", "gold", "lost"}, []any{"R-0224", "lead32@example.com", "gold", "lost"})
		}, ""},
		{"a key stands there again", "leads", func(_ *testing.T, s *frozenSheet) {
			s.insert(len(s.Rows), []any{"R-0007", "lead1@example.com", "basic", "won"})
		}, "R-0007:held"},
		{"a blank key is filled in", "leads", func(t *testing.T, s *frozenSheet) {
			i := slices.IndexFunc(s.Rows, func(r []any) bool { return r[1] == "nokey@example.com" })
			s.Rows[i][0] = "R-9000"
		}, ""},
		{
			"doubted before, believed now, with a new one", "doubted", func(_ *testing.T, s *frozenSheet) { s.insert(2, somebody("x@new.example")) },
			"x@new.example:queued",
		},
		{
			"added while it was paused", "shadowed", func(_ *testing.T, s *frozenSheet) { s.insert(1, somebody("x@new.example")) },
			"x@new.example:queued",
		},
		{
			"added to what it watches since it came back", "moved", func(_ *testing.T, s *frozenSheet) { s.insert(0, somebody("x@new.example")) },
			"x@new.example:queued",
		},
	}
	for _, c := range cases {
		for _, restored := range []bool{false, true} {
			if restored && !strings.HasPrefix(c.name, "appended") {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s/restored %t", c.zap, c.name, restored), func(t *testing.T) {
				u := upgrade(t, restored)
				if c.edit != nil {
					c.edit(t, u.sheet(c.zap, 0))
					u.serve(t)
				}
				if restored || c.zap == "shadowed" {
					if _, err := u.Poll(t.Context(), c.zap); !errors.Is(err, ErrPaused) {
						t.Fatalf("%v, want that it is paused", err)
					}
					if err := u.Resume(t.Context(), c.zap, false); err != nil {
						t.Fatal(err)
					}
				}
				for range 3 { // the first poll after the upgrade, one by today's hashes, one that finds nothing to do
					u.poll(t, c.zap)
					if got := u.added(t, c.zap); got != c.want {
						t.Fatalf("found %q, want %q", got, c.want)
					}
				}
			})
		}
	}
}

// frozenPerson is a row as the frozen state has them.
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

// TestUpgradeFollowsOpenRows: rows that waited, were held or had failed before the upgrade are followed by the first read after it, and
// what became of them is told as before.
func TestUpgradeFollowsOpenRows(t *testing.T) {
	u := upgrade(t, false)
	s := u.sheet("signups", 0)
	waiting := slices.IndexFunc(s.Rows, func(r []any) bool { return r[0] == nil && fmt.Sprint(r[1]) == "  Ünal  41" })
	atStart := slices.IndexFunc(s.Rows, func(r []any) bool { return r[0] == nil && fmt.Sprint(r[1]) == "  Ünal  5" })
	if waiting < 0 || atStart < 0 {
		t.Fatalf("rows %d and %d wait", waiting, atStart)
	}
	s.Rows[waiting][0], s.Rows[atStart][0] = "Late1@example.com", "Late2@example.com"
	s.find(t, "Person27@example.com")[2] = "+91 98200 12345" // failed: its phone number
	s.find(t, "Person29@example.com")[6] = "Surat"           // held: whether it arrived is not known
	s.insert(0, somebody("x@new.example"))
	sortBy(s, 1)
	u.serve(t)
	u.poll(t, "signups")
	if got := u.added(t, "signups"); got != "x@new.example:queued Late2@example.com:queued" && got != "Late2@example.com:queued x@new.example:queued" {
		t.Errorf("found %q", got)
	}
	for n, want := range map[uint64]string{4: "queued +91 98200 12345", 6: "held Surat", 18: "queued Late1@example.com", 3: "skipped Person26@example.com"} {
		d, _, err := u.ledger.Delivery("signups", n)
		state, cell, _ := strings.Cut(want, " ")
		if err != nil || d.State.String() != state || !slices.ContainsFunc(d.Row.Cells, func(c row.Cell) bool { return c.String() == cell }) {
			t.Errorf("signups/%d is %s with %v, %v, want %s", n, d.State, d.Row.Cells, err, want)
		}
	}
	if _, err := u.Act(Release, Selection{IDs: []string{"signups/6"}}); err != nil {
		t.Fatal(err)
	}
	u.poll(t, "signups")
	if d, _, err := u.ledger.Delivery("signups", 6); err != nil || d.State != ledger.Queued {
		t.Errorf("signups/6 is %s, %v, want queued", d.State, err)
	}
}

// TestUpgradeElsewhere: the cursor of a worksheet that the zap watched before is as old as the others, and read years later perhaps:
// what was added to it since is held, also where the first read is not believed, and what was there is known.
func TestUpgradeElsewhere(t *testing.T) {
	for _, doubt := range []bool{false, true} {
		u := upgrade(t, false)
		u.poll(t, "moved") // the worksheet that it watches; the others keep the old form
		u.at(300 * 24 * time.Hour)
		now := u.sheet("moved", 1)
		known := len(now.Rows)
		now.insert(2, somebody("x@new.example"))
		now.insert(len(now.Rows), somebody("y@new.example"), []any{nil, "Half"})
		sortBy(now, 0)
		all := now.Rows
		if doubt {
			now.Rows = now.Rows[:2]
		}
		u.serve(t)
		u.write(t, "moved", frozenFile(now))
		report, err := u.Poll(t.Context(), "moved")
		if err != nil || (report.Doubt != "") != doubt {
			t.Fatalf("%+v, %v", report, err)
		}
		if doubt {
			if got := u.added(t, "moved"); got != "" {
				t.Errorf("found %q by a read that is not believed", got)
			}
			now.Rows = all
			u.serve(t)
		}
		want := ":held x@new.example:held y@new.example:held"
		for range 2 {
			u.poll(t, "moved")
			if got := u.added(t, "moved"); got != want {
				t.Fatalf("doubt %t: of %d rows that were there, found %q, want %q", doubt, known, got, want)
			}
		}
		now.insert(0, somebody("z@new.example"))
		u.serve(t)
		u.poll(t, "moved")
		if got := u.added(t, "moved"); got != want+" z@new.example:queued" {
			t.Errorf("doubt %t: then %q", doubt, got)
		}
	}
}

// TestUpgradeSkips: what was added before the upgrade and after, while the zap was paused, is skipped where an operator says so.
func TestUpgradeSkips(t *testing.T) {
	u := upgrade(t, false)
	u.sheet("shadowed", 0).insert(1, somebody("x@new.example"))
	u.serve(t)
	if err := u.Resume(t.Context(), "shadowed", true); err != nil {
		t.Fatal(err)
	}
	u.poll(t, "shadowed")
	if got := u.added(t, "shadowed"); got != "x@new.example:skipped" {
		t.Errorf("found %q, want x@new.example:skipped", got)
	}
}

// TestUpgradeDoubt: a doubt of before the upgrade is confirmed by a second read, after which the rows that are left count. Without
// folded hashes of those that are gone nobody can tell a row in their place from one of them, tidied: it is held.
func TestUpgradeDoubt(t *testing.T) {
	u := upgrade(t, false)
	s := u.sheet("doubted", 0)
	all := s.Rows
	added := func(left [][]any) [][]any {
		return slices.Concat([][]any{somebody("x@new.example")}, left, [][]any{somebody("y@new.example")})
	}
	s.Rows = added(all[:3])
	u.serve(t)
	u.poll(t, "doubted")
	u.poll(t, "doubted")
	const want = "x@new.example:queued y@new.example:held"
	if got := u.added(t, "doubted"); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	s.Rows = added(all) // those that vanished are back within the day
	u.serve(t)
	u.at(time.Hour)
	u.poll(t, "doubted")
	if got := u.added(t, "doubted"); got != want {
		t.Errorf("found %q once the others were back, want %q", got, want)
	}
}

// TestUpgradeVanished: rows that had vanished before the upgrade are known for a day, keys for good, however the cursor was
// written since.
func TestUpgradeVanished(t *testing.T) {
	u := upgrade(t, false)
	people, leads := u.sheet("signups", 0), u.sheet("leads", 0)
	gone := func(want bool) {
		t.Helper()
		if d, _, err := u.ledger.Delivery("leads", 2); err != nil || d.State != ledger.Failed || d.DeletedInSheet != want {
			t.Errorf("leads/2 is %s, deleted %t, %v, want failed, %t", d.State, d.DeletedInSheet, err, want)
		}
	}
	gone(true)
	leads.insert(3, []any{"R-0217", "lead31@example.com", "basic", "new"})
	u.serve(t)
	u.poll(t, "leads")
	gone(false) // a row that is back is followed again
	leads.Rows = slices.Delete(leads.Rows, 3, 4)
	u.serve(t)
	u.poll(t, "leads")
	gone(true)
	for day, back := range []int{33, 34, 35} {
		u.at(time.Duration(day) * 15 * time.Hour)
		people.Rows[1][6] = fmt.Sprint("City ", day)
		leads.Rows[1][3] = fmt.Sprint("stage ", day)
		u.serve(t)
		u.poll(t, "signups")
		u.poll(t, "leads")
		people.insert(len(people.Rows), frozenPerson(back))
		u.serve(t)
		u.poll(t, "signups")
	}
	// The third one is back after more than a day. Nothing tells it from one that somebody types.
	if got := u.added(t, "signups"); got != "Person35@example.com:queued" {
		t.Errorf("found %q, want the row that was away for more than a day alone", got)
	}
	u.at(400 * 24 * time.Hour)
	leads.insert(0, []any{" R-0217 ", "x@new.example", "gold", "new"}, []any{"R-0224", "y@new.example", "gold", "new"})
	u.serve(t)
	u.poll(t, "leads")
	if got := u.added(t, "leads"); got != "" {
		t.Errorf("found %q, want that keys are known for good", got)
	}
	if got, err := u.Backfill(t.Context(), "leads", "2:3", true, nil); err != nil || got.Queued != 0 || got.Delivered != 2 {
		t.Errorf("backfill of keys that may have fired: %+v, %v, want none queued", got, err)
	}
	if w, err := u.Why("leads", 3); err != nil || !strings.Contains(w.Reason, "before an upgrade of rowtap") {
		t.Errorf("why row 3: %q, %v", w.Reason, err)
	}
}

// TestUpgradeTidied: whoever tidies the sheet in the gap makes rows that neither form of the hashes knows in all cells. None of them may
// be sent; the new ones among them are sent or held.
func TestUpgradeTidied(t *testing.T) {
	tidy := map[string]func([]any){
		"mails in lower case": func(r []any) {
			if s, ok := r[0].(string); ok {
				r[0] = strings.ToLower(s)
			}
		},
		"names trimmed":         func(r []any) { r[1] = strings.Join(strings.Fields(fmt.Sprint(r[1])), " ") },
		"phones without blanks": func(r []any) { r[2] = strings.ReplaceAll(fmt.Sprint(r[2]), " ", "") },
		"numbers as text":       func(r []any) { r[3] = fmt.Sprint(r[3]) },
		"checkboxes as text":    func(r []any) { r[5] = strings.ToUpper(fmt.Sprint(r[5])) },
		"all of it": func(r []any) {
			if s, ok := r[0].(string); ok {
				r[0] = strings.ToLower(s)
			}
			r[1] = strings.Join(strings.Fields(strings.ToUpper(fmt.Sprint(r[1]))), " ")
			r[2], r[3] = strings.ReplaceAll(fmt.Sprint(r[2]), " ", ""), fmt.Sprint(r[3])
		},
	}
	for name, change := range tidy {
		for part := 1; part <= 2; part++ { // all rows, every other one
			u := upgrade(t, false)
			zaps := []string{"signups", "doubted", "moved"}
			for _, zap := range zaps {
				s := u.sheet(zap, 0)
				for i, r := range s.Rows {
					if i%part == 0 {
						change(r)
					}
				}
				s.insert(len(s.Rows), somebody("x@new.example"))
				s.insert(len(s.Rows)/2, somebody("y@new.example"))
			}
			u.serve(t)
			for _, zap := range zaps {
				for range 3 {
					u.poll(t, zap)
				}
				found := map[string]int{}
				for f := range strings.FieldsSeq(u.added(t, zap)) {
					first, state, _ := strings.Cut(f, ":")
					if strings.HasSuffix(first, "@new.example") {
						found[first]++
					} else if state != "held" || name != "all of it" {
						t.Errorf("%s, %s, part %d: of the old rows, %s", name, zap, part, f)
					}
				}
				if found["x@new.example"] != 1 || found["y@new.example"] != 1 {
					t.Errorf("%s, %s, part %d: found %v, want both new ones", name, zap, part, found)
				}
			}
		}
	}
}

// TestUpgradeTidiedKeys: the same where the key is what was tidied.
func TestUpgradeTidiedKeys(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"lower case":         strings.ToLower,
		"without dashes":     func(s string) string { return strings.ReplaceAll(s, "-", "") },
		"with blanks around": func(s string) string { return "\u00a0" + s + " " },
	} {
		for part := 1; part <= 3; part++ {
			u := upgrade(t, false)
			s := u.sheet("leads", 0)
			for i, r := range s.Rows {
				if key, ok := r[0].(string); ok && i%part == 0 {
					r[0] = change(key)
				}
			}
			s.insert(0, []any{"R-9998", "x@new.example", "gold", "new"})
			u.serve(t)
			for range 3 {
				u.poll(t, "leads")
			}
			got := strings.Fields(u.added(t, "leads"))
			fired := slices.DeleteFunc(slices.Clone(got), func(f string) bool { return strings.HasSuffix(f, ":held") })
			if len(fired) > 1 || len(fired) == 1 && fired[0] != "R-9998:queued" || !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "R-9998:") }) {
				t.Errorf("%s, part %d: found %v, want R-9998 and no old row that is not held", name, part, got)
			}
		}
	}
}

// TestUpgradeBackfill: a backfill and why know the rows that fired before the upgrade, also before any read by today's hashes, and a
// backfill leaves what was added in the gap to the poll.
func TestUpgradeBackfill(t *testing.T) {
	for zap, want := range map[string][2]int{"signups": {22, 26}, "leads": {29, 11}} {
		u := upgrade(t, false)
		for row, reason := range map[int]string{2: "queued as signups/23", 3: "it was there at the start, and has not fired", 26: "sent as signups/1"} {
			if w, err := u.Why("signups", row); err != nil || !strings.HasPrefix(w.Reason, reason) {
				t.Errorf("why row %d: %q, %v, want %q", row, w.Reason, err, reason)
			}
		}
		s := u.sheet(zap, 0)
		row := somebody("x@new.example")
		if zap == "leads" {
			row = []any{"R-9999", "x@new.example", "gold", "new"}
		}
		s.insert(len(s.Rows), row)
		u.serve(t)
		done, err := u.Backfill(t.Context(), zap, "", false, nil)
		if err != nil || done.Queued != want[0] || done.Delivered != want[1] {
			t.Errorf("%s: %+v, %v, want %v queued and delivered", zap, done, err, want)
		}
		u.poll(t, zap)
		u.poll(t, zap)
		ds, err := u.Deliveries(ledger.Query{Zap: zap})
		if err != nil {
			t.Fatal(err)
		}
		firsts := map[string]int{}
		for _, d := range ds {
			if d.First == 0 && d.Row.Cell(0).Text != "" {
				firsts[d.Row.Cell(0).Text]++
			}
		}
		for first, n := range firsts {
			if n > 1 && first != "R-0021" && first != "Person9@example.com" { // held before the upgrade: one may be the other
				t.Errorf("%s: %s has %d deliveries", zap, first, n)
			}
		}
		if firsts[fmt.Sprint(row[0])] != 1 {
			t.Errorf("%s: the row added in the gap has %d deliveries", zap, firsts[fmt.Sprint(row[0])])
		}
	}
}
