package detect_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestTornRules has, for each rule about torn reads, a case that fails without it.
func TestTornRules(t *testing.T) {
	require := detect.Options{Require: []string{"Email"}}
	const known = "abcdefghij"
	for _, tt := range []struct {
		name          string
		polls         string // earlier full reads, separated by blanks
		first, second string // torn reads
		want          string // their result; "no": they cannot be compared
		whole, then   string // the next full read, and its result
	}{
		{"four of ten are missing", known, "xabcd/ef", "xabcd/ef", "x", "x" + known, ""},
		{"five of ten are missing", known, "xabcd/e", "xabcd/e", "no", "x" + known, "x"},
		{"five of ten are missing in the first read alone", known, "xabcd/e", "xabcd/efghij", "no", "x" + known, "x"},
		{"the last full read was doubted", known + " ab", "xabcd/efghij", "xabcd/efghij", "no", "x" + known, "x"},
		{"no row is known", "a .", "xy/z", "xy/z", "no", "xyz", "x, y, z"},
		{"four are missing, and the row is at the end", known, "a2b2c2d2/efghijx", "a2b2c2d2/efghijx", "x", "a2b2c2d2efghijx", ""},
		{"three equal rows on a page of one read, two and one of the other", known, "xxxabcd/efghij", "xxabcd/efghijx", "x, x", "xxabcdefghijx", "x"},
		{"two equal rows on a page of one read, one and one of the other", known, "xxabcd/efghij", "xabcd/xefghij", "x", "xabcdefghij", ""},
		{"a row on either side of a seam", known, "abcdx/yefghij", "abcdx/yefghij", "x, y", "abcdxyefghij", ""},
		{"a row below one of two equal ones", "abcdcefghij", "abcd/cxefghij", "abcd/cxefghij", "x", "abcdcxefghij", ""},
		{"a blank row above", known, "ab.x/cdefghij", "ab.x/cdefghij", "x", "ab.xcdefghij", ""},
		{"five of ten are missing in the second read alone", known, "xabcd/efghij", "xabcd/e", "no", "x" + known, "x"},
		{"four are missing, and the row is in the place of the second of two equal ones", "abcdcefghijklmn", "abcdxef2g2h2ijklmn", "abcdxef2g2h2ijklmn", "", "abcdxef2g2h2ijklmn", "x"},
		{"two new rows among edited ones", known, "axb2yc2defghij", "axb2yc2defghij", "x, y", "axb2yc2defghij", ""},
		{"a copy above the row, typed over", known, "ab2bcd/efghij", "ab2bcd/efghij", "", "ab2bcdefghij", "b"},
		{"two pages in undecidable order", known, "ab2c2xf/zcdeghij", "ab2c2xf/zcdeghij", "x, z", "ab2c2xfzcdeghij", "c"},
		{"the row vanished a minute before", known + " abcdefghi", "abcd/efghijx", "abcd/efghijx", "x", known + "x", ""},
		{"all rows above the first one known are new", known, "xyz/abcdefghij", "xyz/abcdefghij", "x, y, z", "xyz" + known, ""},
	} {
		seen := polls(t, require, strings.Split(tt.polls, " ")...)
		now := start.Add(time.Hour)
		r, rows, ok := diffTorn(t, seen.Cursor, require, tt.first, tt.second, now)
		got := "no"
		if ok {
			r.table.Rows = rows
			got = said(r)
		}
		if got != tt.want {
			t.Errorf("%s: %q then %q: got %q, want %q", tt.name, tt.first, tt.second, got, tt.want)
		}
		holdsAll(t, seen.Cursor, r.Cursor)
		r.Cursor = recoded(t, r.Cursor)
		if got := said(r.then(table(tt.whole), require, now.Add(time.Minute))); !sameBut(got, tt.then) {
			t.Errorf("%s: %q after that: got %q, want %q", tt.name, tt.whole, got, tt.then)
		}
	}
}

// tornOf reads the pages of a written sheet twice and formats the result by the second cells of
// rows.
func tornOf(c detect.Cursor, o detect.Options, header string, pages ...string) string {
	var reads [2]*detect.Glimpse
	for k := range reads {
		number := 2
		for n, page := range pages {
			s := written(header + "/" + page)
			if reads[k] == nil {
				reads[k] = c.Glimpse(s.Header, o)
			}
			for i := range s.Rows {
				s.Rows[i].Number = number
				number++
			}
			reads[k].Add(s.Rows, n == 0, n == len(pages)-1)
		}
	}
	r, rows, ok := detect.DiffTorn(reads[0], reads[1], start.Add(time.Hour))
	if !ok {
		return "no"
	}
	return namesOf(outcome{Result: r, table: wholeSheet{Rows: rows}})
}

// TestTornRulesOfCells is TestTornRules for cases outside the notation.
func TestTornRulesOfCells(t *testing.T) {
	const header = "Email|Name|City|Phone|Plan"
	top := []string{"a@x|Al|Pune|111|pro/b@x|Bo|Goa|222|free/c@x|Cy|Agra|333|pro", "d@x|Di|Pune|444|pro/e@x|Ed|Goa|555|pro/f@x|Fi|Agra|666|free"}
	g, h := "g@x|Gu|Pune|777|pro", "h@x|Hal|Goa|888|free"
	require, keyed := detect.Options{Require: []string{"Email"}}, detect.Options{Key: []string{"Email"}}
	of := func(o detect.Options, header string, rows ...string) detect.Cursor {
		return begin(written(header+"/"+strings.Join(rows, "/")), o, math.MaxInt, 1, start).Cursor
	}
	all := of(require, header, top[0], top[1], g, h)
	without := all
	without.Folds = nil
	gone := diff(all, written(header+"/"+strings.Join(top, "/")+"/"+g), require, start.Add(time.Minute)).Cursor
	phones := of(require, "Email|Name|Phone", "a@x|Al|+91 98200 12345", "b@x|Bo|98200 12346", "c@x|Cy|+91 98200 12347")
	tokens := "Email|B|C|D|E|F|G|H|I"
	token := func(s string) string { return s + "@x" + strings.Repeat("|"+s, 8) }
	both := detect.Options{Require: []string{"Email", "Phone"}}
	// Town and street carry 6.6 of 31 bits.
	street := list(80, func(i int) string { return fmt.Sprintf("p%d@x|%d|town%d|street%d", i, 1000+i, i%10, i/8%10) })
	joined := func(l lines) (rows []string) {
		for _, cells := range l {
			rows = append(rows, strings.Join(cells, "|"))
		}
		return rows
	}
	two := of(both, "Email|Phone|Town|Street", joined(street)...)
	twoAfter := []string{strings.Join(joined(street.with(40, 0, "new@x", "5")), "/")}
	few := of(require, "Email|Plan", "a@x|pro", "b@x|free", "c@x|pro", "d@x|free", "e@x|")
	for _, tt := range []struct {
		name   string
		c      detect.Cursor
		o      detect.Options
		header string
		pages  []string
		want   string
	}{
		{"a row is added", all, require, header, []string{top[0], top[1] + "/" + g + "/i@x|Ida|Goa|999|pro/" + h}, "Ida"},
		{"there was no key before", all, keyed, header, []string{top[0], top[1] + "/" + g + "/i@x|Ida|Goa|999|pro/" + h}, "no"},
		{"the cursor has no folded hashes", without, require, header, []string{top[0], top[1] + "/" + g + "/i@x|Ida|Goa|999|pro/" + h}, "no"},
		{"a column was renamed", all, require, "Email|Name|Town|Phone|Plan", []string{top[0], top[1] + "/" + g + "/i@x|Ida|Goa|999|pro/" + h}, "no"},
		{"somebody fills in an unnamed column, on the first page", all, require, header, []string{top[0] + "|note", top[1] + "/" + g + "/i@x|Ida|Goa|999|pro/" + h}, "no"},
		{"a row is tidied", all, require, header, []string{top[0], top[1] + "/" + g + "/ H@X|HAL|goa|888|free"}, ""},
		{"a row had vanished, and is tidied now", gone, require, header, []string{top[0], top[1] + "/H@X|HAL|goa|888|free/" + g}, ""},
		{"another row had vanished", gone, require, header, []string{top[0], top[1] + "/i@x|Ida|Goa|999|pro/" + g}, "Ida"},
		{"phone numbers gain separators", phones, require, "Email|Name|Phone", []string{"a@x|Al|+91 98200 12345", "b@x|Bo|98200-12346/d@x|Dan|98200-12349/c@x|Cy|+91 98200 12347"}, "Dan"},
		{"only the identity is left", all, require, header, []string{top[0], top[1] + "/" + g + "/h@x|Hugh|Delhi|000|max"}, ""},
		{"all but the identity is left", all, require, header, []string{top[0], top[1] + "/" + g + "/z@x|Hal|Goa|888|free"}, ""},
		{"a third is left, in the same place", all, detect.Options{}, header, []string{top[0], top[1] + "/" + g + "/h@x|Hugh|Goa|000|max"}, ""},
		{"a key is respelt", of(keyed, header, top[0], top[1], g, h), keyed, header, []string{top[0], top[1] + "/" + g + "/h-x|Hugh|Delhi|000|max"}, ""},
		{"another key in the same place, the rest equal", of(keyed, header, top[0], top[1], g, h), keyed, header, []string{top[0], top[1] + "/" + g + "/z@x|Hal|Goa|888|free"}, "Hal"},
		{"another key, and a copy of a present row", of(keyed, header, top[0], top[1], g, h), keyed, header, []string{top[0], top[1] + "/" + g + "/z@x|Hal|Goa|888|free/" + h}, "Hal"},
		{"nothing is required, and nothing is shared with the missing row", all, detect.Options{}, header, []string{top[0], top[1] + "/" + g + "/z@x|Zed|Delhi|000|max"}, "Zed"},
		{"another row is edited, and tidied", all, require, header, []string{top[0], top[1] + "/" + g + "/z@x|HAL|GOA|000|max"}, ""},
		{"the identity is a small part of the row", of(require, tokens, token("a"), token("b"), token("c"), token("d"), token("e"), token("f"), token("g")), require, tokens, []string{token("a") + "/" + token("b") + "/" + strings.Replace(token("z"), "z@x", "c@x", 1) + "/" + token("d"), token("e") + "/" + token("f") + "/" + token("g")}, ""},
		{"a copy of a row elsewhere, tidied", all, require, header, []string{strings.Replace(top[0], "/", "/H@X|HAL|goa|888|free/", 1), top[1] + "/" + g + "/" + h}, ""},
		{"like a present row, with a cell of another", all, require, header, []string{"a@x|Al|Pune|111|pro/a@x|Al|Pune|777|pro/c@x|Cy|Agra|333|pro", top[1] + "/" + g + "/" + h}, ""},
		{"all but two required cells are left", two, both, "Email|Phone|Town|Street", twoAfter, ""},
		{"all but the identity is left, and carries little", few, require, "Email|Plan", []string{"a@x|pro/b@x|free", "z@x|pro/d@x|free"}, ""},
		{"nothing is left of a row of one cell", few, require, "Email|Plan", []string{"a@x|pro/b@x|free", "c@x|pro/z@x|pro/d@x|free"}, "pro"},
		{"a key is filled in", of(keyed, header, top[0], top[1], g, "|Hal|Goa|888|free"), keyed, header, []string{top[0], top[1] + "/" + g + "/" + h}, ""},
	} {
		if got := tornOf(tt.c, tt.o, tt.header, tt.pages...); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestTornOfTwoCursors: two reads are compared only if they belong to the same cursor.
func TestTornOfTwoCursors(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	r := begin(table("abcdefghij"), o, math.MaxInt, 1, start)
	one := glimpse(r.Cursor, o, "xabcd/efghij")
	for _, later := range []string{"abcdefghijk", "abcdefghi"} {
		now := r
		for k, sheet := range strings.Split(later, " ") {
			now = now.then(table(sheet), o, start.Add(time.Duration(k)*time.Minute))
		}
		if _, _, ok := detect.DiffTorn(one, glimpse(now.Cursor, o, "xabcd/efghij"), start.Add(time.Hour)); ok {
			t.Errorf("%s: compared", later)
		}
	}
}

// TestTornSeamRows: rows of two pages that have the same number, because others were inserted
// between the reads, are found one after the other.
func TestTornSeamRows(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	c := begin(table("abcdefghij"), o, math.MaxInt, 1, start).Cursor
	read := func() *detect.Glimpse {
		above, below := table("abcdx"), table("yefghij")
		g := c.Glimpse(above.Header, o)
		g.Add(above.Rows, true, false)
		for i := range below.Rows {
			below.Rows[i].Number += 4
		}
		g.Add(below.Rows, false, true)
		for i := range above.Rows {
			clear(above.Rows[i].Cells) // pages are read into the same memory
		}
		return g
	}
	r, rows, ok := detect.DiffTorn(read(), read(), start.Add(time.Minute))
	out := outcome{Result: r, table: wholeSheet{Rows: rows}}
	if !ok || said(out) != "x" {
		t.Fatalf("%t, %q; want x alone", ok, said(out))
	}
	if got := said(out.then(table("abcdxyefghij"), o, start.Add(2*time.Minute))); !sameBut(got, "y") {
		t.Errorf("after that: %q, want y", got)
	}
}

// TestTornBounds: of a torn read, at most 16,384 unknown rows and 16 MB of their text are kept.
func TestTornBounds(t *testing.T) {
	o := detect.Options{Require: []string{"A"}}
	c := begin(people(10, 1).sheet(), o, math.MaxInt, 1, start).Cursor
	for _, tt := range []struct{ rows, size, want int }{{20_000, 1, 1 << 14}, {20, 1 << 20, 15}} {
		more := append(people(10, 1), list(tt.rows, func(i int) string { return fmt.Sprintf("new%d|%s", i, strings.Repeat("x", tt.size)) })...).sheet()
		read := func() *detect.Glimpse {
			g := c.Glimpse(more.Header, o)
			g.Add(more.Rows, true, true)
			return g
		}
		if r, rows, ok := detect.DiffTorn(read(), read(), start); !ok || len(r.Found) != tt.want || len(rows) != tt.want {
			t.Errorf("%d new rows of %d bytes: %t, found %d, want %d", tt.rows, tt.size, ok, len(r.Found), tt.want)
		}
	}
}

// TestTornNumbers: new rows get free numbers in the cursor; if there are none, known rows are
// moved.
func TestTornNumbers(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	for _, tt := range []struct{ known, pages, want string }{
		{"abcdefghij", "xabcd/efghij", "2* 3 4 5 6 7 8 9 10 11 12"},
		{"..abcdefghij", "xabcd/efghij", "2* 4 5 6 7 8 9 10 11 12 13"},
		{"abcd..efghij", "abcdx/efghij", "2 3 4 5 6* 8 9 10 11 12 13"},
		{"abcdcefghij", "abcd/cxefghij", "2 3 4 5 6 7* 8 9 10 11 12 13"},
		{"abcdefghij", "xabcd/efghxij", "2 3 4 5 6 7 8 9 11* 12 13"}, // moved while the sheet was read
		{"abcdefghij", "abc/xydefg/zhij", "2 3 4 5* 6** 7 8 9 10 11*** 12 13 14"},
		{"abcdefghij", "axb2yc2defghij", "2 3* 4 5** 6 7 8 9 10 11 12 13"}, // b and c are edited
		{"abcdefghij", "abcd/efghijx", "2 3 4 5 6 7 8 9 10 11 12*"},
	} {
		c := begin(table(tt.known), o, math.MaxInt, 1, start).Cursor
		r, _, _ := diffTorn(t, c, o, tt.pages, tt.pages, start)
		var got []string
		for _, s := range r.Cursor.Rows {
			got = append(got, fmt.Sprint(s.Number, strings.Repeat("*", int(s.Delivery))))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q then %q: got %s, want %s", tt.known, tt.pages, strings.Join(got, " "), tt.want)
		}
	}
}

// TestTornPairs: beyond four million pairs of new and missing rows, new rows wait for a full read.
func TestTornPairs(t *testing.T) {
	const missing, added = 2100, 2000
	o := detect.Options{Require: []string{"A"}}
	known := people(2*missing+1, 0)
	c := begin(known.sheet(), o, math.MaxInt, 1, start).Cursor
	after := slices.Concat(list(added, func(i int) string { return fmt.Sprint("new", i) }), known[:missing+1]).sheet()
	read := func() *detect.Glimpse {
		g := c.Glimpse(after.Header, o)
		g.Add(after.Rows, true, true)
		return g
	}
	if r, _, ok := detect.DiffTorn(read(), read(), start); !ok || len(r.Found) != 1<<22/missing {
		t.Errorf("%t, found %d, want %d", ok, len(r.Found), 1<<22/missing)
	}
}

// TestTornWaiting: torn reads find waiting rows ready. The cursor has the numbers of their
// deliveries and of new rows next to them.
func TestTornWaiting(t *testing.T) {
	r := begin(table("abc-defghij"), detect.Options{Require: []string{"Email"}}, math.MaxInt, 1, start)
	var o detect.Options // nothing is required any more
	got, rows, ok := diffTorn(t, r.Cursor, o, "xabc-dy/efghij", "xabc-dy/efghij", start.Add(time.Minute))
	got.table.Rows = rows
	if !ok || said(got) != "x, c, y" {
		t.Fatalf("%t, %q", ok, said(got))
	}
	if s, _ := got.Cursor.At(5); s.Waits || s.Delivery != 2 {
		t.Errorf("the row that waited is %+v", s)
	}
	got.Renumber(7)
	got.Cursor = recoded(t, got.Cursor)
	var deliveries []uint64
	for _, s := range got.Cursor.Rows {
		deliveries = append(deliveries, s.Delivery)
	}
	if want := []uint64{7, 0, 0, 8, 0, 9, 0, 0, 0, 0, 0, 0}; !slices.Equal(deliveries, want) {
		t.Errorf("deliveries %v, want %v", deliveries, want)
	}
	if after := got.then(table("xabc-dyefghij"), o, start.Add(2*time.Minute)); said(after) != "" {
		t.Errorf("a full read after that: %q", said(after))
	}
}

// TestTornKeysSeen: a key seen before is not new, however long ago its row vanished.
func TestTornKeysSeen(t *testing.T) {
	o := detect.Options{Key: []string{"Email"}}
	c := polls(t, o, "abcdefghij", "abcdefghi").Cursor
	r, _, ok := diffTorn(t, c, o, "xj5abcd/efghi", "xj5abcd/efghi", start.Add(48*time.Hour))
	if !ok || len(r.Found) != 1 || r.Found[0].Row != 2 {
		t.Errorf("%t, found %+v; want row 2 alone", ok, r.Found)
	}
}
