package detect

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/row"
)

// keyColumns are the columns of a key.
type keyColumns struct {
	at      []int  // sheet columns; -1: missing
	anyCase []bool // by column: letter case is ignored
}

// readKey is the key of a row read.
type readKey struct {
	RowKey
	Old uint64 // the hash that releases without folded hashes used
}

// of returns the key of a row, or zero if part of it is blank or an error. A number and the text
// that shows it are the same key, so that formatting a column as text makes no row new. Unicode
// form, invisible characters and blanks do not count.
func (k keyColumns) of(r row.Row, f *folder) readKey {
	var old, sum, fold, room [128]byte // avoids allocations for most keys
	o, s, letters := old[:0], sum[:0], fold[:0]
	for i, col := range k.at {
		c := r.Cell(col)
		if c.ErrorText() {
			return readKey{}
		}
		was := strings.TrimSpace(c.Text)
		switch c.Kind {
		case row.Text, row.Blank:
		case row.Bool:
			was = c.String()
		default:
			was = strconv.FormatFloat(c.Num+0, 'f', -1, 64)
		}
		text := visible(was)
		if text == "" {
			return readKey{}
		}
		folded := f.plain(text)
		if k.anyCase[i] {
			text = folded
		}
		o, s, letters = appendPart(o, was), appendPart(s, text), appendPart(letters, appendLetters(room[:0], folded))
	}
	return readKey{RowKey{max(xxhash.Sum64(s), 1), uint32(max(xxhash.Sum64(letters)>>32, 1))}, max(xxhash.Sum64(o), 1)}
}

func appendPart[T string | []byte](b []byte, part T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// appendLetters appends a text without punctuation and without leading zeros of numbers.
func appendLetters(b []byte, s string) []byte {
	number := false // inside a number, after its leading zeros
	for _, r := range s {
		switch {
		case unicode.IsDigit(r):
			if r == '0' && !number {
				continue
			}
			number = true
		case unicode.IsLetter(r) || unicode.IsMark(r):
			number = false
		default:
			number = false
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// oldHash marks a column of [Cursor].KeyedBy whose keys were hashed by a release without folded
// hashes.
const oldHash = "\x00o"

// keyedAs reports whether a cursor's keys are those of the options; old means that an earlier
// release hashed them.
func (c Cursor) keyedAs(o Options) (same, old bool) {
	if slices.Equal(c.KeyedBy, o.keyedBy()) {
		return true, false
	}
	old = slices.EqualFunc(c.KeyedBy, o.Key, func(was, name string) bool { return was == name+oldHash })
	return old, old
}

// seen returns the key of a row read if it was seen before, found by its old hash if necessary.
func (c Cursor) seen(key readKey) (Key, bool) {
	if k, seen := c.seenKey(key.Sum); seen {
		return k, true
	}
	return c.seenKey(key.Old)
}

// byKey matches rows with the same key and forbids later matches of rows with different keys.
func (m *matching) byKey(c Cursor, rd *reading) {
	_, old := c.keyedAs(rd.opts)
	sums := make([]uint64, len(c.RowKeys))
	for i, k := range c.RowKeys {
		sums[i] = k.Sum
	}
	chain := newHashIndex(sums, rowsOf(sums))
	// Rows with the same key match by content first, then in order.
	for _, equal := range []bool{true, false} {
		for j, key := range rd.keys {
			sum := key.Sum
			if old {
				sum = key.Old
			}
			if m.oldOf[j] >= 0 {
				continue
			}
			steps := 0
			for i := range chain.free(sum, m.nowOf) {
				if !equal || m.oldSums[i] == m.nowSums[j] {
					m.match(i, j)
					break
				}
				if steps++; steps == chainCap {
					break
				}
			}
		}
	}
	m.keysAllow = func(i, j int) bool {
		key := rd.keys[j]
		if key.Sum == 0 {
			return true // its key was cleared, or was always blank
		}
		_, seen := c.seen(key)
		return c.keyOf(i).Sum == 0 && !seen // its key was filled in
	}
}

// respelt handles unseen keys that differ from a vanished one only in letter case, punctuation or
// leading zeros. In the same gap, with all other cells equal, it is the same row. Otherwise the row
// may be it if half of the other cells are equal, or all are blank.
func (m *matching) respelt(c Cursor, rd *reading) {
	if m.keysAllow == nil {
		return
	}
	folds := make([]uint64, len(c.RowKeys))
	for i, k := range c.RowKeys {
		if m.nowOf[i] == noRow {
			folds[i] = uint64(k.Fold)
		}
	}
	vanished := rowsOf(folds)
	if len(vanished) == 0 {
		return
	}
	chain := newHashIndex(folds, vanished)
	g := newGaps(m)
	isKey := make([]bool, len(m.salts))
	for k, now := range m.now.shared {
		isKey[k] = slices.Contains(rd.key, rd.at[now])
	}
	for n, j := range g.now {
		key := rd.keys[j]
		if _, seen := c.seen(key); seen {
			continue
		}
		for i := range chain.free(uint64(key.Fold), m.nowOf) {
			o, _ := slices.BinarySearch(g.old, int32(i))
			filled, same := 0, 0
			for k := range m.salts {
				was, is := m.old.cell(i, k), m.now.cell(int(j), k)
				if isKey[k] || was == 0 && is == 0 {
					continue
				}
				filled++
				if was == is {
					same++
				}
			}
			if filled == same && g.same(o, n) {
				m.match(i, int(j))
			} else if same*2 >= filled {
				m.like(i, int(j))
			}
			break
		}
	}
}
