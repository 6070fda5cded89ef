package detect

import (
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

// numberMark stands in a name that [distinct] numbered before the number. No column name has it.
const numberMark = "\x00"

// tidied returns names that distinct made as it makes them of tidy ones: earlier releases kept characters in names that are dropped
// now.
func tidied(names []string) []string {
	bases, changed := make([]string, len(names)), false
	for i, name := range names {
		base, _ := unmarked(name)
		bases[i] = row.TidyName(base)
		changed = changed || bases[i] != base
	}
	if !changed {
		return names
	}
	return distinct(bases, len(bases))
}

// tidiedKey returns the columns of a [Cursor].KeyedBy with tidy names, and the marks behind them.
func tidiedKey(names []string) []string {
	for i, name := range names {
		base, mark := unmarked(name)
		names[i] = row.TidyName(base) + mark
	}
	return names
}

// unmarked parts a name from what a zero byte begins behind it.
func unmarked(name string) (base, mark string) {
	base, _, _ = strings.Cut(name, numberMark)
	return base, name[len(base):]
}

// named returns the cursor with its columns called as a header calls them, where it has what earlier releases called them
// ([row.Header.FormerNames]), and the columns of its KeyedBy called as in key where both are the same.
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
		c.Columns, c.Broken, c.Phones = rename(c.Columns), rename(c.Broken), rename(c.Phones)
	}
	same := func(was, name string) bool {
		was, _ = unmarked(was)
		i, one := h.Index(was)
		j, other := h.Index(name)
		return was == name || one && other && i == j
	}
	if slices.EqualFunc(c.KeyedBy, key, same) {
		c.KeyedBy = slices.Clone(c.KeyedBy)
		for i, name := range key {
			_, mark := unmarked(c.KeyedBy[i])
			c.KeyedBy[i] = name + mark
		}
	}
	return c
}
