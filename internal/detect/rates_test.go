package detect_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestRates measures how many rows are lost, fired wrongly and held after random work between
// polls, with and without Options.Require. Seeds are fixed, so ordinary runs give the same counts
// each time and have limits of their own. $DETECT_SEQUENCES is the number of sequences of each
// scheme in each mix, a tenth of it for sheets of more than 100 rows; the limits are then rates.
//
//	DETECT_SEQUENCES=20000 go test ./internal/detect -run TestRates -v -timeout 3h
func TestRates(t *testing.T) {
	for _, mix := range append(mixes(), typedMixes()...) {
		for _, size := range mix.sizes {
			for _, require := range mix.require {
				name := mix.name + "/" + size.name + "/" + map[bool]string{true: "require", false: "plain"}[require]
				t.Run(name, func(t *testing.T) {
					sum := tally{}
					for _, scheme := range mix.schemes {
						var part tally
						for seed := range sequences(size) {
							part.add(mix.sequence(t, uint64(seed), size, scheme, require))
						}
						t.Logf("%s: %s", scheme.name, part)
						sum.add(part)
					}
					t.Logf("all: %s", sum)
					sum.judge(t, name, mix.name)
				})
			}
		}
	}
}

// mix is a kind of work on sheets of several schemes and sizes.
type mix struct {
	name     string
	sizes    []size
	schemes  []namedScheme
	require  []bool // whether Options.Require is set
	sequence func(t testing.TB, seed uint64, size size, scheme namedScheme, require bool) tally
}

// size is a range of rows, and the number of sequences of each scheme in an ordinary run.
type size struct {
	name      string
	from, to  int
	sequences int
}

func sequences(s size) int {
	n, err := strconv.Atoi(os.Getenv("DETECT_SEQUENCES"))
	switch {
	case err != nil || n <= 0:
		return s.sequences
	case s.from > 100:
		return max(n/10, 1)
	}
	return n
}

type namedScheme struct {
	name     string
	of       scheme
	identity string // the column in Options.Require
}

// mixes returns the mixes in which cells change only when somebody edits them.
func mixes() []mix {
	sizes := []size{{"small", 3, 10, 150}, {"middling", 10, 100, 40}, {"large", 500, 2000, 2}}
	schemes := []namedScheme{{"leads", leads, "Email"}, {"signups", signups, "Email"}, {"scores", scores, "Email"}, {"orders", orders, "Email"}, {"wide", wide, "Email"}}
	var all []mix
	require := []bool{false, true}
	add := func(name string, ops []operation) {
		all = append(all, mix{name, sizes, schemes, require, func(t testing.TB, seed uint64, size size, scheme namedScheme, require bool) tally {
			t.Helper()
			return sequence(t, seed, size.from, size.to, ops, scheme.of, scheme.options(require))
		}})
	}
	add("deletes and appends", []operation{{"append", (*model).appendRow}, {"delete", (*model).deleteRow}, {"delete last", (*model).deleteLast}})
	add("inserts, moves and sorts", slices.Concat(additions(), deletions(), moves()))
	add("edits and copies", slices.Concat(additions(), deletions(), moves()[:2], edits(), copies()))
	add("edits and sorts", slices.Concat(additions(), deletions(), moves(), edits()))
	add("everything", everything())
	return all
}

func (s namedScheme) options(require bool) detect.Options {
	if !require {
		return detect.Options{}
	}
	return detect.Options{Require: []string{s.identity}}
}

// sheetsOf returns schemes named after their columns. The identity is Email, or else the first
// column.
func sheetsOf(ways func(*kind) []way, columns ...string) []namedScheme {
	var all []namedScheme
	for _, c := range columns {
		identity := "Email"
		if !strings.Contains(c, "Email mail") {
			identity, _, _ = strings.Cut(c, " ")
		}
		all = append(all, namedScheme{c, sheetOf(c, ways), identity})
	}
	return all
}

// typedMixes returns the mixes in which cells can be written in several ways, and those in which
// the content hardly identifies rows. The same work "as meant" shows the results without different
// spellings: the difference between the two is due to spelling alone.
func typedMixes() []mix {
	sizes := []size{{"small", 6, 12, 20}, {"middling", 13, 100, 8}, {"large", 101, 400, 2}}
	tidy := sheetsOf(
		tidyWays,
		"Email mail", "Name name", "Phone phone+", "Phone phone00", "Phone phone(", "Code code",
		"Email mail, Name name", "Name name, Phone phone+", "Phone phone(, Plan plan", "Email mail, Plan plan", "Code code, Amount amount",
		"Name name, Email mail, Phone phone+", "Email mail, City city, Subscribed checkbox", "Id id, Name name, Phone phone00",
		"Email mail, Name name, City city, Plan plan", "Id id, Name name, Amount amount, Day day",
		"Id id, Name name, Email mail, Phone phone+, City city, Plan plan, Amount amount, Subscribed checkbox",
	)
	types := sheetsOf(
		typeWays,
		"Id id", "Amount amount, Plan plan", "Email mail, Amount amount", "Id id, Name name", "Email mail, Subscribed checkbox",
		"Id id, Name name, City city", "Name name, Amount amount, Paid checkbox", "Email mail, Plan plan, Amount amount, Subscribed checkbox",
		"Id id, Name name, Email mail, Phone phone+, City city, Plan plan, Amount amount, Subscribed checkbox",
	)
	days := sheetsOf(
		dayWays,
		"Name name, Day day", "Email mail, Day day", "Email mail, Name name, Day day", "Id id, Name name, Amount amount, Day day",
		"Id id, Name name, Email mail, Phone phone+, City city, Plan plan, Amount amount, Day day",
	)
	people := sheetsOf(
		noWays,
		"Email mail, Name name, City city, Plan plan", "Name name, Email mail, City city, Plan plan",
		"Id id, Name name, Email mail, City city, Plan plan, Amount amount, Day day, Subscribed checkbox",
	)
	half := []size{{"middling", 24, 100, 25}, {"large", 101, 400, 5}}
	slots := []size{{"8 rows", 8, 8, 50}, {"12 rows", 12, 12, 50}, {"20 rows", 20, 20, 50}}
	equal := []size{{"8 to 50 rows", 8, 50, 60}}
	var all []mix
	add := func(name string, asMeant bool, sizes []size, schemes []namedScheme, require []bool, work func(*model, int)) {
		all = append(all, mix{name, sizes, schemes, require, func(t testing.TB, seed uint64, size size, scheme namedScheme, require bool) tally {
			t.Helper()
			m := seeded(t, seed)
			m.asMeant = asMeant
			m.begin(size.from+m.intn(size.to-size.from+1), scheme.of, scheme.options(require))
			return m.polls(t, func(poll int) { work(m, poll) })
		}})
	}
	both := func(name string, sizes []size, schemes []namedScheme, work func(*model, int)) {
		add(name, false, sizes, schemes, []bool{false, true}, work)
		add(name+", as meant", true, sizes, schemes, []bool{false}, work)
	}
	both("tidying a cell", sizes, tidy, rewritten(operation{"tidy a cell", (*model).rewriteCell}))
	both("tidying a column", sizes, tidy, rewritten(operation{"tidy a column", (*model).rewriteColumn}))
	both("tidying a sheet", sizes, tidy, rewritten(operation{"tidy all", (*model).rewriteSheet}))
	flips := []operation{{"flip a column", (*model).rewriteColumn}, {"flip all", (*model).rewriteSheet}}
	both("types flipped", sizes, types, rewritten(flips...))
	both("days flipped", sizes, days, rewritten(flips...))
	both("masked, telling", half, people, masked(true))
	both("masked, stars", half, people, masked(false))
	add("slots taken", false, slots, sheetsOf(noWays, "Slot slot, Email mail, Name name"), []bool{true}, taken)
	both("volatile", equal, sheetsOf(volatileWays, "Plan plan, When now", "Plan plan, City city, When now", "Plan plan, When rand", "Email mail, Plan plan, When now"), volatile)
	return all
}

// sequence polls a sheet three times, each after one to six operations.
func sequence(t testing.TB, seed uint64, from, to int, ops []operation, of scheme, o detect.Options) tally {
	t.Helper()
	m := seeded(t, seed)
	m.begin(from+m.intn(to-from+1), of, o)
	return m.polls(t, func(int) {
		for range 1 + m.intn(6) {
			m.work(ops)
		}
	})
}

// polls reads a sheet three times, each after some work.
func (m *model) polls(t fataler, work func(poll int)) tally {
	t.Helper()
	for poll := range 3 {
		work(poll)
		m.poll(t)
	}
	m.tally.sequences = 1
	return m.tally
}

// seeded returns a model with fixed random numbers. With $DETECT_TRACE set, it logs each row that
// is lost, wrong or held.
func seeded(t testing.TB, seed uint64) *model {
	m := &model{intn: rand.New(rand.NewPCG(seed, 1)).IntN}
	if os.Getenv("DETECT_TRACE") != "" {
		m.trace = func(format string, args ...any) { t.Logf("seed %d: "+format, append([]any{seed}, args...)...) }
	}
	return m
}
