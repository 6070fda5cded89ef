package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// cursorPrefix is the beginning of the keys of a worksheet's chunks; a big-endian number of the chunk, 4 bytes, follows.
func cursorPrefix(spreadsheetID string, gid int64) []byte {
	return binary.BigEndian.AppendUint64(appendString(nil, spreadsheetID), uint64(gid))
}

func cursorKey(prefix []byte, chunk int) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(prefix), uint32(chunk))
}

// Cursor returns the chunks of the cursor that a zap has of a worksheet, as they were committed; ok is false if there is
// none. A zap keeps one cursor for each worksheet: pointed elsewhere and back, it finds the old one.
func (l *Ledger) Cursor(zap, spreadsheetID string, gid int64) (chunks [][]byte, ok bool, err error) {
	prefix := cursorPrefix(spreadsheetID, gid)
	err = l.view(func(tx *bbolt.Tx) error {
		b := bucketOf(tx, zap)
		if b == nil {
			return nil
		}
		c := b.Bucket([]byte(bucketCursors)).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			payload, err := unseal(k, v)
			if err == nil && !bytes.Equal(k, cursorKey(prefix, len(chunks))) {
				err = errors.New("the one before it is missing")
			}
			if err != nil {
				return damaged(zap, fmt.Sprintf("%s/%d/%d", bucketCursors, gid, len(chunks)), err)
			}
			chunks = append(chunks, bytes.Clone(payload))
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read cursor of zap %s, worksheet gid %d: %w", zap, gid, err)
	}
	return chunks, len(chunks) > 0, nil
}

// putCursor stores the chunks that differ from the stored ones and deletes those that are left over.
func (e *edit) putCursor(spreadsheetID string, gid int64, chunks [][]byte) error {
	b, prefix := e.sub(bucketCursors), cursorPrefix(spreadsheetID, gid)
	for i, chunk := range chunks {
		k := cursorKey(prefix, i)
		if old := b.Get(k); old != nil {
			if payload, err := unseal(k, old); err == nil && bytes.Equal(payload, chunk) {
				continue
			}
		}
		if err := b.Put(k, finishSeal(k, append(newSeal(len(chunk)), chunk...))); err != nil {
			return err
		}
	}
	for i := len(chunks); ; i++ {
		k := cursorKey(prefix, i)
		if b.Get(k) == nil {
			return nil
		}
		if err := b.Delete(k); err != nil {
			return err
		}
	}
}
