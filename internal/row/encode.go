package row

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Tags of stored cells; each is followed by the data listed. They are written to state files: only
// append to the list.
const (
	tagBlank   = iota
	tagText    // length, then bytes
	tagNumber  // 8 bytes
	tagInteger // an integral Number: varint
	tagFalse
	tagTrue
	tagDate // 8 bytes
	tagDay  // an integral Date: varint
	// tagShaped is a Date with a shape: the shape byte, then tagDate or tagDay with its data.
	// Releases that did not store shapes reject this tag; they wrote only the other two.
	tagShaped
)

// AppendCell appends the stored form of a cell to b, which [CutCell] reads. It returns an error for
// an unknown kind.
func AppendCell(b []byte, c Cell) ([]byte, error) {
	whole := c.Num == math.Trunc(c.Num) && math.Abs(c.Num) < 1<<53 && (c.Num != 0 || !math.Signbit(c.Num))
	switch c.Kind {
	case Blank:
		return append(b, tagBlank), nil
	case Text:
		b = binary.AppendUvarint(append(b, tagText), uint64(len(c.Text)))
		return append(b, c.Text...), nil
	case Bool:
		if c.Num != 0 {
			return append(b, tagTrue), nil
		}
		return append(b, tagFalse), nil
	case Number, Date:
		exact, short := byte(tagNumber), byte(tagInteger)
		if c.Kind == Date {
			exact, short = tagDate, tagDay
			if c.Shape != ShapeUnknown {
				b = append(b, tagShaped, byte(c.Shape))
			}
		}
		if whole {
			return binary.AppendVarint(append(b, short), int64(c.Num)), nil
		}
		return binary.LittleEndian.AppendUint64(append(b, exact), math.Float64bits(c.Num)), nil
	}
	return nil, fmt.Errorf("unknown cell kind %d", c.Kind)
}

// CutCell decodes the cell at the start of s and returns what follows it; ok is false if s does not
// start with a valid cell. The cell's text shares memory with s.
func CutCell(s string) (c Cell, rest string, ok bool) {
	if s == "" {
		return Cell{}, "", false
	}
	tag, s := s[0], s[1:]
	switch tag {
	case tagBlank:
		return Cell{}, s, true
	case tagFalse, tagTrue:
		return BoolCell(tag == tagTrue), s, true
	case tagText:
		n, s, ok := cutUvarint(s)
		if !ok || n > uint64(len(s)) {
			return Cell{}, "", false
		}
		return Cell{Kind: Text, Text: s[:n]}, s[n:], true
	case tagNumber, tagInteger:
		num, s, ok := cutNumber(s, tag == tagInteger)
		return NumberCell(num), s, ok
	case tagDate, tagDay:
		num, s, ok := cutNumber(s, tag == tagDay)
		return DateCell(num), s, ok
	case tagShaped:
		if len(s) < 2 || s[1] != tagDate && s[1] != tagDay {
			return Cell{}, "", false
		}
		shape := Shape(s[0])
		num, rest, ok := cutNumber(s[2:], s[1] == tagDay)
		c = DateCell(num)
		c.Shape = shape
		return c, rest, ok && shape > ShapeUnknown && shape <= ShapeDuration
	}
	return Cell{}, "", false
}

func cutNumber(s string, whole bool) (f float64, rest string, ok bool) {
	if whole {
		v, rest, ok := cutUvarint(s)
		return float64(int64(v>>1) ^ -int64(v&1)), rest, ok
	}
	if len(s) < 8 {
		return 0, "", false
	}
	var bits uint64
	for i := range 8 {
		bits |= uint64(s[i]) << (8 * i)
	}
	return math.Float64frombits(bits), s[8:], true
}

func cutUvarint(s string) (v uint64, rest string, ok bool) {
	for i := range min(len(s), binary.MaxVarintLen64) {
		c := s[i]
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 {
				break
			}
			return v | uint64(c)<<(7*i), s[i+1:], true
		}
		v |= uint64(c&0x7f) << (7 * i)
	}
	return 0, "", false
}
