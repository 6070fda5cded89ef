package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// keySummaries is the key of the times of summaries. Unlike the other values of the file itself, a
// mirror has it: the machine that takes over sends no summary twice.
const keySummaries = "summaries"

// Summaries returns, by the names of [Ledger.KeepSummaries], which summary was last sent.
func (l *Ledger) Summaries(ctx context.Context) (last map[string]time.Time, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) (err error) {
		last, err = summariesOf(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read when summaries were sent: %w", err)
	}
	return last, nil
}

// KeepSummaries records, by target, the times of the summaries that were last sent. It replaces what
// was recorded before, and writes nothing if that is the same.
func (l *Ledger) KeepSummaries(ctx context.Context, last map[string]time.Time) error {
	k := []byte(keySummaries)
	b := appendUvarint(newSeal(64), len(last))
	for _, name := range slices.Sorted(maps.Keys(last)) {
		b = binary.AppendVarint(appendString(b, name), millis(last[name]))
	}
	value := finishSeal(k, b)
	same := false
	err := l.view(ctx, func(tx *bbolt.Tx) error {
		same = bytes.Equal(tx.Bucket([]byte(bucketRoot)).Get(k), value)
		return nil
	})
	if err == nil && !same {
		err = l.update(ctx, func(w writeTx) error { return w.put(w.Bucket([]byte(bucketRoot)), "", bucketRoot, k, value) })
	}
	if err != nil {
		return fmt.Errorf("record when summaries were sent: %w", err)
	}
	return nil
}

func summariesOf(tx *bbolt.Tx) (map[string]time.Time, error) {
	k := []byte(keySummaries)
	last := map[string]time.Time{}
	value := tx.Bucket([]byte(bucketRoot)).Get(k)
	if value == nil {
		return last, nil
	}
	payload, err := unseal(k, value)
	if err != nil {
		return nil, damaged("", keySummaries, 0, err)
	}
	r := reader{s: string(payload)}
	for range r.count() {
		name := r.string()
		last[name] = timeOf(r.varint())
	}
	if err := r.done(); err != nil {
		return nil, damaged("", keySummaries, 0, err)
	}
	return last, nil
}
