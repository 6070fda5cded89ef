package ledger

import (
	"cmp"
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
	// replaced by All. Most of a great many known keys are recorded before the poll, in transactions
	// of their own; a poll that is interrupted then begins again.
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

// owner says which rows have taken a key: one that was there at the start, and the rows of
// deliveries, each while it is queued and once it was sent. There are several only if an operator
// released a repeat while another one was queued.
type owner struct {
	start      bool
	deliveries []uint64
}

// Values of the bucket keys have the keys with the same first two bytes: the other six bytes and
// the owner of each, ascending. So a new key rewrites little, whether there are a hundred or ten
// million.
const keyRest = 6

type keyPage []ownedKey // ascending

type ownedKey struct {
	sum uint64
	owner
}

// find returns the place of a key in a page, and whether it is there.
func (p keyPage) find(sum uint64) (int, bool) {
	return slices.BinarySearchFunc(p, sum, func(k ownedKey, sum uint64) int { return cmp.Compare(k.sum, sum) })
}

// owner returns the owner of a key; the zero owner if the page does not have it.
func (p keyPage) owner(sum uint64) owner {
	if i, ok := p.find(sum); ok {
		return p[i].owner
	}
	return owner{}
}

func pageOf(sum uint64) uint16 { return uint16(sum >> 48) }

func pageKey(page uint16) []byte { return binary.BigEndian.AppendUint16(nil, page) }

func encodeKeys(page uint16, keys keyPage) []byte {
	b := newSeal(len(keys) * (keyRest + 2))
	for _, o := range keys {
		b = append(b, byte(o.sum>>40), byte(o.sum>>32), byte(o.sum>>24), byte(o.sum>>16), byte(o.sum>>8), byte(o.sum))
		n := len(o.deliveries) << 1
		if o.start {
			n |= 1
		}
		b = appendUvarint(b, n)
		for _, d := range o.deliveries {
			b = appendUvarint(b, d)
		}
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
	keys = keys[:0]
	for r.s != "" && !r.bad {
		rest := r.take(keyRest)
		n := r.uvarint()
		o := owner{start: n&1 == 1}
		for range min(n>>1, uint64(len(r.s))) {
			o.deliveries = append(o.deliveries, r.uvarint())
		}
		if r.bad || uint64(len(o.deliveries)) != n>>1 {
			return nil, errMalformed
		}
		sum := binary.BigEndian.Uint64(append(slices.Clone(k), rest...))
		if len(keys) > 0 && keys[len(keys)-1].sum >= sum || n == 0 {
			return nil, errMalformed
		}
		keys = append(keys, ownedKey{sum, o})
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
	holds map[uint64][]hold // by first number of a chunk: those of its rows
}

// page returns the page of a key.
func (e *edit) page(page uint16) (keyPage, error) {
	if keys, ok := e.keys.pages[page]; ok {
		return keys, nil
	}
	var keys keyPage
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
	i, there := keys.find(sum)
	switch none := !o.start && len(o.deliveries) == 0; {
	case there && none:
		keys = slices.Delete(keys, i, i+1)
	case there:
		keys[i].owner = o
	case !none:
		keys = slices.Insert(keys, i, ownedKey{sum, o})
	}
	e.keys.pages[pageOf(sum)] = keys
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

// hold says how a delivery holds the key of its row.
type hold uint8

const (
	holdsNone   hold = iota
	holdsQueued      // until it ends otherwise than sent
	holdsSent        // for good
)

func (e *entry) hold() hold {
	switch {
	case e == nil: // pruned; those that were never sent own no keys
		return holdsSent
	case e.state == Sent || e.is(flagWasSent):
		return holdsSent
	case e.state == Queued:
		return holdsQueued
	}
	return holdsNone
}

// holdOf returns how a delivery holds the key of its row.
func (e *edit) holdOf(n uint64) (hold, error) {
	first := chunkOf(n)
	if c, ok := e.chunks[first]; ok {
		return c.entry(n).hold(), nil
	}
	holds, ok := e.keys.holds[first]
	if !ok { // a chunk is large, so it is not kept
		c, err := readChunk(e.codec, e.bucket, e.name, first)
		if err != nil {
			return 0, err
		}
		holds = make([]hold, chunkRows)
		for i := range holds {
			holds[i] = c.entry(first + uint64(i)).hold()
		}
		if e.keys.holds == nil {
			e.keys.holds = map[uint64][]hold{}
		}
		e.keys.holds[first] = holds
	}
	return holds[n-first], nil
}

// taken returns who has taken a key, apart from delivery n, and whether one of them has for good.
func (e *edit) taken(sum, n uint64) (by owner, forGood bool, err error) {
	keys, err := e.page(pageOf(sum))
	if err != nil {
		return owner{}, false, err
	}
	known := keys.owner(sum)
	by.start = known.start
	for _, d := range known.deliveries {
		if d == n {
			continue
		}
		h, err := e.holdOf(d)
		if err != nil {
			return owner{}, false, err
		}
		if h != holdsNone {
			by.deliveries = append(by.deliveries, d)
			forGood = forGood || h == holdsSent
		}
	}
	return by, forGood, nil
}

// claim records that delivery n has taken a key.
func (e *edit) claim(sum, n uint64) error {
	if sum == 0 || e.record.keyedBy == nil {
		return nil
	}
	o, forGood, err := e.taken(sum, n)
	if err != nil || forGood {
		return err
	}
	o.deliveries = append(o.deliveries, n)
	return e.setOwner(sum, o)
}

// queue decides whether an entry that is about to be queued repeats a key that another row has
// taken. If it does not, it takes its key. A row that was sent before is no repeat. One that a backfill found was there at the start
// itself, so only deliveries count against it. reason is "" for a row that is queued.
func (e *edit) queue(en *entry, n uint64) (reason string, err error) {
	if en.key == 0 || e.record.keyedBy == nil || en.is(flagRepeat) || en.hold() == holdsSent {
		return "", e.claim(en.key, n)
	}
	o, _, err := e.taken(en.key, n)
	switch {
	case err != nil:
		return "", err
	case len(o.deliveries) > 0:
		en.like, reason = o.deliveries[0], "repeats the key of "+e.name+"/"+strconv.FormatUint(o.deliveries[0], 10)
	case o.start && !en.is(flagOld):
		reason = "repeats the key of a row that was there at the start"
	default:
		return "", e.claim(en.key, n)
	}
	en.set(flagRepeat, true)
	return reason, nil
}

// Each transaction before that of a poll takes at most so many keys, or removes so many pages of
// them, so that others do not wait: with a million keys, one transaction would take a second.
const (
	keysAtOnce     = 25_000
	keyPagesAtOnce = 2_000
)

// stageKeys does most of what useKeys would do with many keys, in transactions before that of the
// poll, and returns what is left. It removes the keys of other columns, or of a poll that was
// interrupted; the zap has no key columns from then until the poll is committed. Then it records
// the keys that are taken for good: those of rows that were there at the start or were sent.
func (l *Ledger) stageKeys(ctx context.Context, zap string, k *Keys) (*Keys, error) {
	stored, _, err := l.record(ctx, zap)
	if err != nil {
		return nil, err
	}
	left := &Keys{By: k.By, Skip: k.Skip, Known: k.Known}
	begins := !k.are(stored.keyedBy)
	if begins {
		if err := l.clearKeys(ctx, zap); err != nil || k.By == nil || !k.Skip {
			return left, err
		}
		left.Known = append(k.All(), k.Known...)
	}
	if len(left.Known) <= keysAtOnce {
		return left, nil
	}
	var staged []KnownKey
	known := left.Known
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		staged, left.Known = nil, nil
		e := l.reading(tx, zap, stored)
		for _, one := range known {
			h := holdsSent
			if one.Delivery != 0 {
				if h, err = e.holdOf(one.Delivery); err != nil {
					return err
				}
			}
			if h == holdsSent && (begins || one.Delivery == 0) {
				staged = append(staged, one)
			} else {
				left.Known = append(left.Known, one)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sortKeys(staged)
	for part := range slices.Chunk(staged, keysAtOnce) {
		err := l.edit(ctx, zap, true, func(e *edit) error {
			for _, one := range part {
				if err := e.stage(one); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return left, nil
}

// are reports whether the keys are those of the stored columns.
func (k *Keys) are(stored []string) bool { return k.By != nil && slices.Equal(stored, k.By) }

// reading returns an edit that only reads a zap.
func (l *Ledger) reading(tx *bbolt.Tx, zap string, stored record) *edit {
	return &edit{codec: l.codec, tx: writeTx{Tx: tx}, name: zap, bucket: bucketOf(tx, zap), record: stored}
}

func sortKeys(known []KnownKey) {
	slices.SortFunc(known, func(a, b KnownKey) int { return cmp.Or(cmp.Compare(a.Sum, b.Sum), cmp.Compare(a.Delivery, b.Delivery)) })
}

// stage records a key that is taken for good.
func (e *edit) stage(k KnownKey) error {
	keys, err := e.page(pageOf(k.Sum))
	if err != nil {
		return err
	}
	o := keys.owner(k.Sum)
	switch {
	case k.Delivery == 0 && !o.start:
		o.start = true
	case k.Delivery != 0 && len(o.deliveries) == 0:
		o.deliveries = []uint64{k.Delivery}
	default:
		return nil
	}
	return e.setOwner(k.Sum, o)
}

// clearKeys removes all keys of a zap and the names of their columns.
func (l *Ledger) clearKeys(ctx context.Context, zap string) error {
	for {
		var pages [][]byte
		keyed := false
		err := l.view(ctx, func(tx *bbolt.Tx) error {
			stored, ok, err := readRecord(tx, zap)
			if err != nil || !ok {
				return err
			}
			pages, keyed = nil, stored.keyedBy != nil
			if b := bucketOf(tx, zap).Bucket([]byte(bucketKeys)); b != nil {
				c := b.Cursor()
				for k, _ := c.First(); k != nil && len(pages) < keyPagesAtOnce; k, _ = c.Next() {
					pages = append(pages, slices.Clone(k))
				}
			}
			return nil
		})
		if err != nil || !keyed && len(pages) == 0 {
			return err
		}
		err = l.edit(ctx, zap, false, func(e *edit) error {
			e.record.keyedBy = nil
			for _, k := range pages {
				if err := e.remove(bucketKeys, k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// useKeys brings the stored keys up to date with a poll, after stageKeys.
func (e *edit) useKeys(k *Keys) error {
	if !k.are(e.record.keyedBy) {
		if k.By == nil || !k.Skip {
			return nil
		}
		e.record.keyedBy = slices.Clone(k.By)
	}
	known := slices.Clone(k.Known)
	sortKeys(known)
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
		o := keys.owner(k.Sum)
		if err != nil || o.start {
			return err
		}
		o.start = true
		return e.setOwner(k.Sum, o)
	}
	h, err := e.holdOf(k.Delivery)
	if err != nil {
		return err
	}
	if h != holdsNone {
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

// forget gives up the key of a delivery that is removed, or gets another key, unless it is queued or
// was sent.
func (e *edit) forget(n uint64, en *entry) error {
	if en.key == 0 || en.hold() != holdsNone || e.record.keyedBy == nil {
		return nil
	}
	keys, err := e.page(pageOf(en.key))
	o := keys.owner(en.key)
	if err != nil || !slices.Contains(o.deliveries, n) {
		return err
	}
	o.deliveries = slices.DeleteFunc(slices.Clone(o.deliveries), func(d uint64) bool { return d == n })
	return e.setOwner(en.key, o)
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
		e := l.reading(tx, zap, record)
		b := e.sub(bucketKeys)
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, value []byte) error {
			page, err := decodeKeys(k, value)
			if err != nil {
				return damageAt(zap, bucketKeys, k, err)
			}
			for _, o := range page {
				for _, d := range o.deliveries {
					h, err := e.holdOf(d)
					if err != nil {
						return err
					}
					if h != holdsNone {
						keys[o.sum] = true
					}
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
