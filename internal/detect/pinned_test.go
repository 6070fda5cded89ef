package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// lines is a sheet of texts with columns A, B, C and so on; "#7" is a number.
type lines [][]string

// list returns n rows.
func list(n int, cells func(i int) string) lines {
	rows := make(lines, n)
	for i := range rows {
		rows[i] = strings.Split(cells(i), "|")
	}
	return rows
}

// with returns a copy with other cells in a row, from column c on.
func (l lines) with(i, c int, cells ...string) lines {
	l = slices.Clone(l)
	l[i] = slices.Clone(l[i])
	copy(l[i][c:], cells)
	return l
}

// each applies with to several rows.
func (l lines) each(rows []int, c int, cells func(i int) []string) lines {
	for _, i := range rows {
		l = l.with(i, c, cells(i)...)
	}
	return l
}

// from returns a copy without the columns before c.
func (l lines) from(c int) lines {
	l = slices.Clone(l)
	for i := range l {
		l[i] = l[i][c:]
	}
	return l
}

// to returns a copy without the columns from c on.
func (l lines) to(c int) lines {
	l = slices.Clone(l)
	for i := range l {
		l[i] = l[i][:c]
	}
	return l
}

// moved returns a copy in which a row was moved before the one at the given index.
func (l lines) moved(i, before int) lines {
	r := l[i]
	l = slices.Insert(slices.Clone(l), before, r)
	if i >= before {
		i++
	}
	return slices.Delete(l, i, i+1)
}

func (l lines) sheet(header ...string) wholeSheet {
	if header == nil {
		for c := range l[0] {
			header = append(header, string(rune('A'+c)))
		}
	}
	s := wholeSheet{Header: row.HeaderOf(header)}
	for i, cells := range l {
		r := row.Row{Number: i + 2}
		for _, c := range cells {
			r.Cells = append(r.Cells, textOrNumber(c))
		}
		s.Rows = append(s.Rows, r)
	}
	return s
}

func span(from, to int) []int {
	var rows []int
	for i := from; i < to; i++ {
		rows = append(rows, i)
	}
	return rows
}

// verdict counts the rows found by state: "2 ready, 1 held", or "doubt".
func verdict(r detect.Result) string {
	if r.Doubt != "" {
		return "doubt"
	}
	n := map[detect.State]int{}
	for _, f := range r.Found {
		n[f.State]++
	}
	var out []string
	for _, s := range []detect.State{detect.Ready, detect.Waiting, detect.Held, detect.Skipped} {
		if n[s] > 0 {
			out = append(out, fmt.Sprint(n[s], " ", s))
		}
	}
	return strings.Join(out, ", ")
}

// people returns rows with one identifying column and n columns of two values each.
func people(rows, n int) lines {
	return list(rows, func(i int) string {
		s := fmt.Sprint("p", i)
		for k := range n {
			s += fmt.Sprint("|", "xy"[i>>(k%3)&1:][:1])
		}
		return s
	})
}

func word(f func(i int) string) func(int) []string {
	return func(i int) []string { return []string{f(i)} }
}

// TestPinned has, for each rule, a case that fails without it, and for each constant, a case on
// either side.
func TestPinned(t *testing.T) {
	require := detect.Options{Require: []string{"A"}}
	var plain detect.Options
	stars := word(func(int) string { return "***" })
	others := word(func(i int) string { return fmt.Sprint("q", i) })
	fresh := func(n int) lines { return list(n, func(i int) string { return fmt.Sprint("new", i, "|newtown", i) }) }
	// Rows whose second column is one of 20 towns: 4.3 bits.
	towns := list(80, func(i int) string { return fmt.Sprintf("p%d|town%d", i, i%20) })
	masked := towns.each(span(0, 20), 0, stars)
	inserted := func(n int) lines { return slices.Insert(slices.Clone(masked), 10, fresh(n)...) }
	around := func(n int) lines {
		return slices.Insert(slices.Insert(slices.Clone(masked), 10+n, []string{"n", "newtown"}), 10, fresh(11)...)
	}
	scored := list(40, func(i int) string { return fmt.Sprintf("p%d|%d|x|y|z|w", i, i%3) })
	nines := word(func(int) string { return "9" })
	triples := list(40, func(i int) string { return fmt.Sprintf("a%d|b%d|c%d", i, i, i) })
	// Every fourth row gets another score, and these rows trade places, except for two.
	movedScores := func(n int) lines {
		l := slices.Clone(scored)
		for k := range n {
			l = l.with(4*k+3, 1, "9").moved(4*k+3, 4*k+1)
		}
		for k := range n / 2 {
			l[4*k+1], l[4*(n-1-k)+1] = l[4*(n-1-k)+1], l[4*k+1]
		}
		return l
	}
	alike := func(columns int) (before, after lines) {
		l := list(40, func(i int) string {
			s := fmt.Sprint("a", i)
			for c := range columns - 1 {
				s += fmt.Sprint("|c", c, "-", i)
			}
			return s
		})
		after = slices.Insert(slices.Clone(l), 21, l[20])
		return l, after.with(20, 0, "u", "v").with(21, 2, "w")
	}
	nine, nineAfter := alike(9)
	eleven, elevenAfter := alike(11)
	numbers := func(n int, more ...string) lines {
		return slices.Concat(list(n, func(i int) string { return fmt.Sprint("00", i+1) }), list(10-n, func(i int) string { return fmt.Sprint("k", i) }), lines{more}[:min(len(more), 1)])
	}
	bare := func(n int) lines {
		return list(n, func(i int) string { return fmt.Sprint(i + 1) })
	}
	slots := list(12, func(i int) string { return fmt.Sprintf("p%d|slot%d", i, i) })
	times := list(20, func(i int) string { return fmt.Sprintf("plan%d|t0", i%2) })
	phones := func(n int, last string) lines {
		return append(list(11, func(i int) string {
			if i < n {
				return fmt.Sprint("+91 98200 1234", i)
			}
			return fmt.Sprint("n", i)
		}), []string{last})
	}
	one := func(s string) lines {
		return append(list(8, func(i int) string { return fmt.Sprintf("k%d|x", i) }), strings.Split(s+"|", "|")[:2])
	}
	wide := list(40, func(i int) string { return fmt.Sprintf("a%d|b%d|c%d|d%d", i, i, i, i) })
	copied := func(by int) lines {
		return slices.Insert(wide.moved(10, 11+by), 10, []string{"a10", "b10", "c10", "new"})
	}
	repeated := func(n, times int) lines {
		return list(n, func(i int) string {
			if i >= n-times {
				return fmt.Sprintf("p%d|x%d|y%d|%d", i-n+times, i, i, i%16)
			}
			return fmt.Sprintf("p%d|x%d|y%d|%d", i, i, i, i%16)
		})
	}
	// An identifying column, names of which the last two are equal, and dropdowns of two values.
	names := func(dropdowns int) lines {
		return list(12, func(i int) string {
			s := fmt.Sprintf("p%d|name%d", i, min(i, 10))
			for k := range dropdowns {
				s += fmt.Sprint("|", (i+k)%2)
			}
			return s
		})
	}
	sixNames := func(dropdowns int) lines {
		return list(6, func(i int) string { return fmt.Sprint("name", i) + strings.Repeat(fmt.Sprint("|", i%2), dropdowns) })
	}
	eightPairs := list(8, func(i int) string { return fmt.Sprintf("p%d|x|q%d", i, i) })
	sixPairs := list(6, func(i int) string { return fmt.Sprintf("p%d|%d|q%d", i, i%2, i) + strings.Repeat("|x", 10) })
	eights := func(dropdowns int) lines {
		return list(40, func(i int) string {
			s := fmt.Sprintf("p%d", i)
			for k := range dropdowns {
				s += fmt.Sprint("|", (i*(2*k+1)+k)%8)
			}
			return s
		})
	}
	ranks := func(n int) lines { return list(n, func(i int) string { return fmt.Sprintf("p%d|rank%d", i, i/2) }) }
	amounts := list(30, func(i int) string { return fmt.Sprintf("p%d|1,%03d.50|%d", i, i, i%2) })
	bareDown := list(30, func(i int) string { return fmt.Sprintf("p%d|1%03d.5|%d", 29-i, 29-i, (29-i)%2) })
	small := list(10, func(i int) string { return fmt.Sprintf("p%d|name%d|%d", i, i, i%3) })
	changed := strings.Split("nnnnnnnnnn", "")
	// Masked rows below n other rows.
	below := func(n int) lines {
		return list(n, func(i int) string { return fmt.Sprintf("new%d|elsewhere%d", i, i) })
	}
	many := list(200, func(i int) string { return fmt.Sprintf("p%d|town%d", i, i%20) })
	hidden := many.each(span(0, 200), 0, stars)
	// An identifying column, one of two values, and n that are the same in all rows.
	shared := func(n int) lines {
		return list(6, func(i int) string { return fmt.Sprintf("p%d|%d", i, i%2) + strings.Repeat("|x", n) })
	}
	alone := func(n int) lines { return lines{slices.Concat([]string{"p"}, strings.Split("abcdefgh", "")[:n])} }
	dice := func(n int) (before, after lines) {
		of := func(from int) lines { return list(n, func(i int) string { return fmt.Sprint("plan|#", from+i) }) }
		return of(1_000_000), of(2_000_000)
	}
	backwards := func(l lines) lines {
		l = slices.Clone(l)
		slices.Reverse(l)
		return l
	}
	ids := append(numbers(3), list(20, func(i int) string { return fmt.Sprint("m", i) })...)
	words := list(12, func(i int) string { return fmt.Sprint("word", i/2) })
	named := list(12, func(i int) string { return fmt.Sprintf("00%d|n%d", i+1, i%2) })
	unticked := list(12, func(i int) string { return fmt.Sprintf("00%d|#false", i+1) })
	clock := func(n int, at string) lines { return list(n, func(int) string { return "Gold|" + at }) }
	// Rows of an identifying column and two dropdowns; n rows change both and trade places.
	pairs := list(40, func(i int) string { return fmt.Sprintf("s%d|p%d|t%d", i%5, i, i%7) })
	trade := func(l lines, n int, change func(i int, cells []string)) lines {
		l = slices.Clone(l)
		for k := range n {
			i := 4*k + 3
			l[i] = slices.Clone(l[i])
			change(i, l[i])
			l = l.moved(i, i-2)
		}
		for k := range n / 2 {
			l[4*k+1], l[4*(n-1-k)+1] = l[4*(n-1-k)+1], l[4*k+1]
		}
		return l
	}
	movedPairs := func(n int) lines {
		return trade(pairs, n, func(i int, cells []string) { cells[0], cells[2] = fmt.Sprint("s", (i+2)%5), fmt.Sprint("t", (i+2)%7) })
	}
	mailed := list(40, func(i int) string { return fmt.Sprintf("m%d|s%d|p%d|t%d|name%d", i, i%5, i, i%7, i) })
	movedMails := trade(mailed, 8, func(i int, cells []string) {
		cells[0], cells[1], cells[3] = fmt.Sprint("n", i), fmt.Sprint("s", (i+2)%5), fmt.Sprint("t", (i+2)%7)
	})
	columns30 := list(40, func(i int) string { return fmt.Sprint("p", i) + strings.Repeat("|x", 28) + fmt.Sprint("|s", i%3) })
	movedColumns := trade(columns30, 8, func(i int, cells []string) { cells[29] = fmt.Sprint("s", (i+1)%3) })
	// Rows of two identifying columns and eight dropdowns of 16 values.
	broad := list(40, func(i int) string {
		s := fmt.Sprintf("a%d|b%d", i, i)
		for k := range 8 {
			s += fmt.Sprint("|", (i*(2*k+1)+k)%16)
		}
		return s
	})
	otherChoices := func(i int) []string {
		var cells []string
		for k := range 8 {
			cells = append(cells, fmt.Sprint("other", (i*(2*k+1)+k)%16))
		}
		return cells
	}
	// Rows with eight towns.
	clients := list(80, func(i int) string { return fmt.Sprintf("p%d|name%d|town%d", i, i, i%8) })
	twoStars := func(int) []string { return []string{"***", "***"} }
	hiddenClients := clients.each(span(0, 20), 0, twoStars)
	members := list(80, func(i int) string { return fmt.Sprintf("p%d|name%d|town%d", i, i, i%20) })
	classes := list(80, func(i int) string { return fmt.Sprintf("p%d|town%d|class%d", i, i%20, i%16) })
	oneOther := func(n int) lines { return classes.each(span(0, n), 0, stars).with(40, 0, "q", "elsewhere", "other") }
	fewTowns := list(80, func(i int) string { return fmt.Sprintf("p%d|town%d", i, i%10) })
	// The required column repeats, and the other one identifies.
	codes := func(n int) lines { return list(80, func(i int) string { return fmt.Sprintf("town%d|p%d", i%n, i) }) }
	keyed := detect.Options{Key: []string{"A"}}
	elsewhere := func(i int) []string { return []string{fmt.Sprint("q", i), "elsewhere"} }
	more := list(300, func(i int) string { return fmt.Sprintf("p%d|town%d", i, i*i*i/7%20) })
	hiddenMore := more.each(span(0, 300), 0, stars)
	// n identifying columns, and one of 20 towns.
	traced := func(n int) lines {
		return list(80, func(i int) string {
			s := ""
			for k := range n {
				s += fmt.Sprintf("%c%d|", 'a'+k, i)
			}
			return s + fmt.Sprint("town", i%20)
		})
	}
	starsIn := func(n int) func(int) []string { return func(int) []string { return slices.Repeat([]string{"***"}, n) } }
	five := list(40, func(i int) string { return fmt.Sprintf("a%d|b%d|c%d|d%d|e%d", i, i, i, i, i) })
	otherFour := func(i int) []string {
		return []string{fmt.Sprint("q", i), fmt.Sprint("r", i), fmt.Sprint("s", i), fmt.Sprint("t", i)}
	}
	strangers := func(n int) lines {
		return list(n, func(i int) string { return fmt.Sprintf("v%d|w%d|x%d|y%d|z%d", i, i, i, i, i) })
	}
	// Some rows keep only their identity, others are replaced, and more are added.
	kept := func(identities, replaced, more int) lines {
		l := slices.Clone(five)
		for k := range identities {
			l = l.with(2+3*k, 1, otherFour(k)...)
		}
		for k := range replaced {
			l = l.with(20+3*k, 0, strangers(20)[k]...)
		}
		return append(l, strangers(20)[20-more:]...)
	}
	// A row is edited, and so is its copy further down, with other rows between and below them.
	apart := func(between int) lines {
		l := slices.Insert(slices.Clone(five), 11, strangers(10)...)
		l = slices.Insert(l, 11, []string{"a10", "b10", "c10", "copy", "copy"})
		l = slices.Insert(l, 11, strangers(20)[10:10+between]...)
		return l.with(10, 0, "row", "row")
	}
	threeOfFive := list(40, func(i int) string { return fmt.Sprintf("a%d|b%d|c%d|%d|%d", i, i, i, i%2, i/2%2) })
	named2 := detect.Options{Require: []string{"A", "B", "C"}}
	ending := list(30, func(i int) string { return fmt.Sprintf("p%d|town%d", i, i*i*i/7%10) })
	// The first rows have more cells, which are replaced as well.
	moreCells := list(80, func(i int) string {
		if i < 6 {
			return fmt.Sprintf("town%d|p%d|c%d|d%d", i%20, i, i, i)
		}
		return fmt.Sprintf("town%d|p%d||", i%20, i)
	})
	moreOthers := func(i int) []string { return []string{fmt.Sprint("q", i), fmt.Sprint("r", i), fmt.Sprint("s", i)} }
	notes := func(n string, from int) lines {
		return list(40, func(i int) string {
			return fmt.Sprintf("plan%d|%s|#0.%d", i%2, map[bool]string{true: fmt.Sprint(n, i)}[i%10 == 5], from+7*i)
		})
	}
	states := func(state string) lines {
		return list(80, func(i int) string {
			if i < 20 && state != "open" {
				return fmt.Sprintf("***|***|town%d|%s", i%8, state)
			}
			return fmt.Sprintf("p%d|name%d|town%d|open", i, i, i%8)
		})
	}
	two, twoAfter := dice(2)
	three, threeAfter := dice(3)
	tests := []struct {
		name          string
		o             detect.Options
		before, after lines
		want          string
	}{
		{"sequenceBits: masked rows that tell 26 bits together", require, people(40, 2), people(40, 2).each(span(0, 13), 0, stars), ""},
		{"sequenceBits: masked rows that tell 22 bits together", require, people(40, 2), people(40, 2).each(span(0, 11), 0, stars), "11 ready"},
		{"inOrder: four masked rows, and another person", require, classes, oneOther(4), "1 ready"},
		{"inOrder: three masked rows, and another person", require, classes, oneOther(3), "1 ready, 3 held"},
		{"inOrder: rows of other keys", keyed, towns, towns.each(span(0, 20), 0, others), "20 ready"},
		{"inOrder: masked rows are half of those left", require, many, many.each(span(0, 20), 0, stars).each(span(100, 120), 0, elsewhere), "20 ready"},
		{"inOrder: masked rows are less than half of those left", require, many, many.each(span(0, 20), 0, stars).each(span(100, 121), 0, elsewhere), "21 ready, 20 held"},
		{"inOrder: other people in rows that tell 26 bits together", require, fewTowns, fewTowns.each(span(0, 8), 0, others), "8 held"},
		{"inOrder: other people in rows that tell 13 bits together", require, fewTowns, fewTowns.each(span(0, 4), 0, others), "4 ready"},
		{"inOrder: what is no identity is replaced, and a quarter is kept", require, codes(20), codes(20).each(span(0, 20), 1, others), ""},
		{"inOrder: what is no identity is replaced, and less than a quarter is kept", require, codes(10), codes(10).each(span(0, 20), 1, others), "20 ready"},
		{"sequenceTrial: 200 masked rows, and one more among them", require, many, slices.Insert(slices.Clone(hidden), 100, []string{"n", "newtown"}), "1 ready"},
		{"resync: a row before the last masked one", require, towns, slices.Insert(towns.each(span(60, 80), 0, stars), 79, []string{"n", "newtown"}), "1 ready"},
		{"resync: 64 rows between masked ones", require, towns, inserted(64), "64 ready"},
		{"resync: 65 rows between masked ones", require, towns, inserted(65), "65 ready, 10 held"},
		{"resyncBits: three masked rows tell that eleven came before", require, towns, around(3), "12 ready"},
		{"resyncBits: two masked rows do not", require, towns, around(2), "12 ready, 2 held"},
		{"manyRows: eight rows recalculated and moved", plain, scored, movedScores(8), ""},
		{"manyRows: seven rows recalculated and moved", plain, scored, movedScores(7), "7 held"},
		{"recalculated: eight rows, and one that was moved", require, scored, scored.each(span(22, 30), 1, nines).with(30, 1, "9").moved(30, 20), ""},
		{"recalculated: seven rows, and one that was moved", require, scored, scored.each(span(23, 30), 1, nines).with(30, 1, "9").moved(30, 20), "1 held"},
		{"recalculated: eight rows and one moved, but less than half", require, scored, scored.each(span(22, 30), 1, nines).each(span(31, 40), 2, nines).with(30, 1, "9").moved(30, 20), "1 held"},
		{"recalculated: an edit next to it", plain, triples, triples.each(span(0, 8), 1, others).with(30, 1, "n", "n"), ""},
		{"together: two columns change in eight rows that were moved", plain, pairs, movedPairs(8), ""},
		{"together: two columns change in seven rows that were moved", plain, pairs, movedPairs(7), "7 held"},
		{"together: a telling column is replaced as well in eight rows that were moved", plain, mailed, movedMails, ""},
		{"suspectColumns: the last of 30 columns is the one that changes in eight rows that were moved", plain, columns30, movedColumns, ""},
		{"replacedColumns: eight columns get other values in four rows", plain, broad, broad.each(span(10, 14), 2, otherChoices), ""},
		{"replacedColumns: eight columns get other values in three rows", plain, broad, broad.each(span(10, 13), 2, otherChoices), "3 held"},
		{"replacedColumns: two columns are masked in six rows", require, members, members.each(span(0, 6), 0, twoStars), ""},
		{"replacedColumns: two columns are masked in five rows, which tell too little", require, members, members.each(span(0, 5), 0, twoStars), "5 ready"},
		{"replacedColumns: two columns are masked, and a row comes above", require, clients, slices.Insert(slices.Clone(hiddenClients), 0, []string{"n", "newname", "newtown"}), "1 ready"},
		{"recalculated: an edit next to seven", plain, triples, triples.each(span(0, 7), 1, others).with(30, 1, "n", "n"), "1 held"},
		{
			"cleared cells: what is left tells the row", plain, list(20, func(i int) string { return fmt.Sprintf("p%d|b%d|c%d|d%d|e%d", i, i, i, i, i) }),
			list(20, func(i int) string { return fmt.Sprintf("p%d|b%d|c%d|d%d|e%d", i, i, i, i, i) }).with(7, 1, "", "", "", ""), "",
		},
		{"contestedMargin: the copy is more alike by an eighth", plain, nine, nineAfter, "1 ready"},
		{"contestedMargin: the copy is more alike by an eleventh", plain, eleven, elevenAfter, "2 held"},
		{"repeatedShare: a tenth of the identities repeat", require, repeated(40, 4), repeated(40, 4).with(10, 1, "u", "v"), ""},
		{"repeatedShare: a ninth of the identities repeat", require, repeated(45, 5), repeated(45, 5).with(10, 1, "u", "v"), "1 held"},
		{"nearReach: moved by six rows, and one like it in its place", plain, wide, copied(5), "1 ready"},
		{"nearReach: moved by seven rows, and one like it in its place", plain, wide, copied(6), "1 held"},
		{"namesakeShare: a third is left with the identity", require, triples, triples.with(10, 1, "n", "n"), ""},
		{"namesakeShare: a quarter is left with the identity", require, wide, wide.with(10, 1, "n", "n", "n"), "1 held"},
		{"manyIdentified: three identities, all else changes", require, wide, append(wide.each(span(10, 13), 1, others).each(span(10, 13), 2, others).each(span(10, 13), 3, others), []string{"q", "r", "s", "t"}), "1 ready"},
		{"manyIdentified: two identities, all else changes", require, wide, append(wide.each(span(10, 12), 1, others).each(span(10, 12), 2, others).each(span(10, 12), 3, others), []string{"q", "r", "s", "t"}), "1 ready, 2 held"},
		{"manyIdentified: three identities of seven rows", require, five, kept(3, 4, 0), "4 ready, 3 held"},
		{"manyIdentified: three identities, and more rows come", require, five, kept(3, 0, 5), "5 ready"},
		{"manyIdentified: three identities, and more rows are gone", require, five, slices.Concat(kept(3, 0, 0)[:20], kept(3, 0, 0)[30:]), ""},
		{"identified: a third row is gone", require, five, slices.Delete(five.each([]int{10, 20}, 1, otherFour), 30, 31), "2 held"},
		{"sameIdentity: the identity alone is left", require, five, five.with(10, 1, otherFour(0)...), "1 held"},
		{"sameIdentity: the identities alone are left of two rows", require, five, append(five.with(10, 1, otherFour(0)...).with(20, 1, otherFour(1)...), strangers(1)...), "1 ready, 2 held"},
		{"identified: another key", detect.Options{Key: []string{"B"}, Require: []string{"A"}}, five, five.with(10, 1, "q"), "1 ready"},
		{"identified: an identity that occurred twice", require, five.with(20, 0, "a10"), slices.Delete(five.with(10, 1, otherFour(0)...), 20, 21), "1 ready"},
		{"identified: the row and its copy are edited", require, five, slices.Insert(five.with(10, 3, "u", "v"), 11, []string{"a10", "b10", "c10", "w", "e10"}), "1 ready"},
		{"likely: two of three required cells, in a row next to the edited one", named2, threeOfFive, slices.Insert(threeOfFive.with(10, 2, "q"), 11, []string{"q", "b10", "c10", "7", "7"}), "1 ready"},
		{"nearestMatched: five rows between a row and its copy, both edited", plain, five, apart(5), "15 ready, 2 held"},
		{"nearestMatched: six rows between a row and its copy, both edited", plain, five, apart(6), "17 ready"},
		{"inOrder: rows that keep less than a quarter come before those that keep more", require, moreCells, moreCells.each(span(0, 6), 1, moreOthers).each(span(6, 20), 1, others), "6 ready"},
		{"volatile: all four notes change next to fractions that do in all rows", plain, notes("note", 1000), notes("other", 2000), "4 held"},
		{"masked: a state that all rows share changes too", require, states("open"), states("done"), ""},
		{"replacement: three people in their slots, and three slots filled", require, slots.each(span(6, 9), 0, word(func(int) string { return "" })), slots.each(span(0, 3), 0, others).each(span(6, 9), 0, others), "3 ready"},
		{"one cell differs elsewhere: the rest tells 6.3 bits", plain, ranks(160), ranks(160).with(10, 0, "q").moved(10, 60), "1 held"},
		{"one cell differs elsewhere: the rest tells 5.3 bits", plain, ranks(80), ranks(80).with(10, 0, "q").moved(10, 60), "1 ready"},
		{"a row moved with another mail, and another one copied", require, small, append(small.with(3, 0, "q").moved(3, 7), small[1]), "1 ready, 1 held"},
		{"amounts are respelt and the rows sorted, one like them comes next to its like", require, amounts, slices.Insert(slices.Clone(bareDown), 20, []string{"p9", "777", "1"}), "1 ready"},
		{"manyFolds: three numbers lose their zeros", require, numbers(3), append(bare(3), numbers(3)[3:]...), ""},
		{"manyFolds: two numbers lose their zeros", require, numbers(2), append(bare(2), numbers(2)[2:]...), "2 ready"},
		{"most: three of five rows lose their zeros", require, ids, append(bare(3), append(fresh(2).to(1), ids[5:]...)...), "2 ready"},
		{"most: three of six rows lose their zeros", require, ids, append(bare(3), append(fresh(3).to(1), ids[6:]...)...), "6 ready"},
		{"scattered: one is tidied, and the sheet is reversed", require, slots, backwards(slots.with(4, 0, "P4")), ""},
		{"scattered: one is tidied and moved", require, slots, slots.with(4, 0, "P4").moved(4, 12), "1 held"},
		{"scattered: one loses its zeros, and the sheet is reversed", require, named, backwards(named.with(4, 0, "5")), "1 held"},
		{"scattered: one of a lone column loses its zeros, and the sheet is reversed", require, named.to(1), backwards(named.to(1).with(4, 0, "5")), "1 ready"},
		{"rows that fold alike are tidied, and the sheet is reversed", plain, words, backwards(words.each(span(0, 12), 0, word(func(i int) string { return fmt.Sprint("WORD", i/2) }))), ""},
		{"restSame: a row with an unticked checkbox loses its zeros", require, unticked, unticked.with(4, 0, "5"), "1 ready"},
		{"masked: values of half of the bits", require, towns, towns.each(span(0, 16), 0, word(func(i int) string { return fmt.Sprint("m", i%4) })), "16 held"},
		{"masked: values of less than half of the bits", require, towns, towns.each(span(0, 16), 0, word(func(i int) string { return fmt.Sprint("m", i%3) })), ""},
		{"manyReplaced: four people in their slots", require, slots, slots.each(span(3, 7), 0, others), "4 held"},
		{"manyReplaced: three people in their slots", require, slots, slots.each(span(3, 6), 0, others), ""},
		{"identifying: two of three identifying columns are replaced", plain, triples, triples.each(span(3, 9), 0, func(i int) []string { return []string{fmt.Sprint("q", i), fmt.Sprint("r", i)} }), "6 held"},
		{"identifying: one of two identifying columns is replaced", plain, slots, slots.each(span(3, 9), 0, others), ""},
		{"resolveReplaced: the identity is replaced, most of the rest tells the row", require, triples, triples.each(span(3, 9), 0, others), ""},
		{"resync: more rows come between masked ones than are left", require, ending, slices.Insert(ending.each(span(0, 30), 0, stars), 22, fresh(20)...), "20 ready"},
		{"unmasked: a value of its own among masked rows", require, towns, masked.with(10, 0, "own"), "1 held"},
		{"unmasked: a blank among masked rows", require, towns, masked.with(10, 0, ""), ""},
		{"nearlyAll: a column changes in nine of ten rows", plain, times, times.each(span(0, 18), 1, word(func(int) string { return "t1" })), ""},
		{"nearlyAll: a column changes in seventeen of twenty", plain, times, times.each(span(0, 17), 1, word(func(int) string { return "t1" })), "doubt"},
		{"leastPhone: seven digits", require, one("+12 34567"), one("+123 4567"), ""},
		{"leastPhone: six digits", require, one("+12 3456"), one("+123 456"), "1 ready"},
		{"mostDigits: fifteen", require, one("123456789012345"), one("#123456789012345"), ""},
		{"mostDigits: sixteen", require, one("1234567890123456"), one("#1234567890123456"), "1 held"},
		{"mostDigits: fifteen, grouped", require, one("123,456,789,012,345|x"), one("#123456789012345|x"), ""},
		{"mostDigits: sixteen, grouped", require, one("1,234,567,890,123,456|x"), one("#1234567890123456|x"), "1 ready"},
		{"phoneShare: a third of the column", require, phones(4, "98200-12345"), phones(4, "9820012345"), ""},
		{"phoneShare: a quarter of the column", require, phones(3, "98200-12345"), phones(3, "9820012345"), "1 ready"},
		{"a long number in a column of phone numbers", require, phones(5, "1234567890123456"), phones(5, "#1234567890123456"), "1 held"},
		{"own: a name of 12 repeats, and four dropdowns", plain, names(4), names(4).with(4, 0, "q"), ""},
		{"own: a name of 12 repeats, and three dropdowns", plain, names(3), names(3).with(4, 0, "q"), "1 held"},
		{"own: a required name of 12 repeats, and nine dropdowns change", require, names(9).from(1), names(9).from(1).with(11, 1, changed...), ""},
		{"own: a required name of 12 repeats, and ten dropdowns change", require, names(10).from(1), names(10).from(1).with(11, 1, changed...), "1 held"},
		{"distinctBits: six names, and eight dropdowns change", plain, sixNames(8), sixNames(8).with(3, 1, changed...), ""},
		{"distinctBits: six names, and nine dropdowns change", plain, sixNames(9), sixNames(9).with(3, 1, changed...), "1 held"},
		{"minBits: a cell that all rows shared changes too", plain, eightPairs, eightPairs.with(3, 0, "q", "n"), "1 held"},
		{"minBits: many cells that all rows share", plain, sixPairs, sixPairs.with(3, 0, "q", "n"), "1 held"},
		{"restShare: two of three other cells are the same", require, eights(3), eights(3).with(20, 0, "q", "n"), "1 held"},
		{"restShare: three of five other cells are the same", require, eights(5), eights(5).with(20, 0, "q", "n", "n"), "1 ready"},
		{"sequenceTrial: masked rows below 96 others", require, more, append(below(96), hiddenMore[96:]...), "96 ready"},
		{"sequenceTrial: masked rows below 97 others", require, more, append(below(97), hiddenMore[97:]...), "doubt"},
		{"traceShare: a town, and six identifying columns are masked", require, traced(6), traced(6).each(span(0, 20), 0, starsIn(6)), ""},
		{"traceShare: a town, and seven identifying columns are masked", require, traced(7), traced(7).each(span(0, 20), 0, starsIn(7)), "20 ready"},
		{"minBits: 105 cells that all rows share, and a dropdown", plain, shared(105), shared(105).with(3, 0, "q"), "1 held"},
		{"minBits: 95 cells that all rows share, and a dropdown", plain, shared(95), shared(95).with(3, 0, "q"), "1 ready"},
		{"loneBits: four cells next to the identity of a lone row", require, alone(4), alone(4).with(0, 0, "q"), "1 held"},
		{"loneBits: three cells next to the identity of a lone row", require, alone(3), alone(3).with(0, 0, "q"), "1 ready"},
		{"volatile: all rows share what changed, and the rest", plain, clock(8, "9:00"), clock(9, "9:01"), "1 ready"},
		{"volatile: all but what is required changed, and the sheet is reversed", require, triples, backwards(triples.each(span(0, 40), 1, func(i int) []string { return []string{fmt.Sprint("u", i), fmt.Sprint("v", i)} })), ""},
		{"volatileRows: a column changes in three rows", plain, three, threeAfter, "3 held"},
		{"volatileRows: a column changes in two rows", plain, two, twoAfter, "2 ready"},
		{"doubtFrom: two of three rows are gone", plain, people(3, 0), people(1, 0), ""},
		{"doubtFrom: two of four rows are gone", plain, people(4, 0), people(2, 0), "doubt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := begin(tt.before.sheet(), tt.o, 1<<30, 1, start).Cursor
			r := diff(c, tt.after.sheet(), tt.o, start.Add(time.Minute)).Result
			if got := verdict(r); got != tt.want {
				t.Errorf("got %q, want %q: %+v", got, tt.want, r.Found)
			}
		})
	}
}

// TestRenamedShare: a column with another name is the same one if half of its values are kept. Only
// then do the other values count as edits.
func TestRenamedShare(t *testing.T) {
	for kept, want := range map[int]int{10: 10, 9: 0} {
		before := list(20, func(i int) string { return fmt.Sprintf("p%d|code%d", i, i) })
		r := begin(before.sheet("Email", "Code"), detect.Options{}, 0, 1, start)
		after := before.each(span(kept, 20), 1, word(func(i int) string { return fmt.Sprint("other", i) }))
		r = r.then(after.sheet("Email", "SKU"), detect.Options{}, start.Add(time.Minute))
		if len(r.Found) > 0 || len(r.Changes) != want {
			t.Errorf("%d of 20 values kept: found %d, changes %+v; want %d edited rows", kept, len(r.Found), r.Changes, want)
		}
	}
}

// TestCertainShare: a row that keeps two thirds is an edit, judging only by the rows of a window.
func TestCertainShare(t *testing.T) {
	before := list(30, func(i int) string {
		return strings.TrimPrefix(strings.ReplaceAll("|a-|b-|c-|d-|e-|f-|g-|h-|i-|j-", "-", fmt.Sprint(i)), "|")
	})
	c := begin(before.sheet(), detect.Options{}, 1<<30, 1, start).Cursor
	for cells, want := range map[int]detect.Tailed{3: detect.Conclusive, 4: detect.Inconclusive} {
		w, ok := c.Tail(detect.Options{})
		if !ok {
			t.Fatal("no window")
		}
		s := before.with(29, 0, strings.Split("nnnn", "")[:cells]...).sheet()
		s.Rows = s.Rows[w.From-2:]
		if _, how := detect.DiffTail(c, readingOf(s, detect.Options{}), w, detect.Options{}, start.Add(time.Minute)); how != want {
			t.Errorf("%d of 10 cells edited: %d, want %d", cells, how, want)
		}
	}
}

// TestBoundsOfWindows: a window is possible if three of the last 64 rows are unique, a new row
// within 20 rows of its end requires reading on, and it grows to at most 4,096 rows.
func TestBoundsOfWindows(t *testing.T) {
	for equal, want := range map[int]bool{61: true, 62: false} {
		rows := append(people(10, 0), list(equal, func(int) string { return "same" })...)
		if _, ok := begin(rows.sheet(), detect.Options{}, 1<<30, 1, start).Cursor.Tail(detect.Options{}); ok != want {
			t.Errorf("%d equal rows at the end: window %t, want %t", equal, ok, want)
		}
	}
	before := people(30, 0)
	c := begin(before.sheet(), detect.Options{}, 1<<30, 1, start).Cursor
	w, _ := c.Tail(detect.Options{})
	for fromEnd, want := range map[int]detect.Tailed{19: detect.ReadMore, 20: detect.Conclusive} {
		s := before.sheet()
		s.Rows = append(s.Rows[w.From-2:], row.Row{Number: w.To - fromEnd, Cells: []row.Cell{row.TextCell("new")}})
		if _, how := detect.DiffTail(c, readingOf(s, detect.Options{}), w, detect.Options{}, start.Add(time.Minute)); how != want {
			t.Errorf("a new row %d above the window's end: %d, want %d", fromEnd, how, want)
		}
	}
	for rows, want := range map[int]bool{4096: true, 4097: false} {
		if longer, ok := (detect.Window{From: 10, To: 10 + rows - 2000}).Further(); ok != want {
			t.Errorf("a window of %d rows: %t, want %t", longer.To-longer.From, ok, want)
		}
	}
}

// TestGoneFor: a vanished row can come back within a day, and a read that misses half of the rows
// is repeated after a minute.
func TestGoneFor(t *testing.T) {
	for after, want := range map[time.Duration]string{24*time.Hour - time.Minute: "", 24 * time.Hour: "1 ready"} {
		all := people(8, 0)
		r := begin(all.sheet(), detect.Options{}, 1<<30, 1, start)
		r = r.then(all[:7].sheet(), detect.Options{}, start)
		r = r.then(all.sheet(), detect.Options{}, start.Add(after))
		if got := verdict(r.Result); got != want {
			t.Errorf("back after %s: got %q, want %q", after, got, want)
		}
	}
	r := begin(people(8, 0).sheet(), detect.Options{}, 1<<30, 1, start)
	if r = r.then(people(3, 0).sheet(), detect.Options{}, start); r.Recheck != time.Minute {
		t.Errorf("recheck after %s, want a minute", r.Recheck)
	}
}

// TestWithoutFolds: the first comparison with a cursor without folded hashes cannot tell a tidied
// row from another one in its place.
func TestWithoutFolds(t *testing.T) {
	before := lines{{"A@x"}, {"b@x"}, {"c@x"}, {"D@x"}, {"e@x"}, {"f@x"}, {"g@x"}, {"h@x"}}
	for _, tt := range []struct {
		name  string
		after lines
		want  string
	}{
		{"nothing", before, ""},
		{"appended", append(slices.Clone(before), []string{"i@x"}), "1 ready"},
		{"tidied, and one appended", append(before.with(3, 0, "d@x"), []string{"i@x"}), "1 ready, 1 held"},
		{"the first tidied", before.with(0, 0, "a@x"), "1 held"},
		{"tidied, below a row that was moved there", lines{{"a@x"}, {"b@x"}, {"c@x"}, {"g@x"}, {"d@x"}, {"e@x"}, {"f@x"}, {"h@x"}}, "2 held"},
		{"tidied and moved, its place is gone", lines{{"A@x"}, {"d@x"}, {"b@x"}, {"c@x"}, {"f@x"}, {"e@x"}, {"g@x"}, {"h@x"}}, "1 held"},
		{"tidied and sorted", lines{{"h@x"}, {"d@x"}, {"g@x"}, {"f@x"}, {"e@x"}, {"c@x"}, {"b@x"}, {"A@x"}}, "1 held"},
		{"tidied, between rows that were apart", lines{{"A@x"}, {"b@x"}, {"c@x"}, {"e@x"}, {"g@x"}, {"d@x"}, {"f@x"}, {"h@x"}}, "1 held"},
		{"deleted, and another typed elsewhere", lines{{"A@x"}, {"b@x"}, {"c@x"}, {"e@x"}, {"f@x"}, {"new@x"}, {"g@x"}, {"h@x"}}, "1 ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := detect.Options{Require: []string{"A"}}
			c := begin(before.sheet(), o, 1<<30, 1, start).Cursor
			c.Folds = nil
			r := diff(c, tt.after.sheet(), o, start.Add(time.Minute))
			if got := verdict(r.Result); got != tt.want {
				t.Errorf("got %q, want %q: %+v", got, tt.want, r.Found)
			}
			for _, f := range r.Found {
				if f.State == detect.Held && !strings.EqualFold(before[f.Like-2][0], tt.after[f.Row-2][0]) {
					t.Errorf("row %d may be an edit of row %d", f.Row, f.Like)
				}
			}
			if again := r.then(tt.after.with(4, 0, strings.ToUpper(tt.after[4][0])).sheet(), o, start.Add(2*time.Minute)); verdict(again.Result) != "" {
				t.Errorf("tidied later: %q", verdict(again.Result))
			}
		})
	}
}
