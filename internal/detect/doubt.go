package detect

import (
	"slices"
	"strconv"
	"time"
)

const (
	// recheckDoubt is the delay before a doubtful read is repeated. Scripts that clear and rewrite
	// a sheet are done by then.
	recheckDoubt = time.Minute
	// doubtFrom is the smallest number of rows of which half is significant.
	doubtFrom = 4
)

// doubted returns the result of a doubtful read. It records that the worksheet was empty twice in a
// row, until a read is accepted.
func doubted(c Cursor, d Doubt, reason string) Result {
	d.Emptied = c.Doubt.Emptied || d.Kind == DoubtEmpty && c.Doubt.Kind == DoubtEmpty
	r := Result{Cursor: c, Doubt: reason, Unchanged: c.Doubt == d}
	r.Cursor.Doubt = d
	if d.Kind == DoubtGone || d.Kind == DoubtErrors {
		r.Recheck = recheckDoubt
	}
	return r
}

// confirms reports whether a doubtful read agrees with the one before it: at least as much is
// missing. A sheet that is being refilled misses less at each read, and rows added between the
// reads do not change what is missing.
func (d Doubt) confirms(before Doubt) bool {
	return d.Kind == before.Kind && d.Count >= before.Count
}

// incomparable returns why a read cannot be compared, even if it is repeated, or "".
func incomparable(c Cursor, rd *reading) (Doubt, string) {
	switch {
	case len(c.Rows) == 0:
	case len(rd.broken) > 0 && (len(rd.rows) == 0 || !shareNames(c.Columns, rd.columns)):
		return Doubt{Kind: DoubtErrors}, "the known columns show errors such as #REF! or Loading…"
	case len(rd.rows) == 0:
		return Doubt{Kind: DoubtEmpty}, "the worksheet is suddenly empty"
	case !shareNames(c.Columns, rd.columns):
		return Doubt{}, "the header row has changed completely"
	}
	return Doubt{}, rd.missingKey()
}

// shareNames reports whether two headers have a column name in common. Unnamed columns only count
// if the old header had no others.
func shareNames(old, now []string) bool {
	_, shared := sharedColumns(old, now)
	for _, k := range shared {
		if named(now[k]) {
			return true
		}
	}
	if slices.ContainsFunc(old, named) {
		return false
	}
	return len(shared) > 0
}

// named reports whether a distinct column name comes from a header cell that is not blank.
func named(name string) bool { return name != "" && name[0] != 0 }

// missingKey describes the first key column that the header lacks; "" if it has all.
func (rd *reading) missingKey() string {
	for i, col := range rd.key {
		if col < 0 {
			return "the header row has no key column " + rd.opts.Key[i] + ", or more than one"
		}
	}
	return ""
}

// improbable returns why a read should only be accepted if a second one confirms it, or "". gone is
// the number of known rows without a match, missing the same before edited rows were matched.
func improbable(c Cursor, rd *reading, gone, missing int) (Doubt, string) {
	if n := len(c.Rows); n >= doubtFrom && gone*2 >= n {
		return Doubt{Kind: DoubtGone, Count: missing}, count(gone) + " of " + count(n) + " known rows disappeared at once"
	}
	if n := len(rd.rows); n >= doubtFrom && rd.errors*2 >= n && !mostlyErrors(c) {
		return Doubt{Kind: DoubtErrors, Count: rd.errors}, count(rd.errors) + " of " + count(n) + " rows show errors such as #REF! or Loading…"
	}
	return Doubt{}, ""
}

// mostlyErrors reports whether half of the known rows or more showed errors at the last read.
func mostlyErrors(c Cursor) bool {
	broken := 0
	for i := range c.Rows {
		if slices.Contains(c.row(i), errorHash) {
			broken++
		}
	}
	return broken*2 >= len(c.Rows)
}

// count formats a number with thousands separators: 1,204.
func count(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
