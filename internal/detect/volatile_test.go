package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// columnsThatChange are columns with another value in every row at each poll.
var columnsThatChange = map[string]func(intn func(int) int, poll int) row.Cell{
	"Now":    func(_ func(int) int, poll int) row.Cell { return row.NumberCell(45_292.3 + float64(poll)/1440) },
	"Clock":  func(_ func(int) int, poll int) row.Cell { return row.TextCell(fmt.Sprintf("9:%02d", poll)) },
	"Rand":   func(intn func(int) int, _ int) row.Cell { return row.NumberCell(float64(intn(1e9)) / 1e9) },
	"Rand2":  func(intn func(int) int, _ int) row.Cell { return row.NumberCell(float64(intn(1e9)) / 1e9) },
	"Dice":   func(intn func(int) int, _ int) row.Cell { return row.NumberCell(float64(intn(1e9))) },
	"Token2": func(intn func(int) int, _ int) row.Cell { return row.TextCell(fmt.Sprint("u", intn(1e9))) },
	"Token":  func(intn func(int) int, _ int) row.Cell { return row.TextCell(fmt.Sprint("t", intn(1e9))) },
}

// changing is a small sheet that somebody works on while some of its columns change.
type changing struct {
	intn     func(int) int
	identity []string
	volatile []string
	rows     [][]row.Cell // cells of the identity
	poll     int
	last     outcome
	now      time.Time
	o        detect.Options
}

func (c *changing) fresh() []row.Cell {
	var cells []row.Cell
	for _, name := range c.identity {
		switch name {
		case "Email":
			cells = append(cells, row.TextCell(fmt.Sprintf("p%d@example.com", c.intn(1e9))))
		case "Plan":
			cells = append(cells, row.TextCell([]string{"Gold", "Silver", "Free"}[c.intn(3)]))
		case "City":
			cells = append(cells, row.TextCell(fmt.Sprint("city", c.intn(6))))
		}
	}
	return cells
}

func (c *changing) sheet() wholeSheet {
	c.poll++
	s := wholeSheet{Header: row.HeaderOf(slices.Concat(c.identity, c.volatile))}
	for i, cells := range c.rows {
		cells = slices.Clone(cells)
		for _, name := range c.volatile {
			cells = append(cells, columnsThatChange[name](c.intn, c.poll))
		}
		s.Rows = append(s.Rows, row.Row{Number: i + 2, Cells: cells})
	}
	return s
}

// read polls until a read is not doubted.
func (c *changing) read() {
	s := c.sheet()
	for range 3 {
		c.now = c.now.Add(2 * time.Minute)
		if c.last = c.last.then(s, c.o, c.now); c.last.Doubt == "" {
			return
		}
	}
}

func contents(rows [][]row.Cell) map[string]int {
	n := map[string]int{}
	for _, cells := range rows {
		n[contentIn(cells)]++
	}
	return n
}

func contentIn(cells []row.Cell) string {
	var s []string
	for _, c := range cells {
		s = append(s, c.String())
	}
	return strings.Join(s, "|")
}

// work changes the rows in some way and returns how.
func (c *changing) work() string {
	at := c.intn(len(c.rows) + 1)
	switch op := []string{"append", "append", "insert", "delete", "sort", "replace"}[c.intn(6)]; op {
	case "append":
		c.rows = append(c.rows, c.fresh())
		return op
	case "insert":
		c.rows = slices.Insert(c.rows, at, c.fresh())
		return op
	case "delete":
		if len(c.rows) > 3 {
			at = min(at, len(c.rows)-1)
			c.rows = slices.Delete(c.rows, at, at+1)
			return op
		}
	case "sort":
		slices.SortStableFunc(c.rows, func(a, b []row.Cell) int { return strings.Compare(contentIn(a), contentIn(b)) })
		return op
	case "replace":
		at = min(at, len(c.rows)-1)
		c.rows[at] = c.fresh()
		return op
	}
	return "nothing"
}

// TestColumnsThatChange: columns that change in every row at each poll fire no old row and lose no
// added one, even if little else identifies rows. If such columns cannot identify rows, no row is
// held either; otherwise each row is held once.
func TestColumnsThatChange(t *testing.T) {
	sure := []string{"Now", "Rand", "Rand2"}
	for _, identity := range []string{"Plan", "Plan City", "Email", "Email Plan"} {
		for _, volatile := range []string{"Now", "Rand", "Now Rand", "Now Rand Rand2", "Clock", "Now Clock", "Dice", "Token", "Now Dice", "Dice Token", "Rand Dice Token"} {
			for _, require := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s and %s, require %t", identity, volatile, require), func(t *testing.T) {
					var sum tallyOfChanging
					for seed := range uint64(30) {
						c := &changing{intn: rand.New(rand.NewPCG(seed, 1)).IntN, identity: strings.Fields(identity), volatile: strings.Fields(volatile), now: start}
						if require {
							c.o.Require = c.identity[:1]
						}
						for range 3 + c.intn(8) {
							c.rows = append(c.rows, c.fresh())
						}
						c.last = begin(c.sheet(), c.o, 1<<30, 1, c.now)
						held, rows := sum.held, len(c.rows)
						for range 8 {
							rows += c.pollAfterWork(t, &sum)
						}
						if sum.held-held > rows {
							t.Errorf("seed %d: %d of %d rows were held: some repeatedly", seed, sum.held-held, rows)
						}
					}
					never := !slices.ContainsFunc(strings.Fields(volatile), func(name string) bool { return !slices.Contains(sure, name) })
					if sum.sent > 0 || sum.lost > 0 || never && sum.heldAlone > 0 {
						t.Errorf("%+v", sum)
					}
				})
			}
		}
	}
}

// tallyOfChanging counts old rows that were sent or held, and added rows that were lost although
// none was deleted. heldAlone counts rows held while the sheet was not edited.
type tallyOfChanging struct{ sent, lost, held, heldAlone int }

// pollAfterWork polls after up to two changes and counts the results. It returns the number of rows
// added. Rows with the same content are interchangeable.
func (c *changing) pollAfterWork(t *testing.T, sum *tallyOfChanging) (added int) {
	t.Helper()
	before := contents(c.rows)
	var log []string
	for range c.intn(3) {
		log = append(log, c.work())
	}
	c.read()
	if c.last.Doubt != "" {
		t.Fatalf("poll %d: %s", c.poll, c.last.Doubt)
	}
	ready, held := map[string]int{}, map[string]int{}
	for _, f := range c.last.Found {
		if content := contentIn(c.rows[f.Row-2]); f.State == detect.Ready {
			ready[content]++
		} else {
			held[content]++
		}
	}
	for content, n := range contents(c.rows) {
		more := max(0, n-before[content])
		added += more
		sum.sent += max(0, ready[content]-more)
		if !slices.Contains(log, "delete") && !slices.Contains(log, "replace") {
			sum.lost += max(0, more-ready[content]-held[content])
		}
		old := max(0, held[content]-max(0, more-ready[content]))
		sum.held += old
		if len(log) == 0 {
			sum.heldAlone += old
		}
	}
	return added
}

// TestAllRowsReplaced: if all rows get new values in columns that may identify them, none silently
// counts as a known row.
func TestAllRowsReplaced(t *testing.T) {
	for _, kept := range []string{"Plan", "Plan City"} {
		for _, replaced := range []string{"Token", "Dice", "Token Dice", "Token Dice Token2"} {
			for _, require := range []string{"", "Plan", "Token"} {
				if require == "Plan" && kept != "Plan" {
					continue // the other cells identify rows that stay in place: see step 8
				}
				if require == "Token" && !strings.HasPrefix(replaced, require) {
					continue
				}
				t.Run(kept+" and other "+replaced+", require "+require, func(t *testing.T) {
					for seed := range uint64(100) {
						c := &changing{intn: rand.New(rand.NewPCG(seed, 2)).IntN, identity: strings.Fields(kept), volatile: strings.Fields(replaced), now: start}
						if require != "" {
							c.o.Require = []string{require}
						}
						for range map[string]int{"Plan": 4, "Plan City": 8}[kept] + c.intn(12) {
							c.rows = append(c.rows, c.fresh())
						}
						c.last = begin(c.sheet(), c.o, 1<<30, 1, c.now)
						if c.read(); len(c.last.Found) != len(c.rows) {
							t.Errorf("seed %d: %d of %d rows are found, %s; doubt %q", seed, len(c.last.Found), len(c.rows), verdict(c.last.Result), c.last.Doubt)
						}
					}
				})
			}
		}
	}
}

// TestWhyHeld: the reason of a held row says what differs and what to do, and refers to the known
// row by the right number.
func TestWhyHeld(t *testing.T) {
	dice := func(l lines, from int, columns ...int) lines {
		for i := range l {
			for _, c := range columns {
				l = l.with(i, c, fmt.Sprint("#", from+i))
			}
		}
		return l
	}
	slots := list(12, func(i int) string { return fmt.Sprintf("p%d|slot%d", i, i) })
	plans := list(8, func(i int) string { return fmt.Sprintf("plan%d|#1|#2", i%2) })
	for _, tt := range []struct {
		name          string
		o             detect.Options
		before, after lines
		want          string
	}{
		{"the column that identifies", detect.Options{Require: []string{"A"}}, slots, slots.with(3, 0, "q").moved(3, 12), "may be an edit of row 5: A differs"},
		{"two columns", detect.Options{}, dice(plans, 100, 1, 2), dice(plans, 900, 1, 2), "may be an edit of the row that was here before: B and C differ; if they change on their own, add ignore: [B, C]"},
		{"one column", detect.Options{}, dice(plans, 100, 1), dice(plans, 900, 1), "may be an edit of the row that was here before: B differs; if it changes on its own, add ignore: [B]"},
		{"below an added row", detect.Options{}, dice(plans, 100, 1), slices.Insert(dice(plans, 900, 1), 0, []string{"plan7", "#7", "#7"}), "may be an edit of row 2: B differs; if it changes on its own, add ignore: [B]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := begin(tt.before.sheet(), tt.o, 1<<30, 1, start)
			r = r.then(tt.after.sheet(), tt.o, start.Add(time.Minute))
			if r.Doubt != "" { // half of the rows are gone at once
				r = r.then(tt.after.sheet(), tt.o, start.Add(2*time.Minute))
			}
			i := slices.IndexFunc(r.Found, func(f detect.Found) bool { return f.State == detect.Held })
			if i < 0 || r.Found[i].Reason != tt.want {
				t.Errorf("found %+v, want %q", r.Found, tt.want)
			}
		})
	}
}

// TestVolatileRules has, for each rule about volatile columns, a case that fails without it, and
// for each number a case on either side.
func TestVolatileRules(t *testing.T) {
	// rows returns n rows; each function returns the cells of a column by row.
	rows := func(n int, of ...func(i int) string) lines {
		return list(n, func(i int) string {
			var cells []string
			for _, f := range of {
				cells = append(cells, f(i))
			}
			return strings.Join(cells, "|")
		})
	}
	all := func(s string) func(int) string { return func(int) string { return s } }
	turn := func(s string, n int) func(int) string {
		return func(i int) string { return fmt.Sprint(s, i%n) }
	}
	own := func(s string) func(int) string { return turn(s, 1000) }
	fraction := func(from int) func(int) string {
		return func(i int) string { return fmt.Sprintf("#0.%d", 10*(from+i)+1) }
	}
	but := func(f func(int) string, n int) func(int) string {
		return func(i int) string {
			if i < n {
				return fmt.Sprint("other", i)
			}
			return f(i)
		}
	}
	for _, tt := range []struct {
		name          string
		before, after lines
		want          string // result of the first read, and of a second one if that is doubted
	}{
		{"fractions identify nobody", rows(12, turn("plan", 2), fraction(1000)), rows(12, turn("plan", 2), fraction(2000)), ""},
		{"a value that four rows share", rows(4, all("Gold"), all("9:00")), rows(4, all("Gold"), all("9:01")), ""},
		{"a value that three rows share", rows(3, all("Gold"), all("9:00")), rows(3, all("Gold"), all("9:01")), "3 held"},
		{"a value that two rows share", rows(2, all("Gold"), all("9:00")), rows(2, all("Gold"), all("9:01")), "2 held"},
		{"a value that all share now", rows(8, turn("plan", 2), own("t")), rows(8, turn("plan", 2), all("done")), "doubt, 8 held"},
		{"a value that all shared before", rows(8, all("Gold"), all("done")), rows(8, all("Gold"), own("t")), "doubt, 8 held"},
		{"a column is filled in", rows(8, turn("plan", 2), all("")), rows(8, turn("plan", 2), all("done")), ""},
		{"a column is cleared", rows(8, turn("plan", 2), all("done")), rows(8, turn("plan", 2), all("")), ""},
		{"all columns change but for a blank one", rows(8, own("a"), all("")), rows(8, own("c"), all("")), "doubt, 8 held"},
		{"all columns change", rows(8, own("a"), own("b")), rows(8, own("c"), own("d")), "doubt, 8 ready"},
		{"all columns change, one of them", rows(8, own("a")), rows(8, own("c")), "doubt, 8 ready"},
		{"what changed carries less than the rest", rows(16, turn("a", 4), turn("t", 2)), rows(16, turn("a", 4), turn("u", 2)), ""},
		{"what changed carries more than the rest", rows(16, turn("a", 2), turn("t", 4)), rows(16, turn("a", 2), turn("u", 4)), "doubt, 16 held"},
		{"fractions do not count in what changed", rows(16, turn("a", 4), turn("t", 2), fraction(1000)), rows(16, turn("a", 4), turn("u", 2), fraction(2000)), ""},
		{"fractions next to names, and mails that changed too", rows(20, own("t"), own("n"), fraction(1000)), rows(20, own("u"), own("n"), fraction(2000)), "doubt, 20 held"},
		{"half are equal in the rest", rows(8, turn("a", 2), own("t")), rows(8, but(turn("a", 2), 4), own("u")), "doubt, 4 ready, 4 held"},
		{"less than half are equal in the rest", rows(8, turn("a", 2), own("t")), rows(8, but(turn("a", 2), 5), own("u")), "doubt, 8 ready"},
		{"less than a tenth of the rows changed otherwise", rows(25, turn("a", 2), fraction(1000)), rows(25, but(turn("a", 2), 2), fraction(2000)), "2 ready"},
		{"more than a tenth of the rows changed otherwise", rows(25, turn("a", 2), fraction(1000)), rows(25, but(turn("a", 2), 3), fraction(2000)), "doubt, 3 ready, 22 held"},
		{"three columns that may identify", rows(8, turn("a", 2), own("t"), own("v"), own("x")), rows(8, turn("a", 2), own("u"), own("w"), own("y")), "doubt, 8 held"},
		{"three columns that may identify, and fractions", rows(8, turn("a", 2), own("t"), own("v"), own("x"), fraction(1000)), rows(8, turn("a", 2), own("u"), own("w"), own("y"), fraction(2000)), "doubt, 8 held"},
		{"four columns that may identify", rows(8, turn("a", 2), own("t"), own("v"), own("x"), own("z")), rows(8, turn("a", 2), own("u"), own("w"), own("y"), own("q")), "doubt, 8 ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := begin(tt.before.sheet(), detect.Options{}, 1<<30, 1, start)
			r = r.then(tt.after.sheet(), detect.Options{}, start.Add(time.Minute))
			got := verdict(r.Result)
			if got == "doubt" {
				r = r.then(tt.after.sheet(), detect.Options{}, start.Add(2*time.Minute))
				got += ", " + verdict(r.Result)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			like := map[int]bool{}
			for _, f := range r.Found {
				if f.Like != 0 && like[f.Like] {
					t.Errorf("two rows may be edits of row %d", f.Like)
				}
				like[f.Like] = true
			}
		})
	}
}
