package detect

import (
	"math"
	"slices"
)

const (
	// sampleRows bounds the rows that weights are computed from.
	sampleRows = 4096
	// distinctBits is the weight that each distinct value of a column adds, up to tellingBits, as
	// long as no value repeats: n values cannot show more than log2(n) bits of entropy, however
	// many there may be.
	distinctBits = 1.5
	// minBits is added to all weights, so that a column counts even if all rows are alike.
	minBits = 0.02
	// loneBits is the weight of a column with a single value, which may or may not repeat later.
	loneBits = 1
)

// weights holds the information, in bits, that a cell of each shared column carries about its row.
type weights struct {
	bits     []float64
	plain    []float64 // the same, ignoring what is required
	required []bool    // columns of Options.Require
	// telling is the information that identifies a row: the largest weight, up to tellingBits.
	telling float64
}

// weigh returns the weights of a side's columns: the entropy of the cells that are not blank, but
// at least distinctBits for each distinct value, and tellingBits in required columns, because these
// identify. If values repeat, the minimum is multiplied by the fourth power of the share that does
// not, in required columns by its square. Large sheets are sampled evenly.
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
		own := 1.0 // share of values that do not repeat
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

// without returns the weights with the given columns set to zero, or unchanged if the others then
// carry less than tellingBits.
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

// entropy returns the entropy of sorted values in bits, and the number of distinct values. The
// values are a sample of a column that is scale times as long; a value that occurs once is assumed
// to be as rare in the rest.
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
