package detect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"slices"
)

// Formats, stored in the first byte of the first chunk. A change to how cells are hashed is a new
// format too. Every released format stays readable.
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

// Decode returns the cursor that [Cursor.Encode] wrote. It keeps no reference to the chunks and
// asks for each one after it has decoded the previous. The error names the damaged chunk, or a
// format written by a newer rowtap.
func Decode(chunks iter.Seq[[]byte]) (Cursor, error) {
	var c Cursor
	var rows, keys, gone int
	at := 0
	for chunk := range chunks {
		d := decoder{b: chunk}
		switch {
		case at == 0:
			if len(chunk) == 0 {
				return c, errNothing
			}
			if c.format = chunk[0]; c.format != formatVersion && c.format != formatMarks {
				return c, fmt.Errorf("cursor format %d is not supported (this rowtap writes format %d)\nnext: run the rowtap version that wrote the state file, or a newer one", chunk[0], formatVersion)
			}
			rows, keys, gone = d.head(&c)
		case at <= chunksFor(rows):
			d.rows(&c, min(chunkRows, rows-len(c.Rows)))
		case at <= chunksFor(rows)+keyChunks(keys):
			d.keys(&c)
		default:
			for range min(chunkRows, gone-len(c.Gone)) {
				c.Gone = append(c.Gone, d.gone(c.format))
			}
		}
		if err := d.end(at); err != nil {
			return Cursor{}, err
		}
		if at == 0 {
			// The counts come from a checked chunk, but memory is reserved for maxAhead rows at
			// most.
			c.Rows = make([]Seen, 0, min(rows+chunkRows/8, maxAhead))
			c.Cells = make([]uint32, 0, cap(c.Rows)*min(len(c.Columns), 64))
			if c.Folds != nil {
				c.Folds = make([]uint32, 0, cap(c.Cells))
			}
		}
		at++
	}
	if at == 0 {
		return c, errNothing
	}
	if want := 1 + chunksFor(rows) + keyChunks(keys) + chunksFor(gone); at != want {
		return Cursor{}, fmt.Errorf("cursor: found %d chunks, but its header lists %d", at, want)
	}
	if len(c.Keys) != keys {
		return Cursor{}, fmt.Errorf("cursor: found %d keys, but its header lists %d", len(c.Keys), keys)
	}
	if c.format == formatMarks {
		c.markUnknownDeliveries()
	}
	return c, nil
}

// markUnknownDeliveries sets Unknown for the rows of a cursor in formatMarks that may have fired
// but have no delivery: with a key, a row that came back after more than a day lost it. Rows
// unchanged since the first read were there at the start.
func (c *Cursor) markUnknownDeliveries() {
	if len(c.RowKeys) == 0 {
		return
	}
	first := int64(math.MaxInt64)
	for _, s := range c.Rows {
		first = min(first, s.Since)
	}
	for i, s := range c.Rows {
		if s.Delivery == 0 && !s.Waits && s.Since > first && c.RowKeys[i].Sum != 0 {
			c.Rows[i].Delivery = Unknown
		}
	}
}

var errNothing = errors.New("cursor: no data")

// maxAhead bounds the rows that memory is reserved for before they are decoded.
const maxAhead = 1 << 20

// head decodes the first chunk and returns the numbers of rows, keys and vanished rows.
func (d *decoder) head(c *Cursor) (rows, keys, gone int) {
	d.byte(c.format)
	c.Columns = tidied(d.strings())
	c.Broken = tidied(d.strings())
	c.KeyedBy = tidiedKey(d.strings())
	if c.format == formatMarks {
		for i := range c.KeyedBy {
			c.KeyedBy[i] += oldHash
		}
	} else {
		if d.byte(1) == 1 {
			c.Folds = []uint32{}
		}
		c.Phones = tidied(d.strings())
	}
	c.Next = d.uvarint(math.MaxUint64)
	doubt := d.byte(byte(DoubtEmpty) | emptied)
	c.Doubt.Kind, c.Doubt.Emptied = DoubtKind(doubt&^emptied), doubt&emptied != 0
	d.bad = d.bad || c.Doubt.Kind > DoubtEmpty
	c.Doubt.Count = int(d.uvarint(math.MaxInt32))
	return int(d.uvarint(math.MaxInt32)), int(d.uvarint(math.MaxInt32)), int(d.uvarint(math.MaxInt32))
}

// keys decodes a chunk of keys.
func (d *decoder) keys(c *Cursor) {
	for len(d.b) > 0 && !d.bad {
		k := Key{Sum: d.uint64(), Delivery: Unknown}
		if c.format != formatMarks {
			k.Delivery = d.uvarint(math.MaxUint64)
		}
		d.bad = d.bad || len(c.Keys) > 0 && k.Sum <= c.Keys[len(c.Keys)-1].Sum
		c.Keys = append(c.Keys, k)
	}
}

// decoder reads values from bytes. After the first error, bad stays set and all values are zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) end(chunk int) error {
	if d.bad || len(d.b) > 0 {
		return fmt.Errorf("cursor: chunk %d is damaged", chunk)
	}
	return nil
}

func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.b) {
		d.bad = true
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte(most byte) byte {
	b := d.take(1)
	if d.bad || b[0] > most {
		d.bad = true
		return 0
	}
	return b[0]
}

// Marks of rows in formatMarks. Every row that fired, waits or is held has a delivery, except rows
// that have waited since the start.
const (
	markWaiting = 2
	mostMark    = 3
)

// mark decodes a mark and reports whether the row waits.
func (d *decoder) mark() (waits bool) { return d.byte(mostMark) == markWaiting }

// gone decodes a vanished row.
func (d *decoder) gone(format byte) (g Gone) {
	g.Sum = d.uint64()
	if format != formatMarks {
		g.Fold = d.uint64()
	}
	g.At = d.varint()
	if format == formatMarks {
		g.Waits = d.mark()
	} else {
		b := d.byte(3)
		g.Waits, g.Copy = b&1 != 0, b&2 != 0
	}
	g.Delivery = d.uvarint(math.MaxUint64)
	g.Waits = g.Waits && g.Delivery == 0
	return g
}

func (d *decoder) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if d.bad || n <= 0 || v > most {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint64() uint64 {
	b := d.take(8)
	if d.bad {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (d *decoder) uint32() uint32 {
	b := d.take(4)
	if d.bad {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (d *decoder) strings() []string {
	var list []string
	for n := d.uvarint(uint64(len(d.b))); n > 0 && !d.bad; n-- {
		list = append(list, string(d.take(int(d.uvarint(uint64(len(d.b)))))))
	}
	return list
}

func (d *decoder) rows(c *Cursor, n int) {
	if n > len(d.b) {
		d.bad = true
		return
	}
	from := len(c.Rows)
	c.Rows = append(c.Rows, make([]Seen, n)...)
	rows := c.Rows[from:]
	last := int32(0)
	if from > 0 {
		last = c.Rows[from-1].Number
	}
	number := uint64(0)
	for i := range rows {
		number += d.uvarint(math.MaxInt32)
		if number > math.MaxInt32 || int32(number) <= last {
			d.bad = true
			return
		}
		last = int32(number)
		rows[i].Number = last
	}
	for i := range rows {
		if c.format == formatMarks {
			rows[i].Waits = d.mark()
			continue
		}
		b := d.byte(3)
		rows[i].Waits, rows[i].Copy = b&1 != 0, b&2 != 0
	}
	for i := range rows {
		rows[i].Delivery = d.uvarint(math.MaxUint64)
		rows[i].Waits = rows[i].Waits && rows[i].Delivery == 0
	}
	for i := range rows {
		rows[i].Since = d.varint()
	}
	if len(c.KeyedBy) > 0 {
		for range rows {
			key := RowKey{Sum: d.uint64()}
			if c.format != formatMarks {
				key.Fold = d.uint32()
			}
			c.RowKeys = append(c.RowKeys, key)
		}
	}
	c.Cells = d.cells(c.Cells, from, n, len(c.Columns))
	if c.Folds != nil {
		c.Folds = d.cells(c.Folds, from, n, len(c.Columns))
	}
}

// cells decodes the cells of n rows, column by column, and places them after those of the first
// rows.
func (d *decoder) cells(to []uint32, from, n, width int) []uint32 {
	cells := d.take(4 * n * width)
	if d.bad {
		return to
	}
	to = slices.Grow(to, n*width)[:(from+n)*width]
	for k := range width {
		for i := from; i < from+n; i++ {
			to[i*width+k] = binary.LittleEndian.Uint32(cells)
			cells = cells[4:]
		}
	}
	return to
}
