package detect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
)

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
