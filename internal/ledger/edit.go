package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Errors about deliveries that are not what a caller assumes. They mean that nothing was changed.
var (
	ErrUnknown   = errors.New("not in the state file")
	ErrNotQueued = errors.New("not queued")
)

// key returns the key of a number, big-endian, so that keys sort by number.
func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// edit is one decision about one zap. Its changes are written if fn returns nil.
type edit struct {
	codec  codec
	tx     writeTx
	name   string
	bucket *bbolt.Bucket
	record record
	chunks map[uint64]*chunk          // read so far, by first number; nil: there is none
	left   map[uint64]map[uint64]bool // deliveries whose records are to be removed, by upload
	keys   keysEdit
}

// edit changes a zap in one transaction. An unknown zap is created if create is set, otherwise it
// is ErrUnknown.
func (l *Ledger) edit(ctx context.Context, zap string, create bool, fn func(*edit) error) error {
	if zap == "" {
		return errors.New("the zap has no name")
	}
	return l.update(ctx, func(w writeTx) error {
		record, ok, err := readRecord(w.Tx, zap)
		if err != nil {
			return err
		}
		if !ok {
			if !create {
				return fmt.Errorf("zap %s: %w", zap, ErrUnknown)
			}
			if _, err := w.createZap(zap); err != nil {
				return err
			}
		}
		e := &edit{codec: l.codec, tx: w, name: zap, bucket: bucketOf(w.Tx, zap), record: record, chunks: map[uint64]*chunk{}}
		if err := fn(e); err != nil {
			return err
		}
		return e.save()
	})
}

func (e *edit) sub(name string) *bbolt.Bucket { return e.bucket.Bucket([]byte(name)) }

// chunk returns the chunk of the number n; nil if there is none.
func (e *edit) chunk(n uint64) (*chunk, error) {
	first := chunkOf(n)
	if c, ok := e.chunks[first]; ok {
		return c, nil
	}
	c, err := readChunk(e.codec, e.bucket, e.name, first)
	if err != nil {
		return nil, err
	}
	e.chunks[first] = c
	return c, nil
}

// readChunk returns the chunk whose boundaries begin at first, nil if there is none.
func readChunk(c codec, zap *bbolt.Bucket, name string, first uint64) (*chunk, error) {
	k := key(first)
	value := zap.Bucket([]byte(bucketState)).Get(k)
	if value == nil {
		return nil, nil
	}
	ch, err := c.decodeChunk(k, value)
	if err == nil && chunkOf(ch.base) != first {
		err = errMalformed
	}
	if err != nil {
		return nil, damaged(name, bucketState, first, err)
	}
	return ch, nil
}

// entry returns the entry of a delivery, nil if it was pruned. A number that the zap has not
// reached is ErrUnknown. After changing the entry, call touch.
func (e *edit) entry(n uint64) (*entry, error) {
	if n == 0 || n >= e.record.next {
		return nil, fmt.Errorf("delivery %s/%d: %w", e.name, n, ErrUnknown)
	}
	c, err := e.chunk(n)
	return c.entry(n), err
}

// touch marks the entry of a delivery as changed, and as updated at a time unless that is zero.
func (e *edit) touch(n uint64, at time.Time) {
	c := e.chunks[chunkOf(n)]
	c.dirty = true
	if !at.IsZero() {
		c.entry(n).updated = millis(at)
	}
}

// queued returns the entry of a queued delivery.
func (e *edit) queued(n uint64) (*entry, error) {
	en, err := e.entry(n)
	switch {
	case err != nil:
		return nil, err
	case en == nil:
		return nil, fmt.Errorf("delivery %s/%d: %w", e.name, n, ErrUnknown)
	case en.state != Queued:
		return nil, fmt.Errorf("delivery %s/%d: %w but %s", e.name, n, ErrNotQueued, en.state)
	}
	return en, nil
}

// move changes the state of an entry and the counts.
func (e *edit) move(en *entry, to State, at time.Time) {
	*e.record.counts.of(en.state)--
	*e.record.counts.of(to)++
	if en.state == Sent && to != Sent {
		en.set(flagWasSent, true)
	}
	if en.state != to && en.next == 0 { // the outcome of a row is that of its last action
		e.record.uncount(en.state, en.outcomeAt())
		e.record.count(to, millis(at))
	}
	en.state = to
}

// add appends the entry of the zap's next delivery.
func (e *edit) add(en entry) error {
	n := e.record.next
	c, err := e.chunk(n)
	if err != nil {
		return err
	}
	if c == nil {
		c = &chunk{base: n}
		e.chunks[chunkOf(n)] = c
	}
	if c.base+uint64(len(c.entries)) != n {
		return damaged(e.name, bucketState, chunkOf(n), errMalformed)
	}
	c.entries = append(c.entries, en)
	c.dirty = true
	*e.record.counts.of(en.state)++
	e.record.count(en.state, en.updated)
	e.record.next++
	// Full chunks are saved at once, so that of many new rows only the last chunk is in memory.
	if first := chunkOf(n); chunkOf(n+1) != first {
		if err := e.saveChunk(first, c); err != nil {
			return err
		}
		delete(e.chunks, first)
		delete(e.keys.holds, first)
	}
	return nil
}

func (e *edit) save() error {
	for _, first := range slices.Sorted(maps.Keys(e.chunks)) {
		if c := e.chunks[first]; c != nil && c.dirty {
			if err := e.saveChunk(first, c); err != nil {
				return err
			}
		}
	}
	if err := e.saveKeys(); err != nil {
		return err
	}
	return putRecord(e.tx, e.name, &e.record)
}

func (e *edit) saveChunk(first uint64, c *chunk) error {
	value, err := e.codec.encodeChunk(key(first), c)
	if err != nil {
		return fmt.Errorf("deliveries %s/%d and after: %w", e.name, first, err)
	}
	if err := e.put(bucketState, key(first), value); err != nil {
		return err
	}
	switch queued := c.summary().counts[Queued] > 0; {
	case queued && !c.queuedBefore:
		return e.put(bucketQueuedChunks, key(first), finishSeal(key(first), newSeal(0)))
	case !queued && c.queuedBefore:
		return e.remove(bucketQueuedChunks, key(first))
	}
	return nil
}
