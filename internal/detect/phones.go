package detect

import "slices"

// phone is a cell that looks like a phone number, or a number of many digits.
type phone struct {
	at   int    // its index among the cells
	fold uint32 // what it folds to otherwise: by its digits or not; 0: it begins as only phone numbers do, and folds so always
	// unprefixed tells that it has the digits of a phone number, though it does not begin as one.
	unprefixed bool
	long       bool // it is no phone number, but a number as in foldedCell.long
}

// phoneCells are the cells of a reading that look like phone numbers, as they are compared.
type phoneCells struct {
	cells      []phone
	prefixed   []int // by compared column: cells that begin as only phone numbers do
	unprefixed []int // by compared column: those that do not, but have as many digits
	filled     []int // by compared column: cells that are not blank
}

// phoneTaking takes the phone cells of rows that are picked, in order.
type phoneTaking struct {
	from  []phone
	width int   // of a row that was read
	at    []int // by sheet column: the compared column; noRow: none
	to    *phoneCells
	rows  int // cells of a compared row
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

// take takes the phone cells of a row that was read, by its index, as those of a compared one.
func (t *phoneTaking) take(row, as int) {
	for len(t.from) > 0 && t.from[0].at < (row+1)*t.width {
		p := t.from[0]
		t.from = t.from[1:]
		k := noRow
		if p.at >= row*t.width {
			k = t.at[p.at%t.width]
		}
		switch {
		case k == noRow: // of a row before, which was not picked, or a column that is not compared
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

// phoneShare is the part of a column's cells that begin as phone numbers do, from which on it is a
// column of phone numbers.
const phoneShare = 1.0 / 3

// localShare is the part from which on they need not begin so, if they have at least ten digits:
// codes are shorter, or have letters.
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

// addPhoneColumns folds columns that have turned out to hold phone numbers, once the comparison is over:
// both of its sides have to fold alike. Such a column stays one, for a tool may take the + off all
// of them.
func (rd *reading) addPhoneColumns() {
	for k, name := range rd.columns {
		if rd.numbers.phones(k) && !slices.Contains(rd.phones, name) {
			rd.phones = append(rd.phones, name)
			rd.swapColumnFolds(k)
		}
	}
}

// swapSingleFolds folds single cells otherwise, or no more so: those with the digits of a phone number in
// columns that hold none, or long numbers. It tells whether there are such cells.
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

// phones tells whether a column mostly holds phone numbers.
func (p phoneCells) phones(k int) bool {
	filled := float64(max(p.filled[k], 1))
	return float64(p.prefixed[k]) >= phoneShare*filled || float64(p.prefixed[k]+p.unprefixed[k]) >= localShare*filled
}

// swapColumnFolds folds the cells of a compared column by their digits, or no more so.
func (rd *reading) swapColumnFolds(k int) {
	for n, p := range rd.numbers.cells {
		if p.at%len(rd.columns) == k && !p.long {
			rd.numbers.cells[n].fold, rd.folds[p.at] = rd.folds[p.at], p.fold
		}
	}
}
