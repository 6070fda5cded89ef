package detect

import (
	"slices"
	"strconv"
	"time"
)

const (
	// recheckDoubt is when to look again after a doubtful read. A script that clears and rewrites a
	// sheet is through by then.
	recheckDoubt = time.Minute
	// doubtFrom is the number of rows from which halves of them mean something.
	doubtFrom = 4
)

// doubted returns the result of a read that is not believed. That the worksheet was emptied is
// remembered until one is.
func doubted(c Cursor, d Doubt, reason string) Result {
	d.Emptied = c.Doubt.Emptied || d.Kind == DoubtEmpty && c.Doubt.Kind == DoubtEmpty
	r := Result{Cursor: c, Doubt: reason, Unchanged: c.Doubt == d}
	r.Cursor.Doubt = d
	if d.Kind == DoubtGone || d.Kind == DoubtErrors {
		r.Recheck = recheckDoubt
	}
	return r
}

// confirms tells whether a doubtful read agrees with the one before it: as much is missing, or
// more. A sheet that is just being filled again has less missing at each read, and rows added
// meanwhile do not change what is missing.
func (d Doubt) confirms(before Doubt) bool {
	return d.Kind == before.Kind && d.Count >= before.Count
}

// incomparable says why a read cannot be compared at all, however often it comes; "" if it can.
func incomparable(c Cursor, rd *reading) (Doubt, string) {
	switch {
	case len(c.Rows) == 0:
	case len(rd.broken) > 0 && (len(rd.rows) == 0 || !shareNames(c.Columns, rd.columns)):
		return Doubt{Kind: DoubtErrors}, "there is little but errors such as #REF! or Loading… in it"
	case len(rd.rows) == 0:
		return Doubt{Kind: DoubtEmpty}, "the worksheet has become empty"
	case !shareNames(c.Columns, rd.columns):
		return Doubt{}, "the header row has changed completely"
	}
	return Doubt{}, rd.missingKey()
}

// shareNames tells whether two headers have a column in common. Unnamed columns are none, unless
// there is nothing else.
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

// named tells whether a distinct column name comes of a header cell that is not blank.
func named(name string) bool { return name != "" && name[0] != 0 }

// missingKey names the key column that the header does not have; "" if all are there.
func (rd *reading) missingKey() string {
	for i, col := range rd.key {
		if col < 0 {
			return "the header row has no single column " + rd.opts.Key[i] + ", which is the key"
		}
	}
	return ""
}

// improbable says why a read should be believed only when a second one agrees; "" if it may be
// believed. gone counts the known rows that are not there, missing those of them too that are there
// edited.
func improbable(c Cursor, rd *reading, gone, missing int) (Doubt, string) {
	if n := len(c.Rows); n >= doubtFrom && gone*2 >= n {
		return Doubt{Kind: DoubtGone, Count: missing}, count(gone) + " of " + count(n) + " known rows are gone at once"
	}
	if n := len(rd.rows); n >= doubtFrom && rd.errors*2 >= n && !mostlyErrors(c) {
		return Doubt{Kind: DoubtErrors, Count: rd.errors}, count(rd.errors) + " of " + count(n) + " rows show errors such as #REF! or Loading…"
	}
	return Doubt{}, ""
}

// mostlyErrors tells whether half of the known rows showed error texts at the last read.
func mostlyErrors(c Cursor) bool {
	broken := 0
	for i := range c.Rows {
		if slices.Contains(c.row(i), errorHash) {
			broken++
		}
	}
	return broken*2 >= len(c.Rows)
}

// count returns a number as operators read it: 1,204.
func count(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
