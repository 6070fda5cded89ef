package ledger

import (
	"slices"
	"testing"
)

// TestRecordOfBeforeStays checks a zap's record of an older release, which has no stays. The only
// worksheet of a zap is known anyway; one of several only from the next commit on.
func TestRecordOfBeforeStays(t *testing.T) {
	one := record{next: 10, worksheets: []worksheet{{spreadsheetID: "1abc", gid: 7, title: "Signups", started: 1}}}
	two := record{next: 10, current: 1, worksheets: append(slices.Clone(one.worksheets), worksheet{spreadsheetID: "1abc", gid: 9, started: 2})}
	read := func(r record) Zap {
		t.Helper()
		got, err := decodeRecord("z", encodeRecord("z", &r))
		if err != nil {
			t.Fatal(err)
		}
		return got.zap()
	}
	if s, ok := read(one).Stay(Delivery{Number: 3}); !ok || s.GID != 7 {
		t.Errorf("one worksheet: %+v, %t, want gid 7", s, ok)
	}
	if s, ok := read(two).Stay(Delivery{Number: 3}); ok {
		t.Errorf("two worksheets: %+v, want unknown", s)
	}
	one.stays = one.known()
	one.worksheets = append(one.worksheets, worksheet{spreadsheetID: "1abc", gid: 9})
	one.recordStay(1, Poll{})
	two.recordStay(0, Poll{})
	for name, z := range map[string]Zap{"one": read(one), "two": read(two)} {
		if s, ok := z.Stay(Delivery{Number: 10}); !ok || s.First != 10 {
			t.Errorf("%s: a new delivery is of %+v, %t, want the new stay", name, s, ok)
		}
		if s, ok := z.Stay(Delivery{Number: 9}); ok != (name == "one") {
			t.Errorf("%s: an old delivery is of %+v, %t", name, s, ok)
		}
	}
}
