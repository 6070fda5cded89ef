package mapping

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// comparison compares a record with the one that a test case expects, and collects the differences
// value by value. Expected values come from YAML: string, bool, int64, float64, nil, []any and
// map[string]any. Actual values come from JSON, with numbers as json.Number.
type comparison struct {
	action string
	found  []Difference
}

// record compares two records. If one lacks an object such as profileData, the properties of the
// other are reported one by one.
func (c *comparison) record(want, got map[string]any) {
	for _, key := range keysOf(want, got) {
		w, asked := want[key]
		g, there := got[key]
		if _, object := g.(map[string]any); object && !asked {
			w, asked = map[string]any{}, true
		}
		if _, object := w.(map[string]any); object && !there {
			g, there = map[string]any{}, true
		}
		c.value(key, w, asked, g, there)
	}
}

// value compares two values. asked and there report whether the test case and the record contain
// one. An expected null is the same as no value.
func (c *comparison) value(path string, want any, asked bool, got any, there bool) {
	switch {
	case !there && want == nil:
		return
	case !there:
		c.differ(path, "expected "+shown(want)+", got nothing", encode(want), nil)
		return
	case !asked:
		c.differ(path, "unexpected "+shown(got), nil, encode(got))
		return
	}
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			for _, key := range keysOf(w, g) {
				inner, asked := w[key]
				has, there := g[key]
				c.value(path+"."+key, inner, asked, has, there)
			}
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			for i := range max(len(w), len(g)) {
				at := path + "[" + strconv.Itoa(i+1) + "]"
				c.value(at, item(w, i), i < len(w), item(g, i), i < len(g))
			}
			return
		}
	default:
		if same(want, got) {
			return
		}
	}
	c.differ(path, "expected "+shown(want)+", got "+shown(got)+quotes(want, got), encode(want), encode(got))
}

func (c *comparison) differ(path, message string, want, got json.RawMessage) {
	c.found = append(c.found, Difference{Action: c.action, Path: path, Message: message, Want: want, Got: got})
}

func keysOf(a, b map[string]any) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

func item(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// same compares scalars. Numbers are compared by value, not by notation.
func same(want, got any) bool {
	n, ok := got.(json.Number)
	if !ok {
		return want == got
	}
	text, ok := numeral(want)
	return ok && sameNumber(text, n.String())
}

// numeral formats a number from YAML with the fewest digits; ok is false for other values.
func numeral(v any) (text string, ok bool) {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// sameNumber reports whether two numerals have the same value. It distinguishes integers above
// 2^53, which JSON may contain.
func sameNumber(a, b string) bool {
	const bits = 512
	x, _, err := big.ParseFloat(a, 10, bits, big.ToNearestEven)
	if err != nil {
		return false
	}
	y, _, err := big.ParseFloat(b, 10, bits, big.ToNearestEven)
	return err == nil && x.Cmp(y) == 0
}

// quotes says how to write an expected value that differs only in type; "" if the difference is
// another.
func quotes(want, got any) string {
	switch text, isNumber := numeral(want); g := got.(type) {
	case string:
		if isNumber && text == strings.TrimPrefix(g, "+") {
			return ": the record has text; write it in quotes"
		}
	case json.Number:
		if s, ok := want.(string); ok && sameNumber(strings.TrimSpace(s), g.String()) {
			return ": the record has a number; write it without quotes"
		}
	}
	return ""
}

// longestShown limits the part of a value that a message shows, in characters.
const longestShown = 200

func shown(v any) string {
	s := []rune(string(encode(v)))
	if len(s) > longestShown {
		return string(s[:longestShown]) + "…"
	}
	return string(s)
}

// encode returns a value as JSON, with < > & unescaped.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return json.RawMessage(`"?"`) // infinity or NaN, which YAML can express and no record contains
	}
	return bytes.TrimSpace(b.Bytes())
}
