// Package detect decides which rows of a worksheet are new.
//
// It is pure: [Begin], [Diff] and [DiffTail] take what was last seen and what was read, and return
// the new rows and what to remember. No clock, no I/O: their arguments reproduce any bug.
//
// # Who owns what
//
// The cursor owns how the rows look and where they are: hashes of cells, row numbers, vanished
// rows, keys. It links each row to its first delivery by the delivery's number: 0 is a row that was
// there at the start, [Unknown] one of an earlier release. Seen.Waits marks rows that have no
// delivery yet because they were not complete.
//
// The ledger owns what became of a delivery. Right before each comparison the caller asks it which
// deliveries are open, and passes them as [Options].Open: waiting, held or failed. A delivery that
// is not listed is finished. So a held row that an operator released is a row that was sent, and no
// second copy of that fact can disagree.
//
// # What a row is
//
// A row counts when it says something: it has a cell that is not blank, not FALSE and not in an
// ignored column, or it has everything that [Options].Require asks for. Prefilled formulas that
// show nothing and unticked checkboxes are not rows yet. A row that says something but is not
// complete waits. An error or Loading… in a required column does not complete it.
//
// A row is known by its cells under their column names, not by its place or the places of its
// columns. Each cell is hashed twice, 32 bits each:
//
//   - exactly, by kind and value;
//   - folded, without what tidying changes: Unicode form (NFC), invisible characters, runs of white
//     space, letter case. A decimal text of at most 15 digits is the number that it shows (also
//     1,234.50, $5 and 10%), a phone number its digits, TRUE and FALSE are checkboxes. The lowest
//     bits of the hash say how a number is written: 007 and 7 are alike, but not equal.
//
// Phone numbers begin with +, 00 or (. In a column in which a third of the cells do, or two thirds
// have ten digits or more with something between them, others that look like one (98200 12345) are
// folded by their digits as well, from the next comparison on. Texts in the shape of a date never
// are: they fold to the day's serial. Ten digits or more that got something between them are the row
// that had just these digits in any column.
//
// A fingerprint is the sum of a row's cell hashes, each mixed with its column's name. So inserted
// and moved columns and added empty ones change nothing. Where the header has changed, the columns
// that both headers have are compared. A row that says something only in a column added since waits.
//
// A column is known by its name. One whose name is gone and one that has come are the same, renamed,
// if half of their cells are values of both, each counted once, and they have kept their place or
// their order: values that tell are proof, dropdowns only in a sheet of a few rows. Otherwise they
// are two columns and are left out of the comparison. If they may still be the same, a surplus row
// among equal ones of few bits is held, unless its place decides.
//
// # What is new
//
// Each step explains rows and takes them out of the comparison. What no step explains is new. In
// the examples the sheet before is on the left and the sheet after on the right; a blank column
// stands for many cells.
//
// 1. The common head and the common tail are the same rows.
//
//	a@x.com  Asha      a@x.com  Asha      same
//	b@x.com  Bo        b@x.com  Bo        same
//	                   c@x.com  Cem       new
//
// 2. Rows with equal fingerprints are the same rows anywhere in the sheet, so moves and sorts
// change nothing. Of equal rows, as many are new as there are more of them; neighbours decide
// which. If names in the header or their order changed, rows with the same cells under any names
// are the same.
//
//	c@x.com  Cem       a@x.com  Asha      same, moved
//	a@x.com  Asha      a@x.com  Asha      new: the second of two
//	                   c@x.com  Cem       same, moved
//
// 3. A row equal to one that vanished within the last day is that row: an undo, or a script that
// clears the sheet and writes it again. If only the folds are equal it is held.
//
//	a@x.com  Asha      a@x.com  Asha      same
//	(b, deleted 9:00)  b@x.com  Bo        back, not new
//
// 4. Rows whose folds are equal are the same, tidied: in the row's own gap between its neighbours,
// or anywhere if at least three rows, and most of those left, match so. Elsewhere a single one is
// held. Where the forms of numbers differ (007, 7), another cell of the row has to be equal, or
// most rows have to match. A fold alone is not an identity. A number of more than 15 digits and the
// text of its digits are the same only where most rows match so, else held.
//
//	A@x.com   asha     a@x.com  Asha      same, edited
//	" b@x.com" Bo      b@x.com  Bo        same, edited
//	12-34567           123-4567           new: another code
//	007                7                  new in a column of its own, same where the rest is equal
//
// 5. Rows in the same gap that agree in all columns of [Options].Require are edits if these are
// filled and no other row has the same, and the row keeps three tenths of what it told (see step
// 10); whatever else changed, if most of the rows left, and three of them, agree so. If all rows
// left are as many as before and in the same order, the gap does not matter either. With less such a
// row is unsure: it may be edited, or a customer who came again. Where more than a tenth of the rows
// repeat an identity the step is left out.
//
//	a@x.com  Asha  1                   a@x.com  Asha  1                   same
//	b@x.com  Bo    2                   b@x.com  Bob   9                   same, edited
//	c@x.com  No 1  Pen  21.50  12 May  c@x.com  No 9  Ink  40.10  30 Jun  held
//
// 6. A column that changed in nine tenths of all rows, or was filled in or cleared in all, is
// volatile if the rest is as it was in as many (in all rows but one in a sheet of a few) and it
// cannot say who the rows are of: its cells are alike or are fractions, as those of =NOW() and
// =RAND(), or the others tell more. Volatile columns are left out. Required and key columns never
// are. Up to three other columns that changed so may be volatile or show that others stand in all
// rows: a row that no later step explains is held if it agrees with a known one in the rest, and
// stays held however often they change.
//
//	Gold  9:00         Gold  9:01         same
//	Free  9:00         Free  9:01         same
//	                   Gold  9:01         new
//
// 7. Rows in the same gap that agree in all columns but one are edits if the rest tells a row from
// the others (12 bits by the columns' weights, see below). The same holds of several columns that
// changed in most rows; the rest must then be that of one row only. If most of the rows left, and
// eight of them, are explained so, the column was recalculated and the gap does not matter; nor does
// it for a column that changed in eight rows and in half of those edited. Such columns have no
// weight in what follows.
//
//	a@x.com  Asha  10  b@x.com  Bo    21  same, edited (eight such rows)
//	b@x.com  Bo    20  a@x.com  Asha  11  same, edited
//
// 8. Rows that follow each other as before and agree in all columns but those replaced or cleared
// are the same if together they tell 24 bits and are most of those left: twenty rows of the same
// dropdowns in the same order are no coincidence. Up to 64 rows may have come and gone between two
// of them, if the rows that follow tell 3 bits for each doubling of that number. Each keeps a
// quarter of what it told, or a twentieth if its new values tell less than half of the old ones: it
// was masked. A row among masked ones that has a value of its own is held. So are rows without a
// place in this order that agree in the rest with known ones near by, and these.
//
//	a@x.com  Pune  Gold   ***  Pune  Gold   same, masked
//	b@x.com  Goa   Free   ***  Goa   Free   same, masked
//
// 9. In steps 7 and 8, if a required column got values that tell as much as the old ones in four
// rows or more, either these people were corrected or others were typed over them. Rows that keep
// more than half of what they told are the same; the others are held. Without required and key
// columns, the most telling ones count as required where they tell more than the rest. A row that
// equals such a known row in all columns but one is held too.
//
//	Slot 1  a@x.com  Asha    Slot 1  p@x.com  Paul    held
//	Slot 2  b@x.com  Bo      Slot 2  q@x.com  Quinn   held
//
// 10. What is left is compared by likeness: the part of the known row's telling content, each
// column with its weight, that the row still has.
//
//   - Half of it in the same gap is an edit, if it tells as much as the most telling column.
//   - Where the known row's neighbours, or those of the row read, are not together any more on the
//     other side, the sheet was sorted there: half is an edit.
//   - Half elsewhere, or a quarter in the same gap, is unsure, and [Options].Unsure decides. If a
//     required cell has another value, a quarter is unsure only where two thirds of the other cells,
//     or 12 bits of them, are the same. All cells but one are unsure anywhere if they tell 6 bits.
//   - Where it would be unsure, but the known row has not been sent or was rejected, it is that row:
//     it is sent once.
//
// For example:
//
//	a@x.com  Asha  98200  Pune    a@x.com  Asha  98111  Goa   same, edited
//	b@x.com  Bo    98300  Goa     c@x.com  Cem   98400  Goa   new
//
// 11. A new row in the place of a known one that it resembles, or right next to it, is compared
// with the row that was taken for that one. If both were edited, the one that is more alike by a
// tenth is the known row; else both are unsure. If the other is equal, but for what tidying changes,
// and is elsewhere, it is the known one, moved, and the new row is unsure.
//
//	a@x.com  Asha  1  Pune    a@x.com  Asha  2  Pune    held: the row, or its copy?
//	                          a@x.com  Asha  1  Goa     held
//
// 12. A new row that equals one that was there before is a copy that somebody is about to type
// over: it waits until it has not changed for [Options].SettleCopies. While it waits, the copy and
// its original are interchangeable: the one that is typed over is the copy. Equality is by folds
// over all compared columns. Rows that are new together are not meant.
//
//	a@x.com  Asha      a@x.com  Asha      same
//	                   a@x.com  Asha      waits; sent as Nia once she is typed over it
//
// # Where rows agree by chance
//
// Of thousands of rows that steps 1 to 3 leave on both sides some agree by chance: the hashes of
// their folds collide, or two people have the same name and city. So from four million pairs on, such
// as 2,048 rows and as many others, the gap is no place: a row is an edit only within six rows of
// where it was in the gap, or where most of the rows left agree in the same columns, exactly. What
// steps 4, 5 and 10 would match elsewhere is held. If half of the known rows are gone before likeness
// comes up, the read is doubted without it.
//
// # Weights
//
// A column's weight is its entropy, the bits that a cell tells of its row, as far as the rows show
// it: n rows show log2(n) bits at most, and by that measure the dropdowns of a small sheet would
// tell as much as the e-mails. So required columns weigh 12 bits at least, less if their values
// repeat (by the square of the part that does not). Others whose values all differ weigh 1.5 bits a
// value, up to 12, and quickly less the more repeat (by the fourth power), so that one pasted row
// does not make a dropdown of a name. A lone value weighs 1 bit. The price: in a sheet of a few
// rows, a row whose identity was edited is held, or even new.
//
// # Keys
//
// With [Options].Key the key decides alone: a key seen before is not new, however its row looks; a
// blank key waits; a second row of a present key is held. Content decides only which row without a
// key is which. Unicode form, blanks and invisible characters do not count, a number is the text
// that shows it, and letter case counts unless the identity uses the column. A key that differs
// from a vanished one only in case, punctuation or leading zeros is that row in the same gap where
// all other cells agree, else held if half of them do; it never counts as seen. When Key itself
// changes, rows are compared by content once and known by their new keys from then on.
//
//	A-01  Asha         A1  Asha           same key, respelt
//	B2    Bo           B2  Bo             same
//
// # What is not believed
//
// A worksheet suddenly without rows, a header that shares no name with the old one, and a missing
// key column are not believed for as long as they last. But once two reads in a row have found no
// rows, edited rows are recognised only if half of those known are back, and these were four or
// more: then an outage is over. Rows typed into a sheet that was cleared are new.
//
// When half of four rows or more are gone at once, or suddenly show errors, a second read has to
// agree: to miss as many, or to show as many errors. A sheet that is being rewritten misses fewer
// at each read.
//
//	a  b  c  d         a                  not believed; looked at again after a minute
//
// A column that shows errors (#N/A, #REF!, Loading…) in half of its cells or more is taken for one
// that is gone until it shows values again, so a broken look-up and its recovery move nothing. If
// no other column is left the read is not believed.
//
// # After an upgrade
//
// A cursor of a release without folded hashes stays readable. Its first believed whole read
// compares exact hashes alone and stores both. In that read, a row without a match in the place of
// a known one without a match may be that one, tidied: it is held. Until then no window is read.
//
//	A@x.com  Asha      a@x.com  Asha      held, in the first read after the upgrade
//	                   c@x.com  Cem       new
//
// # What cannot be known
//
// A known row explains one row read at most. So a row typed in the place of a deleted one is sent,
// and an edit is not. Some things look alike from two reads, whatever the rule:
//
//   - A row deleted and an edited copy of it in its place is taken as that row edited; an equal copy
//     anywhere as that row moved. The same cells are the same person: a repetition is lost.
//   - Two rows of the same required columns in the same gap, one deleted and one typed, are one row
//     edited if three tenths are the same, else held, unless identities repeat.
//   - A row moved and edited may be a deleted one and an edited copy: it is held. In a sheet that was
//     sorted it is the same row, because people sort and edit.
//   - A row and its copy, both edited and about as alike, are both held.
//   - Rows of dropdowns and of times or fractions alone, all replaced by others of the same
//     dropdowns, are taken as recalculated.
//   - Up to three identities replaced in rows whose other cells tell them are taken as corrected.
//   - A number in a column of its own that changes its form (007, 7) is new. If one or two rows are
//     respelt so, they are sent again.
//   - Phone numbers without + or 00 of which fewer than two thirds have something between their
//     digits are not recognised where that changes, but for those that had nothing between them.
//   - Days written in another way are edits by the other cells, or held. What a cell shows of a
//     number is not compared.
//   - An edit that leaves less than half: the row is held where it leaves a quarter in its place,
//     else it is sent as another row.
//   - The telling columns recalculated while the sheet is sorted: rows that still have half of what
//     they told are known; others are sent or held.
//   - A row that comes back edited, or after the header has changed, is new.
//   - In a sheet of up to about ten rows without [Options].Require nothing shows which column
//     identifies. A row typed in the place of another that shares its dropdowns is held, in one of
//     some hundred cases lost.
//
// Blank cells filled in never count against a row.
//
// # Large worksheets
//
// A worksheet too large to be read whole at every poll is read by a [Window] in between: from a few
// rows above the last complete row to 500 rows below it, and up to 100 rows elsewhere that wait or
// were rejected. [DiffTail] says what is new in it, or that it cannot tell. It can if every known
// row of the window is in its place, edited at most, below at least one that is unchanged and
// unlike all of the 4,096 rows above: then nothing further up has shifted these rows. Anything
// else, shifted rows, one replaced, one gone, another header, a copy of a row further up, needs the
// whole worksheet. A window never guesses. Rows that come and go further up without shifting the
// last ones are found by the next whole read.
//
// # Worksheets that change while they are read
//
// What is read page by page while rows are inserted above is of no one state: it is torn, and not
// compared. Where every read is torn, [DiffTorn] finds the rows that two of them prove to be new;
// all other changes wait until the worksheet stands still for one whole read.
//
// # Many new rows
//
// With [Options].AtOnce a comparison takes so many new rows at most, the first ones in the sheet, and
// leaves the others out of its cursor, as though they had not come yet: the next whole read finds
// them. All that is known is compared as ever, and a row that may be a known one is taken in any case.
// What is left is more than [Options].MaxNewRows, so that all of a flood is held.
//
// # Costs
//
// Time and memory are linear in the cells, except for sorting what steps 1 to 7 leave: candidates
// come from an index of the cells that both sides have, rarest first, and are capped for each row.
// Rows are found by hash tables of row numbers, some 12 bytes a row, from which a bit set of 2 bytes a
// row keeps most of what the other side does not have. A [Reading] and a [Cursor] hold hashes only,
// 8 bytes a cell, and a cursor 24 bytes a row. Folding costs about 60 ns a cell. Of a million rows of
// ten columns both take 200 MB; a comparison takes 50 MB more where rows were added, and up to 190 MB
// where all were replaced.
package detect

import (
	"slices"
	"time"
)

// Begin returns the cursor of a worksheet that is read for the first time. Rows up to the 1-based
// sheet row oldTo are there already ([math.MaxInt]: all of them, 0: none); those that are not ready
// wait without a delivery and are found once they are. The rows below oldTo are found at once,
// however many they are, numbered from next on (1 if it is 0).
//
// The only Doubt is a key column that the header does not have; there is no cursor to keep then.
func Begin(r *Reading, o Options, oldTo int, next uint64, now time.Time) Result {
	rd := r.under(o, Cursor{})
	b := newBuilder(Cursor{Next: max(next, 1)}, rd, now)
	if reason := rd.missingKey(); reason != "" {
		return Result{Cursor: b.old, Doubt: reason, Unchanged: true}
	}
	b.rows = make([]Seen, 0, len(rd.rows))
	for j := range rd.rows {
		b.firstRead(j, rd.number(j) <= oldTo)
	}
	result := b.result()
	result.Unchanged = false
	return result
}

// Diff compares a read of a worksheet with what is known of it. It never changes c.
func Diff(c Cursor, r *Reading, o Options, now time.Time) Result {
	c = c.named(r.Header(), o.Key)
	rd := r.under(o, c)
	if d, reason := incomparable(c, rd); reason != "" {
		return doubted(c, d, reason)
	}
	if c.same(rd) && o.Backfill == nil {
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
		m.matchRelabelled(rd)
	}
	b.findReturned(m)
	m.fold(rd)
	m.respelt(c, rd)
	m.matched = nil // there are more now
	missing := m.gone()
	m.unconfirmed = !Doubt{Kind: DoubtGone, Count: missing}.confirms(c.Doubt)
	m.editsAfter(c)
	m.matched = nil // there are more now
	m.resolveCopies(c)
	if d, reason := improbable(c, rd, m.gone(), missing); reason != "" && !d.confirms(c.Doubt) {
		return doubted(c, d, reason)
	}
	b.compare(m)
	b.holdFlood()
	return b.result()
}
