package ledger

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

// segment is consecutive rows of one zap as found, with what they share. It is a value of the
// bucket rows or, with a single row, of the bucket cells.
type segment struct {
	header row.Header
	zone   string
	action string
	shadow bool
	rows   []row.Row
}

const (
	segmentRows = 256 // maximum rows of a segment
	// A segment with fewer rows is merged with those of the next polls, so that single rows share a
	// header.
	segmentSmall = 64
	segmentBytes = 1 << 20 // no rows are added to a larger segment
)

func (r *reader) cell() row.Cell {
	c, rest, ok := row.CutCell(r.s)
	if !ok {
		r.fail()
		return row.Cell{}
	}
	r.s = rest
	return c
}

// formerly separates a stored column name from an earlier name of the column. No name contains it.
const formerly = "\x00"

func appendHeader(b []byte, h row.Header) []byte {
	b = appendUvarint(b, h.Len())
	former := h.FormerNames()
	for i, name := range h.Names() {
		if former[i] != name {
			name += formerly + former[i]
		}
		b = appendString(b, name)
	}
	return b
}

// header reads a header and tidies its names, because earlier releases tidied them less.
func (r *reader) header() row.Header {
	names := make([]string, r.count())
	former := make([]string, len(names))
	for i := range names {
		name, earlier, renamed := strings.Cut(r.string(), formerly)
		names[i] = row.TidyName(name)
		former[i] = names[i]
		if renamed {
			former[i] = earlier
		}
	}
	return row.HeaderOf(names).Formerly(former)
}

// encodeSegment returns the value of a key.
func (c codec) encodeSegment(key []byte, s segment) ([]byte, error) {
	raw := make([]byte, 0, 256+64*len(s.rows))
	raw = appendHeader(raw, s.header)
	raw = appendBool(appendString(appendString(raw, s.zone), s.action), s.shadow)
	raw = appendUvarint(raw, len(s.rows))
	cells := 0
	for _, r := range s.rows {
		cells += len(r.Cells)
	}
	raw = appendUvarint(raw, cells)
	before := 0
	for _, r := range s.rows {
		raw = binary.AppendVarint(raw, int64(r.Number-before))
		before = r.Number
		raw = appendUvarint(raw, len(r.Cells))
		for i, cell := range r.Cells {
			var err error
			if raw, err = row.AppendCell(raw, cell); err != nil {
				return nil, fmt.Errorf("row %d, column %s: %w", r.Number, row.Letter(i), err)
			}
		}
	}
	return c.pack(key, newSeal(len(raw)/2), raw)
}

func (c codec) decodeSegment(key, value []byte) (segment, error) {
	raw, err := c.unsealed(key, value)
	if err != nil {
		return segment{}, err
	}
	return parseSegment(raw)
}

// unsealed returns the decompressed payload of a key's value.
func (c codec) unsealed(key, value []byte) (string, error) {
	packed, err := unseal(key, value)
	if err != nil {
		return "", err
	}
	return c.unpack(packed)
}

// segmentHead reads what the rows of a segment share, and their number.
func (r *reader) segmentHead() (s segment, rows int) {
	s = segment{header: r.header(), zone: r.string(), action: r.string(), shadow: r.bool()}
	return s, r.count()
}

func parseSegment(raw string) (segment, error) {
	r := reader{s: raw}
	s, n := r.segmentHead()
	s.rows = make([]row.Row, n)
	cells := make([]row.Cell, r.count())
	number := 0
	for i := range s.rows {
		number += int(r.varint())
		n := r.count()
		if n > len(cells) {
			return segment{}, errMalformed
		}
		s.rows[i] = row.Row{Number: number, Cells: cells[:n:n]}
		for j := range n {
			cells[j] = r.cell()
		}
		cells = cells[n:]
	}
	if len(cells) > 0 {
		return segment{}, errMalformed
	}
	return s, r.done()
}
