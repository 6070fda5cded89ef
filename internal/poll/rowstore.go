package poll

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/klauspost/compress/zstd"

	"github.com/rowtap/rowtap/internal/row"
)

const (
	looseRows  = 4096 // rows kept uncompressed; more are packed
	packedRows = 512  // rows per pack
)

// packer compresses rows. It is safe for concurrent use.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (*packer, error) {
	const window = 1 << 18 // bytes; a pack has some tens of thousands
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(window))
	if err != nil {
		return nil, fmt.Errorf("start compression: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("start decompression: %w", err)
	}
	return &packer{enc, dec}, nil
}

// rowStore holds rows in sheet order. Beyond a few thousand it compresses them: a hundred thousand
// rows of ten columns take two to four megabytes, a twentieth of their uncompressed size.
type rowStore struct {
	*packer
	packs []pack
	bytes int       // of the packs
	loose []row.Row // after the packs
	// dropped means that there were too many rows to keep: the store is empty and stays so.
	dropped bool
	at      int // index of the unpacked pack; valid if rows is not nil
	rows    []row.Row
}

// pack is a number of compressed rows.
type pack struct {
	last int // 1-based sheet row
	data []byte
}

// add appends rows, which must come after those in the store.
func (s *rowStore) add(rows ...row.Row) error {
	if s.dropped {
		return nil
	}
	s.loose = append(s.loose, rows...)
	if len(s.loose) < looseRows {
		return nil
	}
	for part := range slices.Chunk(s.loose, packedRows) {
		p, err := s.pack(part)
		if err != nil {
			return err
		}
		s.packs, s.bytes = append(s.packs, p), s.bytes+len(p.data)
	}
	s.loose = nil
	return nil
}

func (p *packer) pack(rows []row.Row) (pack, error) {
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
	return pack{last: rows[len(rows)-1].Number, data: p.enc.EncodeAll(raw, make([]byte, 0, len(raw)/4))}, nil
}

// unpack returns the rows of a pack. It caches those of the last one.
func (s *rowStore) unpack(i int) []row.Row {
	if s.rows != nil && s.at == i {
		return s.rows
	}
	raw, err := s.dec.DecodeAll(s.packs[i].data, nil)
	if err != nil {
		panic("poll: rows in memory do not unpack: " + err.Error()) // pack wrote them
	}
	s.at, s.rows = i, make([]row.Row, 0, packedRows)
	for text := string(raw); len(raw) > 0; { // cells share the memory of text
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

// row returns the row with a sheet row number; ok is false if there is none.
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
