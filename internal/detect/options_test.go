package detect_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

func TestBegin(t *testing.T) {
	tests := []struct {
		name, sheet string
		oldTo       int
		o           detect.Options
		want        string
	}{
		{"now", "abc", 1 << 30, detect.Options{}, ""},
		{"beginning", "abc", 0, detect.Options{}, "a, b, c"},
		{"below row 3", "abc", 3, detect.Options{}, "c"},
		{"an empty sheet", "", 0, detect.Options{}, ""},
		{"half-typed ones wait", "ab-c", 0, detect.Options{Require: []string{"Email"}}, "a, b:waiting, c"},
		{"no flood guard", "abc", 0, detect.Options{MaxNewRows: 2}, "a, b, c"},
		{"the first read settles", "a", 0, detect.Options{Settle: time.Minute}, "a:waiting"},
		{"an equal key", "aba", 0, detect.Options{Key: []string{"Email"}}, "a, b, a:held"},
		{"no key column", "aba", 0, detect.Options{Key: []string{"Number"}}, "doubt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(begin(table(tt.sheet), tt.o, tt.oldTo, 0, start)); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.sheet, got, tt.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	key := detect.Options{Key: []string{"Email"}}
	tests := []struct {
		name  string
		o     detect.Options
		polls []string
		want  string
	}{
		{"unsure rows are sent", detect.Options{Unsure: detect.UnsureSend}, []string{"abcdefgh", "acdefgb1h"}, "b"},
		{"unsure rows are skipped", detect.Options{Unsure: detect.UnsureSkip}, []string{"abcdefgh", "acdefgb1h"}, "b:skipped"},
		{"a skipped row counts as old", detect.Options{Unsure: detect.UnsureSkip}, []string{"abcdefgh", "acdefgb1h", "acdefgb2h"}, "1 edited"},
		{"held stays held", detect.Options{}, []string{"abcdefgh", "acdefgb1h", "acdefgb2h"}, "1 edited"},
		{"ignored cells do not count", detect.Options{Ignore: []string{"Note"}}, []string{"abcd", "a1b1c1d1"}, ""},
		{"flood", detect.Options{MaxNewRows: 2}, []string{"ab", "abcde"}, "c:held, d:held, e:held"},
		{"no flood", detect.Options{MaxNewRows: 3}, []string{"ab", "abcde"}, "c, d, e"},
		{
			"flood of rows that became ready",
			detect.Options{MaxNewRows: 1, Require: []string{"Email"}},
			[]string{"ab", "abc-d-e-", "abcdef-"},
			"f:held, 1 became held, 2 became held, 3 became held",
		},
		{"flood of rows there at the start", detect.Options{MaxNewRows: 1, Require: []string{"Email"}}, []string{"abc-d-", "abcd"}, "c:held, d:held"},
		{"an edit that leaves little is held", detect.Options{}, []string{"abcdefgh", "ab5cdefgh"}, "b:held"},
		{"key: emptied for long, back with edits", key, []string{"abcd", "", "", "a6b6c6d6x"}, "x"},
		{"key: append", key, []string{"abc", "abcd"}, "d"},
		{"key: edited beyond recognition", key, []string{"abc", "ab6c"}, ""},
		{"key: a fired row edited", key, []string{"a", "ab", "ab6"}, "1 edited"},
		{"key: blank waits", key, []string{"abc", "abcd-"}, "d:waiting"},
		{"key: blank, then filled", key, []string{"abc", "abcd-", "abcd"}, "1 became ready"},
		{"key: blank at the start, then filled", key, []string{"abc-", "abc"}, "c"},
		{"key: cleared and typed again", key, []string{"abc", "abc-", "abc"}, ""},
		{"key: repeated", key, []string{"abc", "abcb"}, "b:held"},
		{"key: repeated above", key, []string{"abc", "b1abc"}, "b:held"},
		{"key: twice in one read", key, []string{"abc", "abcdd1"}, "d, d:held"},
		{"key: gone and back edited", key, []string{"abcde", "abde", "abdec6"}, ""},
		{"key: all sorted and edited", key, []string{"abcd", "d3b3c3a3x"}, "x"},
		{"key: half gone", key, []string{"abcd", "ab"}, "doubt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(polls(t, tt.o, tt.polls...)); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.polls, got, tt.want)
			}
		})
	}
}

// TestReasons: the reasons shown to operators, and the row they refer to.
func TestReasons(t *testing.T) {
	tests := []struct {
		name   string
		o      detect.Options
		polls  []string
		reason string
		like   int
	}{
		{"waiting", detect.Options{Require: []string{"Email"}}, []string{"a", "ab-"}, "waits for Email", 0},
		{"unsure", detect.Options{}, []string{"abcdefgh", "acdefgb1h"}, "may be an edit of row 3: Note differs; if it changes on its own, add ignore: [Note]", 3},
		{"three cells", detect.Options{}, []string{"abcdefgh", "acdefgb3h"}, "may be an edit of row 3: Plan, Score and Note differ", 3},
		{"five cells", detect.Options{}, []string{"abcdefgh", "ab5cdefgh"}, "may be an edit of the row that was here before: City, Country, Plan and 2 more columns differ", 3},
		{"flood", detect.Options{MaxNewRows: 1}, []string{"a", "abc"}, "2 new rows in one poll (max_new_rows is 1)", 0},
		{"key", detect.Options{Key: []string{"Email"}}, []string{"ab", "aba"}, "has the same key as row 2", 2},
		{"settle", detect.Options{Settle: time.Second}, []string{"a", "ab"}, "settling", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := polls(t, tt.o, tt.polls...).Found
			if len(f) == 0 || f[0].Reason != tt.reason || f[0].Like != tt.like {
				t.Errorf("%q: got %+v, want reason %q, like %d", tt.polls, f, tt.reason, tt.like)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}, Settle: 30 * time.Second}
	r := begin(table("a"), o, 1<<30, 1, start)
	steps := []struct {
		after   time.Duration
		sheet   string
		want    string
		recheck time.Duration
	}{
		{60 * time.Second, "ab-", "b:waiting", 0},
		{70 * time.Second, "ab", "1 edited", 30 * time.Second},
		{80 * time.Second, "ab", "", 20 * time.Second},
		{90 * time.Second, "ab1", "1 edited", 30 * time.Second},
		{119 * time.Second, "ab1", "", time.Second},
		{120 * time.Second, "ab1", "1 became ready", 0},
		{300 * time.Second, "ab1", "", 0},
	}
	for _, s := range steps {
		r = r.then(table(s.sheet), o, start.Add(s.after))
		if got := said(r); got != s.want || r.Recheck != s.recheck {
			t.Fatalf("%v %q: got %q, recheck %v, want %q, %v", s.after, s.sheet, got, r.Recheck, s.want, s.recheck)
		}
		r.Cursor = recoded(t, r.Cursor)
	}
}

// TestSettleAfterClockWasSetBack: a row starts to settle again instead of waiting until the clock
// catches up.
func TestSettleAfterClockWasSetBack(t *testing.T) {
	o := detect.Options{Settle: 30 * time.Second}
	r := begin(table("a"), detect.Options{}, 1<<30, 1, start)
	for _, s := range []struct {
		after   time.Duration
		want    string
		recheck time.Duration
	}{
		{time.Hour, "b:waiting", 30 * time.Second},
		{10 * time.Second, "", 30 * time.Second},
		{25 * time.Second, "", 15 * time.Second},
		{40 * time.Second, "1 became ready", 0},
	} {
		r = r.then(table("ab"), o, start.Add(s.after))
		if got := said(r); got != s.want || r.Recheck != s.recheck {
			t.Fatalf("%v: got %q, recheck %v, want %q, %v", s.after, got, r.Recheck, s.want, s.recheck)
		}
		r.Cursor = recoded(t, r.Cursor)
	}
}

// TestHeader: the effects of a changed header, with rows in the notation.
func TestHeader(t *testing.T) {
	renamed := slices.Clone(columns)
	renamed[7] = "Remarks"
	moved := append([]string{"Note"}, columns[:7]...)
	inserted := slices.Insert(slices.Clone(columns), 1, "")
	tests := []struct {
		name string
		now  []string
		read string
		want string
	}{
		{"renamed", renamed, "abcd", ""},
		{"renamed, and a new row", renamed, "abcde", "e"},
		{"moved", moved, "abxcd", "1 row"},
		{"inserted", inserted, "abcdx", "x"},
		{"deleted", columns[:6], "abcdx", "x"},
		{"all others", []string{"P", "Q", "R"}, "abcd", "doubt"},
		{"the header is gone", []string{"", "", ""}, "abcd", "doubt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := begin(table("abcd"), detect.Options{}, 1<<30, 1, start).Cursor
			read := tableOf(tt.now, tt.read)
			// Columns with unknown names keep a cell, so that no row is blank.
			for i := range read.Rows {
				for k := range read.Rows[i].Cells {
					if read.Rows[i].Cells[k].Blank() && tt.now[k] != "" {
						read.Rows[i].Cells[k] = row.TextCell("x")
					}
				}
			}
			r := diff(c, read, detect.Options{}, start.Add(time.Minute))
			got := said(r)
			if tt.want == "1 row" && len(r.Found) == 1 {
				got = tt.want
			}
			if got != tt.want {
				t.Errorf("%q: got %q (%s), want %q", tt.now, got, r.Doubt, tt.want)
			}
		})
	}
}

// TestPrefilled: rows without content do not count, and are new once they have some.
func TestPrefilled(t *testing.T) {
	header := row.HeaderOf([]string{"Email", "Done", "Formula", "No"})
	filled := func(email string) []row.Cell {
		return []row.Cell{row.TextCell(email), row.BoolCell(false), row.TextCell("")}
	}
	t1 := wholeSheet{Header: header, Rows: []row.Row{{Number: 2, Cells: filled("a@x")}, {Number: 3, Cells: filled("")}, {Number: 4, Cells: filled("")}}}
	t2 := wholeSheet{Header: header, Rows: []row.Row{{Number: 2, Cells: filled("a@x")}, {Number: 3, Cells: filled("b@x")}, {Number: 4, Cells: filled("")}}}
	r := begin(t1, detect.Options{}, 1<<30, 1, start)
	if len(r.Cursor.Rows) != 1 {
		t.Fatalf("knows %d rows, want 1", len(r.Cursor.Rows))
	}
	if _, ok := r.Cursor.At(3); ok {
		t.Error("row 3 is known, but has no content")
	}
	r = diff(r.Cursor, t2, detect.Options{}, start.Add(time.Minute))
	if len(r.Found) != 1 || r.Found[0].Row != 3 {
		t.Errorf("found %+v, want row 3", r.Found)
	}
	if s, ok := r.Cursor.At(3); !ok || s.Waits || s.Delivery != 1 {
		t.Errorf("At(3): got %+v, %v, want delivery 1", s, ok)
	}

	// Rows prefilled with a number are known, and wait without a delivery.
	for i := range t1.Rows {
		t1.Rows[i].Cells = append(t1.Rows[i].Cells, row.NumberCell(float64(i)))
		t2.Rows[i].Cells = append(t2.Rows[i].Cells, row.NumberCell(float64(i)))
	}
	o := detect.Options{Require: []string{"Email"}}
	r = begin(t1, o, 1<<30, 1, start)
	if s, ok := r.Cursor.At(3); !ok || !s.Waits || s.Delivery != 0 {
		t.Errorf("At(3): got %+v, %v, want waiting without a delivery", s, ok)
	}
	r = diff(r.Cursor, t2, o, start.Add(time.Minute))
	if len(r.Found) != 1 || r.Found[0].Row != 3 || r.Found[0].State != detect.Ready {
		t.Errorf("found %+v, want row 3 ready", r.Found)
	}
}

// TestColumnAddedAndPrefilled: rows whose only content is in an added column wait, as rows at the
// start do.
func TestColumnAddedAndPrefilled(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	c := begin(wholeSheet{Header: row.HeaderOf([]string{"Email"}), Rows: []row.Row{{Number: 2, Cells: []row.Cell{row.TextCell("a@x")}}}}, o, 1<<30, 1, start).Cursor
	wide := wholeSheet{Header: row.HeaderOf([]string{"Email", "Status"})}
	for i := range 20 {
		wide.Rows = append(wide.Rows, row.Row{Number: i + 2, Cells: []row.Cell{{}, row.TextCell("open")}})
	}
	wide.Rows[0].Cells[0] = row.TextCell("a@x")
	r := diff(c, wide, o, start.Add(time.Minute))
	if got := said(r); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	wide.Rows[4].Cells = []row.Cell{row.TextCell("b@x"), row.TextCell("open")}
	r = diff(r.Cursor, wide, o, start.Add(2*time.Minute))
	if len(r.Found) != 1 || r.Found[0].Row != 6 {
		t.Errorf("found %+v, want row 6", r.Found)
	}
}

// TestKeyAddedLater: rows known by their content are known by their keys from then on.
func TestKeyAddedLater(t *testing.T) {
	c := polls(t, detect.Options{}, "abcd", "abcde").Cursor
	keyed := detect.Options{Key: []string{"Email"}}
	r := diff(c, table("abcdef"), keyed, start.Add(time.Hour))
	if got := said(r); got != "f" {
		t.Errorf("at the change: got %q, want f", got)
	}
	r = diff(r.Cursor, table("f6e6d6c6b6a6"), keyed, start.Add(2*time.Hour))
	if len(r.Found) > 0 {
		t.Errorf("after it: found %+v, want nothing", r.Found)
	}
	r = diff(r.Cursor, table("f6e6d6c6b6a6g"), detect.Options{}, start.Add(3*time.Hour))
	if got := letterOf(r.row(r.Found[0].Row)); len(r.Found) != 1 || got != "g" {
		t.Errorf("without it: found %+v, want g", r.Found)
	}
}

// TestVanishedADayAgo: a row that comes back after a day is new, unless its key was seen.
func TestVanishedADayAgo(t *testing.T) {
	for _, tt := range []struct {
		key  []string
		want string
	}{{nil, "c"}, {[]string{"Email"}, ""}} {
		o := detect.Options{Key: tt.key}
		c := polls(t, o, "abcd", "abd").Cursor
		if got := said(diff(c, table("abcd"), o, start.Add(23*time.Hour))); got != "" {
			t.Errorf("key %q, within a day: got %q, want nothing", tt.key, got)
		}
		if got := said(diff(c, table("abcd"), o, start.Add(25*time.Hour))); got != tt.want {
			t.Errorf("key %q, after a day: got %q, want %q", tt.key, got, tt.want)
		}
	}
}

func TestUnchanged(t *testing.T) {
	c := polls(t, detect.Options{}, "abc").Cursor
	for _, tt := range []struct {
		sheet string
		want  bool
	}{{"abc", true}, {"abcd", false}, {"ab1c", false}, {"acb", false}, {"", false}, {".abc", false}} {
		if r := diff(c, table(tt.sheet), detect.Options{}, start); r.Unchanged != tt.want {
			t.Errorf("%q: unchanged is %v, want %v", tt.sheet, r.Unchanged, tt.want)
		}
	}
	// An empty sheet is remembered from the second read on.
	for reads, want := range []bool{false, false, true, true} {
		r := diff(c, table(""), detect.Options{}, start)
		if r.Unchanged != want || r.Recheck != 0 {
			t.Errorf("empty, read %d: unchanged is %v, want %v; recheck %v, want none", reads+1, r.Unchanged, want, r.Recheck)
		}
		c = recoded(t, r.Cursor)
	}
}
