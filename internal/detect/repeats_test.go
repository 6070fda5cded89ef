package detect_test

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestRepeats has, for each way of treating rows with the same key, what is found. Each read comes a
// minute after the one before, a day after "later".
func TestRepeats(t *testing.T) {
	const head = "ID|Name|City/"
	for _, tt := range []struct {
		name   string
		sheets string // rows, one read per word
		hold   string // what the last read finds under each
		skip   string
		send   string
	}{
		{"a second row with a key that is there", "a|Al|x a|Al|x/a|Bo|y", "Bo:held", "Bo", "Bo"},
		{"two rows with a new key", "z|Zo|z z|Zo|z/a|Al|x/a|Bo|y", "Al, Bo:held", "Al, Bo", "Al, Bo"},
		{"an edited row", "z|Zo|z/a|Al|x z|Zo|z/a|Al|y", "2 edited", "2 edited", "2 edited"},
		{"the first edited and another above", "a|Al|x a|Bo|y/a|Al|z", "1 edited, Al:held", "1 edited, Al", "1 edited, Al:held"},
		{"another row edited and a second one", "a|Al|x/b|Cy|z a|Al|x/b|Cy|u/a|Bo|y", "Bo:held, 2 edited", "Bo, 2 edited", "Bo, 2 edited"},
		{"a row that came back", "z|Zo|z/a|Al|x z|Zo|z z|Zo|z/a|Al|x", "2 back", "2 back", "2 back"},
		{"a row that came back tidied", "z|Zo|z/a|Al|x z|Zo|z z|Zo|z/a|AL|x", "2 back", "AL", "AL:held"},
		{"a key that came back", "z|Zo|z/a|Al|x z|Zo|z z|Zo|z/a|Bo|y", "2 back", "Bo", "Bo:held"},
		{"a key that came back after days", "z|Zo|z/a|Al|x z|Zo|z later z|Zo|z/a|Bo|y", "2 back", "Bo", "Bo"},
		{"a row that came back after days", "z|Zo|z/a|Al|x z|Zo|z later z|Zo|z/a|Al|x", "2 back", "Al", "Al"},
		{"rows that changed places", "a|Al|x/b|Bo|y b|Bo|y/a|Al|x", "", "", ""},
	} {
		for mode, want := range map[detect.Repeats]string{detect.RepeatsHold: tt.hold, detect.RepeatsSkip: tt.skip, detect.RepeatsSend: tt.send} {
			o, now := detect.Options{Key: []string{"ID"}, Repeats: mode}, start
			words := strings.Fields(tt.sheets)
			r := begin(typedSheet(head+words[0]), o, 0, 1, now)
			for _, word := range words[1:] {
				if now = now.Add(time.Minute); word == "later" {
					now = now.Add(30 * time.Hour)
					continue
				}
				r.Cursor = recoded(t, r.Cursor)
				r = r.then(typedSheet(head+word), o, now)
			}
			got := strings.Split(namesOf(r), ", ")
			if w := strings.Split(want, ", "); !slices.Equal(sorted(got), sorted(w)) {
				t.Errorf("%s, %s: got %q, want %q: %+v", tt.name, mode, got, want, r.Found)
			}
		}
	}
}

func sorted(list []string) []string { slices.Sort(list); return list }

// TestKeysOfARead: which keys a read reports, and whose.
func TestKeysOfARead(t *testing.T) {
	o := detect.Options{Key: []string{"ID"}, Require: []string{"Name"}, Repeats: detect.RepeatsSkip}
	const head = "ID|Name|City/"
	r := begin(typedSheet(head+"a|Al|x/b||y"), o, math.MaxInt, 1, start)
	key := func(n int) uint64 { return r.Cursor.KeyAt(n) }
	if want := []detect.Key{{Sum: key(2)}}; !slices.Equal(r.Keys, want) {
		t.Errorf("first read: %+v, want only that of the complete row: %+v", r.Keys, want)
	}
	r = r.then(typedSheet(head+"a|Al|x/b|Bo|y/c|Cy|z"), o, start.Add(time.Minute))
	if len(r.Keys) != 0 || len(r.Found) != 2 || r.Found[0].Key != key(3) || r.Found[1].Key != key(4) {
		t.Errorf("new rows: %+v, %+v", r.Keys, r.Found)
	}
	r = r.then(typedSheet(head+"A|Al|x/b|Bo|y/C|Cy|z"), o, start.Add(2*time.Minute)) // respelt
	if want := []detect.Key{{Sum: key(2)}, {Sum: key(4), Delivery: 2}}; !slices.Equal(r.Keys, want) {
		t.Errorf("respelt keys: %+v, want %+v", r.Keys, want)
	}
	r = r.then(typedSheet(head+"A|Al|x/C|Cy|z"), o, start.Add(3*time.Minute))
	all := r.Cursor.AllKeys(3)
	for _, want := range []detect.Key{{Sum: key(2)}, {Sum: key(3), Delivery: 2}} {
		if !slices.Contains(all, want) {
			t.Errorf("all keys: %+v, without %+v", all, want)
		}
	}
	if n := len(all); n != 5 { // a, of the start, and c were respelt; b vanished with delivery 1
		t.Errorf("%d keys: %+v", n, all)
	}
	if all := r.Cursor.AllKeys(2); slices.ContainsFunc(all, func(k detect.Key) bool { return k.Delivery >= 2 }) {
		t.Errorf("keys of deliveries from 2 on: %+v", all)
	}
	if n := r.Cursor.KeyAt(99); n != 0 {
		t.Errorf("a row that is not there has key %d", n)
	}
}

// TestABackfillUnderSkip: against the keys that were sent, not those of rows that have a delivery.
func TestABackfillUnderSkip(t *testing.T) {
	o := detect.Options{Key: []string{"Email"}, Repeats: detect.RepeatsSkip}
	r := polls(t, o, "aab", "aaba")
	if len(r.Found) != 1 {
		t.Fatalf("%+v, want the second a of the start to have a third", r.Found)
	}
	o.Backfill = &detect.Backfill{From: 1, To: math.MaxInt}
	if r := r.then(table("aaba"), o, start.Add(time.Hour)); said(r) != "a, b" || r.PassedOver.SameKey != 1 {
		t.Errorf("got %q, passed over %+v; want the first of each key", said(r), r.PassedOver)
	}
	o.SentKeys = map[uint64]bool{r.Cursor.KeyAt(2): true}
	if r := r.then(table("aaba"), o, start.Add(time.Hour)); said(r) != "b" || r.PassedOver.SameKey != 2 {
		t.Errorf("got %q, passed over %+v; want only the key that was not sent", said(r), r.PassedOver)
	}
}

// TestAKeyThatAnEarlierReleaseHashed: the read says under which hash it is known now.
func TestAKeyThatAnEarlierReleaseHashed(t *testing.T) {
	o := detect.Options{Key: []string{"ID"}, Identity: []string{"ID"}, Repeats: detect.RepeatsSkip}
	c := begin(typedSheet("ID|Name/b2|Bo/c3|Cy"), o, 0, 1, start).Cursor
	old := func(id string) uint64 { return xxhash.Sum64(append(binary.AppendUvarint(nil, uint64(len(id))), id...)) }
	c.KeyedBy, c.Folds = []string{"ID\x00o"}, nil
	c.RowKeys = []detect.RowKey{{Sum: old("b2")}, {Sum: old("c3")}}
	c.Keys = []detect.Key{{Sum: old("b2")}, {Sum: old("c3")}, {Sum: old("V9"), Delivery: 7}}
	slices.SortFunc(c.Keys, func(a, b detect.Key) int { return cmp.Compare(a.Sum, b.Sum) })
	r := outcome{Result: detect.Result{Cursor: c}}.then(typedSheet("ID|Name/b2|Bo/c3|Cy/V9|Vi"), o, start.Add(time.Hour))
	if len(r.Found) != 1 || !slices.Contains(r.Keys, detect.Key{Sum: r.Found[0].Key, Delivery: 7}) {
		t.Errorf("found %+v, keys %+v; want the key of delivery 7", r.Found, r.Keys)
	}
}
