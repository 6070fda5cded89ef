package detect

import (
	"slices"
	"strconv"

	"github.com/rowtap/rowtap/internal/row"
)

// reading is a table as it is compared: the rows that say something, hashed.
type reading struct {
	table   row.Table
	opts    Options
	columns []string // distinct names of the compared columns
	at      []int    // their 0-based sheet columns
	require []int    // sheet columns of Options.Require; -1: there is no such column
	key     []int    // sheet columns of Options.Key; -1: there is no such column
	rows    []int32  // indexes of table.Rows
	cells   []uint32 // of rows, len(columns) each
	keys    []uint64 // of rows, with Options.Key
	errors  int      // rows that show an error text in a compared column
	broken  bool     // there are columns of error texts; they are not compared
}

// read hashes the rows that say something.
func read(t row.Table, o Options) *reading {
	width := t.Header.Len()
	for _, r := range t.Rows {
		width = max(width, len(r.Cells))
	}
	rd := &reading{table: t, opts: o, require: indexes(t.Header, o.Require), key: indexes(t.Header, o.Key)}
	ignored := make([]bool, width)
	for _, name := range o.Ignore {
		if i, ok := t.Header.Index(name); ok {
			ignored[i] = true
		}
		for i, other := range t.Header.Names() {
			if other != "" && other == row.TidyName(name) {
				ignored[i] = true
			}
		}
	}
	broken := brokenColumns(t, width)
	for i, name := range distinct(t.Header.Names(), width) {
		if broken[i] && !ignored[i] {
			rd.broken = true
		} else if !ignored[i] {
			rd.columns = append(rd.columns, name)
			rd.at = append(rd.at, i)
		}
	}
	rd.rows = make([]int32, 0, len(t.Rows))
	rd.cells = make([]uint32, 0, len(t.Rows)*len(rd.columns))
	for i := range t.Rows {
		rd.add(i)
	}
	if len(rd.key) > 0 {
		rd.keys = make([]uint64, len(rd.rows))
		for j := range rd.rows {
			rd.keys[j] = hashKey(rd.row(j), rd.key)
		}
	}
	return rd
}

// brokenColumns tells which columns show errors in half of their cells or more. Such a column says nothing of its rows: it is
// taken for one that is gone, until it shows values again.
func brokenColumns(t row.Table, width int) []bool {
	filled, errors := make([]int, width), make([]int, width)
	for _, r := range t.Rows {
		for i, c := range r.Cells {
			if !c.Blank() {
				filled[i]++
				if c.ErrorText() {
					errors[i]++
				}
			}
		}
	}
	broken := make([]bool, width)
	for i := range broken {
		broken[i] = errors[i] > 0 && errors[i]*2 >= filled[i]
	}
	return broken
}

func (rd *reading) add(i int) {
	r := rd.table.Rows[i]
	start := len(rd.cells)
	says, broken := false, false
	for _, col := range rd.at {
		c := r.Cell(col)
		h := hashCell(c)
		rd.cells = append(rd.cells, h)
		if h != 0 {
			says = says || c.Kind != row.Bool || c.Num != 0
			broken = broken || c.ErrorText()
		}
	}
	if !says && !rd.filled(r) {
		rd.cells = rd.cells[:start]
		return
	}
	if broken {
		rd.errors++
	}
	rd.rows = append(rd.rows, int32(i))
}

// filled tells whether a row has all that is required of it, and something is.
func (rd *reading) filled(r row.Row) bool {
	return len(rd.require) > 0 && firstBlank(r, rd.require) < 0
}

// lacks names the first column that has to be filled before the row is complete; "" if it is.
func (rd *reading) lacks(r row.Row) string {
	if i := firstBlank(r, rd.require); i >= 0 {
		return rd.opts.Require[i]
	}
	if i := firstBlank(r, rd.key); i >= 0 {
		return rd.opts.Key[i]
	}
	return ""
}

// firstBlank returns the index in columns of the first that holds nothing, or an error in place of a value; -1: none.
func firstBlank(r row.Row, columns []int) int {
	return slices.IndexFunc(columns, func(col int) bool {
		c := r.Cell(col)
		return c.Blank() || c.ErrorText()
	})
}

func (rd *reading) row(j int) row.Row { return rd.table.Rows[rd.rows[j]] }

func (rd *reading) hashes(j int) []uint32 {
	w := len(rd.columns)
	return rd.cells[j*w : (j+1)*w]
}

func (rd *reading) keyOf(j int) uint64 {
	if rd.keys == nil {
		return 0
	}
	return rd.keys[j]
}

func indexes(h row.Header, names []string) []int {
	found := make([]int, len(names))
	for i, name := range names {
		var ok bool
		if found[i], ok = h.Index(name); !ok {
			found[i] = -1
		}
	}
	return found
}

// distinct returns width names: those given, and of names that stand there again, blank ones too, the second and
// further ones numbered. The zero byte keeps them apart from any tidy name.
func distinct(names []string, width int) []string {
	out := make([]string, width)
	copy(out, names)
	times := make(map[string]int, width)
	for i, name := range out {
		times[name]++
		if n := times[name]; n > 1 {
			out[i] = name + "\x00" + strconv.Itoa(n)
		}
	}
	return out
}
