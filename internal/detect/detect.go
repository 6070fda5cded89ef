// Package detect decides which rows of a worksheet are new.
//
// It is pure: [Begin] and [Diff] take what was last seen and what was read, and return the new rows and what to remember.
// No clock, no I/O: their arguments reproduce any bug.
//
// # What is a row
//
// A row counts once it says something: it has a cell that is neither blank nor FALSE nor in an ignored column, or it has
// all that [Options].Require asks for. Prefilled formulas that show nothing and unticked checkboxes are no rows yet, and
// are new rows when somebody fills them. A row that says something but is not complete waits, whether it was there at the
// start or came later. A cell that shows an error or Loading… in a required column does not fill it.
//
// A row is known by its cells under their columns' names, not by its place or its columns' places: a cell hash is 32 bits
// of kind and value, a fingerprint the sum of all cells' hashes, each mixed with its column's name. So inserted and moved
// columns and added empty ones change nothing, and where the header has changed the comparison is of the columns that
// both headers have. Rows that say something only in a column added since wait as those at the start do: a formula
// filled down beside blank rows must not fire.
//
// # What is new
//
// Each step takes away what it explains:
//
//  1. The common head and tail are the same rows.
//  2. Equal fingerprints are the same rows wherever they stand, so that moves and sorts settle. Of equal rows as many are
//     new as there are more; those that their neighbours or their order explain are the known ones. Where the header's names
//     or their order have changed, rows of the same cells under whatever names are the same, in sheet order: labels were
//     swapped, or a column came in beside unnamed ones.
//  3. A row whose fingerprint vanished within the last day is the old one come back: an undo, or a script that clears and
//     rewrites.
//  4. Rows between the same neighbours that agree in all columns of [Options].Require are edits, whatever else changed, if
//     these are filled and no other row of the sheet has the same. So are all rows that are left if they are as many as before,
//     more than one, and in the same order. These columns are the identity, as a rule: a row deleted and another one typed in its
//     place with the same identity are one row edited. Where more than a tenth of the rows repeat an identity, these are customers
//     who come again, and the step is left out.
//  5. Rows between the same neighbours that agree in all columns but one are edits, if the rest tells a row from the others
//     (12 bits, by the columns' weights). The same holds of several columns that changed in most rows. If most of what is left
//     is explained by the same columns, it was recalculated, and need not stand between the same neighbours. Where the rest tells
//     less, for it was the telling column that changed, rows whose rest follows each other as before are the same ones, if they
//     are most of those left and tell 24 bits together: twenty rows of the same dropdowns in the same order are no chance.
//  6. A column that changed in eight rows or more, and in half of those edited, says nothing of any one row: rows that agree in the
//     others are the same wherever they stand, and the column weighs nothing in what follows.
//  7. What is left is compared by likeness: the part of the known row's telling content, each column with its weight,
//     that the row still has. Between the same neighbours half of it makes an edit, if it tells as much as the most telling
//     column. Where the known row's neighbours, or those of the row read, are not together any more on the other side, the sheet was
//     sorted there: place says nothing, and likeness decides alone, half being an edit. Half elsewhere, in a place that is still
//     there, or a quarter between the same neighbours, is unsure, and [Options].Unsure decides; not if the known row has not fired
//     yet, or was refused, for then it fires once whichever it is. If a required cell is another, a quarter is unsure only where two
//     thirds of the other cells, or 12 bits of them, are the same. Everything else is new.
//  8. A new row in the place of a known one that it resembles, or right beside it, is compared with the row that was taken for that
//     one. If both were edited, the one that is more alike by a tenth is the known row; else both are unsure. If the other is
//     equal but stands elsewhere, it is the known one, moved, and the new row is unsure.
//
// A column is known by its name. One whose name is gone and one that has come are the same, renamed, if half of their cells are
// values of both, each counted once, and these have kept their column's place or their order: so values that tell are proof, and
// dropdowns are none but in a sheet of a few rows. Else they are two columns, and are left out of the comparison. If they may be
// the same all the same, a row that is too many among equal ones of few bits is held, unless its place tells it.
//
// A column's weight is its entropy, the bits that a cell tells of its row, as far as the rows show it: n rows show log2(n) bits at
// most, and by that measure the dropdowns of a small sheet would tell as much as the e-mails. So required columns
// weigh 12 bits at least, less if their values repeat; others whose values all differ 1.5 bits a value, up to 12, and quickly less
// the more repeat, so that one pasted row makes no name a dropdown; a lone value 1 bit. The price: in a sheet of a few rows, a row
// whose identity was edited is held, or even new.
//
// # What cannot be known
//
// A known row explains one row read at most. So a row typed in the place of a deleted one fires, and an edit does
// not. Some things look alike from two reads, whatever the rule, and this is what becomes of them:
//
//   - A row deleted and a copy of it, edited, in its place is taken as that row edited; an equal copy anywhere, as that row moved. The
//     same cells are the same person, so what is lost is a repetition.
//   - A row moved and edited may be a deleted one and an edited copy: it is held. In a sheet that was sorted it is the same row, for
//     sorting and editing is what people do.
//   - A row and its copy, both edited and about as alike, are both held.
//   - An edit that leaves less than half: the row is held where it leaves a quarter in its place, else it fires as another row.
//   - The telling columns recalculated while the sheet is sorted: the rows that still have half of what they told are known; others fire
//     or are held.
//   - A row that comes back edited, or after the header has changed, is new.
//   - In a sheet of up to about ten rows without [Options].Require nothing shows which column identifies, and a row typed in the place
//     of another that shares its dropdowns is held, in one of some hundred cases lost.
//
// Blank cells filled in never count against a row.
//
// With [Options].Key the key decides alone: a key seen before is not new, however its row looks; a blank key waits; a second row
// of a present key is held. Content decides only which row without a key is which. When Key itself changes, rows are compared
// by content once and known by their new keys from then on.
//
// # What is not believed
//
// A worksheet suddenly without rows, a header that shares no name with the old one, and a missing key column are no news,
// for as long as they last. But once two reads in a row have found no rows, rows that come back edited are known ones only if half
// of those known are back, and these were four or more: then an outage is over. Rows typed into a sheet that was cleared are new.
// When half of the rows
// or more are gone at once, or suddenly show errors, a second read has to agree:
// to miss as many, or to show as many errors. A sheet that is just being rewritten misses fewer at each read.
//
// A column that shows errors (#N/A, #REF!, Loading…) in half of its cells or more says nothing: it is taken for one that is gone until
// it shows values again, so that a broken look-up or import moves nothing, and neither does its recovery. Where no other
// column is left the read is no news, for as long as that lasts.
//
// # Large worksheets
//
// A worksheet that is too large to be read whole at every poll is read by a [Window] in between: from a few rows above the last one
// that is ready to 500 rows below it, and up to 100 rows elsewhere that wait or were refused. [DiffTail] says what is new of it, or
// that it cannot tell. It tells if every known row of the window stands in its place, edited at most, below at least one
// that is as it was and unlike all of the 4,096 rows above: then nothing further up has shifted these rows. Whatever else it sees,
// shifted rows, one replaced, one gone, another header, a copy of a row further up, is for the whole worksheet to decide.
// So a window never guesses; what it cannot see, rows that come and go further up without shifting the last ones, waits for the next
// whole read.
//
// # What it costs
//
// Time and memory are linear in the cells, but for sorting what steps 1 to 6 leave: candidates come from an index of
// cells, rarest first, and are capped for each row. Rows are found by hash tables of row numbers, some 12 bytes a row. A [Reading] holds
// hashes only, 4 bytes a cell, and a [Cursor] the same and 32 bytes a row.
package detect

import (
	"slices"
	"time"
)

// Begin returns the cursor of a worksheet that is read for the first time. Rows up to the 1-based sheet row oldTo are
// there already ([math.MaxInt]: all of them, 0: none); those that are not ready wait without a delivery and are found
// once they are. The rows below oldTo are found at once, however many they are, numbered from next on (1 if it is 0).
//
// The only Doubt is a key column that the header does not have; there is no cursor to keep then.
func Begin(r *Reading, o Options, oldTo int, next uint64, now time.Time) Result {
	rd := r.under(o, Cursor{})
	b := newBuilder(Cursor{Next: max(next, 1)}, rd, now)
	if reason := rd.keyless(); reason != "" {
		return Result{Cursor: b.old, Doubt: reason, Unchanged: true}
	}
	b.rows = make([]Seen, 0, len(rd.rows))
	for j := range rd.rows {
		b.first(j, rd.number(j) <= oldTo)
	}
	result := b.result()
	result.Unchanged = false
	return result
}

// Diff compares a read of a worksheet with what is known of it. It never changes c.
func Diff(c Cursor, r *Reading, o Options, now time.Time) Result {
	c = c.named(r.Header(), o.Key)
	rd := r.under(o, c)
	if d, reason := senseless(c, rd); reason != "" {
		return doubted(c, d, reason)
	}
	if c.same(rd) {
		return Result{Cursor: c, Unchanged: true}
	}
	m := newMatching(c, rd)
	b := newBuilder(c, rd, now)
	if rd.keys != nil && b.keyed() {
		m.byKey(c, rd)
	} else {
		m.strip()
	}
	m.exact()
	if !slices.Equal(c.Columns, rd.columns) {
		m.relabelled(rd)
	}
	b.comeBack(m)
	m.fold()
	m.respelt(c, rd)
	missing := m.gone()
	m.editsAfter(c)
	m.typedOver(c)
	if d, reason := improbable(c, rd, m.gone(), missing); reason != "" && !d.confirms(c.Doubt) {
		return doubted(c, d, reason)
	}
	b.compare(m)
	b.holdFlood()
	return b.result()
}
