package detect_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestRates measures what random work between polls loses, fires wrongly and holds. $DETECT_SEQUENCES is the number of
// sequences of a mix, of sheets of a size, with and without Require; a tenth of it for large sheets.
func TestRates(t *testing.T) {
	sequences := 100
	if s := os.Getenv("DETECT_SEQUENCES"); s != "" {
		sequences, _ = strconv.Atoi(s)
	}
	mixes := []struct {
		name string
		ops  []operation
	}{
		{"deletes and appends", []operation{{"append", (*model).appendRow}, {"delete", (*model).deleteRow}, {"delete last", (*model).deleteLast}}},
		{"inserts, moves and sorts too", slices.Concat(additions(), deletions(), moves())},
		{"edits and copies", slices.Concat(additions(), deletions(), moves()[:2], edits(), copies())},
		{"edits and sorts", slices.Concat(additions(), deletions(), moves(), edits())},
		{"everything", everything()},
	}
	sizes := []struct {
		name     string
		from, to int
	}{{"small", 3, 10}, {"middling", 10, 100}, {"large", 500, 2000}}
	schemes := []struct {
		name string
		of   scheme
	}{{"leads", leads}, {"signups", signups}, {"scores", scores}, {"orders", orders}, {"wide", wide}}
	for _, mix := range mixes {
		for _, size := range sizes {
			for _, require := range [][]string{nil, {"Email"}} {
				for _, scheme := range schemes {
					name := mix.name + "/" + size.name + "/" + map[bool]string{true: "require", false: "plain"}[len(require) > 0] + "/" + scheme.name
					t.Run(name, func(t *testing.T) {
						n := sequences
						if size.from >= 500 {
							n = max(n/10, 1)
						}
						var sum tally
						for seed := range n {
							sum.add(sequence(t, uint64(seed), size.from, size.to, mix.ops, scheme.of, detect.Options{Require: require}))
						}
						sum.report(t)
					})
				}
			}
		}
	}
}

// sequence polls a sheet three times, after one to six operations each.
func sequence(t testing.TB, seed uint64, from, to int, ops []operation, of scheme, o detect.Options) tally {
	t.Helper()
	intn := rand.New(rand.NewPCG(seed, 1)).IntN
	m := newModel(intn, from+intn(to-from+1), of, o)
	if os.Getenv("DETECT_TRACE") != "" {
		m.trace = func(format string, args ...any) { t.Logf("seed %d: "+format, append([]any{seed}, args...)...) }
	}
	for range 3 {
		for range 1 + intn(6) {
			m.work(ops)
		}
		m.poll(t)
	}
	m.tally.sequences = 1
	return m.tally
}

func (a tally) report(t *testing.T) {
	t.Helper()
	rate := func(n int) float64 { return 100 * float64(n) / float64(max(a.added, 1)) }
	t.Logf("%d sequences, %d rows added: lost %.3f %%, fired wrongly %.3f %%, held %.3f %%; undecidable besides: lost %.3f, fired %.3f, held %.3f",
		a.sequences, a.added, rate(a.lost), rate(a.wrong), rate(a.held), rate(a.grey.lost), rate(a.grey.wrong), rate(a.grey.held))
}
