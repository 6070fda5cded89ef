package mapping

import (
	"errors"
	"math"
	"reflect"
)

const (
	// rowBudget bounds the work of mapping one row by one action, including the filter, and of
	// computing each constant when a zap is loaded. One unit is about a nanosecond on the reference
	// machine (a 3 GHz core), so the budget is about 100 ms. Counting work rather than time gives a
	// row the same result on a busy machine.
	rowBudget = 100_000_000
	// maxText bounds the text that a template may produce, and the text in a list or an object, in
	// bytes. A cell in Google Sheets holds at most 50,000 characters.
	maxText = 1 << 20
	// maxNested bounds the nesting of lists and objects for code that recurses into them.
	maxNested = 10_000
)

// errOverBudget ends an evaluation that has used up its budget.
var errOverBudget = errors.New("over budget")

// budget counts the work of evaluating one row. The zero value has spent nothing.
type budget struct{ spent float64 }

// spend counts units of work before it is done. The error is errOverBudget.
func (b *budget) spend(units float64) error {
	b.spent += units
	if b.spent <= rowBudget { // false for NaN
		return nil
	}
	return errOverBudget
}

// exceeded reports whether the budget is used up, so that nothing more can be computed for the row.
func (b *budget) exceeded() bool { return b.spend(0) != nil }

// overBudget returns the fault of a row that exceeds its budget.
func overBudget() *fault {
	return faultf("the expression exceeds the limit for one row (about 100 ms of computing, 1 MB of text)")
}

// size measures a value, including nested lists.
type size struct {
	items float64 // values, at least 1
	bytes float64 // of text
	depth float64 // sum of the depths of all items
}

// sizeOf measures a value. It returns infinity for a value that is too large for any budget or
// nested too deeply.
func sizeOf(v any) size {
	var s size
	s.add(v, 0)
	return s
}

// add measures a value at a depth. It returns false if the value is too large.
func (s *size) add(v any, depth int) bool {
	const most = rowBudget / 20 // no item costs less
	s.items++
	s.depth += float64(depth)
	if s.items > most || depth > maxNested {
		*s = size{math.Inf(1), math.Inf(1), math.Inf(1)}
		return false
	}
	switch v := v.(type) {
	case nil, bool, int, float64:
		return true
	case string:
		s.bytes += float64(len(v))
		return true
	case []byte:
		s.bytes += float64(len(v))
		return true
	case []int:
		return s.addSame(len(v), depth)
	case []float64:
		return s.addSame(len(v), depth)
	case []string:
		for _, item := range v {
			s.bytes += float64(len(item))
		}
		return s.addSame(len(v), depth)
	case []any:
		for _, item := range v {
			if !s.add(item, depth+1) {
				return false
			}
		}
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range r.Len() {
			if !s.add(r.Index(i).Interface(), depth+1) {
				return false
			}
		}
	case reflect.Map:
		for m := r.MapRange(); m.Next(); {
			if !s.add(m.Key().Interface(), depth+1) || !s.add(m.Value().Interface(), depth+1) {
				return false
			}
		}
	default: // a time or a duration, which contains nothing else
	}
	return true
}

// addSame adds n items of a list whose items contain no others.
func (s *size) addSame(n, depth int) bool {
	s.items += float64(n)
	s.depth += float64(n) * float64(depth+1)
	return true
}

// result checks the result of an expression, which is copied into the record: text is limited by
// length, anything else is paid for.
func (b *budget) result(v any) error {
	switch v := v.(type) {
	case nil, bool, int, float64:
		return nil
	case string:
		if len(v) > maxText {
			return errOverBudget
		}
		return nil
	}
	s := sizeOf(v)
	if s.bytes > maxText {
		return errOverBudget
	}
	return b.spend(s.items * 300)
}
