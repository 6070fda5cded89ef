package detect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// formatVersion is the first byte of the first chunk. A cell hash that is computed otherwise is a new format, too.
const formatVersion = 1

// chunkRows is the number of rows, keys or vanished rows of a chunk.
const chunkRows = 4096

// Encode returns the cursor in chunks: the header, then rows, keys, and vanished rows. A chunk holds at most 4096 rows,
// and its bytes depend on nothing outside it: appended rows change the last chunk of rows, an added key one of keys.
// The chunks carry no checksum.
func (c Cursor) Encode() [][]byte {
	head := []byte{formatVersion}
	head = appendStrings(head, c.Columns)
	head = appendStrings(head, c.KeyedBy)
	head = binary.AppendUvarint(head, c.Next)
	head = append(head, encodeDoubt(c.Doubt))
	head = binary.AppendUvarint(head, uint64(c.Doubt.Count))
	head = binary.AppendUvarint(head, uint64(len(c.Rows)))
	head = binary.AppendUvarint(head, uint64(len(c.Keys)))
	head = binary.AppendUvarint(head, uint64(len(c.Gone)))
	chunks := [][]byte{head}
	for from := 0; from < len(c.Rows); from += chunkRows {
		chunks = append(chunks, c.encodeRows(from, min(from+chunkRows, len(c.Rows))))
	}
	shift := keyShift(len(c.Keys))
	keys := c.Keys
	for prefix := range keyChunks(len(c.Keys)) {
		var b []byte
		for len(keys) > 0 && keys[0]>>shift == uint64(prefix) {
			b = binary.LittleEndian.AppendUint64(b, keys[0])
			keys = keys[1:]
		}
		chunks = append(chunks, b)
	}
	for from := 0; from < len(c.Gone); from += chunkRows {
		var b []byte
		for _, g := range c.Gone[from:min(from+chunkRows, len(c.Gone))] {
			b = binary.LittleEndian.AppendUint64(b, g.Sum)
			b = binary.AppendVarint(b, g.At)
			b = append(b, byte(g.Mark))
			b = binary.AppendUvarint(b, g.Delivery)
		}
		chunks = append(chunks, b)
	}
	return chunks
}

// encodeRows encodes rows field by field, which compresses better.
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
		for _, s := range rows {
			b = binary.LittleEndian.AppendUint64(b, s.Key)
		}
	}
	for _, h := range c.Cells[from*len(c.Columns) : to*len(c.Columns)] {
		b = binary.LittleEndian.AppendUint32(b, h)
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

// Decode returns the cursor that Encode made the chunks of. It keeps none of their bytes. Its error names the chunk that is
// damaged, or a format that a newer rowtap wrote.
func Decode(chunks [][]byte) (Cursor, error) {
	var c Cursor
	if len(chunks) == 0 || len(chunks[0]) == 0 {
		return c, errors.New("cursor: there is nothing to decode")
	}
	if v := chunks[0][0]; v != formatVersion {
		return c, fmt.Errorf("cursor: format %d is not known to this rowtap, which writes format %d: run the version that wrote it, or a newer one", v, formatVersion)
	}
	d := decoder{b: chunks[0][1:]}
	c.Columns = d.strings()
	c.KeyedBy = d.strings()
	c.Next = d.uvarint(math.MaxUint64)
	doubt := d.byte(byte(DoubtEmpty) | emptied)
	c.Doubt.Kind, c.Doubt.Emptied = DoubtKind(doubt&^emptied), doubt&emptied != 0
	d.bad = d.bad || c.Doubt.Kind > DoubtEmpty
	c.Doubt.Count = int(d.uvarint(math.MaxInt32))
	rows, keys, gone := int(d.uvarint(math.MaxInt32)), int(d.uvarint(math.MaxInt32)), int(d.uvarint(math.MaxInt32))
	if err := d.end(0); err != nil {
		return Cursor{}, err
	}
	want := 1 + (rows+chunkRows-1)/chunkRows + keyChunks(keys) + (gone+chunkRows-1)/chunkRows
	if len(chunks) != want {
		return Cursor{}, fmt.Errorf("cursor: %d chunks where the first one says %d", len(chunks), want)
	}
	at := 1
	for ; len(c.Rows) < rows; at++ {
		d := decoder{b: chunks[at]}
		d.rows(&c, min(chunkRows, rows-len(c.Rows)))
		if err := d.end(at); err != nil {
			return Cursor{}, err
		}
	}
	for range keyChunks(keys) {
		d := decoder{b: chunks[at]}
		for len(d.b) > 0 && !d.bad {
			k := d.uint64()
			d.bad = d.bad || len(c.Keys) > 0 && k <= c.Keys[len(c.Keys)-1]
			c.Keys = append(c.Keys, k)
		}
		if err := d.end(at); err != nil {
			return Cursor{}, err
		}
		at++
	}
	if len(c.Keys) != keys {
		return Cursor{}, fmt.Errorf("cursor: %d keys where the first chunk says %d", len(c.Keys), keys)
	}
	for ; len(c.Gone) < gone; at++ {
		d := decoder{b: chunks[at]}
		for range min(chunkRows, gone-len(c.Gone)) {
			c.Gone = append(c.Gone, Gone{Sum: d.uint64(), At: d.varint(), Mark: d.mark(), Delivery: d.uvarint(math.MaxUint64)})
		}
		if err := d.end(at); err != nil {
			return Cursor{}, err
		}
	}
	return c, nil
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
		for i := range rows {
			rows[i].Key = d.uint64()
		}
	}
	cells := d.take(4 * n * len(c.Columns))
	if d.bad {
		return
	}
	for ; len(cells) > 0; cells = cells[4:] {
		c.Cells = append(c.Cells, binary.LittleEndian.Uint32(cells))
	}
}
