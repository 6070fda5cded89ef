package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limits of properties (https://developer.clevertap.com/docs/upload-user-profiles-api).
// CleverTap stores a record that exceeds one and drops the property. Only the Error Stream of the
// dashboard shows this.
const (
	maxKeyLength  = 120
	maxValueBytes = 512
	maxCustomKeys = 256
	maxListItems  = 100
	forbiddenKey  = `%><!|&.:;$'"\#`
)

// profile is a user profile. Its data are strings, booleans, json.Numbers and lists of those.
type profile struct {
	id      profileID
	data    map[string]any
	events  map[string]EventCount
	updated time.Time
}

func (p *profile) countEvent(event string, ts int64) {
	n := p.events[event]
	n.Count++
	if n.Count == 1 || ts < n.FirstSeen {
		n.FirstSeen = ts
	}
	n.LastSeen = max(n.LastSeen, ts)
	p.events[event] = n
}

// merge applies checked profile data. Properties that are not in data stay unchanged.
func (p *profile) merge(data map[string]any) {
	for name, v := range data {
		if _, there := p.data[name]; !there && len(p.data) >= maxCustomKeys {
			continue
		}
		op, operand, ok := operator(v)
		if !ok {
			p.set(name, v)
			continue
		}
		switch op {
		case "$set":
			p.set(name, operand)
		case "$add":
			p.set(name, append(slices.Clone(asList(p.data[name])), asList(operand)...))
		case "$remove":
			gone := asList(operand)
			p.set(name, slices.DeleteFunc(slices.Clone(asList(p.data[name])), func(x any) bool { return slices.Contains(gone, x) }))
		case "$incr", "$decr":
			delta := asNumber(operand)
			if op == "$decr" {
				delta = -delta
			}
			p.data[name] = json.Number(strconv.FormatFloat(asNumber(p.data[name])+delta, 'f', -1, 64))
		case "$delete":
			delete(p.data, name)
		}
	}
}

// set stores a value. A list is reduced to its newest 100 distinct items; an empty one removes the
// property.
func (p *profile) set(name string, v any) {
	items, ok := v.([]any)
	if !ok {
		p.data[name] = v
		return
	}
	var unique []any
	for _, x := range items {
		if !slices.Contains(unique, x) {
			unique = append(unique, x)
		}
	}
	if len(unique) == 0 {
		delete(p.data, name)
		return
	}
	p.data[name] = unique[max(0, len(unique)-maxListItems):]
}

// operator splits an operation, such as {"$add": […]}, into its name and operand.
func operator(v any) (op string, operand any, ok bool) {
	o, isObject := v.(map[string]any)
	if !isObject || len(o) != 1 {
		return "", nil, false
	}
	for op, operand = range o {
		ok = slices.Contains([]string{"$set", "$add", "$remove", "$incr", "$decr", "$delete"}, op)
	}
	return op, operand, ok
}

func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func asNumber(v any) float64 {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err == nil {
			return f
		}
	case string:
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return f
		}
	}
	return 0
}

// storable returns the properties that CleverTap would store, and those that it would drop, with
// the reason but without their values.
func storable(data map[string]any) (kept map[string]any, dropped []string) {
	kept = make(map[string]any, len(data))
	for name, v := range data {
		reason := dropReason(name, v)
		if reason == "" {
			kept[name] = v
			continue
		}
		dropped = append(dropped, fmt.Sprintf("%s: %s", name, reason))
	}
	slices.Sort(dropped)
	return kept, dropped
}

func dropReason(name string, v any) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "a property without a name"
	case len([]rune(name)) > maxKeyLength:
		return fmt.Sprintf("the name is longer than %d characters", maxKeyLength)
	case strings.ContainsAny(name, forbiddenKey):
		return "the name contains one of " + forbiddenKey
	case name == "category-unsubscribe" || name == "category-resubscribe":
		return "" // an object with its own format
	}
	op, operand, ok := operator(v)
	if !ok {
		return valueReason(v)
	}
	switch op {
	case "$delete":
		return ""
	case "$incr", "$decr":
		if _, isNumber := operand.(json.Number); !isNumber {
			return op + " of a value that is not a number"
		}
		return ""
	}
	return valueReason(operand)
}

func valueReason(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		if len(v) > maxValueBytes {
			return fmt.Sprintf("longer than %d bytes", maxValueBytes)
		}
	case map[string]any:
		return "an object that is not an operation"
	case []any:
		for _, item := range v {
			if _, isList := item.([]any); isList {
				return "a list in a list"
			}
			if reason := valueReason(item); reason != "" {
				return "an item of the list: " + reason
			}
		}
	}
	return ""
}
