package detect

import (
	"math"
	"slices"
	"strconv"

	"github.com/rowtap/rowtap/internal/row"
)

// Reading is a worksheet as it was read, reduced to row numbers and cell hashes, so that only one
// page of a worksheet of any size has to be in memory. [Begin], [Diff] and [DiffTail] overwrite it:
// use it once.
type Reading struct {
	header  row.Header
	key     keyColumns
	width   int
	numbers []int32   // sheet rows that are not blank
	cells   []uint32  // cell hashes of these rows, width each
	folds   []uint32  // folded hashes of cells
	phones  []phone   // cells with an alternative fold, in order
	keys    []readKey // keys of these rows, with Options.Key
	// fractions counts by column the numbers with more than two decimals, as from =NOW() and
	// =RAND().
	fractions []int
	folder    folder
}

// NewReading returns a reading without rows for a worksheet with the given header. o must have the
// Key and Identity of the later comparison; rows is the expected number of rows, for allocation.
func NewReading(h row.Header, o Options, rows int) *Reading {
	r := &Reading{header: h, width: h.Len(), fractions: make([]int, h.Len()), folder: newFolder()}
	r.numbers = make([]int32, 0, rows)
	r.cells = make([]uint32, 0, rows*r.width)
	r.folds = make([]uint32, 0, rows*r.width)
	if len(o.Key) > 0 {
		r.keys = make([]readKey, 0, rows)
		r.key.at = columnsOf(h, o.Key)
		for k, name := range o.Key {
			r.key.anyCase = append(r.key.anyCase, o.foldsKey(name))
			// A column without a header cell is known by its letter once rows reach it.
			if i, ok := row.ParseLetter(name); ok && r.key.at[k] < 0 && i >= h.Len() && !h.Doubled(name) {
				r.key.at[k] = i
			}
		}
	}
	return r
}

// Add adds rows below the header, in sheet order. It keeps none of their memory.
func (r *Reading) Add(rows ...row.Row) {
	width := r.width
	for _, line := range rows {
		width = max(width, len(line.Cells))
	}
	r.widen(width, len(rows))
	for _, line := range rows {
		start := len(r.cells)
		r.cells = r.cells[: start+r.width : cap(r.cells)]
		r.folds = r.folds[: start+r.width : cap(r.folds)]
		blank := true
		for i := range r.width {
			c := line.Cell(i)
			h := hashCell(c)
			r.cells[start+i], r.folds[start+i] = h, 0
			if h == 0 {
				continue
			}
			blank = false
			if fractional(c) {
				r.fractions[i]++
			}
			folded := r.folder.fold(c)
			r.folds[start+i] = folded.hash
			if folded.phone != 0 || folded.prefixed {
				r.phones = append(r.phones, phone{start + i, folded.phone, folded.unprefixed, false})
			} else if folded.long != 0 {
				r.phones = append(r.phones, phone{start + i, folded.long, false, true})
			}
		}
		if blank {
			r.cells, r.folds = r.cells[:start], r.folds[:start]
			continue
		}
		r.numbers = append(r.numbers, int32(line.Number))
		if r.key.at != nil {
			r.keys = append(r.keys, r.key.of(line, &r.folder))
		}
	}
}

// Header returns the header, with blank names for columns that only rows reach.
func (r *Reading) Header() row.Header { return r.header.Wide(r.width) }

// Len returns the number of rows that are not blank.
func (r *Reading) Len() int { return len(r.numbers) }

// reading is a Reading in the form that is compared: only rows with content, only compared columns.
type reading struct {
	opts    Options
	columns []string // distinct names of the compared columns
	former  []string // their names in earlier releases; nil: the same
	at      []int    // their 0-based sheet columns
	require []int    // sheet columns of Options.Require; -1: missing
	key     []int    // sheet columns of Options.Key; -1: missing
	rows    []int32  // sheet rows
	cells   []uint32 // of rows, len(columns) each
	folds   []uint32 // of rows, len(columns) each
	// lack is, for each row, the first blank column it needs: an index, from 1, in Options.Require
	// followed by Options.Key; 0: complete.
	lack    []uint16
	keys    []readKey // of rows, with Options.Key
	errors  int       // rows that show an error in a compared column
	broken  []string  // names of columns of errors, which are not compared
	phones  []string  // names of columns folded as phone numbers
	numbers phoneCells
	// fractions is set, by compared column, if nearly all of its cells are fractions.
	fractions []bool
}

// under returns the form of r that is compared with a cursor under the options. It reuses the
// memory of r.
func (r *Reading) under(o Options, c Cursor) *reading {
	h := r.Header()
	rd := &reading{opts: o, require: columnsOf(h, o.Require), key: columnsOf(h, o.Key)}
	ignored, broken := ignoredColumns(h, o.Ignore), r.brokenColumns()
	former := distinct(h.FormerNames(), h.Len())
	for i, name := range distinct(h.Names(), h.Len()) {
		switch {
		case ignored[i]:
		case broken[i]:
			rd.broken = append(rd.broken, name)
		default:
			rd.columns, rd.at = append(rd.columns, name), append(rd.at, i)
			rd.former = append(rd.former, former[i])
		}
	}
	if slices.Equal(rd.former, rd.columns) {
		rd.former = nil
	}
	rd.rows, rd.cells, rd.folds = r.numbers[:0], r.cells[:0], r.folds[:0]
	r.pick(rd, c)
	rd.fractions = make([]bool, len(rd.at))
	for k, col := range rd.at {
		rd.fractions[k] = rd.numbers.filled[k] > 0 && float64(r.fractions[col]) >= nearlyAll*float64(rd.numbers.filled[k])
	}
	return rd
}

// pick appends to rd the rows with content, with the columns rd.at. rd may share the memory of r:
// rows and cells only move towards the front, so nothing is overwritten before it is read.
func (r *Reading) pick(rd *reading, c Cursor) {
	needed := slices.Concat(rd.require, rd.key)
	if len(rd.key) > 0 {
		rd.keys = r.keys[:0]
	}
	rd.lack = make([]uint16, 0, len(r.numbers))
	cellPhones := r.phonesOf(rd)
	for i, number := range r.numbers {
		cells, folds := r.cells[i*r.width:(i+1)*r.width], r.folds[i*r.width:(i+1)*r.width]
		lack := lacking(cells, needed)
		complete := len(rd.require) > 0 && (lack == 0 || int(lack) > len(rd.require))
		says, wrong := false, false
		for _, col := range rd.at {
			if col >= 0 {
				h := cells[col]
				says = says || h != 0 && h != falseHash
				wrong = wrong || h == errorHash
			}
		}
		if !says && !complete {
			continue
		}
		if wrong {
			rd.errors++
		}
		to, end := len(rd.cells), len(rd.cells)+len(rd.at)
		rd.cells, rd.folds = slices.Grow(rd.cells, len(rd.at))[:end], slices.Grow(rd.folds, len(rd.at))[:end]
		for k, col := range rd.at {
			if col < 0 {
				rd.cells[to+k], rd.folds[to+k] = 0, 0
			} else {
				rd.cells[to+k], rd.folds[to+k] = cells[col], folds[col]
			}
		}
		cellPhones.take(i, len(rd.rows))
		rd.rows, rd.lack = append(rd.rows, number), append(rd.lack, lack)
		if rd.keys != nil {
			rd.keys = append(rd.keys, r.keys[i])
		}
	}
	rd.foldPhones(c)
}

// drop removes rows, given as ascending indexes, from the cells to be remembered.
func (rd *reading) drop(rows []int32) {
	if len(rows) == 0 {
		return
	}
	w, to := len(rd.columns), int(rows[0])
	for j := to; j < len(rd.rows); j++ {
		if len(rows) > 0 && int(rows[0]) == j {
			rows = rows[1:]
			continue
		}
		copy(rd.cells[to*w:], rd.hashes(j))
		copy(rd.folds[to*w:], rd.foldsOf(j))
		to++
	}
	rd.cells, rd.folds = rd.cells[:to*w], rd.folds[:to*w]
}

// widen makes room for more rows, which may have more columns.
func (r *Reading) widen(width, more int) {
	if width > r.width {
		n := len(r.numbers)
		widened := func(cells []uint32) []uint32 {
			wider := make([]uint32, n*width, (cap(r.numbers)+more)*width)
			for i := range n {
				copy(wider[i*width:], cells[i*r.width:(i+1)*r.width])
			}
			return wider
		}
		r.fractions = append(r.fractions, make([]int, width-r.width)...)
		for k, p := range r.phones {
			r.phones[k].at = p.at/r.width*width + p.at%r.width
		}
		r.cells, r.folds, r.width = widened(r.cells), widened(r.folds), width
	}
	r.cells, r.folds = slices.Grow(r.cells, more*r.width), slices.Grow(r.folds, more*r.width)
}

// fractional reports whether a number has more than two decimals, so that it is neither an integer
// nor an amount or percentage.
func fractional(c row.Cell) bool {
	cents := c.Num * 100
	return math.Abs(cents-math.Round(cents)) > 1e-6
}

// brokenColumns reports which columns show errors in at least half of their cells. They are treated
// as missing until they show values again.
func (r *Reading) brokenColumns() []bool {
	filled, errors := make([]int, r.width), make([]int, r.width)
	for i := range r.numbers {
		for k, h := range r.cells[i*r.width : (i+1)*r.width] {
			if h != 0 {
				filled[k]++
				if h == errorHash {
					errors[k]++
				}
			}
		}
	}
	broken := make([]bool, r.width)
	for k := range broken {
		broken[k] = errors[k] > 0 && errors[k]*2 >= filled[k]
	}
	return broken
}

// lacking returns the index in columns, from 1, of the first one that is blank or shows an error;
// 0: none.
func lacking(cells []uint32, columns []int) uint16 {
	for k, col := range columns {
		if col < 0 || cells[col] == 0 || cells[col] == errorHash {
			return uint16(k + 1)
		}
	}
	return 0
}

// lacks returns the name of the first column that must be filled before the row is complete, or "".
func (rd *reading) lacks(j int) string {
	switch k := int(rd.lack[j]) - 1; {
	case k < 0:
		return ""
	case k < len(rd.opts.Require):
		return rd.opts.Require[k]
	default:
		return rd.opts.Key[k-len(rd.opts.Require)]
	}
}

func (rd *reading) number(j int) int { return int(rd.rows[j]) }

func (rd *reading) hashes(j int) []uint32 {
	w := len(rd.columns)
	return rd.cells[j*w : (j+1)*w]
}

func (rd *reading) foldsOf(j int) []uint32 {
	w := len(rd.columns)
	return rd.folds[j*w : (j+1)*w]
}

func (rd *reading) keyOf(j int) readKey {
	if rd.keys == nil {
		return readKey{}
	}
	return rd.keys[j]
}

// columnsOf returns the columns with the given names, -1 for those that the header lacks.
func columnsOf(h row.Header, names []string) []int {
	found := make([]int, len(names))
	for i, name := range names {
		var ok bool
		if found[i], ok = h.Index(name); !ok {
			found[i] = -1
		}
	}
	return found
}

// ignoredColumns reports which columns are ignored. A name shared by several columns ignores all of
// them.
func ignoredColumns(h row.Header, ignore []string) []bool {
	ignored := make([]bool, h.Len())
	for _, name := range ignore {
		if i, ok := h.Index(name); ok {
			ignored[i] = true
		}
		for i, other := range h.Names() {
			if other != "" && other == row.TidyName(name) {
				ignored[i] = true
			}
		}
	}
	return ignored
}

// distinct returns width names in which repeated ones, including blank ones, are numbered from the
// second on. The zero byte keeps them apart from tidy names.
func distinct(names []string, width int) []string {
	out := make([]string, width)
	copy(out, names)
	times := make(map[string]int, width)
	for i, name := range out {
		times[name]++
		if n := times[name]; n > 1 {
			out[i] = name + numberMark + strconv.Itoa(n)
		}
	}
	return out
}
