package detect

import (
	"math"
	"slices"
)

// sampleRows bounds the rows that weights are computed from.
const sampleRows = 4096

// columnBits returns how much a cell of each shared column tells of its row: the entropy in bits of its cells that are
// not blank, plus a trifle, so that columns count a little even where every row is alike, and alone where there are too
// few rows to know. A sheet of many rows is sampled evenly.
func columnBits(s side) []float64 {
	bits := make([]float64, len(s.shared))
	n := min(s.n, sampleRows)
	if n == 0 {
		return bits
	}
	values := make([]uint32, 0, n)
	for k := range bits {
		values = values[:0]
		for i := range n {
			if h := s.cell(i*s.n/n, k); h != 0 {
				values = append(values, h)
			}
		}
		slices.Sort(values)
		bits[k] = entropy(values, float64(s.n)/float64(n)) + max(1/float64(s.n), 0.02)
	}
	return bits
}

// entropy returns the entropy of sorted values in bits. They are a sample of a column that is scale times as long: values that
// stand once in the sample are taken to be as rare in the rest.
func entropy(sorted []uint32, scale float64) float64 {
	n := float64(len(sorted))
	sum, single := 0.0, 0.0
	for i := 0; i < len(sorted); {
		end := i + 1
		for end < len(sorted) && sorted[end] == sorted[i] {
			end++
		}
		times := float64(end - i)
		sum += times / n * math.Log2(n/times)
		if times == 1 {
			single++
		}
		i = end
	}
	if n == 0 || scale <= 1 {
		return sum
	}
	return sum + single/n*math.Log2(scale)
}
