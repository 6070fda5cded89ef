package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"
)

// Keys is what a poll knows about the keys of a zap's rows. A key is taken when a row with it is
// queued or sent, or was there at the start; waiting, held, failed, skipped, discarded and
// validated rows take none. Only the ledger knows the outcomes, so it keeps the keys that are
// taken, and decides in [Ledger.Commit] and [Ledger.Queue] whether a row repeats one.
type Keys struct {
	// By names the key columns; nil: the zap has no key. Keys that are stored for other columns are
	// replaced by All.
	By []string
	// Skip makes new and changed rows that would be queued Skipped if their key is taken by another
	// row. Without it, keys are recorded only if they were before.
	Skip bool
	// Known has keys that known rows have gained since the last commit: those of all rows at the
	// first read, otherwise those of edited rows.
	Known []KnownKey
	// All returns the keys of all rows that were known before this poll.
	All func() []KnownKey
}

// KnownKey is the hash of a key that a known row has.
type KnownKey struct {
	Sum      uint64
	Delivery uint64 // the row's first delivery; 0: the row was there at the start
}

// owner says which row has taken a key: one that was there at the start, or the row of a delivery.
// The delivery counts while it is queued and once it was sent.
type owner struct {
	start    bool
	delivery uint64 // 0: none
}

// Values of the bucket keys have the keys with the same first two bytes: the other six bytes and
// the owner of each, ascending. So a new key rewrites little, whether there are a hundred or ten
// million.
const keyRest = 6

type keyPage map[uint64]owner // by key

func pageOf(sum uint64) uint16 { return uint16(sum >> 48) }

func pageKey(page uint16) []byte { return binary.BigEndian.AppendUint16(nil, page) }

func encodeKeys(page uint16, keys keyPage) []byte {
	b := newSeal(len(keys) * (keyRest + 2))
	for _, sum := range slices.Sorted(maps.Keys(keys)) {
		o := keys[sum]
		b = append(b, binary.BigEndian.AppendUint64(nil, sum)[8-keyRest:]...)
		n := o.delivery << 1
		if o.start {
			n |= 1
		}
		b = appendUvarint(b, n)
	}
	return finishSeal(pageKey(page), b)
}

func decodeKeys(k, value []byte) (keyPage, error) {
	payload, err := unseal(k, value)
	if err != nil {
		return nil, err
	}
	if len(k) != 2 {
		return nil, errMalformed
	}
	r := reader{s: string(payload)}
	keys := make(keyPage, len(payload)/(keyRest+1))
	for before := -1; r.s != "" && !r.bad; {
		rest := r.take(keyRest)
		n := r.uvarint()
		if r.bad {
			break
		}
		sum := binary.BigEndian.Uint64(append(slices.Clone(k), rest...))
		if at := int(sum & (1<<48 - 1)); at <= before || n == 0 {
			return nil, errMalformed
		} else {
			before = at
		}
		keys[sum] = owner{start: n&1 == 1, delivery: n >> 1}
	}
	if r.bad {
		return nil, errMalformed
	}
	return keys, nil
}

// keysEdit is what an edit has read and changed of the keys.
type keysEdit struct {
	pages map[uint16]keyPage
	dirty map[uint16]bool
	takes map[uint64][]bool // by first number of a chunk: which of its rows take their keys
}

// page returns the page of a key.
func (e *edit) page(page uint16) (keyPage, error) {
	if keys, ok := e.keys.pages[page]; ok {
		return keys, nil
	}
	keys := keyPage{}
	if b := e.sub(bucketKeys); b != nil {
		if value := b.Get(pageKey(page)); value != nil {
			var err error
			if keys, err = decodeKeys(pageKey(page), value); err != nil {
				return nil, fmt.Errorf("%s: %w%s", ErrCorrupt.Error(), damageAt(e.name, bucketKeys, pageKey(page), err), adviceRestore)
			}
		}
	}
	if e.keys.pages == nil {
		e.keys.pages, e.keys.dirty = map[uint16]keyPage{}, map[uint16]bool{}
	}
	e.keys.pages[page] = keys
	return keys, nil
}

func (e *edit) setOwner(sum uint64, o owner) error {
	keys, err := e.page(pageOf(sum))
	if err != nil {
		return err
	}
	if o == (owner{}) {
		delete(keys, sum)
	} else {
		keys[sum] = o
	}
	e.keys.dirty[pageOf(sum)] = true
	return nil
}

// saveKeys stores the changed pages.
func (e *edit) saveKeys() error {
	for _, page := range slices.Sorted(maps.Keys(e.keys.dirty)) {
		if err := e.keepBucket(bucketKeys); err != nil {
			return err
		}
		var err error
		if keys := e.keys.pages[page]; len(keys) == 0 {
			err = e.remove(bucketKeys, pageKey(page))
		} else {
			err = e.put(bucketKeys, pageKey(page), encodeKeys(page, keys))
		}
		if err != nil {
			return err
		}
	}
	e.keys.dirty = nil
	return nil
}

// keepBucket creates a bucket that only some zaps have.
func (e *edit) keepBucket(name string) error {
	_, err := e.bucket.CreateBucketIfNotExists([]byte(name))
	return err
}

// takes reports whether an entry takes the key of its row: it is queued or was sent.
func (e *entry) takes() bool { return e.state == Queued || e.state == Sent || e.is(flagWasSent) }

// isTaking reports whether a delivery takes the key of its row. Of pruned deliveries only those
// that were sent still own keys.
func (e *edit) isTaking(n uint64) (bool, error) {
	first := chunkOf(n)
	if c, ok := e.chunks[first]; ok {
		en := c.entry(n)
		return en == nil || en.takes(), nil
	}
	takes, ok := e.keys.takes[first]
	if !ok {
		c, err := readChunk(e.codec, e.bucket, e.name, first)
		if err != nil {
			return false, err
		}
		takes = make([]bool, chunkRows)
		for i := range takes {
			en := c.entry(first + uint64(i))
			takes[i] = en == nil || en.takes()
		}
		if e.keys.takes == nil {
			e.keys.takes = map[uint64][]bool{}
		}
		e.keys.takes[first] = takes
	}
	return takes[n-first], nil
}

// taken returns who has taken a key, apart from delivery n; the zero owner if nobody has.
func (e *edit) taken(sum, n uint64) (owner, error) {
	keys, err := e.page(pageOf(sum))
	if err != nil {
		return owner{}, err
	}
	o := keys[sum]
	if o.delivery != 0 {
		taking, err := e.isTaking(o.delivery)
		if err != nil {
			return owner{}, err
		}
		if o.delivery == n || !taking {
			o.delivery = 0
		}
	}
	return o, nil
}

// claim makes delivery n the one that has taken a key, unless another one has.
func (e *edit) claim(sum, n uint64) error {
	if sum == 0 || e.record.keyedBy == nil {
		return nil
	}
	o, err := e.taken(sum, n)
	if err != nil || o.delivery != 0 {
		return err
	}
	o.delivery = n
	return e.setOwner(sum, o)
}

// queue decides whether an entry that is about to be queued repeats a key that another row has
// taken. If it does not, it takes its key. A row that a backfill found was there at the start
// itself, so only deliveries count against it. reason is "" for a row that is queued.
func (e *edit) queue(en *entry, n uint64) (reason string, err error) {
	if en.key == 0 || e.record.keyedBy == nil || en.is(flagRepeat) {
		return "", e.claim(en.key, n)
	}
	o, err := e.taken(en.key, n)
	switch {
	case err != nil:
		return "", err
	case o.delivery != 0:
		en.like, reason = o.delivery, "repeats the key of "+e.name+"/"+strconv.FormatUint(o.delivery, 10)
	case o.start && !en.is(flagOld):
		reason = "repeats the key of a row that was there at the start"
	default:
		return "", e.claim(en.key, n)
	}
	en.set(flagRepeat, true)
	return reason, nil
}

// useKeys brings the stored keys up to date with a poll, whose first new row is delivery first.
func (e *edit) useKeys(k Keys) error {
	known := k.Known
	if k.By == nil || !slices.Equal(e.record.keyedBy, k.By) {
		if e.record.keyedBy != nil {
			if err := e.dropKeys(); err != nil {
				return err
			}
		}
		if k.By == nil || !k.Skip {
			return nil
		}
		e.record.keyedBy = slices.Clone(k.By)
		known = append(k.All(), known...)
	}
		for _, one := range known {
		if err := e.know(one); err != nil {
			return err
		}
	}
	return nil
}

// know records the key of a known row: as taken if it was there at the start, is queued or was
// sent, otherwise for when it is queued.
func (e *edit) know(k KnownKey) error {
	if k.Delivery == 0 {
		keys, err := e.page(pageOf(k.Sum))
		if err != nil || keys[k.Sum].start {
			return err
		}
		return e.setOwner(k.Sum, owner{start: true, delivery: keys[k.Sum].delivery})
	}
	taking, err := e.isTaking(k.Delivery)
	if err != nil {
		return err
	}
	if taking {
		return e.claim(k.Sum, k.Delivery)
	}
	en, err := e.entry(k.Delivery)
	// A held row of an earlier release may be a repeat, which a release sends.
	if err != nil || en == nil || en.state == Held && en.key == 0 {
		return err
	}
	en.key = k.Sum
	e.touch(k.Delivery, timeOf(0))
	return nil
}

// dropKeys removes all stored keys.
func (e *edit) dropKeys() error {
	e.record.keyedBy, e.keys = nil, keysEdit{}
	b := e.sub(bucketKeys)
	if b == nil {
		return nil
	}
	var all [][]byte
	err := b.ForEach(func(k, _ []byte) error {
		all = append(all, slices.Clone(k))
		return nil
	})
	for _, k := range all {
		if err == nil {
			err = e.remove(bucketKeys, k)
		}
	}
	return err
}

// forget gives up the key of a delivery that is removed without having been sent.
func (e *edit) forget(n uint64, en *entry) error {
	if en.key == 0 || en.takes() || e.record.keyedBy == nil {
		return nil
	}
	keys, err := e.page(pageOf(en.key))
	if err != nil || keys[en.key].delivery != n {
		return err
	}
	return e.setOwner(en.key, owner{start: keys[en.key].start})
}

// SentKeys returns the hashes of the keys that a zap's deliveries have taken, without those of rows
// that were there at the start. ok is false if the keys of these columns are not stored.
func (l *Ledger) SentKeys(ctx context.Context, zap string, by []string) (keys map[uint64]bool, ok bool, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		keys, ok = nil, false
		record, known, err := readRecord(tx, zap)
		if err != nil || !known || record.keyedBy == nil || !slices.Equal(record.keyedBy, by) {
			return err
		}
		keys, ok = map[uint64]bool{}, true
		e := &edit{codec: l.codec, tx: writeTx{Tx: tx}, name: zap, bucket: bucketOf(tx, zap), record: record}
		b := e.sub(bucketKeys)
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, value []byte) error {
			page, err := decodeKeys(k, value)
			if err != nil {
				return damageAt(zap, bucketKeys, k, err)
			}
			for sum, o := range page {
				taking := false
				if o.delivery != 0 {
					if taking, err = e.isTaking(o.delivery); err != nil {
						return err
					}
				}
				if taking {
					keys[sum] = true
				}
			}
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("read the keys of zap %s: %w", zap, err)
	}
	return keys, ok, nil
}
