package poll

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/klauspost/compress/s2"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	looseRows  = 4096 // rows that are kept as they are; when there are more they are packed
	packedRows = 512  // rows in a pack
)

// rowStore keeps rows in sheet order. What is beyond a few thousand rows is compressed: a hundred
// thousand rows of ten columns take some six megabytes, a tenth of what they take as they are. The
// zero value is empty.
type rowStore struct {
	packs []pack
	bytes int       // of the packs
	loose []row.Row // those after the packs
	// dropped tells that there were more than are kept: it has no rows, and takes none.
	dropped bool
	at      int // the pack that is unpacked; meaningful while rows is not nil
	rows    []row.Row
}

// pack is some rows, compressed.
type pack struct {
	last int // 1-based sheet row
	data []byte
}

// add appends rows, which follow those that are there.
func (s *rowStore) add(rows ...row.Row) error {
	if s.dropped {
		return nil
	}
	s.loose = append(s.loose, rows...)
	if len(s.loose) < looseRows {
		return nil
	}
	for part := range slices.Chunk(s.loose, packedRows) {
		p, err := packOf(part)
		if err != nil {
			return err
		}
		s.packs, s.bytes = append(s.packs, p), s.bytes+len(p.data)
	}
	s.loose = nil
	return nil
}

func packOf(rows []row.Row) (pack, error) {
	raw := make([]byte, 0, 64*len(rows))
	for _, r := range rows {
		raw = binary.AppendUvarint(binary.AppendUvarint(raw, uint64(r.Number)), uint64(len(r.Cells)))
		for i, c := range r.Cells {
			var err error
			if raw, err = row.AppendCell(raw, c); err != nil {
				return pack{}, fmt.Errorf("row %d, column %s: %w", r.Number, row.Letter(i), err)
			}
		}
	}
	return pack{last: rows[len(rows)-1].Number, data: bytes.Clone(s2.Encode(nil, raw))}, nil // Encode takes room for the worst case
}

// unpack makes the rows of a pack the ones at hand.
func (s *rowStore) unpack(i int) []row.Row {
	if s.rows != nil && s.at == i {
		return s.rows
	}
	raw, err := s2.Decode(nil, s.packs[i].data)
	if err != nil {
		panic("poll: rows in memory do not unpack: " + err.Error()) // we have packed them
	}
	s.at, s.rows = i, make([]row.Row, 0, packedRows)
	for text := string(raw); len(raw) > 0; { // cells share the memory of the text
		number, n := binary.Uvarint(raw)
		cells, m := binary.Uvarint(raw[n:])
		r := row.Row{Number: int(number), Cells: make([]row.Cell, cells)}
		text = text[n+m:]
		for c := range r.Cells {
			r.Cells[c], text, _ = row.CutCell(text)
		}
		raw = raw[len(raw)-len(text):]
		s.rows = append(s.rows, r)
	}
	return s.rows
}

// row returns the row of a sheet row's number, if it is there.
func (s *rowStore) row(number int) (row.Row, bool) {
	rows := s.loose
	if i := sort.Search(len(s.packs), func(i int) bool { return s.packs[i].last >= number }); i < len(s.packs) {
		rows = s.unpack(i)
	}
	i, ok := slices.BinarySearchFunc(rows, number, func(r row.Row, number int) int { return r.Number - number })
	if !ok {
		return row.Row{}, false
	}
	return rows[i], true
}
