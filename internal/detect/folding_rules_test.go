package detect_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestFoldingRules has, for each rule about tidied rows, a case that fails without it.
func TestFoldingRules(t *testing.T) {
	var plain detect.Options
	upper := func(i int) []string { return []string{fmt.Sprint("P", i)} }
	keyed := detect.Options{Key: []string{"A"}}
	rows := people(12, 1)
	twice := rows.with(0, 0, "X@x ", "1").with(9, 0, "x@X ", "1")
	turned := func(l lines) lines { l = slices.Clone(l); slices.Reverse(l); return l }
	codes := list(12, func(i int) string { return fmt.Sprintf("K-%d|Name%d", i, i) })
	// Every second one of the first ten rows, each in the place of the one two rows further down.
	respelt := codes
	for i := range 5 {
		respelt = respelt.with(2*i, 0, fmt.Sprint("k-", (2*i+2)%10), fmt.Sprint("Name", (2*i+2)%10))
	}
	form := lines{{"007", "Al", ""}, {"8", "Bo", ""}, {"9", "Cy", ""}, {"10", "Di", ""}}
	many := list(200, func(i int) string { return fmt.Sprintf("x|p%d|q%d|r%d", i, i, i) })
	replaced := many
	for i := 100; i < 160; i++ {
		replaced = replaced.with(i, 0, "x", fmt.Sprint("n", i), fmt.Sprint("m", i), fmt.Sprint("o", i))
	}
	// Rows of two dropdowns, which carry little information.
	few := list(12, func(i int) string { return fmt.Sprintf("p%d|q%d", i%3, i%2) })
	fewTwice := few.with(0, 0, "Gold ", "x").with(9, 0, "golD", "x")
	for _, tt := range []struct {
		name          string
		o             detect.Options
		before, after lines
		want          string
	}{
		{"of two that fold alike the first is deleted, the other tidied", plain, twice, twice.with(9, 0, "x@x", "1")[1:], ""},
		{"rows are tidied and sorted, two are equal", plain, rows.with(3, 0, "p2", "x").with(2, 1, "x"), turned(rows.with(3, 0, "p2", "x").with(2, 1, "x").each(span(0, 12), 0, upper).with(3, 0, "P2")), ""},
		{"one row is tidied, and the sheet sorted", plain, rows.to(1), turned(rows.to(1).with(5, 0, "P5")), ""},
		{"of two that fold alike and carry little the first is deleted, the other tidied", plain, fewTwice, fewTwice.with(9, 0, "gold", "x")[1:], ""},
		{"one row with little information is tidied, and the sheet reversed", plain, few.with(5, 0, "Gold", "x"), turned(few.with(5, 0, "gold", "x")), ""},
		{"rows with little information are tidied and moved, two are equal", plain, few, turned(few.each(span(0, 6), 0, word(func(i int) string { return fmt.Sprint("P", i%3) }))), ""},
		{"keys are respelt, and their rows moved", keyed, codes, respelt, "5 held"},
		{"a number has another form, a name is the same, a cell is blank", plain, form, form.with(0, 0, "7"), ""},
		{"a number has another form, a cell is blank", plain, form.each(span(0, 4), 1, word(func(int) string { return "" })), form.each(span(0, 4), 1, word(func(int) string { return "" })).with(0, 0, "7"), "1 ready"},
		{"a row is moved and edited, among others of the same dropdown", plain, many, replaced.with(150, 1, "p110", "q110"), "59 ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := begin(tt.before.sheet(), tt.o, math.MaxInt, 1, start).Cursor
			if got := verdict(diff(c, tt.after.sheet(), tt.o, start.Add(time.Minute)).Result); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestFoldingForms: of rows that fold alike, the one whose numbers have the same form is the row.
func TestFoldingForms(t *testing.T) {
	sheets := []string{"Code|Name/007|Al/7|Al/8|Bo/9|Cy/10|Di", "Code|Name/7|AL/8|Bo/9|Cy/10|Di"}
	if got := namesOf(reads(t, detect.Options{}, 0, sheets...)); got != "2 edited, 1 deleted" {
		t.Errorf("got %q", got)
	}
}

// TestPhoneColumnRules has, for each rule about columns of phone numbers, a case that fails without
// it. There are at least three reads, because such a column is known from the second one on.
func TestPhoneColumnRules(t *testing.T) {
	const five = "/+91 98200 12341|a/+91 98200 12342|b/+91 98200 12343|a/+91 98200 12344|b/+91 98200 12346|a"
	codes := "/K1|+91 98200 12341/K2|+91 98200 12342/K3|+91 98200 12343/K4|+91 98200 12344/K5|+91 98200 12345"
	for _, tt := range []struct {
		name   string
		o      detect.Options
		sheets []string
		want   string
	}{
		{"a column stays one of phone numbers", detect.Options{}, []string{
			"Phone|Plan" + five + "/98200 12345|b", "Phone|Plan" + five + "/98200 12345|b/+91 98200 12349|a", "Phone|Plan" + five + "/98200-12345|b/+91 98200 12349|a",
		}, ""},
		{"another column is one", detect.Options{}, []string{
			"Code|Phone" + codes + "/12345 67890|", "Code|Phone" + codes + "/12345 67890|/K6|+91 98200 12346", "Code|Phone" + codes + "/1234 567890|/K6|+91 98200 12346",
		}, "1 ready"},
		{"an ignored column is one", detect.Options{Ignore: []string{"Phone"}}, []string{
			"Code|Phone/12-34567|+91 98200 12341/22-34567|+91 98200 12342/32-34567|+91 98200 12343/42-34567|+91 98200 12344",
			"Code|Phone/12-34567|+91 98200 12341/22-34567|+91 98200 12342/32-34567|+91 98200 12343/42-34567|+91 98200 12344/52-34567|+91 98200 12345",
			"Code|Phone/123-4567|+91 98200 12341/22-34567|+91 98200 12342/32-34567|+91 98200 12343/42-34567|+91 98200 12344/52-34567|+91 98200 12345",
		}, "1 ready"},
	} {
		if got := verdict(reads(t, tt.o, math.MaxInt, tt.sheets...).Result); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
