package detect

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
)

// Formats, stored in the first byte of the first chunk. A change to how cells are hashed is also
// a new format. Every released format stays readable.
const (
	// formatMarks had no folded hashes, and a mark for each row that duplicated what the ledger
	// knows.
	formatMarks   = 2
	formatVersion = 3
)

// stale reports whether the cursor was decoded from an earlier format, so that all stored chunks
// must be rewritten.
func (c Cursor) stale() bool { return c.format != 0 && c.format != formatVersion }

// chunkRows is the maximum number of rows or vanished rows in a chunk, and about that of keys.
const chunkRows = 4096

// Encode returns the cursor in chunks: the header, then rows, keys and vanished rows. A chunk holds
// at most 4096 rows and does not depend on other chunks: appending rows changes the last chunk of
// rows, adding a key changes one chunk of keys. Chunks carry no checksum.
func (c Cursor) Encode() [][]byte {
	n, each := c.Since(Cursor{})
	chunks := make([][]byte, n)
	for i, chunk := range each {
		chunks[i] = chunk
	}
	return chunks
}

// Since returns the total number of chunks, and the chunks that may differ from those of an older
// cursor, by index in ascending order. After one row was added to a worksheet of a million rows
// these are a few.
func (c Cursor) Since(old Cursor) (n int, each iter.Seq2[int, []byte]) {
	rows, keys, gone := chunksFor(len(c.Rows)), keyChunks(len(c.Keys)), chunksFor(len(c.Gone))
	sameShape := slices.Equal(c.Columns, old.Columns) && slices.Equal(c.KeyedBy, old.KeyedBy) &&
		c.folded() == old.folded() && !old.stale()
	sameKeys := sameShape && rows == chunksFor(len(old.Rows)) && slices.Equal(c.Keys, old.Keys)
	sameGone := sameKeys && slices.Equal(c.Gone, old.Gone)
	return 1 + rows + keys + gone, func(yield func(int, []byte) bool) {
		if !yield(0, c.encodeHead()) {
			return
		}
		for i := range rows {
			from, to := i*chunkRows, min((i+1)*chunkRows, len(c.Rows))
			if sameShape && c.sameRows(old, from, to) {
				continue
			}
			if !yield(1+i, c.encodeRows(from, to)) {
				return
			}
		}
		if !sameKeys {
			i := 1 + rows
			for chunk := range c.encodeKeys() {
				if !yield(i, chunk) {
					return
				}
				i++
			}
		}
		if sameGone {
			return
		}
		for i := range gone {
			if !yield(1+rows+keys+i, encodeGone(c.Gone[i*chunkRows:min((i+1)*chunkRows, len(c.Gone))])) {
				return
			}
		}
	}
}

// chunksFor returns the number of chunks for n rows.
func chunksFor(n int) int { return (n + chunkRows - 1) / chunkRows }

// sameRows reports whether an older cursor with the same columns, keys and hashes has the same
// chunk of rows.
func (c Cursor) sameRows(old Cursor, from, to int) bool {
	w := len(c.Columns)
	return to == min(from+chunkRows, len(old.Rows)) && slices.Equal(c.Rows[from:to], old.Rows[from:to]) &&
		(len(c.RowKeys) == 0 || slices.Equal(c.RowKeys[from:to], old.RowKeys[from:to])) &&
		slices.Equal(c.Cells[from*w:to*w], old.Cells[from*w:to*w]) &&
		(c.Folds == nil || slices.Equal(c.Folds[from*w:to*w], old.Folds[from*w:to*w]))
}

func (c Cursor) encodeHead() []byte {
	head := []byte{formatVersion}
	head = appendStrings(head, c.Columns)
	head = appendStrings(head, c.Broken)
	head = appendStrings(head, c.KeyedBy)
	head = append(head, flags(c.Folds != nil, false))
	head = appendStrings(head, c.Phones)
	head = binary.AppendUvarint(head, c.Next)
	head = append(head, encodeDoubt(c.Doubt))
	head = binary.AppendUvarint(head, uint64(c.Doubt.Count))
	head = binary.AppendUvarint(head, uint64(len(c.Rows)))
	head = binary.AppendUvarint(head, uint64(len(c.Keys)))
	return binary.AppendUvarint(head, uint64(len(c.Gone)))
}

// encodeKeys yields the chunks of keys. A key's upper bits select its chunk.
func (c Cursor) encodeKeys() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		shift := keyShift(len(c.Keys))
		keys := c.Keys
		for prefix := range keyChunks(len(c.Keys)) {
			var b []byte
			for len(keys) > 0 && keys[0].Sum>>shift == uint64(prefix) {
				b = binary.LittleEndian.AppendUint64(b, keys[0].Sum)
				b = binary.AppendUvarint(b, keys[0].Delivery)
				keys = keys[1:]
			}
			if !yield(b) {
				return
			}
		}
	}
}

func encodeGone(gone []Gone) []byte {
	var b []byte
	for _, g := range gone {
		b = binary.LittleEndian.AppendUint64(b, g.Sum)
		b = binary.LittleEndian.AppendUint64(b, g.Fold)
		b = binary.AppendVarint(b, g.At)
		b = append(b, flags(g.Waits, g.Copy))
		b = binary.AppendUvarint(b, g.Delivery)
	}
	return b
}

// encodeRows encodes rows field by field and cells column by column, which compresses better.
func (c Cursor) encodeRows(from, to int) []byte {
	rows := c.Rows[from:to]
	b := make([]byte, 0, len(rows)*(8+8*len(c.Columns)))
	last := int32(0)
	for _, s := range rows {
		b = binary.AppendUvarint(b, uint64(s.Number-last))
		last = s.Number
	}
	for _, s := range rows {
		b = append(b, flags(s.Waits, s.Copy))
	}
	for _, s := range rows {
		b = binary.AppendUvarint(b, s.Delivery)
	}
	for _, s := range rows {
		b = binary.AppendVarint(b, s.Since)
	}
	if len(c.KeyedBy) > 0 {
		for i := from; i < to; i++ {
			key := c.keyOf(i)
			b = binary.LittleEndian.AppendUint64(b, key.Sum)
			b = binary.LittleEndian.AppendUint32(b, key.Fold)
		}
	}
	for _, cells := range [][]uint32{c.Cells, c.Folds} {
		if cells == nil {
			continue
		}
		for k := range c.Columns {
			for i := from; i < to; i++ {
				b = binary.LittleEndian.AppendUint32(b, cells[i*len(c.Columns)+k])
			}
		}
	}
	return b
}

// flags packs two booleans into a byte.
func flags(first, second bool) byte {
	b := byte(0)
	if first {
		b |= 1
	}
	if second {
		b |= 2
	}
	return b
}

// emptied is the bit for Doubt.Emptied in the byte of its kind.
const emptied = 0x80

func encodeDoubt(d Doubt) byte {
	b := byte(d.Kind)
	if d.Emptied {
		b |= emptied
	}
	return b
}

// keyChunks returns the number of chunks for n keys, a power of two. Keys are distributed by their
// upper bits, so adding a key changes one chunk.
func keyChunks(n int) int {
	if n == 0 {
		return 0
	}
	return 1 << bits.Len(uint(n-1)/chunkRows)
}

// keyShift returns the right shift that turns a key into its chunk index.
func keyShift(n int) int { return 65 - bits.Len(uint(keyChunks(n))) }

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}
