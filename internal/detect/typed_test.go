package detect_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rowtap/rowtap/internal/row"
)

// A kind is the kind of values that people type into a column.
type kind struct {
	values int // approximate number of distinct values
	value  func(m *model) row.Cell
	tidy   []way // ways to write a value before and after tidying, the cleanest first
	types  []way // ways to write a value with other types and formats
	// All cells of a column change their type at once, because a single changed one is another
	// value (007, 7).
	uniform bool
	tools   int // number of ways at the end of tidy that only tools produce
}

// A way writes a value.
type way func(m *model, c row.Cell) row.Cell

// messy as a column's usual way means that each cell is written in any way.
const messy = -1

func asText(format func(s string) string) way {
	return func(_ *model, c row.Cell) row.Cell { return row.TextCell(format(c.String())) }
}

func asNumber(format func(f float64) string) way {
	return func(_ *model, c row.Cell) row.Cell { return row.TextCell(format(c.Num)) }
}

func same(_ *model, c row.Cell) row.Cell { return c }

func one(of []string) func(*model) row.Cell {
	return func(m *model) row.Cell { return row.TextCell(of[m.intn(len(of))]) }
}

var (
	firstNames = strings.Fields("asha ravi priya arjun meera rohan kavya vikram anita suresh josé zoë björn chloé jürgen maría andré søren noémie renée tom anna lena omar fatima wei mei yuki hana ivan olga nina paul emma liam noah ava mia jack ruth sean niamh d'arcy jean-luc")
	lastNames  = strings.Fields("rao sharma patel iyer khan singh gupta das nair bose müller garcía núñez gonçalves o'brien smith jones brown taylor wilson chen li wang zhang kim park tanaka sato kovács novák fernández lópez martín jensen nielsen berg lund dubois laurent moreau rossi bianchi costa silva santos weber wagner becker hoffmann fischer")
)

var decomposed = strings.NewReplacer("é", "e\u0301", "ë", "e\u0308", "ö", "o\u0308", "ü", "u\u0308", "í", "i\u0301", "ú", "u\u0301", "ñ", "n\u0303", "ç", "c\u0327", "ó", "o\u0301", "á", "a\u0301",
	"É", "E\u0301", "Ë", "E\u0308", "Ö", "O\u0308", "Ü", "U\u0308", "Í", "I\u0301", "Ú", "U\u0301", "Ñ", "N\u0303", "Ç", "C\u0327", "Ó", "O\u0301", "Á", "A\u0301")

func titled(s string) string {
	begins := true
	return strings.Map(func(r rune) rune {
		if begins {
			r = unicode.ToUpper(r)
		}
		begins = !unicode.IsLetter(r)
		return r
	}, s)
}

// padded returns ways with the blanks that come with pasted text.
func padded(format func(string) string) []way {
	return []way{
		asText(func(s string) string { return format(s) + " " }),
		asText(func(s string) string { return " " + format(s) }),
		asText(func(s string) string { return "\u00a0" + format(s) }),
		asText(func(s string) string { return format(s) + "\u200b" }),
		asText(func(s string) string { return "\ufeff" + format(s) }),
	}
}

// typicalWay draws the usual way of a column.
func (m *model) typicalWay(c modelColumn) int {
	if c.kind.uniform {
		return m.intn(len(c.ways))
	}
	return m.intn(c.typed()+1) - 1 // or messy
}

// typed returns how many of a column's ways people type.
func (c modelColumn) typed() int { return len(c.ways) - c.kind.tools }

func unchanged(s string) string { return s }

// grouped formats a number as 1,234.50.
func grouped(f float64) string {
	whole, cents, _ := strings.Cut(strconv.FormatFloat(f, 'f', 2, 64), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole + "." + cents
}

// day returns a function that formats the day of a serial.
func day(layout string) func(float64) string {
	return func(f float64) string { return row.DateCell(f).Time(time.UTC).Format(layout) }
}

// punctuated formats the digits of a phone number: the prefix unchanged, the rest in two parts.
func punctuated(s, between string) string {
	n := len(s) - 10
	return strings.TrimPrefix(s[:n]+between, between) + s[n:n+5] + between + s[n+5:]
}

func digits(s string) string { return strings.TrimPrefix(s, "+") }

// number returns a phone number as a spreadsheet stores it if typed without punctuation. Leading
// zeros would be lost.
func number(_ *model, c row.Cell) row.Cell {
	s := digits(c.Text)
	if s[0] == '0' {
		return row.TextCell(s)
	}
	f, _ := strconv.ParseFloat(s, 64)
	return row.NumberCell(f)
}

// phones returns the kind of phone numbers with a prefix, except one in twelve.
func phones(prefix string) *kind {
	k := &kind{
		values: 1 << 32,
		value: func(m *model) row.Cell {
			s := fmt.Sprintf("9%09d", m.intn(1e9))
			if m.intn(12) > 0 {
				s = prefix + s
			}
			return row.TextCell(s)
		},
		tidy: []way{
			same,
			asText(func(s string) string { return punctuated(s, " ") }),
			asText(func(s string) string { return punctuated(s, "-") }),
			asText(func(s string) string { return punctuated(s, "\u00a0") }),
			asText(func(s string) string { return punctuated(s, ".") }),
		},
	}
	if prefix == "+91" {
		k.tidy, k.tools = append(k.tidy, asText(digits), number), 2
	}
	return k
}

var kinds = map[string]*kind{
	"mail": {
		values: 1 << 40,
		value: func(m *model) row.Cell {
			first := strings.NewReplacer("'", "", "-", "").Replace(firstNames[m.intn(8)])
			return row.TextCell(fmt.Sprintf("%s.%s%d@example.com", first, lastNames[m.intn(10)], m.intn(1<<24)))
		},
		tidy: append([]way{same, asText(titled), asText(strings.ToUpper)}, padded(unchanged)...),
	},
	"name": {
		values: 44 * 50,
		value: func(m *model) row.Cell {
			return row.TextCell(firstNames[m.intn(len(firstNames))] + " " + lastNames[m.intn(len(lastNames))])
		},
		tidy: append([]way{
			asText(titled), same, asText(strings.ToUpper),
			asText(func(s string) string { return decomposed.Replace(titled(s)) }),
			asText(func(s string) string { return strings.ReplaceAll(titled(s), " ", "  ") }),
			asText(func(s string) string { return strings.ReplaceAll(titled(s), " ", "\u00a0") }),
		}, padded(titled)...),
	},
	"phone+":  phones("+91"),
	"phone00": phones("0091"),
	"phone(": {
		values: 1 << 30,
		value: func(m *model) row.Cell {
			return row.TextCell([]string{"415", "212", "022", "080"}[m.intn(4)] + fmt.Sprintf("%07d", m.intn(1e7)))
		},
		tidy: []way{
			same,
			asText(func(s string) string { return "(" + s[:3] + ") " + s[3:6] + "-" + s[6:] }),
			asText(func(s string) string { return "(" + s[:3] + ")" + s[3:6] + " " + s[6:] }),
		},
	},
	"code": {
		values: 26 * 26 * 1e5,
		value: func(m *model) row.Cell {
			return row.TextCell(fmt.Sprintf("%c%c-%05d", 'A'+m.intn(26), 'A'+m.intn(26), m.intn(1e5)))
		},
		tidy: append([]way{same, asText(strings.ToLower)}, padded(unchanged)...),
	},
	"plan": {
		values: 3,
		value:  one([]string{"Gold", "Silver", "Free"}),
		tidy:   append([]way{same, asText(strings.ToLower)}, padded(unchanged)...),
	},
	"city": {
		values: 12,
		value:  one([]string{"Pune", "Goa", "Delhi", "Mumbai", "Chennai", "Kochi", "Jaipur", "Indore", "São Paulo", "Zürich", "Berlin", "Oslo"}),
		tidy:   append([]way{same, asText(strings.ToUpper)}, padded(unchanged)...),
	},
	"id": {
		values: 1 << 14, // each id occurs once
		value: func(m *model) row.Cell {
			m.lastID++
			return row.NumberCell(float64(m.lastID))
		},
		tidy:  []way{same, asText(unchanged)},
		types: []way{same, asText(unchanged), asNumber(func(f float64) string { return fmt.Sprintf("%06.0f", f) })},

		uniform: true,
	},
	"amount": {
		values: 1e5,
		value: func(m *model) row.Cell {
			if m.intn(2) == 0 {
				return row.NumberCell(float64(50 * (1 + m.intn(400))))
			}
			return row.NumberCell(float64(1+m.intn(1e6)) / 100)
		},
		tidy: []way{same, asText(unchanged)},
		types: []way{
			same, asText(unchanged), asNumber(grouped),
			asNumber(func(f float64) string { return "$" + grouped(f) }),
			asNumber(func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }),
		},
		uniform: true,
	},
	"checkbox": {
		values:  2,
		value:   func(m *model) row.Cell { return row.BoolCell(m.intn(2) == 0) },
		types:   []way{same, asText(unchanged)},
		uniform: true,
	},
	"day": {
		values: 700,
		value:  func(m *model) row.Cell { return row.NumberCell(float64(45_300 + m.intn(700))) },
		types:  []way{same, asNumber(day("1/2/2006")), asNumber(day("2006-01-02")), asNumber(day("02.01.2006"))},
	},
	"slot": {
		values: 20,
		value: func(m *model) row.Cell {
			m.lastID++
			return row.TextCell(fmt.Sprintf("Slot %d", m.lastID))
		},
	},
	// Volatile formulas: a value has no meaning.
	"now": {
		values: 1,
		value:  func(*model) row.Cell { return row.NumberCell(0) },
		tidy: []way{func(m *model, _ row.Cell) row.Cell {
			return row.NumberCell(46_000 + math.Round(m.now.Sub(start).Seconds())/86_400)
		}},
	},
	"rand": {
		values: 1,
		value:  func(*model) row.Cell { return row.NumberCell(0) },
		tidy:   []way{func(m *model, _ row.Cell) row.Cell { return row.NumberCell(float64(m.intn(1e9)) / 1e9) }},
	},
}

// sheetOf returns the scheme for columns given by name and kind: "Email mail, Plan plan".
func sheetOf(columns string, ways func(*kind) []way) scheme {
	return func() []modelColumn {
		var cs []modelColumn
		for c := range strings.SplitSeq(columns, ", ") {
			i := strings.LastIndexByte(c, ' ')
			k := kinds[c[i+1:]]
			cs = append(cs, modelColumn{name: c[:i], values: k.values, kind: k, ways: ways(k)})
		}
		return cs
	}
}

// The functions below select how the columns of a mix are written: in ways that tidying unifies, in
// different types and formats except for dates, dates only, and volatile formulas. Other columns
// are written as meant.

func tidyWays(k *kind) []way { return k.tidy }

func typeWays(k *kind) []way {
	if k == kinds["day"] {
		return nil
	}
	return k.types
}

func dayWays(k *kind) []way {
	if k != kinds["day"] {
		return nil
	}
	return k.types
}

func volatileWays(k *kind) []way {
	if k != kinds["now"] && k != kinds["rand"] {
		return nil
	}
	return k.tidy
}

func noWays(*kind) []way { return nil }

// written returns cells as they are typed; nil if there is only one way.
func (m *model) written(cells []row.Cell) []row.Cell {
	if !slices.ContainsFunc(m.columns, func(c modelColumn) bool { return len(c.ways) > 0 }) {
		return nil
	}
	shown := make([]row.Cell, len(cells))
	for k, c := range m.columns {
		shown[k] = m.cellWritten(c, cells[k])
	}
	return shown
}

func (m *model) cellWritten(c modelColumn, meant row.Cell) row.Cell {
	switch {
	case len(c.ways) == 0:
		return meant
	case c.usual == messy:
		return c.ways[m.intn(c.typed())](m, meant)
	}
	return c.ways[c.usual](m, meant)
}

// show writes a cell in another way.
func (m *model) show(i, k int, c row.Cell) {
	r := &m.rows[i]
	if r.shown == nil {
		r.shown = r.cells
	}
	r.shown = slices.Clone(r.shown)
	r.shown[k] = c
}

// rewriteCell writes a cell in another way, rewriteColumn a column, and rewriteSheet all columns,
// either in the cleanest way or each in a random one.
func (m *model) rewriteCell() {
	i, ok := m.some()
	if !ok {
		return
	}
	k := m.rewritable()
	ways := m.columns[k].ways
	at := m.intn(len(ways))
	for n := range ways {
		c := ways[(at+n)%len(ways)](m, m.rows[i].cells[k])
		if c != m.rows[i].shown[k] {
			m.show(i, k, c)
			return
		}
	}
}

func (m *model) rewriteColumn() {
	k := m.rewritable()
	m.rewriteIn(k, m.intn(len(m.columns[k].ways)))
}

func (m *model) rewriteSheet() {
	clean := m.intn(2) == 0
	for k, c := range m.columns {
		if len(c.ways) == 0 {
			continue
		}
		w := m.intn(len(c.ways))
		if clean {
			w = 0
		}
		m.rewriteIn(k, w)
	}
}

// rewriteIn writes a column in one way, and half of the time also what is typed from now on.
func (m *model) rewriteIn(k, w int) {
	for i, r := range m.rows {
		if !r.blank() {
			m.show(i, k, m.columns[k].ways[w](m, r.cells[k]))
		}
	}
	if m.intn(2) == 0 || m.columns[k].kind.uniform {
		m.columns = slices.Clone(m.columns)
		m.columns[k].usual = w
	}
}

// rewritable returns a column that can be written in several ways.
func (m *model) rewritable() int {
	at := m.intn(len(m.columns))
	for n := range m.columns {
		if k := (at + n) % len(m.columns); len(m.columns[k].ways) > 1 {
			return k
		}
	}
	panic("no column can be written in another way")
}

// Work between two polls.

// rewritten returns work that consists, in random order, of one of the rewrites, one to three added
// rows, and in half of the polls a sort, a deletion or a move.
func rewritten(rewrites ...operation) func(*model, int) {
	return func(m *model, _ int) {
		steps := [][]operation{rewrites}
		if m.intn(2) == 0 {
			steps = append(steps, []operation{
				{"sort", (*model).sortRows}, {"delete", (*model).deleteRow}, {"move", (*model).moveRow}, {"move several", (*model).moveSeveral},
			})
		}
		for range 1 + m.intn(3) {
			steps = append(steps, []operation{{"append", (*model).appendRow}, {"append", (*model).appendRow}, {"insert", (*model).insertRow}})
		}
		for n := len(steps); n > 0; n-- {
			k := m.intn(n)
			m.work(steps[k])
			steps = slices.Delete(steps, k, k+1)
		}
	}
}

// added adds one to three rows, mostly at the end.
func (m *model) added() {
	for range 1 + m.intn(3) {
		m.work([]operation{{"append", (*model).appendRow}, {"append", (*model).appendRow}, {"insert", (*model).insertRow}})
	}
}

// masked returns work that hides identities in half of the rows before the first poll, by unique
// words or by stars.
func masked(telling bool) func(*model, int) {
	return func(m *model, poll int) {
		if poll == 0 {
			m.log = append(m.log, "mask")
			which := m.intn(4) // the upper half, the lower half, every other row, any
			for i := range m.rows {
				if in := [...]bool{i < len(m.rows)/2, i >= len(m.rows)/2, i%2 == 0, m.intn(2) == 0}[which]; !in {
					continue
				}
				mask := "x" + strconv.Itoa(m.intn(1e6))
				for k, c := range m.columns {
					switch {
					case c.kind == kinds["mail"] && telling:
						m.show(i, k, row.TextCell(mask+"@masked"))
					case c.kind == kinds["name"] && telling:
						m.show(i, k, row.TextCell(mask))
					case c.kind == kinds["mail"] || c.kind == kinds["name"]:
						m.show(i, k, row.TextCell("***"))
					}
				}
			}
		}
		m.added()
	}
}

// taken gives all or half of the slots to other people.
func taken(m *model, _ int) {
	m.log = append(m.log, "slots")
	which := m.intn(4) // all, the upper half, every other one, any
	for i, r := range m.rows {
		if [...]bool{true, i < len(m.rows)/2, i%2 == 0, m.intn(2) == 0}[which] {
			m.rows[i] = m.fresh()
			m.rows[i].cells[0] = r.cells[0]
		}
	}
}

// volatile adds a row and recalculates all volatile columns.
func volatile(m *model, _ int) {
	m.work([]operation{{"append", (*model).appendRow}, {"append", (*model).appendRow}, {"insert", (*model).insertRow}})
	for k, c := range m.columns {
		if c.kind == kinds["now"] || c.kind == kinds["rand"] {
			m.now = m.now.Add(time.Minute)
			m.rewriteIn(k, 0)
		}
	}
}
