package detect

import (
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

// parted stands in a name that [distinct] numbered before the number. No column name has it.
const parted = "\x00"

// tidied returns names that distinct made as it makes them of tidy ones: earlier releases kept characters in names that are dropped
// now.
func tidied(names []string) []string {
	bases, changed := make([]string, len(names)), false
	for i, name := range names {
		base, _, _ := strings.Cut(name, parted)
		bases[i] = row.TidyName(base)
		changed = changed || bases[i] != base
	}
	if !changed {
		return names
	}
	return distinct(bases, len(bases))
}

// named returns the cursor with its columns called as a header calls them, where it has what earlier releases called them
// ([row.Header.FormerNames]), and with key in place of its KeyedBy where both are the same columns.
func (c Cursor) named(h row.Header, key []string) Cursor {
	names, former := h.Names(), h.FormerNames()
	if slices.Equal(names, former) {
		return c
	}
	now, before := distinct(names, len(names)), tidied(distinct(former, len(former)))
	known := func(name string) bool { return slices.Contains(now, name) }
	if old := slices.Concat(c.Columns, c.Broken); slices.ContainsFunc(old, func(name string) bool { return !known(name) && slices.Contains(before, name) }) {
		rename := func(names []string) []string {
			names = slices.Clone(names)
			for k, name := range names {
				if i := slices.Index(before, name); i >= 0 {
					names[k] = now[i]
				}
			}
			return names
		}
		c.Columns, c.Broken = rename(c.Columns), rename(c.Broken)
	}
	same := func(a, b string) bool {
		i, one := h.Index(a)
		j, other := h.Index(b)
		return a == b || one && other && i == j
	}
	if slices.EqualFunc(c.KeyedBy, key, same) {
		c.KeyedBy = key
	}
	return c
}
