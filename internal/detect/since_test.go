package detect_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/detect"
)

// cursorMaker makes cursors with about as many rows, keys and vanished rows as a chunk holds, and
// changes copies of them as polls do.
type cursorMaker struct {
	*rapid.T
	random *rand.Rand
}

func (m cursorMaker) cursor() detect.Cursor {
	c := detect.Cursor{Next: m.random.Uint64(), Columns: []string{"A", "B"}}
	if rapid.Bool().Draw(m.T, "folded") {
		c.Folds = []uint32{}
	}
	if rapid.Bool().Draw(m.T, "keyed") {
		c.KeyedBy = []string{"A"}
	}
	count := rapid.SampledFrom([]int{0, 1, 2, 4095, 4096, 4097, 8193})
	for range count.Draw(m.T, "rows") {
		c = m.grown(c)
	}
	for range count.Draw(m.T, "gone") {
		c.Gone = append(c.Gone, m.goneRow())
	}
	if c.KeyedBy != nil {
		for range count.Draw(m.T, "keys") {
			c.Keys = append(c.Keys, detect.Key{Sum: m.random.Uint64(), Delivery: m.random.Uint64N(9)})
		}
		sortKeys(c.Keys)
	}
	return c
}

func sortKeys(keys []detect.Key) {
	slices.SortFunc(keys, func(a, b detect.Key) int { return cmp.Compare(a.Sum, b.Sum) })
}

// grown returns a cursor with one more row.
func (m cursorMaker) grown(c detect.Cursor) detect.Cursor {
	number := int32(2)
	if n := len(c.Rows); n > 0 {
		number = c.Rows[n-1].Number + 1 + m.random.Int32N(2)
	}
	c.Rows = append(c.Rows, detect.Seen{Number: number, Since: m.random.Int64N(99)})
	c.Cells = append(c.Cells, m.random.Uint32(), m.random.Uint32())
	if c.Folds != nil {
		c.Folds = append(c.Folds, m.random.Uint32(), m.random.Uint32())
	}
	if c.KeyedBy != nil {
		c.RowKeys = append(c.RowKeys, detect.RowKey{Sum: m.random.Uint64(), Fold: m.random.Uint32()})
	}
	return c
}

func (m cursorMaker) goneRow() detect.Gone {
	return detect.Gone{Sum: m.random.Uint64(), Fold: m.random.Uint64(), At: m.random.Int64N(99), Copy: m.random.IntN(2) == 0}
}

// changed returns a cursor that differs from another in one respect, if it applies.
func (m cursorMaker) changed(c detect.Cursor) detect.Cursor {
	c.Rows, c.Cells, c.Folds, c.RowKeys = slices.Clone(c.Rows), slices.Clone(c.Cells), slices.Clone(c.Folds), slices.Clone(c.RowKeys)
	c.Gone, c.Keys = slices.Clone(c.Gone), slices.Clone(c.Keys)
	n := len(c.Rows)
	switch what := rapid.SampledFrom([]string{
		"delivery", "cell", "fold", "key", "row comes", "rows come", "row goes", "gone", "gone comes", "gone goes",
		"key seen", "key comes", "key goes", "column", "keyed by", "unkeyed", "keyed", "folded", "unfolded",
	}).Draw(m.T, "change"); {
	case what == "delivery" && n > 0:
		c.Rows[m.random.IntN(n)].Delivery++
	case what == "cell" && n > 0:
		c.Cells[m.random.IntN(2*n)]++
	case what == "fold" && len(c.Folds) > 0:
		c.Folds[m.random.IntN(2*n)]++
	case what == "key" && len(c.RowKeys) > 0:
		c.RowKeys[m.random.IntN(n)].Sum++
	case what == "row comes":
		c = m.grown(c)
	case what == "rows come":
		for range 4096 {
			c = m.grown(c)
		}
	case what == "row goes" && n > 0:
		c.Rows, c.Cells = c.Rows[:n-1], c.Cells[:2*(n-1)]
		c.Folds, c.RowKeys = c.Folds[:min(len(c.Folds), 2*(n-1))], c.RowKeys[:min(len(c.RowKeys), n-1)]
	case what == "gone" && len(c.Gone) > 0:
		c.Gone[m.random.IntN(len(c.Gone))].At++
	case what == "gone comes":
		c.Gone = append(c.Gone, m.goneRow())
	case what == "gone goes" && len(c.Gone) > 0:
		c.Gone = c.Gone[1:]
	case what == "key seen" && len(c.Keys) > 0:
		c.Keys[m.random.IntN(len(c.Keys))].Delivery++
	case what == "key comes" && c.KeyedBy != nil:
		c.Keys = append(c.Keys, detect.Key{Sum: m.random.Uint64()})
		sortKeys(c.Keys)
	case what == "key goes" && len(c.Keys) > 0:
		c.Keys = c.Keys[1:]
	case what == "column":
		c.Columns = []string{"A", "C"}
	case what == "keyed by" && c.KeyedBy != nil:
		c.KeyedBy = []string{"B"}
	case what == "unkeyed":
		c.KeyedBy, c.Keys, c.RowKeys = nil, nil, nil
	case what == "keyed" && c.KeyedBy == nil:
		c.KeyedBy, c.RowKeys = []string{"A"}, make([]detect.RowKey, n)
	case what == "folded":
		c.Folds = slices.Clone(c.Cells)
	case what == "unfolded":
		c.Folds = nil
	}
	return c
}

// overlaid fails unless the chunks of one cursor, overlaid with those that may differ in another,
// are the chunks of the other. It returns the indexes of these.
func overlaid(t fataler, old [][]byte, before, after detect.Cursor) (written []int) {
	t.Helper()
	n, each := after.Since(before)
	chunks := make([][]byte, n)
	copy(chunks, old)
	for i, chunk := range each {
		chunks[i] = chunk
		written = append(written, i)
	}
	if !slices.EqualFunc(chunks, after.Encode(), bytes.Equal) {
		t.Fatalf("chunks %v of %d over %d old ones do not give the cursor", written, n, len(old))
	}
	if got := recoded(t, after); !sameCursor(got, after) {
		t.Fatalf("the cursor decodes differently")
	}
	for stop := range written { // the iterator stops early when asked to
		for range each {
			if stop--; stop < 0 {
				break
			}
		}
	}
	return written
}

// TestSince: overlaying an older cursor's chunks with those that may differ gives the newer cursor.
// If both are equal, only the first chunk may differ. Unchanged rows are not written again.
func TestSince(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := cursorMaker{t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
		before := m.cursor()
		old := before.Encode()
		if written := overlaid(t, old, before, before); !slices.Equal(written, []int{0}) {
			t.Fatalf("chunks %v of the same cursor", written)
		}
		overlaid(t, old, before, m.changed(before))
		overlaid(t, old, before, m.changed(m.changed(before)))
	})
}

// TestSinceWritesLittle: which chunks are written after a single change.
func TestSinceWritesLittle(t *testing.T) {
	c := detect.Cursor{Columns: []string{"A"}, KeyedBy: []string{"A"}, Next: 1, Folds: []uint32{}}
	for i := range 9000 {
		c.Rows = append(c.Rows, detect.Seen{Number: int32(i + 2)})
		c.Cells, c.Folds = append(c.Cells, uint32(i)), append(c.Folds, uint32(i))
		c.RowKeys = append(c.RowKeys, detect.RowKey{Sum: uint64(i)})
	}
	c.Keys = []detect.Key{{Sum: 1}, {Sum: 2}}
	c.Gone = []detect.Gone{{Sum: 3}}
	for _, tt := range []struct {
		name   string
		change func(c *detect.Cursor)
		want   []int // chunks 1 to 3 are rows, 4 keys, 5 vanished rows
	}{
		{"nothing", func(*detect.Cursor) {}, []int{0}},
		{"the next delivery", func(c *detect.Cursor) { c.Next++ }, []int{0}},
		{"a row of the second chunk", func(c *detect.Cursor) { c.Rows[5000].Delivery = 1 }, []int{0, 2}},
		{"a key", func(c *detect.Cursor) { c.Keys[0].Delivery = 1 }, []int{0, 4, 5}},
		{"a vanished row", func(c *detect.Cursor) { c.Gone[0].At = 1 }, []int{0, 5}},
		{"the last row is deleted", func(c *detect.Cursor) {
			c.Rows, c.Cells, c.Folds, c.RowKeys = c.Rows[:8999], c.Cells[:8999], c.Folds[:8999], c.RowKeys[:8999]
		}, []int{0, 3}},
		{"a column is renamed", func(c *detect.Cursor) { c.Columns = []string{"B"} }, []int{0, 1, 2, 3, 4, 5}},
		{"the key changed", func(c *detect.Cursor) { c.KeyedBy = []string{"B"} }, []int{0, 1, 2, 3, 4, 5}},
	} {
		after := c
		after.Rows, after.Keys, after.Gone = slices.Clone(c.Rows), slices.Clone(c.Keys), slices.Clone(c.Gone)
		tt.change(&after)
		if got := overlaid(t, c.Encode(), c, after); !slices.Equal(got, tt.want) {
			t.Errorf("%s: chunks %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestSinceAnEarlierFormat: all chunks of an earlier release are rewritten.
func TestSinceAnEarlierFormat(t *testing.T) {
	// Column A, none broken, key A, next delivery 7; no rows, one key, one vanished row.
	head := []byte{2, 1, 1, 'A', 0, 1, 1, 'A', 7, 0, 0, 0, 1, 1}
	key := binary.LittleEndian.AppendUint64(nil, 5)
	// Vanished at second 1, mark: fired, delivery 3.
	gone := append(binary.LittleEndian.AppendUint64(nil, 6), 2, 0, 3)
	old := [][]byte{head, key, gone}
	c, err := detect.Decode(slices.Values(old))
	if err != nil || !slices.Equal(c.Keys, []detect.Key{{Sum: 5, Delivery: math.MaxUint64}}) || !slices.Equal(c.Gone, []detect.Gone{{Sum: 6, At: 1, Delivery: 3}}) {
		t.Fatalf("%+v, %v", c, err)
	}
	overlaid(t, old, c, c)
}
