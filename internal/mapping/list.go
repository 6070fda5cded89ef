package mapping

import (
	"reflect"
	"strings"
)

// maxItems is the most values that a multi-value property holds
// (https://docs.clevertap.com/docs/platform-considerations).
const maxItems = 100

// list splits a text at the property's separator. It trims the items and drops blank ones.
func (p *property) list(v value) (value, *fault) {
	if v.kind != text {
		return items(v)
	}
	var all []string
	for item := range strings.SplitSeq(v.text, p.separator) {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return listValue(all)
}

// items makes a list of a value: the items of a list that an expression returned, or the value
// alone.
func items(v value) (value, *fault) {
	if v.kind != list {
		s, why := v.string()
		if why != nil {
			return value{}, why
		}
		return listValue([]string{strings.TrimSpace(s)})
	}
	given := reflect.ValueOf(v.data)
	var all []string
	for i := range given.Len() {
		item, why := goValue(given.Index(i).Interface())
		if why != nil {
			return value{}, why
		}
		s, why := item.string()
		if why != nil {
			return value{}, why
		}
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return listValue(all)
}

func listValue(all []string) (value, *fault) {
	if len(all) > maxItems {
		return value{}, faultf("%d items; CleverTap keeps at most %d", len(all), maxItems)
	}
	if len(all) == 0 {
		return value{}, nil
	}
	return value{kind: list, items: all}, nil
}
