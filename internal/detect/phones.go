package detect

import "slices"

// phone is a cell that looks like a phone number, or a number of many digits.
type phone struct {
	at int // index among the cells
	// fold is the alternative folded hash: by digits or not. It is 0 if the cell starts as only
	// phone numbers do, which always folds by digits.
	fold uint32
	// unprefixed means that it has enough digits for a phone number, but does not start as one.
	unprefixed bool
	long       bool // not a phone number, but a number as in foldedCell.long
}

// phoneCells are the compared cells that look like phone numbers.
type phoneCells struct {
	cells      []phone
	prefixed   []int // by compared column: cells that start as only phone numbers do
	unprefixed []int // by compared column: other cells with enough digits
	filled     []int // by compared column: cells that are not blank
}

// phoneTaking collects the phone cells of the rows picked, in order.
type phoneTaking struct {
	from  []phone
	width int   // of a row read
	at    []int // by sheet column: the compared column, or noRow
	to    *phoneCells
	rows  int // cells per compared row
}

func (r *Reading) phonesOf(rd *reading) *phoneTaking {
	t := &phoneTaking{from: r.phones, width: r.width, to: &rd.numbers, rows: len(rd.at), at: make([]int, r.width)}
	for col := range t.at {
		t.at[col] = noRow
	}
	for k, col := range rd.at {
		if col >= 0 {
			t.at[col] = k
		}
	}
	t.to.prefixed, t.to.unprefixed, t.to.filled = make([]int, len(rd.at)), make([]int, len(rd.at)), make([]int, len(rd.at))
	return t
}

// take collects the phone cells of a row read, given by index, as those of a compared row.
func (t *phoneTaking) take(row, as int) {
	for len(t.from) > 0 && t.from[0].at < (row+1)*t.width {
		p := t.from[0]
		t.from = t.from[1:]
		k := noRow
		if p.at >= row*t.width {
			k = t.at[p.at%t.width]
		}
		switch {
		case k == noRow: // of a row that was not picked or a column that is not compared
		case p.fold == 0:
			t.to.prefixed[k]++
		default:
			t.to.cells = append(t.to.cells, phone{as*t.rows + k, p.fold, p.unprefixed, p.long})
			if p.unprefixed {
				t.to.unprefixed[k]++
			}
		}
	}
}

// phoneShare is the share of cells that start as phone numbers do from which a column holds phone
// numbers.
const phoneShare = 1.0 / 3

// localShare is the share from which they need not start so, if they have at least ten digits:
// codes are shorter, or contain letters.
const localShare = 2.0 / 3

// foldPhones folds what looks like a phone number by its digits in columns that held phone numbers
// when the cursor was made.
func (rd *reading) foldPhones(c Cursor) {
	k := 0
	for _, h := range rd.cells {
		if h != 0 {
			rd.numbers.filled[k]++
		}
		if k++; k == len(rd.columns) {
			k = 0
		}
	}
	for k, name := range rd.columns {
		if slices.Contains(c.Phones, name) {
			rd.phones = append(rd.phones, name)
			rd.swapColumnFolds(k)
		}
	}
}

// addPhoneColumns folds columns that turn out to hold phone numbers. It runs after the comparison,
// because both sides must fold alike. Such a column stays one, even if a tool removes the + from
// all its cells.
func (rd *reading) addPhoneColumns() {
	for k, name := range rd.columns {
		if rd.numbers.phones(k) && !slices.Contains(rd.phones, name) {
			rd.phones = append(rd.phones, name)
			rd.swapColumnFolds(k)
		}
	}
}

// swapSingleFolds switches single cells to their alternative folds, or back: phone numbers in
// columns that hold none, or long numbers. It reports whether there are any.
func (rd *reading) swapSingleFolds(long bool) bool {
	any := false
	for n, p := range rd.numbers.cells {
		if p.long == long && (long || p.unprefixed && !slices.Contains(rd.phones, rd.columns[p.at%len(rd.columns)])) {
			rd.numbers.cells[n].fold, rd.folds[p.at] = rd.folds[p.at], p.fold
			any = true
		}
	}
	return any
}

// phones reports whether a column mostly holds phone numbers.
func (p phoneCells) phones(k int) bool {
	filled := float64(max(p.filled[k], 1))
	return float64(p.prefixed[k]) >= phoneShare*filled || float64(p.prefixed[k]+p.unprefixed[k]) >= localShare*filled
}

// swapColumnFolds switches the cells of a compared column to their alternative folds, or back.
func (rd *reading) swapColumnFolds(k int) {
	for n, p := range rd.numbers.cells {
		if p.at%len(rd.columns) == k && !p.long {
			rd.numbers.cells[n].fold, rd.folds[p.at] = rd.folds[p.at], p.fold
		}
	}
}
