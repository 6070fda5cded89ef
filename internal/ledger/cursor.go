package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"
)

// cursorPrefix begins the keys of a worksheet's chunks. The chunk's number follows, 4 bytes
// big-endian.
func cursorPrefix(spreadsheetID string, gid int64) []byte {
	return binary.BigEndian.AppendUint64(appendString(nil, spreadsheetID), uint64(gid))
}

func cursorKey(prefix []byte, chunk int) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(prefix), uint32(chunk))
}

// CursorUpdate is how a poll changes a cursor: its number of chunks, and the chunks that may have
// changed, by index. The zero value leaves the stored cursor unchanged.
type CursorUpdate struct {
	Chunks  int
	Changed iter.Seq2[int, []byte]
}

// Cursor calls read with the chunks of a zap's cursor of a worksheet, as committed. Each chunk is
// only valid until the next one is requested. ok is false, and read is not called, if there is
// none. A zap has one cursor per worksheet: pointed to another worksheet and back, it finds the old
// one. An error of read is returned unchanged.
func (l *Ledger) Cursor(ctx context.Context, zap, spreadsheetID string, gid int64, read func(chunks iter.Seq[[]byte]) error) (ok bool, err error) {
	prefix := cursorPrefix(spreadsheetID, gid)
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		b := bucketOf(tx, zap)
		if b == nil {
			return nil
		}
		c := b.Bucket([]byte(bucketCursors)).Cursor()
		if k, _ := c.Seek(prefix); !bytes.HasPrefix(k, prefix) {
			return nil
		}
		ok = true
		var wrong error
		failed := read(func(yield func([]byte) bool) {
			n := 0
			var chunk []byte
			for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
				if wrong = ctx.Err(); wrong != nil {
					return
				}
				packed, err := unseal(k, v)
				if err == nil {
					chunk, err = l.codec.unpackInto(chunk, packed)
				}
				if err == nil && !bytes.Equal(k, cursorKey(prefix, n)) {
					err = errors.New("the previous part is missing")
				}
				if err != nil {
					wrong = damaged(zap, bucketCursors, 0, fmt.Errorf("worksheet gid %d, part %d: %w", gid, n, err))
					return
				}
				if !yield(chunk) {
					return
				}
				n++
			}
		})
		if wrong != nil {
			return wrong
		}
		return failed
	})
	if err != nil {
		return false, fmt.Errorf("read cursor of zap %s, worksheet gid %d: %w", zap, gid, err)
	}
	return ok, nil
}

// HasCursor reports whether a zap has a cursor of a worksheet.
func (l *Ledger) HasCursor(ctx context.Context, zap, spreadsheetID string, gid int64) (bool, error) {
	return l.Cursor(ctx, zap, spreadsheetID, gid, func(iter.Seq[[]byte]) error { return nil })
}

// encodedChunk is a chunk of a cursor as stored.
type encodedChunk struct{ key, value []byte }

func (c codec) encodeCursor(spreadsheetID string, gid int64, cursor CursorUpdate) (chunks []encodedChunk, err error) {
	if cursor.Chunks == 0 {
		return nil, nil
	}
	prefix := cursorPrefix(spreadsheetID, gid)
	for i, chunk := range cursor.Changed {
		k := cursorKey(prefix, i)
		value, err := c.pack(k, newSeal(len(chunk)/2), chunk)
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, encodedChunk{k, value})
	}
	return chunks, nil
}

// putCursor stores the chunks that differ from the stored ones and deletes the surplus.
func (e *edit) putCursor(spreadsheetID string, gid int64, cursor encodedPoll) error {
	b, prefix := e.sub(bucketCursors), cursorPrefix(spreadsheetID, gid)
	for _, c := range cursor.cursor {
		if bytes.Equal(b.Get(c.key), c.value) {
			continue
		}
		if err := e.put(bucketCursors, c.key, c.value); err != nil {
			return err
		}
	}
	for i := cursor.chunks; ; i++ {
		k := cursorKey(prefix, i)
		if b.Get(k) == nil {
			return nil
		}
		if err := e.remove(bucketCursors, k); err != nil {
			return err
		}
	}
}
