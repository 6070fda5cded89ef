// Package quantity writes numbers of things for people: 1 row, 1,200 rows.
package quantity

import (
	"strconv"
	"strings"
)

// Number writes n with thousands separators: 1,200.
func Number[N int | int64](n N) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Count writes n and the plural of thing, or its singular if n is 1: 2 deliveries, 1 delivery.
func Count[N int | int64](n N, thing string) string {
	if n != 1 {
		if stem, ok := strings.CutSuffix(thing, "y"); ok {
			thing = stem + "ie"
		}
		thing += "s"
	}
	return Number(n) + " " + thing
}
