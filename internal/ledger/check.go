package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// Check reads the whole file and returns its defects: pages that lead nowhere, values that do not
// match their checksum, deliveries without a row, counts that do not add up. Reads go on meanwhile;
// writes wait only while the pages are checked. The error is that of ctx.
func (l *Ledger) Check(ctx context.Context) ([]Damage, error) {
	wrong := l.check(ctx)
	if err := ctx.Err(); err != nil { // the damage listed so far may be due to it
		return nil, fmt.Errorf("check state file %s: %w", l.path, err)
	}
	return wrong, nil
}

func (l *Ledger) check(ctx context.Context) []Damage {
	if err := l.checkPages(ctx); err != nil { // do not read on through bad pages
		return asDamage(err)
	}
	var wrong []Damage
	err := l.view(ctx, func(tx *bbolt.Tx) error {
		if err := checkSchema(tx); err != nil {
			return err
		}
		if _, err := summariesOf(tx); err != nil {
			return err
		}
		return checkRoot(tx)
	})
	if err != nil {
		wrong = asDamage(err)
	}
	zaps, err := l.Zaps(ctx)
	if err != nil {
		return append(wrong, asDamage(err)...)
	}
	for _, zap := range zaps {
		err := l.view(ctx, func(tx *bbolt.Tx) error {
			wrong = append(wrong, l.checkZap(ctx, tx, zap)...)
			return nil
		})
		if err != nil {
			wrong = append(wrong, asDamage(err)...)
		}
		if len(wrong) >= mostDamage {
			break
		}
	}
	return wrong
}

// CheckFile is [Ledger.Check] for a state file that no process has open for writing. It returns the
// defects or, if there are none, the zaps. If the file cannot be checked, it returns ErrInUse,
// ErrForeign, ErrNewer or an error of the operating system.
func CheckFile(ctx context.Context, o Options) (zaps []string, wrong []Damage, err error) {
	o.ReadOnly = true
	l, err := open(ctx, opening{Options: o.filled(), copies: true})
	if errors.Is(err, ErrCorrupt) {
		return nil, asDamage(err), nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("state file %s: %w", o.Path, err)
	}
	wrong, err = l.Check(ctx)
	if err == nil && len(wrong) == 0 {
		zaps, err = l.Zaps(ctx)
	}
	return zaps, wrong, errors.Join(err, l.Close())
}

// asDamage returns the damage in an error, or else its text without the next step.
func asDamage(err error) []Damage {
	if all, ok := errors.AsType[damages](err); ok {
		return all
	}
	if d, ok := errors.AsType[Damage](err); ok {
		return []Damage{d}
	}
	problem, _, _ := strings.Cut(err.Error(), "\nnext: ")
	return []Damage{{Problem: problem}}
}

// checkPages checks the pages of an open file. Writes wait, because they change what pages mean.
func (l *Ledger) checkPages(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	return verify(l.file)
}

func (l *Ledger) checkZap(ctx context.Context, tx *bbolt.Tx, zap string) (wrong []Damage) {
	r, ok, err := readRecord(tx, zap)
	if err != nil {
		return asDamage(err)
	}
	if !ok { // removed since it was listed
		return nil
	}
	version, err := schemaOf(tx)
	if err != nil {
		return asDamage(err)
	}
	b := bucketOf(tx, zap)
	for _, part := range zapBuckets(version) {
		if b.Bucket([]byte(part)) == nil {
			return []Damage{{Zap: zap, Kind: part, Problem: errMissing.Error()}}
		}
	}
	each := func(bucket string, fn func(k, v []byte) error) {
		c := b.Bucket([]byte(bucket)).Cursor()
		for k, v := c.First(); k != nil && len(wrong) < mostDamage && ctx.Err() == nil; k, v = c.Next() {
			if err := fn(k, v); err != nil {
				wrong = append(wrong, damageAt(zap, bucket, k, err))
			}
		}
	}
	each(bucketCursors, func(k, v []byte) error {
		_, err := unseal(k, v)
		return err
	})
	for _, bucket := range []string{bucketRows, bucketCells} {
		each(bucket, func(k, v []byte) error {
			_, err := l.codec.decodeSegment(k, v)
			return err
		})
	}
	each(bucketQueuedChunks, func(k, v []byte) error {
		_, err := unseal(k, v)
		return err
	})
	if b.Bucket([]byte(bucketKeys)) != nil {
		each(bucketKeys, func(k, v []byte) error {
			keys, err := decodeKeys(k, v)
			for _, o := range keys {
				for _, d := range o.deliveries {
					if d >= r.next {
						return fmt.Errorf("a key is taken by delivery %d, which does not exist", d)
					}
				}
			}
			return err
		})
	}
	// By upload: the sum of the hashes of its deliveries, minus those of the deliveries that refer
	// to it.
	records := map[uint64]uint64{}
	if version >= 6 {
		each(bucketSent, func(k, v []byte) error {
			upload, err := numberOf(k)
			if err != nil {
				return err
			}
			s, err := l.codec.decodeSent(k, v)
			if err != nil {
				return err
			}
			for _, t := range s.records {
				records[upload] += xxhash.Sum64(key(t.number))
			}
			return nil
		})
	}
	sound := len(wrong) == 0
	var counts Counts
	queuedChunks, index := b.Bucket([]byte(bucketQueuedChunks)), indexOf(tx)
	each(bucketState, func(k, v []byte) error {
		ch, err := l.codec.decodeChunk(k, v)
		if err != nil {
			sound = false
			return err
		}
		if known, ok := readHashes(index, append(indexPrefix(zap), k...), v, 0); ok && !known.of(ch) {
			return errors.New("the index of identities does not match")
		}
		rows := l.rowsOf(tx, zap)
		for i := range ch.entries {
			if ch.entries[i].tombstone() {
				continue
			}
			*counts.of(ch.entries[i].state)++
			if _, err := rows.delivery(ch.base+uint64(i), &ch.entries[i]); err != nil {
				if !sound { // the missing value is listed already
					continue
				}
				return fmt.Errorf("delivery %d has no row", ch.base+uint64(i))
			}
			if upload := ch.entries[i].upload; upload != 0 {
				records[upload] -= xxhash.Sum64(key(ch.base + uint64(i)))
			}
		}
		if listed := queuedChunks.Get(k) != nil; listed != ch.queuedBefore {
			return fmt.Errorf("listed as queued: %t, has queued rows: %t", listed, ch.queuedBefore)
		}
		return nil
	})
	for _, s := range []State{Waiting, Queued, Failed, Held} { // of the others, some were deleted
		if got, want := *r.counts.of(s), *counts.of(s); got != want && sound {
			wrong = append(wrong, Damage{Zap: zap, Kind: keyZap, Problem: fmt.Sprintf("%d rows are %s, but the zap counts %d", want, s, got)})
		}
	}
	for upload, left := range records {
		if left != 0 && sound && len(wrong) < mostDamage {
			wrong = append(wrong, Damage{Zap: zap, Kind: bucketSent, Problem: fmt.Sprintf("upload %d does not match the deliveries that refer to it", upload)})
		}
	}
	if len(wrong) == 0 && r.sum != sumOf(b) {
		wrong = append(wrong, Damage{Zap: zap, Problem: errSum.Error()})
	}
	return wrong
}
