package ledger

import (
	"encoding/binary"
	"errors"
	"time"
)

// errMalformed means that a value's checksum is right but its content cannot be decoded.
var errMalformed = errors.New("malformed content")

func appendUvarint[T ~uint8 | ~uint32 | ~uint64 | ~int](b []byte, v T) []byte {
	return binary.AppendUvarint(b, uint64(v))
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// reader decodes a value. The strings it returns share the value's memory. After an error it is bad
// and returns zeros.
type reader struct {
	s   string // unread rest
	bad bool
}

func (r *reader) fail() {
	r.s, r.bad = "", true
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for i := range min(len(r.s), binary.MaxVarintLen64) {
		c := r.s[i]
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 {
				break
			}
			r.s = r.s[i+1:]
			return v | uint64(c)<<(7*i)
		}
		v |= uint64(c&0x7f) << (7 * i)
	}
	r.fail()
	return 0
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) byte() byte {
	if r.s == "" {
		r.fail()
		return 0
	}
	c := r.s[0]
	r.s = r.s[1:]
	return c
}

func (r *reader) bool() bool { return r.byte() != 0 }

// take returns the next n bytes.
func (r *reader) take(n uint64) string {
	if n > uint64(len(r.s)) {
		r.fail()
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

// uint64 returns 8 bytes, little-endian.
func (r *reader) uint64() uint64 {
	s := r.take(8)
	if s == "" {
		return 0
	}
	var v uint64
	for i := range 8 {
		v |= uint64(s[i]) << (8 * i)
	}
	return v
}

func (r *reader) string() string { return r.take(r.uvarint()) }

// count returns the number of the following items, each at least one byte long, so that a wrong
// number cannot allocate more memory than the size of the value justifies.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.s)) {
		r.fail()
		return 0
	}
	return int(n)
}

// done returns an error unless the value was decoded completely and without errors.
func (r *reader) done() error {
	if r.bad || r.s != "" {
		return errMalformed
	}
	return nil
}

// millis returns a time as stored: milliseconds since 1970, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
