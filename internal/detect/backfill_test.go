package detect_test

import (
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestBackfill: a backfill finds the rows of its range that were there at the start, once, along
// with whatever else a comparison finds.
func TestBackfill(t *testing.T) {
	all := &detect.Backfill{From: 1, To: 1 << 30}
	required := detect.Options{Require: []string{"Email"}}
	keyed := detect.Options{Key: []string{"Email"}}
	tests := []struct {
		name   string
		o      detect.Options
		before string // at the start
		then   string // with new rows, which fire; "": no such read
		now    string // at the backfill's read
		ask    *detect.Backfill
		want   string
		over   detect.PassedOver
	}{
		{"all", required, "abc", "", "abc", all, "a, b, c", detect.PassedOver{}},
		{"a range", required, "abcd", "", "abcd", &detect.Backfill{From: 3, To: 4}, "b, c", detect.PassedOver{}},
		{"rows that fired are not found again", required, "ab", "abc", "abc", all, "a, b", detect.PassedOver{Delivered: 1}},
		{"new rows are found as well", required, "ab", "", "abc", all, "a, b, c", detect.PassedOver{}},
		{"a half-typed row waits", required, "ab-c", "", "ab-c", all, "a, c", detect.PassedOver{Waiting: 1}},
		{"an edited row is found as it is now", required, "abc", "", "ab2c", all, "a, b, c", detect.PassedOver{}},
		{"the range counts current rows", required, "abc", "", "xabc", &detect.Backfill{From: 2, To: 3}, "x, a", detect.PassedOver{}},
		{"moved rows", required, "abc", "", "cab", all, "c, a, b", detect.PassedOver{}},
		{"a key that another row sent", keyed, "aa", "aab", "aab", all, "a", detect.PassedOver{Delivered: 1, SameKey: 1}},
		{"a key further up, outside the range", keyed, "aab", "", "aab", &detect.Backfill{From: 3, To: 4}, "b", detect.PassedOver{SameKey: 1}},
		{
			"max_new_rows holds new rows only",
			detect.Options{Require: []string{"Email"}, MaxNewRows: 1},
			"abc", "", "abcde", all, "a, b, c, d:held, e:held",
			detect.PassedOver{},
		},
		{"rows do not settle", detect.Options{Settle: time.Hour}, "ab", "", "ab", all, "a, b", detect.PassedOver{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := begin(table(tt.before), tt.o, 1<<30, 1, start)
			if tt.then != "" {
				r = r.then(table(tt.then), tt.o, start.Add(time.Minute))
			}
			r.Cursor = recoded(t, r.Cursor)
			o := tt.o
			o.Backfill = tt.ask
			r = r.then(table(tt.now), o, start.Add(2*time.Minute))
			if got := said(r); got != tt.want || r.PassedOver != tt.over {
				t.Errorf("got %q, passed over %+v; want %q, %+v", got, r.PassedOver, tt.want, tt.over)
			}
			if r.Unchanged {
				t.Error("nothing to commit")
			}
			r.Cursor = recoded(t, r.Cursor)
			if again := r.then(table(tt.now), o, start.Add(3*time.Minute)); len(again.Found) > 0 {
				t.Errorf("a second time: %q", said(again))
			}
		})
	}
}

// TestBackfillKnowsAKeyThatFiredLongAgo: a row is not found if another with its key was sent and
// vanished more than a day ago.
func TestBackfillKnowsAKeyThatFiredLongAgo(t *testing.T) {
	o := detect.Options{Key: []string{"Email"}}
	r := polls(t, o, "abcd", "abcde", "abcd")
	r = r.then(table("abcde"), o, start.Add(49*time.Hour))
	if got := said(r); got != "1 back" {
		t.Fatalf("e is back: got %q", got)
	}
	o.Backfill = &detect.Backfill{From: 6, To: 6}
	if r = r.then(table("abcde"), o, start.Add(50*time.Hour)); said(r) != "" || r.PassedOver.Delivered != 1 {
		t.Errorf("got %q, passed over %+v; want one that was delivered", said(r), r.PassedOver)
	}
}
