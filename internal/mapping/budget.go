package mapping

import (
	"errors"
	"math"
	"reflect"
)

const (
	// rowBudget bounds the work of mapping one row by one action, filter included, and that of each constant when a zap is
	// loaded. A unit is about a nanosecond of the reference machine (a core of 3 GHz), so that all of it is about 100 ms. Work
	// is counted, never time: a row has the same result on a busy machine.
	rowBudget = 100_000_000
	// maxText is the longest text that a template may give, in bytes, and the most that a list or an object may hold. The
	// greatest cell of a sheet has 50,000 characters.
	maxText = 1 << 20
	// maxNested is how deeply lists and objects may be nested where something looks into them: what does so calls itself.
	maxNested = 10_000
)

// errOverBudget ends an evaluation that has used up its budget.
var errOverBudget = errors.New("over budget")

// budget is what the evaluation of one row has spent; the zero value has spent nothing.
type budget struct{ spent float64 }

// spend counts units of work that is about to be done. The error is errOverBudget.
func (b *budget) spend(units float64) error {
	b.spent += units
	if b.spent <= rowBudget { // never of NaN
		return nil
	}
	return errOverBudget
}

// exceeded tells whether nothing more can be computed for the row.
func (b *budget) exceeded() bool { return b.spend(0) != nil }

// overBudget is the fault of a row that takes more work than it may.
func overBudget() *fault {
	return faultf("the expression takes more work than a row may (about 100 ms of computing, 1 MB of text)")
}

// size is what a value holds, lists in lists included.
type size struct {
	items float64 // values, 1 at least
	bytes float64 // of texts
	depth float64 // the sum of how deep each item is
}

// sizeOf measures a value. One that is too large for any budget, or nested too deeply, is infinitely large.
func sizeOf(v any) size {
	var s size
	s.add(v, 0)
	return s
}

// add measures a value at a depth, and returns false where it is too large.
func (s *size) add(v any, depth int) bool {
	const most = rowBudget / 20 // no price of an item is lower
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
	default: // a time, a duration: they hold nothing else
	}
	return true
}

// addSame adds n items of a list that hold no others.
func (s *size) addSame(n, depth int) bool {
	s.items += float64(n)
	s.depth += float64(n) * float64(depth+1)
	return true
}

// result checks what an expression gave, which is copied into the record: text is limited, and all else is counted.
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
