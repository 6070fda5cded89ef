package detect

import (
	"math"
	"slices"
)

const (
	// sampleRows bounds the rows that weights are computed from.
	sampleRows = 4096
	// distinctBits is what a cell of a column weighs for each value of that column, as long as no
	// value repeats, up to tellingBits: n values cannot show more than log2(n) bits of entropy, of
	// however many they may be.
	distinctBits = 1.5
	// minBits lets a column count a little even where every row is alike.
	minBits = 0.02
	// loneBits is what the only value of a column weighs: nothing shows yet whether it will
	// repeat.
	loneBits = 1
)

// weights says how much a cell of each shared column tells of its row, in bits.
type weights struct {
	bits     []float64
	plain    []float64 // the same without regard to what is required
	required []bool    // columns of Options.Require
	telling  float64   // how much has to be kept to tell a row: as much as the column that tells most, up to tellingBits
}

// weigh returns the weights of a side's columns: the entropy of the cells that are not blank, and
// at least distinctBits a value where none repeats, and tellingBits in required columns, for these
// identify. Columns whose values repeat have the less of that, by the fourth power of the part that
// does not repeat, required ones by the square. A sheet of many rows is sampled evenly.
func weigh(s side, required []bool) weights {
	w := weights{bits: make([]float64, len(s.shared)), plain: make([]float64, len(s.shared)), required: required}
	n := min(s.n, sampleRows)
	if n == 0 {
		return w
	}
	values := make([]uint32, 0, n)
	for k := range w.bits {
		values = values[:0]
		for i := range n {
			if h := s.cell(i*s.n/n, k); h != 0 {
				values = append(values, h)
			}
		}
		slices.Sort(values)
		b, different := entropy(values, float64(s.n)/float64(n))
		b += minBits
		own := 1.0 // part of the values that are no repetition
		switch {
		case len(values) <= 1:
			b = loneBits
		default:
			own = float64(different-1) / float64(len(values)-1)
			b = max(b, min(tellingBits, distinctBits*float64(different))*own*own*own*own)
		}
		w.bits[k], w.plain[k] = b, b
		if required[k] {
			w.bits[k] = max(b, tellingBits*own*own)
		}
		w.telling = min(tellingBits, max(w.telling, tellingBits/2, w.bits[k]))
	}
	return w
}

// without returns the weights if the cells of some columns say nothing, as long as the others tell
// enough.
func (w weights) without(columns []int) weights {
	rest := w
	rest.bits, rest.plain = slices.Clone(w.bits), slices.Clone(w.plain)
	left := 0.0
	for _, k := range columns {
		rest.bits[k], rest.plain[k] = 0, 0
	}
	for _, b := range rest.plain {
		left += b
	}
	if left < tellingBits {
		return w
	}
	return rest
}

// entropy returns the entropy of sorted values in bits, and how many different ones there are. They
// are a sample of a column that is scale times as long: values that stand once in the sample are
// taken to be as rare in the rest.
func entropy(sorted []uint32, scale float64) (bits float64, different int) {
	n := float64(len(sorted))
	single := 0.0
	for i := 0; i < len(sorted); {
		end := i + 1
		for end < len(sorted) && sorted[end] == sorted[i] {
			end++
		}
		times := float64(end - i)
		bits += times / n * math.Log2(n/times)
		if times == 1 {
			single++
		}
		different++
		i = end
	}
	if n == 0 || scale <= 1 {
		return bits, different
	}
	return bits + single/n*math.Log2(scale), different
}
