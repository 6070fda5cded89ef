package detect

import (
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/row"
)

// numberMark precedes the number in a name that [distinct] numbered. Column names do not contain
// it.
const numberMark = "\x00"

// tidied returns the names that distinct would give for tidy ones. Earlier releases kept characters
// in names that are now dropped.
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

// tidiedKey tidies the column names of a [Cursor].KeyedBy and keeps their marks.
func tidiedKey(names []string) []string {
	for i, name := range names {
		base, mark := unmarked(name)
		names[i] = row.TidyName(base) + mark
	}
	return names
}

// unmarked splits a name before its first zero byte.
func unmarked(name string) (base, mark string) {
	base, _, _ = strings.Cut(name, numberMark)
	return base, name[len(base):]
}

// named returns the cursor with its columns renamed from what earlier releases called them
// ([row.Header.FormerNames]) to the names in the header, and the columns of KeyedBy named as in key
// if they are the same columns.
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
