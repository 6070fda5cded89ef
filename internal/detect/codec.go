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

// formatVersion is the first byte of the first chunk. A cell hash that is computed otherwise is a new format, too.
const formatVersion = 2

// chunkRows is the number of rows, keys or vanished rows of a chunk.
const chunkRows = 4096

// Encode returns the cursor in chunks: the header, then rows, keys, and vanished rows. A chunk holds at most 4096 rows,
// and its bytes depend on nothing outside it: appended rows change the last chunk of rows, an added key one of keys.
// The chunks carry no checksum.
func (c Cursor) Encode() [][]byte {
	n, each := c.Since(Cursor{})
	chunks := make([][]byte, n)
	for i, chunk := range each {
		chunks[i] = chunk
	}
	return chunks
}

// Since returns the number of the cursor's chunks and those, by index and in order, that an older cursor may have otherwise. Of a
// worksheet of a million rows to which one was added these are a few.
func (c Cursor) Since(old Cursor) (n int, each iter.Seq2[int, []byte]) {
	rows, keys, gone := chunksFor(len(c.Rows)), keyChunks(len(c.Keys)), chunksFor(len(c.Gone))
	sameShape := slices.Equal(c.Columns, old.Columns) && slices.Equal(c.KeyedBy, old.KeyedBy)
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

// chunksFor returns the number of chunks of n rows.
func chunksFor(n int) int { return (n + chunkRows - 1) / chunkRows }

// sameRows tells whether an older cursor of the same columns has the same rows, and no others in their chunk.
func (c Cursor) sameRows(old Cursor, from, to int) bool {
	w := len(c.Columns)
	return to == min(from+chunkRows, len(old.Rows)) && slices.Equal(c.Rows[from:to], old.Rows[from:to]) &&
		(len(c.RowKeys) == 0 || len(old.RowKeys) > 0 && slices.Equal(c.RowKeys[from:to], old.RowKeys[from:to])) &&
		slices.Equal(c.Cells[from*w:to*w], old.Cells[from*w:to*w])
}

func (c Cursor) encodeHead() []byte {
	head := []byte{formatVersion}
	head = appendStrings(head, c.Columns)
	head = appendStrings(head, c.Broken)
	head = appendStrings(head, c.KeyedBy)
	head = binary.AppendUvarint(head, c.Next)
	head = append(head, encodeDoubt(c.Doubt))
	head = binary.AppendUvarint(head, uint64(c.Doubt.Count))
	head = binary.AppendUvarint(head, uint64(len(c.Rows)))
	head = binary.AppendUvarint(head, uint64(len(c.Keys)))
	return binary.AppendUvarint(head, uint64(len(c.Gone)))
}

// encodeKeys yields the chunks of keys.
func (c Cursor) encodeKeys() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		shift := keyShift(len(c.Keys))
		keys := c.Keys
		for prefix := range keyChunks(len(c.Keys)) {
			var b []byte
			for len(keys) > 0 && keys[0]>>shift == uint64(prefix) {
				b = binary.LittleEndian.AppendUint64(b, keys[0])
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
		b = binary.AppendVarint(b, g.At)
		b = append(b, byte(g.Mark))
		b = binary.AppendUvarint(b, g.Delivery)
	}
	return b
}

// encodeRows encodes rows field by field and cells column by column, which compresses better.
func (c Cursor) encodeRows(from, to int) []byte {
	rows := c.Rows[from:to]
	b := make([]byte, 0, len(rows)*(8+4*len(c.Columns)))
	last := int32(0)
	for _, s := range rows {
		b = binary.AppendUvarint(b, uint64(s.Number-last))
		last = s.Number
	}
	for _, s := range rows {
		b = append(b, byte(s.Mark))
	}
	for _, s := range rows {
		b = binary.AppendUvarint(b, s.Delivery)
	}
	for _, s := range rows {
		b = binary.AppendVarint(b, s.Since)
	}
	if len(c.KeyedBy) > 0 {
		for i := from; i < to; i++ {
			b = binary.LittleEndian.AppendUint64(b, c.keyOf(i))
		}
	}
	for k := range c.Columns {
		for i := from; i < to; i++ {
			b = binary.LittleEndian.AppendUint32(b, c.Cells[i*len(c.Columns)+k])
		}
	}
	return b
}

// emptied is the bit of Doubt.Emptied in the byte of its kind.
const emptied = 0x80

func encodeDoubt(d Doubt) byte {
	b := byte(d.Kind)
	if d.Emptied {
		b |= emptied
	}
	return b
}

// keyChunks returns the number of chunks for n keys: keys are spread over them by their upper bits, so that a key
// added changes one chunk.
func keyChunks(n int) int {
	if n == 0 {
		return 0
	}
	return 1 << bits.Len(uint(n-1)/chunkRows)
}

// keyShift returns by how many bits a key is shifted to give its chunk.
func keyShift(n int) int { return 65 - bits.Len(uint(keyChunks(n))) }

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// Decode returns the cursor that Encode made the chunks of. It keeps none of their bytes, and asks for a chunk when it is done
// with the one before. Its error names the chunk that is damaged, or a format that a newer rowtap wrote.
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
			if chunk[0] != formatVersion {
				return c, fmt.Errorf("cursor: format %d is not known to this rowtap, which writes format %d: run the version that wrote it, or a newer one", chunk[0], formatVersion)
			}
			rows, keys, gone = d.head(&c)
		case at <= chunksFor(rows):
			d.rows(&c, min(chunkRows, rows-len(c.Rows)))
		case at <= chunksFor(rows)+keyChunks(keys):
			d.keys(&c)
		default:
			for range min(chunkRows, gone-len(c.Gone)) {
				c.Gone = append(c.Gone, Gone{Sum: d.uint64(), At: d.varint(), Mark: d.mark(), Delivery: d.uvarint(math.MaxUint64)})
			}
		}
		if err := d.end(at); err != nil {
			return Cursor{}, err
		}
		if at == 0 {
			// The counts are of a checked chunk, and yet not trusted with more than the rows of a chunk ahead.
			c.Rows = make([]Seen, 0, min(rows+chunkRows/8, maxAhead))
			c.Cells = make([]uint32, 0, cap(c.Rows)*min(len(c.Columns), 64))
		}
		at++
	}
	if at == 0 {
		return c, errNothing
	}
	if want := 1 + chunksFor(rows) + keyChunks(keys) + chunksFor(gone); at != want {
		return Cursor{}, fmt.Errorf("cursor: %d chunks where the first says %d", at, want)
	}
	if len(c.Keys) != keys {
		return Cursor{}, fmt.Errorf("cursor: %d keys where the first chunk says %d", len(c.Keys), keys)
	}
	return c, nil
}

var errNothing = errors.New("cursor: there is nothing to decode")

// maxAhead bounds the rows that memory is set aside for before they are there.
const maxAhead = 1 << 20

// head takes the first chunk and returns the numbers of rows, keys and vanished rows.
func (d *decoder) head(c *Cursor) (rows, keys, gone int) {
	d.byte(formatVersion)
	c.Columns = tidied(d.strings())
	c.Broken = tidied(d.strings())
	c.KeyedBy = tidied(d.strings())
	c.Next = d.uvarint(math.MaxUint64)
	doubt := d.byte(byte(DoubtEmpty) | emptied)
	c.Doubt.Kind, c.Doubt.Emptied = DoubtKind(doubt&^emptied), doubt&emptied != 0
	d.bad = d.bad || c.Doubt.Kind > DoubtEmpty
	c.Doubt.Count = int(d.uvarint(math.MaxInt32))
	return int(d.uvarint(math.MaxInt32)), int(d.uvarint(math.MaxInt32)), int(d.uvarint(math.MaxInt32))
}

// keys takes a chunk of keys.
func (d *decoder) keys(c *Cursor) {
	for len(d.b) > 0 && !d.bad {
		k := d.uint64()
		d.bad = d.bad || len(c.Keys) > 0 && k <= c.Keys[len(c.Keys)-1]
		c.Keys = append(c.Keys, k)
	}
}

// decoder takes values off bytes; once it is bad it stays so, and its values are zero.
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

func (d *decoder) mark() Mark { return Mark(d.byte(byte(MarkHeld))) }

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
		rows[i].Mark = d.mark()
	}
	for i := range rows {
		rows[i].Delivery = d.uvarint(math.MaxUint64)
	}
	for i := range rows {
		rows[i].Since = d.varint()
	}
	if len(c.KeyedBy) > 0 {
		for range rows {
			c.RowKeys = append(c.RowKeys, d.uint64())
		}
	}
	cells := d.take(4 * n * len(c.Columns))
	if d.bad {
		return
	}
	width := len(c.Columns)
	c.Cells = slices.Grow(c.Cells, n*width)[:(from+n)*width]
	for k := range width {
		for i := from; i < from+n; i++ {
			c.Cells[i*width+k] = binary.LittleEndian.Uint32(cells)
			cells = cells[4:]
		}
	}
}
