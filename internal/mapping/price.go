package mapping

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/vm/runtime"
)

// pricedCall is an operator or a function of expressions that pays before it runs.
type pricedCall func(b *budget, args []any) (any, error)

// pricedPrefix is the prefix of priced calls inside compiled expressions. No expression can spell
// it.
const pricedPrefix = hidden + hidden

// The names of priced calls that expressions cannot write.
const (
	tick  = "tick"  // pays for one round of a predicate
	pay   = "pay"   // pays for a value and returns it
	group = "group" // pays for a sort or group key and returns it
	loop  = "loop"  // pays for iterating a list without a predicate
	span  = "span"  // x in a..b, without building the list
)

// prices is the price of each call by its arguments, beyond the price of its node. It has all calls
// that read, copy or make text or lists. Text costs one unit per byte read and two per byte made,
// which bounds memory: a row makes at most 50 MB of text.
var prices = map[string]func(a []any) float64{
	"+":          func(a []any) float64 { return 2 * (textLen(a[0]) + textLen(a[1])) },
	"==":         priceOfEqual,
	"<":          func(a []any) float64 { return textLen(a[0]) + textLen(a[1]) },
	"in":         func(a []any) float64 { return compared(a[0]) + compared(a[1]) },
	"contains":   func(a []any) float64 { return 2 * (textLen(a[0]) + textLen(a[1])) },
	"startsWith": func(a []any) float64 { return textLen(a[1]) },
	"..":         func(a []any) float64 { return 10 * max(0, number64(a[1])-number64(a[0])+1) },
	group:        func(a []any) float64 { s := sizeOf(a[0]); return 500*s.items + 20*s.bytes },
	pay:          func(a []any) float64 { s := sizeOf(a[0]); return 20 * (s.items + s.bytes) },
	loop:         func(a []any) float64 { return 40 * listLen(a[0]) },

	"len":        perByte(1),
	"int":        perByte(5),
	"float":      perByte(5),
	"string":     perByte(2),
	"trim":       func(a []any) float64 { return textLen(a[0]) * (1 + textLen(argument(a, 1))) }, // each byte against each of the cut set
	"trimPrefix": perByte(1),
	"trimSuffix": perByte(1),
	"upper":      perByte(10),
	"lower":      perByte(10),
	"split":      priceOfSplit,
	"splitAfter": priceOfSplit,
	"replace":    priceOfReplace,
	"repeat":     func(a []any) float64 { return 100 + 2*textLen(a[0])*max(0, number64(argument(a, 1))) },
	"join": func(a []any) float64 {
		s := sizeOf(a[0])
		return 2*(s.bytes+s.items*textLen(argument(a, 1))) + 60*s.items
	},
	"indexOf":     perByte(2),
	"lastIndexOf": perByte(2),
	"hasPrefix":   perByte(1),
	"hasSuffix":   perByte(1),
	"max":         perNestedItem(60),
	"min":         perNestedItem(60),
	"mean":        perNestedItem(60),
	"median":      func(a []any) float64 { s := sizeOf(a); return s.items * (60 + 20*math.Ceil(math.Log2(s.items))) },
	"toJSON":      func(a []any) float64 { s := sizeOf(a); return 300*s.items + 12*s.bytes + 4*s.depth },
	"fromJSON":    perByte(80),
	"toBase64":    perByte(4),
	"fromBase64":  perByte(4),
	"duration":    perByte(20),
	"date":        func(a []any) float64 { return 2000 + 60_000*max(0, float64(len(a)-2)) + 20*textsLen(a) },
	"timezone":    func(a []any) float64 { return 60_000 + textsLen(a) }, // it reads a file
	"get":         func(a []any) float64 { return textLen(argument(a, 1)) },
	"keys":        perItem(100),
	"values":      perItem(100),
	"toPairs":     perItem(150),
	"fromPairs":   perNestedItem(300),
	"reverse":     perItem(100),
	"concat":      perItem(150),
	"flatten":     func(a []any) float64 { s := sizeOf(a); return 100*s.items + 20*s.depth },
	"sort": func(a []any) float64 {
		s := sizeOf(a[0])
		return (40*s.items + s.bytes) * math.Ceil(1+math.Log2(s.items))
	},
}

// calls maps names to priced calls.
var calls = newCalls()

func newCalls() map[string]pricedCall {
	all := map[string]pricedCall{
		tick:         func(b *budget, a []any) (any, error) { return nil, b.spend(number64(a[0])) },
		span:         func(_ *budget, a []any) (any, error) { return inSpan(a[0], a[1], a[2]), nil },
		"matches":    matches,
		"uniq":       uniq,
		pay:          priced(pay, func(a []any) (any, error) { return a[0], nil }),
		group:        priced(group, func(a []any) (any, error) { return a[0], nil }),
		loop:         priced(loop, func(a []any) (any, error) { return a[0], nil }),
		"string":     priced("string", func(a []any) (any, error) { return asText(a...) }),
		"+":          priced("+", func(a []any) (any, error) { return runtime.Add(a[0], a[1]), nil }),
		"==":         priced("==", func(a []any) (any, error) { return runtime.Equal(a[0], a[1]), nil }),
		"!=":         priced("==", func(a []any) (any, error) { return !runtime.Equal(a[0], a[1]), nil }),
		"<":          priced("<", func(a []any) (any, error) { return runtime.Less(a[0], a[1]), nil }),
		">":          priced("<", func(a []any) (any, error) { return runtime.More(a[0], a[1]), nil }),
		"<=":         priced("<", func(a []any) (any, error) { return runtime.LessOrEqual(a[0], a[1]), nil }),
		">=":         priced("<", func(a []any) (any, error) { return runtime.MoreOrEqual(a[0], a[1]), nil }),
		"in":         priced("in", func(a []any) (any, error) { return runtime.In(a[0], a[1]), nil }),
		"..":         priced("..", func(a []any) (any, error) { return runtime.MakeRange(runtime.ToInt(a[0]), runtime.ToInt(a[1])), nil }),
		"contains":   textual("contains", strings.Contains),
		"startsWith": textual("startsWith", strings.HasPrefix),
		"endsWith":   textual("startsWith", strings.HasSuffix),
	}
	for _, f := range builtin.Builtins {
		if prices[f.Name] != nil && all[f.Name] == nil {
			all[f.Name] = priced(f.Name, func(a []any) (any, error) { return callBuiltin(f, a) })
		}
	}
	return all
}

// functions are the priced calls for the compiler. Their first argument is the budget.
var functions = newFunctions()

func newFunctions() map[string]*builtin.Function {
	all := make(map[string]*builtin.Function, len(calls))
	for name, call := range calls {
		name = pricedPrefix + name
		all[name] = &builtin.Function{Name: name, Func: func(args ...any) (any, error) { return call(args[0].(*budget), args[1:]) }}
	}
	return all
}

// priced returns a call that pays the named price first.
func priced(name string, call func(a []any) (any, error)) pricedCall {
	price := prices[name]
	return func(b *budget, a []any) (any, error) {
		if err := b.spend(price(a)); err != nil {
			return nil, err
		}
		return call(a)
	}
}

// textual returns an operator on two texts that is false if one of them is blank.
func textual(price string, is func(s, part string) bool) pricedCall {
	return priced(price, func(a []any) (any, error) {
		if runtime.IsNil(a[0]) || runtime.IsNil(a[1]) {
			return false, nil
		}
		return is(a[0].(string), a[1].(string)), nil
	})
}

// callBuiltin calls a function of expr-lang, which has one of three forms.
func callBuiltin(f *builtin.Function, a []any) (any, error) {
	switch {
	case f.Fast != nil:
		return f.Fast(a[0]), nil
	case f.Safe != nil:
		v, _, err := f.Safe(a...)
		return v, err
	}
	return f.Func(a...)
}

// perByte prices a call by the length of its texts.
func perByte(unitsPerByte float64) func(a []any) float64 {
	return func(a []any) float64 { return unitsPerByte * textsLen(a) }
}

// perNestedItem prices a call by all items of its arguments, including nested ones.
func perNestedItem(unitsPerItem float64) func(a []any) float64 {
	return func(a []any) float64 { s := sizeOf(a); return unitsPerItem*s.items + s.bytes }
}

// perItem prices a call by the items of its lists, excluding nested ones.
func perItem(unitsPerItem float64) func(a []any) float64 {
	return func(a []any) float64 {
		sum := 0.0
		for _, list := range a {
			sum += unitsPerItem * listLen(list)
		}
		return sum
	}
}

// compared is the price of comparing a value with another, item by item for lists.
func compared(v any) float64 {
	s := sizeOf(v)
	return 100*(s.items-1) + s.bytes
}

// priceOfEqual is the price of ==. Comparing a list with a text or a number does not read the list.
func priceOfEqual(a []any) float64 {
	if isPlain(a[0]) || isPlain(a[1]) {
		return min(textLen(a[0]), textLen(a[1]))
	}
	return compared(a[0]) + compared(a[1])
}

// isPlain reports whether a value is neither a list nor an object.
func isPlain(v any) bool {
	switch v.(type) {
	case nil, bool, int, float64, string, time.Time, time.Duration:
		return true
	}
	return false
}

func priceOfSplit(a []any) float64 {
	s, ok := a[0].(string)
	separator, also := argument(a, 1).(string)
	if !ok || !also {
		return 0
	}
	return 3*float64(len(s)) + 40*float64(1+strings.Count(s, separator))
}

func priceOfReplace(a []any) float64 {
	s, ok := a[0].(string)
	from, also := argument(a, 1).(string)
	if !ok || !also {
		return 0
	}
	return 4*float64(len(s)) + float64(strings.Count(s, from))*(20+2*textLen(argument(a, 2)))
}

// inSpan implements `x in a..b` for integers without building the list.
func inSpan(x, a, b any) bool {
	from, to := float64(runtime.ToInt(a)), float64(runtime.ToInt(b))
	switch x.(type) {
	case int, float64:
		f := runtime.ToFloat64(x)
		return f == math.Trunc(f) && f >= from && f <= to
	}
	return false
}

// uniq replaces expr-lang's, which compares every pair of items. This one looks up texts, numbers
// and booleans, and pays for all other comparisons.
func uniq(b *budget, a []any) (any, error) {
	if err := b.spend(perItem(60)(a)); err != nil {
		return nil, err
	}
	v := reflect.ValueOf(a[0])
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return nil, fmt.Errorf("cannot uniq %s", v.Kind())
	}
	kept, others, seen := []any{}, []any{}, map[any]bool{}
	for i := range v.Len() {
		item := v.Index(i).Interface()
		if key := keyOf(item); key != nil {
			if err := b.spend(100 + textLen(item)); err != nil {
				return nil, err
			}
			if !seen[key] {
				seen[key] = true
				kept = append(kept, item)
			}
			continue
		}
		again := false
		for _, k := range others {
			if err := b.spend(20 + priceOfEqual([]any{k, item})); err != nil {
				return nil, err
			}
			if again = runtime.Equal(item, k); again {
				break
			}
		}
		if !again {
			kept, others = append(kept, item), append(others, item)
		}
	}
	return kept, nil
}

// keyOf returns the lookup key of a text, a number or a boolean; nil for other values. Equal
// numbers of different types have the same key.
func keyOf(v any) any {
	switch v.(type) {
	case string, bool:
		return v
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return number64(v)
	}
	return nil
}

// argument returns an argument; nil if it is not given.
func argument(a []any, i int) any {
	if i < len(a) {
		return a[i]
	}
	return nil
}

// textLen returns the length of a text in bytes; 0 for other values.
func textLen(v any) float64 {
	s, _ := v.(string)
	return float64(len(s))
}

func textsLen(a []any) float64 {
	sum := 0.0
	for _, v := range a {
		sum += textLen(v)
	}
	return sum
}

// listLen returns the number of items of a list or an object, or of characters of a text; 0 for
// other values.
func listLen(v any) float64 {
	switch v := v.(type) {
	case nil, bool, int, float64:
		return 0
	case string:
		return float64(utf8.RuneCountInString(v))
	case []any:
		return float64(len(v))
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice || r.Kind() == reflect.Array || r.Kind() == reflect.Map {
		return float64(r.Len())
	}
	return 0
}

// number64 returns a number; 0 for other values, which the call itself rejects.
func number64(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	switch r := reflect.ValueOf(v); {
	case r.CanInt():
		return float64(r.Int())
	case r.CanUint():
		return float64(r.Uint())
	case r.CanFloat():
		return r.Float()
	}
	return 0
}
