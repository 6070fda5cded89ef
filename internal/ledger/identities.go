package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// The index of identities finds the deliveries of a user without decoding all chunks. It is derived
// from the other values: it is in no sum, in no mirror, and can be dropped. The bucket "identities"
// has one value per chunk of a zap's bucket state, under the zap's name and the same key: a 32-bit
// hash per delivery. A search reads the hashes of all chunks, 4 MB for 1,000,000 deliveries, and
// decodes the chunks with a match.
//
// A tree from hashes to deliveries would be slower to keep up to date, because the hashes of an
// upload of 1,000 rows are in 1,000 pages. Here they are in one value, and no decision writes it:
// [Ledger.IndexIdentities] does, from time to time. A value contains the checksum of the chunk that
// it was made from, so an outdated one is recognized, and its chunk is searched without it. This
// covers a file of an older release, a restored backup, and the copy of a mirrored state.
//
// With 10,000 zaps, a search would spend most of its time in opening their buckets to compare these
// checksums. So a zap's bucket has a sequence, which each decision increments and which bbolt stores
// next to its name. Once all values of a zap are up to date, a mark in the index has that sequence.
// While the mark is valid, the zap is searched by the index alone, which is read in its order.

const bucketIdentities = "identities"

// Identifier returns the identities of a zap's deliveries that have none stored, because they were
// not sent. The ledger does not know mappings, so its caller does this.
type Identifier struct {
	// Make returns the identity of a delivery, "" if it has none. nil: none has one.
	Make func(Delivery) string
	// Version changes whenever Make may return something else for the same delivery.
	Version uint64
	// Hidden means that the zap's identities must not be shown, so no search finds them.
	Hidden bool
}

// of returns the identity of a delivery: the stored one, otherwise the one that Make returns.
func (i Identifier) of(d Delivery) string {
	if d.Identity != "" || i.Make == nil {
		return d.Identity
	}
	return i.Make(d)
}

// version returns the version as stored, which differs from that of an Identifier without Make.
func (i Identifier) version() uint64 {
	if i.Make == nil {
		return 0
	}
	return i.Version
}

// foldIdentity returns the form in which identities are compared: letter case does not matter.
func foldIdentity(identity string) string { return strings.ToLower(identity) }

// hashIdentity returns the hash of an identity in the index; 0 for none.
func hashIdentity(identity string) uint32 {
	if identity == "" {
		return 0
	}
	return max(uint32(xxhash.Sum64String(foldIdentity(identity))), 1)
}

// hashes is a value of the index.
type hashes struct {
	chunk   []byte // checksum of the chunk that it is of
	made    bool   // some of the identities were made by an Identifier
	version uint64 // of that Identifier
	base    uint64 // number of the first delivery
	list    []byte // 4 bytes per delivery, little-endian
}

// chunkSum returns the checksum of a stored chunk, which its value begins with.
func chunkSum(value []byte) []byte { return value[:min(len(value), sealHead)] }

// encodeHashes returns the value of a chunk in the index.
func encodeHashes(key []byte, h hashes) []byte {
	b := append(newSeal(sealHead+24+len(h.list)), h.chunk...)
	b = appendUvarint(binary.LittleEndian.AppendUint64(appendBool(b, h.made), h.version), h.base)
	return finishSeal(key, append(b, h.list...))
}

// decodeHashes is the inverse of encodeHashes. The result is only valid during the transaction.
func decodeHashes(key, value []byte) (h hashes, err error) {
	payload, err := unseal(key, value)
	if err == nil && len(payload) < sealHead+1+8 {
		err = errMalformed
	}
	if err != nil {
		return hashes{}, err
	}
	h.chunk, payload = payload[:sealHead], payload[sealHead:]
	h.made, payload = payload[0] != 0, payload[1:]
	h.version, payload = binary.LittleEndian.Uint64(payload), payload[8:]
	base, n := binary.Uvarint(payload)
	if n <= 0 {
		return hashes{}, errMalformed
	}
	h.base, h.list = base, payload[n:]
	return h, nil
}

// readHashes returns the value of a stored chunk in the index. ok is false if there is none, or one
// of another content or Identifier, or a damaged one: then the chunk must be searched without it.
func readHashes(index *bbolt.Bucket, key, chunk []byte, version uint64) (h hashes, ok bool) {
	if index == nil {
		return hashes{}, false
	}
	h, err := decodeHashes(key, index.Get(key))
	return h, err == nil && bytes.Equal(h.chunk, chunkSum(chunk)) && (!h.made || h.version == version)
}

// indexPrefix is what the keys of a zap in the index begin with. Names have no zero bytes.
func indexPrefix(zap string) []byte { return append([]byte(zap), 0) }

// indexKey is the key of a chunk in the index; that of 0 is the key of the mark, before the chunks.
func indexKey(prefix []byte, first uint64) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(prefix), first)
}

func encodeMark(k []byte, sequence, version uint64) []byte {
	b := binary.LittleEndian.AppendUint64(newSeal(16), sequence)
	return finishSeal(k, binary.LittleEndian.AppendUint64(b, version))
}

// whole reports whether the index has the hashes of all chunks of a zap, and nothing else. mark is
// the value under its key for 0.
func whole(zap *bbolt.Bucket, k, mark []byte, version uint64) bool {
	return mark != nil && bytes.Equal(mark, encodeMark(k, zap.Sequence(), version))
}

// find returns the numbers of the deliveries with a hash, in order.
func (h hashes) find(hash uint32) (numbers []uint64) {
	for i := 0; i+4 <= len(h.list); i += 4 {
		if binary.LittleEndian.Uint32(h.list[i:]) == hash {
			numbers = append(numbers, h.base+uint64(i/4))
		}
	}
	return numbers
}

// of reports whether the hashes of stored identities are those of a chunk.
func (h hashes) of(c *chunk) bool {
	if h.base != c.base || len(h.list) != 4*len(c.entries) {
		return false
	}
	for i := range c.entries {
		id := c.entries[i].identity
		if id != "" && binary.LittleEndian.Uint32(h.list[4*i:]) != hashIdentity(id) {
			return false
		}
	}
	return true
}

// indexOf returns the bucket of the index, nil if there is none.
func indexOf(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte(bucketIdentities)) }

// forget removes the hashes of a chunk from the index. Decisions that remove identities or change
// rows call it; after all others the hashes are just outdated.
func (w writeTx) forget(zap string, first uint64) error {
	index := indexOf(w.Tx)
	if index == nil {
		return nil
	}
	return index.Delete(indexKey(indexPrefix(zap), first))
}

// forgetZap removes a zap from the index.
func (w writeTx) forgetZap(zap string) error {
	index, prefix := indexOf(w.Tx), indexPrefix(zap)
	if index == nil {
		return nil
	}
	var all [][]byte
	c := index.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		all = append(all, bytes.Clone(k))
	}
	for _, k := range all {
		if err := index.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// IndexIdentities brings the index of identities up to date, in short transactions. It processes
// chunks with about limit deliveries in total and returns a number; less than limit means that
// nothing is left to do now. Searches return the same without it, more slowly. It writes nothing if
// the index is up to date. Zaps with damage are skipped, and the error, [ErrCorrupt], names them.
func (l *Ledger) IndexIdentities(ctx context.Context, identify func(zap string) Identifier, limit int) (done int, err error) {
	zaps, err := l.Zaps(ctx)
	if err != nil {
		return 0, err
	}
	var all []indexed
	var skipped error
	for _, zap := range zaps {
		one, err := l.unindexed(ctx, zap, identify(zap), limit-done)
		if err != nil {
			err = fmt.Errorf("index the identities of zap %s: %w", zap, err)
			if !errors.Is(err, ErrCorrupt) {
				return 0, err
			}
			skipped = errors.Join(skipped, err)
			continue
		}
		if one.cost == 0 {
			continue
		}
		all = append(all, one)
		if done += one.cost; done >= limit {
			break
		}
	}
	if len(all) == 0 {
		return 0, skipped
	}
	err = l.update(ctx, func(w writeTx) error {
		for _, one := range all {
			if err := w.index(one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("index identities: %w", err)
	}
	return done, skipped
}

// chunkCost is how many deliveries a chunk counts as, besides its own, because it is a value.
const chunkCost = 100

// indexed is what is to be stored in the index of a zap.
type indexed struct {
	zap      string
	hidden   bool              // nothing: what it has is removed
	chunks   map[uint64]hashes // by first number
	whole    bool              // nothing else is outdated
	sequence uint64            // of the zap when it was read
	version  uint64            // of the Identifier
	cost     int               // what it counts against the limit; 0: nothing is to be stored
}

// index stores the hashes of chunks, except of those that have changed since.
func (w writeTx) index(one indexed) error {
	b := bucketOf(w.Tx, one.zap)
	if one.hidden || b == nil {
		return w.forgetZap(one.zap)
	}
	index, err := w.CreateBucketIfNotExists([]byte(bucketIdentities))
	if err != nil {
		return err
	}
	state, prefix := b.Bucket([]byte(bucketState)), indexPrefix(one.zap)
	for first, h := range one.chunks {
		if !bytes.Equal(chunkSum(state.Get(key(first))), h.chunk) {
			continue
		}
		k := indexKey(prefix, first)
		if err := index.Put(k, encodeHashes(k, h)); err != nil {
			return err
		}
	}
	if !one.whole {
		return nil
	}
	mark := indexKey(prefix, 0) // not valid if the zap has changed since
	return index.Put(mark, encodeMark(mark, one.sequence, one.version))
}

// unindexed returns the hashes of chunks of a zap whose stored ones are outdated, with at least
// limit deliveries if there are as many.
func (l *Ledger) unindexed(ctx context.Context, zap string, by Identifier, limit int) (one indexed, err error) {
	one = indexed{zap: zap, hidden: by.Hidden, version: by.version()}
	var outdated []uint64
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		b, index, mark := bucketOf(tx, zap), indexOf(tx), indexKey(indexPrefix(zap), 0)
		var known []byte // its first value
		if index != nil {
			if k, v := index.Cursor().Seek(mark); bytes.HasPrefix(k, indexPrefix(zap)) {
				known = v
			}
		}
		switch {
		case by.Hidden && known != nil:
			one.cost = chunkCost
		case by.Hidden || b == nil || whole(b, mark, known, one.version):
		default:
			one.sequence, one.cost = b.Sequence(), chunkCost
			most := limit/chunkCost + 1
			outdated, err = outdatedHashes(b, index, zap, one.version, most)
			one.whole = len(outdated) < most
		}
		return err
	})
	for i, first := range outdated {
		if err == nil && i > 0 && one.cost >= limit {
			one.whole = false
			break
		}
		var h hashes
		err = l.view(ctx, func(tx *bbolt.Tx) (err error) {
			h, err = l.hashesOf(tx, zap, first, by)
			return err
		})
		if err != nil {
			break
		}
		if h.list == nil {
			continue
		}
		if one.chunks == nil {
			one.chunks, one.cost = map[uint64]hashes{}, 0
		}
		one.chunks[first] = h
		one.cost += len(h.list)/4 + chunkCost
	}
	return one, err
}

// outdatedHashes returns the chunks of a zap whose hashes are outdated, at most limit.
func outdatedHashes(b, index *bbolt.Bucket, zap string, version uint64, limit int) (outdated []uint64, err error) {
	prefix, cursor := indexPrefix(zap), b.Bucket([]byte(bucketState)).Cursor()
	for k, v := cursor.First(); k != nil && len(outdated) < limit; k, v = cursor.Next() {
		first, err := numberOf(k)
		if err != nil {
			return nil, damaged(zap, bucketState, 0, err)
		}
		if _, ok := readHashes(index, indexKey(prefix, first), v, version); !ok {
			outdated = append(outdated, first)
		}
	}
	return outdated, nil
}

// hashesOf returns the hashes of a chunk; without a list if there is no such chunk.
func (l *Ledger) hashesOf(tx *bbolt.Tx, zap string, first uint64, by Identifier) (h hashes, err error) {
	b := bucketOf(tx, zap)
	if b == nil {
		return hashes{}, nil
	}
	ch, err := readChunk(l.codec, b, zap, first)
	if err != nil || ch == nil {
		return hashes{}, err
	}
	h = hashes{
		chunk: bytes.Clone(chunkSum(b.Bucket([]byte(bucketState)).Get(key(first)))),
		base:  ch.base, version: by.version(), list: make([]byte, 0, 4*len(ch.entries)),
	}
	rows := l.rowsOf(tx, zap)
	for i := range ch.entries {
		e := &ch.entries[i]
		identity := e.identity
		if identity == "" && !e.tombstone() {
			h.made = true
			if by.Make != nil {
				d, err := rows.delivery(ch.base+uint64(i), e)
				if err != nil {
					return hashes{}, err
				}
				identity = by.Make(d)
			}
		}
		h.list = binary.LittleEndian.AppendUint32(h.list, hashIdentity(identity))
	}
	return h, nil
}
