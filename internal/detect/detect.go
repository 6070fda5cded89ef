// Package detect decides which rows of a worksheet are new.
//
// It is pure: [Begin], [Diff], [DiffTail] and [DiffTorn] take what is known of a worksheet and what
// was read, and return the new rows and the next state. There is no clock and no I/O, so any bug
// can be reproduced from the arguments.
//
// # Ownership
//
// The cursor owns how rows look and where they are: hashes of cells, row numbers, vanished rows,
// keys. It links each row to its first delivery by number: 0 means that the row was there at the
// start, [Unknown] that an earlier release did not record the number. Seen.Waits marks rows that
// have no delivery yet because they were incomplete.
//
// The ledger owns the outcome of a delivery. Right before each comparison the caller asks it which
// deliveries are open (waiting, held or failed) and passes them in [Options].Open. All others are
// finished. The outcome is stored nowhere else, so no second copy can disagree: a held row that an
// operator released counts as sent.
//
// # Rows
//
// A row counts once it has content: a cell that is not blank, not FALSE and not in an ignored
// column, or a value in every column of [Options].Require. Prefilled formulas that show nothing and
// unticked checkboxes are not content. A row that has content but is incomplete waits. An error or
// Loading… in a required column does not complete a row.
//
// Rows are identified by their cells under the column names, not by position, and the order of the
// columns does not matter. Each cell has two 32-bit hashes:
//
//   - exact: kind and value;
//   - folded: without what tidying changes, which is Unicode form (NFC), invisible characters, runs
//     of white space and letter case. A decimal text of up to 15 digits folds to the number it
//     shows (1,234.50, $5 and 10% included), a phone number to its digits, and TRUE and FALSE to
//     checkboxes. The lowest bits of the hash are the form of a number: 007 and 7 are alike, but
//     not equal.
//
// Phone numbers start with +, 00 or (. If a third of a column's cells do, or if two thirds are
// texts of ten or more digits with separators, then texts in that column that only look like phone
// numbers (98200 12345) fold to their digits too, from the next comparison on. Texts shaped like a
// date fold to the serial of that day instead. In any column, a text of ten or more digits that
// gained separators matches the row that had the digits alone.
//
// A fingerprint is the sum of a row's cell hashes, each mixed with its column's name, so moved
// columns and new empty columns do not change it. If the header has changed, only columns in both
// headers are compared. A row whose only content is in an added column waits.
//
// Columns are identified by name. A column that disappeared and one that appeared are the same
// column, renamed, if they share at least half of their values and the column kept its position or
// the values kept their order. Values are counted once each, so dropdowns are proof only in a sheet
// of a few rows. Otherwise they are two columns and neither is compared. If they may be the same
// column after all, an extra row that equals known rows in cells of little information is held,
// unless its position decides.
//
// # What is new
//
// Each step below matches known rows with rows read and removes both from the comparison. Rows that
// no step matches are new. A gap is a run of unmatched rows between two matched neighbours. In the
// examples, the sheet before is on the left and the sheet after on the right; in rows with a blank
// column, that column stands for many cells.
//
// 1. The common head and the common tail are the same rows.
//
//	a@x.com  Asha      a@x.com  Asha      same
//	b@x.com  Bo        b@x.com  Bo        same
//	                   c@x.com  Cem       new
//
// 2. Rows with equal fingerprints are the same rows anywhere in the sheet, so moving and sorting
// change nothing. If the number of equal rows grew, the increase is new; neighbours decide which
// ones. If column names or their order changed, rows with the same cells under any names are the
// same.
//
//	c@x.com  Cem       a@x.com  Asha      same, moved
//	a@x.com  Asha      a@x.com  Asha      new: the second of two
//	                   c@x.com  Cem       same, moved
//
// 3. A row equal to one that vanished within the last day is that row: somebody used undo, or a
// script cleared and rewrote the sheet. If only the folded hashes are equal, it is held.
//
//	a@x.com  Asha      a@x.com  Asha      same
//	(b, deleted 9:00)  b@x.com  Bo        back, not new
//
// 4. Rows with equal folded hashes in the same gap are the same row, tidied. In other places they
// are the same only if at least three rows, and most of the unmatched ones, match this way;
// otherwise the row is held. If the form of a number differs (007, 7), another cell of the row must
// be equal, or most rows must match: equal folds alone prove nothing. A number of more than 15
// digits and its text match only if most rows do; otherwise the row is held.
//
//	A@x.com   asha     a@x.com  Asha      same, edited
//	" b@x.com" Bo      b@x.com  Bo        same, edited
//	12-34567           123-4567           new: another code
//	007                7                  new if it is the only column, same if the other cells are equal
//
// 5. Rows in the same gap with equal values in all columns of [Options].Require are edits if these
// cells are filled, no other row has the same values, and the row keeps three tenths of its
// information (see step 10). The three tenths are not needed if at least three rows, and most of
// the unmatched ones, match this way. If as many rows are left as before, in the same order, the
// gap does not matter either. With less, the row is unsure: an edit, or a returning customer. The
// step is skipped if more than a tenth of the rows repeat an identity.
//
//	a@x.com  Asha  1                   a@x.com  Asha  1                   same
//	b@x.com  Bo    2                   b@x.com  Bob   9                   same, edited
//	c@x.com  No 1  Pen  21.50  12 May  c@x.com  No 9  Ink  40.10  30 Jun  held
//
// 6. A column is volatile, and no longer compared, if it changed in nine tenths of all rows, or was
// filled in or cleared in all, while the other columns stayed the same in nine tenths (in a small
// sheet, in all rows but one). It must also be unable to identify rows: its cells are all alike or
// are fractions, as with =NOW() and =RAND(), or the other columns carry more information. Required
// and key columns are never volatile. Up to three other columns that changed this way may either be
// volatile or mean that all rows were replaced. A row that no later step matches is then held if it
// equals a known row in the remaining columns, and stays held however often those columns change.
//
//	Gold  9:00         Gold  9:01         same
//	Free  9:00         Free  9:01         same
//	                   Gold  9:01         new
//
// 7. Rows in the same gap that are equal except in one column are edits if the other cells identify
// the row (12 bits, see Weights). The same applies to several columns that changed in most rows, if
// the other cells belong to one known row only. If at least eight rows, and most of the unmatched
// ones, match this way, the column was recalculated and the gap does not matter; nor does it for a
// column that changed in at least eight rows and in half of the edited ones. Recalculated columns
// have no weight in later steps.
//
//	a@x.com  Asha  10  b@x.com  Bo    21  same, edited (one of eight such rows)
//	b@x.com  Bo    20  a@x.com  Asha  11  same, edited
//
// 8. Rows in the same sequence as before that are equal except in replaced or cleared columns are
// the same if they are most of the unmatched rows and together carry 24 bits: twenty rows with the
// same dropdowns in the same order are no coincidence. Between two of them up to 64 rows may have
// been added and deleted, if the rows that follow carry 3 bits for each doubling of that number.
// Each row must keep a quarter of its information, or a twentieth if the new values carry less than
// half of what the old ones did: then the row was masked. Held are a row among masked ones that has
// a unique value, rows outside the sequence that equal nearby known rows in the other columns, and
// the rows in the sequence that those known rows were matched with.
//
//	a@x.com  Pune  Gold   ***  Pune  Gold   same, masked
//	b@x.com  Goa   Free   ***  Goa   Free   same, masked
//
// 9. If in steps 7 and 8 a required column got new values in four or more rows that carry as much
// information as the old ones, either these people were corrected or others were typed over them.
// Rows that keep more than half of their information are the same; the others are held. Without
// required and key columns, the columns with the most information take their role if they carry
// more than the rest. A row that equals such a known row except in one column is held too.
//
//	Slot 1  a@x.com  Asha    Slot 1  p@x.com  Paul    held
//	Slot 2  b@x.com  Bo      Slot 2  q@x.com  Quinn   held
//
// 10. The remaining rows are compared by similarity: the share of the known row's information,
// weighted by column, that the row read still has.
//
//   - Half in the same gap is an edit, if it is at least as much information as the heaviest column
//     carries.
//   - Half is also an edit if the neighbours of either row are no longer next to each other on the
//     other side: the sheet was sorted there.
//   - Half elsewhere, or a quarter in the same gap, is unsure: [Options].Unsure decides. If a
//     required cell has a new value, a quarter is unsure only if two thirds of the other cells, or
//     12 bits of them, are the same. A row equal in all cells but one is unsure anywhere if those
//     cells carry 6 bits.
//   - A row that would be unsure is the known row if that one has not been sent or was rejected, so
//     it is sent once.
//
// For example:
//
//	a@x.com  Asha  98200  Pune    a@x.com  Asha  98111  Goa   same, edited
//	b@x.com  Bo    98300  Goa     c@x.com  Cem   98400  Goa   new
//
// 11. A new row that resembles a known row, and is in its place or next to it, competes with the
// row that was matched with it. If both were edited, the more similar one is the known row if it
// leads by a tenth; otherwise both are unsure. If the matched row is equal except for tidying and
// somewhere else, it stays the known row, moved, and the new row is unsure.
//
//	a@x.com  Asha  1  Pune    a@x.com  Asha  2  Pune    held: the row, or its copy?
//	                          a@x.com  Asha  1  Goa     held
//
// 12. A new row that equals an existing one is a copy that somebody is about to type over: it waits
// until it has been unchanged for [Options].SettleCopies. Until then, the copy and its original are
// interchangeable: the one that is typed over is the copy. Equal means equal folded hashes in all
// compared columns. Equal rows that are new in the same read do not count as copies.
//
//	a@x.com  Asha      a@x.com  Asha      same
//	                   a@x.com  Asha      waits; sent as Nia once Nia is typed over it
//
// # Chance matches
//
// If steps 1 to 3 leave thousands of rows on both sides, some match by chance: folded hashes
// collide, or two people share a name and a city. From four million pairs on (2,048 rows against
// 2,048), being in the same gap is therefore not enough. A row is an edit only within six rows of
// its old position in the gap, or if most unmatched rows are exactly equal in the same columns.
// Matches elsewhere that steps 4, 5 and 10 would accept are held. If half of the known rows are
// unmatched before step 10, the read is doubted without running it.
//
// # Weights
//
// The weight of a column is its entropy, the bits of information that a cell carries about its row,
// as far as the rows show it. But n rows show at most log2(n) bits, so in a small sheet a dropdown
// would weigh as much as an e-mail address. Required columns therefore weigh at least 12 bits, less
// if their values repeat (times the square of the share that does not repeat). Other columns weigh
// at least 1.5 bits for each distinct value, up to 12, and much less if values repeat (times the
// fourth power), so that one pasted row does not turn a name into a dropdown. The only value of a
// column weighs 1 bit. The drawback: in a sheet of a few rows, a row whose identity was edited is
// held, or even new.
//
// # Keys
//
// With [Options].Key, the key alone decides: a key seen before is not new, whatever else the row
// contains; a row with a blank key waits; a second row with the same key is held. Content only
// decides which row without a key is which. Unicode form, blanks and invisible characters do not
// count, a number equals the text that shows it, and letter case counts unless the identity uses
// the column. A new key that differs from a vanished one only in case, punctuation or leading zeros
// is the same row if it is in the same gap and all other cells are equal, and held if half of them
// are; such a key never counts as seen. When Key itself changes, rows are compared by content once
// and by their new keys from then on.
//
// [Options].Repeats changes what a second row with a key is. Under RepeatsSkip and RepeatsSend it is
// a row of its own, even if the first one has vanished; a vanished row came back only if its
// content is equal. Under RepeatsSkip the ledger decides, from the outcomes of the deliveries,
// whether the key is taken: that is not a matter of how rows look. Under RepeatsSend it is new,
// unless it cannot be told from a row that was known: the known row with this key was edited in the
// same read, or vanished within the last day. Then it is held.
//
//	A-01  Asha  1      A-01  Bo    7      held: which of them is the known row, edited?
//	                   A-01  Asha  2      same, edited
//
//	A-01  Asha         A1  Asha           same key, respelt
//	B2    Bo           B2  Bo             same
//
// # Doubtful reads
//
// A read is doubted as long as the worksheet has suddenly no rows, the header shares no name with
// the old one, or a key column is missing. Once two consecutive reads have found no rows, the sheet
// either had an outage or was cleared: edited rows are recognised only if half of the known rows
// are back and there were four or more of them. Otherwise what is typed is new.
//
// If half of four or more known rows suddenly disappear or show errors, a second read must confirm
// it by missing as many rows or showing as many errors. A sheet that is being rewritten misses
// fewer rows at each read.
//
//	a  b  c  d         a                  doubted; read again after a minute
//
// A column that shows errors (#N/A, #REF!, Loading…) in half of its cells or more is treated as
// deleted until it shows values again, so neither a broken lookup nor its recovery affects rows. If
// no other column is left, the read is doubted.
//
// # After an upgrade
//
// Cursors written by releases without folded hashes stay readable. The first full read that is not
// doubted compares exact hashes only and stores both. In that read, an unmatched row in the place
// of an unmatched known row may be that row, tidied, and is held. No window is read until then.
//
//	A@x.com  Asha      a@x.com  Asha      held, in the first read after the upgrade
//	                   c@x.com  Cem       new
//
// # Limits
//
// A known row matches at most one row read. So a row typed in the place of a deleted one is sent,
// and an edited row is not. Some cases look the same in two reads, whatever the rules:
//
//   - A row deleted and an edited copy in its place look like an edit; with an equal copy anywhere,
//     like a move. Equal cells are the same person, so a repetition is lost.
//   - Two rows with the same required values in the same gap, one deleted and one typed, look like
//     an edit if three tenths are the same. Otherwise the row is held, unless identities repeat.
//   - A row moved and edited may be a deletion and an edited copy, so it is held. In a sheet that
//     was sorted it is the same row, because people sort and edit.
//   - A row and its copy, both edited and about equally similar, are both held.
//   - Rows that consist of dropdowns and of times or fractions, all replaced by rows with the same
//     dropdowns, look recalculated.
//   - Up to three replaced identities, in rows that their other cells identify, look like
//     corrections.
//   - A number that changes its form (007, 7) and is the only column makes a new row. If one or two
//     rows change this way, they are sent again.
//   - Phone numbers without + or 00, fewer than two thirds of which have separators, are not
//     recognised when their separators change, unless there were none before.
//   - A date written differently is an edit or a held row, depending on the other cells. The
//     displayed text of a number is not compared.
//   - After an edit that keeps less than half, a row is held if it keeps a quarter in its place,
//     and otherwise sent as a new row.
//   - If the most informative columns are recalculated while the sheet is sorted, rows that keep
//     half of their information are recognised; others are sent or held.
//   - A row that comes back edited, or after the header has changed, is new.
//   - In a sheet of up to about ten rows without [Options].Require, nothing shows which column
//     identifies a row. A row typed in the place of another with the same dropdowns is held, and
//     lost in about one of a hundred cases.
//
// Filling in blank cells never counts against a row.
//
// # Large worksheets
//
// A worksheet too large to be read in full at every poll is read through a [Window] in between:
// from a few rows above the last complete row to 500 rows below it, plus up to 100 rows elsewhere
// that wait or were rejected. [DiffTail] finds the new rows in it, or reports that it cannot tell.
// It can tell if every known row of the window is in its place, at most edited, below at least one
// that is unchanged and differs from all of the 4,096 rows above: then nothing further up has
// shifted these rows. Everything else (shifted, replaced or missing rows, another header, a copy of
// a row further up) needs the whole worksheet. A window never guesses. Rows added or deleted
// further up without shifting the last rows are found by the next full read.
//
// # Worksheets that change while they are read
//
// If rows are inserted while the pages of a worksheet are read, the pages show different states:
// the read is torn, and [Diff] cannot use it. If every read is torn, [DiffTorn] finds the rows that
// two of them prove to be new. All other changes wait for a full read without changes in between.
//
// # Many new rows
//
// [Options].AtOnce limits how many new rows one comparison returns, the topmost first. The others
// stay out of the cursor, as if not added yet, and the next full read finds them. Known rows are
// compared as usual, and rows that may be known ones are always returned. What is left always
// exceeds [Options].MaxNewRows, so that a flood is held as a whole.
//
// # Costs
//
// Time and memory are linear in the cells, except for sorting the rows that steps 1 to 7 leave.
// Candidates come from an index of the cells that both sides have, rarest first, and are capped per
// row. Rows are looked up in hash tables of row numbers (about 12 bytes a row) behind a bit set (2
// bytes a row) that filters out most of what the other side does not have. A [Reading] and a
// [Cursor] hold only hashes, 8 bytes a cell, and a cursor 24 bytes a row more. Folding takes about
// 60 ns a cell. For a million rows of ten columns, the two take 200 MB together; a comparison takes
// 50 MB more if rows were added, and up to 190 MB if all were replaced.
package detect

import (
	"slices"
	"time"
)

// Begin returns the cursor of a worksheet that is read for the first time. Rows up to the 1-based
// sheet row oldTo count as already there ([math.MaxInt]: all of them, 0: none). Those that are not
// ready wait without a delivery and are found once they are ready. All rows below oldTo are found
// at once, without a limit, with deliveries numbered from next (1 if it is 0).
//
// Result.Doubt is only set if a key column is missing from the header; there is then no cursor to
// store.
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

// Diff compares a read of the whole worksheet with the cursor. It does not modify c.
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
	m.matched = nil // recomputed on demand: there are more matches now
	missing := m.gone()
	m.unconfirmed = !Doubt{Kind: DoubtGone, Count: missing}.confirms(c.Doubt)
	m.editsAfter(c)
	m.matched = nil // recomputed on demand: there are more matches now
	m.resolveCopies(c)
	if d, reason := improbable(c, rd, m.gone(), missing); reason != "" && !d.confirms(c.Doubt) {
		return doubted(c, d, reason)
	}
	b.compare(m)
	b.holdFlood()
	return b.result()
}
