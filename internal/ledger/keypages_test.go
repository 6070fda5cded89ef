package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeyPages(t *testing.T) {
	const page = 0xfedc
	keys := keyPage{
		{page << 48, owner{start: true}},
		{page<<48 | 1, owner{deliveries: []uint64{7}}},
		{page<<48 | 0x0102030405, owner{deliveries: []uint64{300, 2, 1}}},
		{page<<48 | 1<<48 - 1, owner{start: true, deliveries: []uint64{1, 1 << 60}}},
	}
	value := encodeKeys(page, keys)
	got, err := decodeKeys(pageKey(page), value)
	if d := cmp.Diff(keys, got, cmp.AllowUnexported(owner{}, ownedKey{})); err != nil || d != "" {
		t.Fatalf("%v (-want +got):\n%s", err, d)
	}
	sealed := func(payload ...byte) []byte { return finishSeal(pageKey(page), append(newSeal(0), payload...)) }
	flipped := encodeKeys(page, keys)
	flipped[len(flipped)-1] ^= 1
	for name, value := range map[string][]byte{
		"none":                nil,
		"damaged":             flipped,
		"cut in a key":        sealed(0, 0, 0),
		"without an owner":    sealed(0, 0, 0, 0, 0, 1, 0),
		"without its count":   sealed(0, 0, 0, 0, 0, 1),
		"too few deliveries":  sealed(0, 0, 0, 0, 0, 1, 4, 1),
		"many deliveries":     sealed(0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f),
		"twice the same key":  sealed(0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1),
		"keys in other order": sealed(0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 1, 1),
	} {
		if keys, err := decodeKeys(pageKey(page), value); err == nil {
			t.Errorf("%s: %v", name, keys)
		}
	}
	if _, err := decodeKeys([]byte{1}, finishSeal([]byte{1}, newSeal(0))); err == nil {
		t.Error("a key of one byte is accepted")
	}
}

func TestCheckFindsKeysOfNoDelivery(t *testing.T) {
	l, err := Open(Options{Path: t.TempDir() + "/rowtap.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // the test ends with it
	err = l.edit(t.Context(), "a", true, func(e *edit) error {
		e.record.keyedBy = []string{"Email"}
		return e.setOwner(5, owner{deliveries: []uint64{9}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if wrong, err := l.Check(t.Context()); err != nil || len(wrong) != 1 || wrong[0].Kind != bucketKeys {
		t.Errorf("%v, %v; want a key of a delivery that does not exist", wrong, err)
	}
}
