package detect_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestRates measures what random work between polls loses, fires wrongly and holds, as a part of the rows added. $DETECT_SEQUENCES is the
// number of sequences of a mix, for sheets of each size and scheme, with and without Require; a tenth of it for large ones.
func TestRates(t *testing.T) {
	sequences := 25
	if s := os.Getenv("DETECT_SEQUENCES"); s != "" {
		sequences, _ = strconv.Atoi(s)
	}
	mixes := []struct {
		name string
		ops  []operation
		rows limits // in per cent; more in small sheets
	}{
		{
			"deletes and appends",
			[]operation{{"append", (*model).appendRow}, {"delete", (*model).deleteRow}, {"delete last", (*model).deleteLast}},
			limits{0.1, 0, 0.2},
		},
		{"inserts, moves and sorts too", slices.Concat(additions(), deletions(), moves()), limits{0.1, 0.05, 0.1}},
		{"edits and copies", slices.Concat(additions(), deletions(), moves()[:2], edits(), copies()), limits{0.1, 0.1, 0.5}},
		{"edits and sorts", slices.Concat(additions(), deletions(), moves(), edits()), limits{0.1, 0.1, 0.5}},
		{"everything", everything(), limits{0.2, 0.2, 2}},
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
						most := mix.rows
						if size.to <= 10 {
							most = limits{most.lost + 1.5, most.wrong + 1, most.held*3 + 6}
						}
						sum.report(t, most)
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

// limits are parts of the rows added, in per cent.
type limits struct{ lost, wrong, held float64 }

func (a tally) report(t *testing.T, most limits) {
	t.Helper()
	rate := func(n int) float64 { return 100 * float64(n) / float64(max(a.added, 1)) }
	t.Logf("%d sequences, %d rows added: lost %.3f %%, fired wrongly %.3f %%, held %.3f %%; undecidable besides: lost %.3f, fired %.3f, held %.3f",
		a.sequences, a.added, rate(a.lost), rate(a.wrong), rate(a.held), rate(a.grey.lost), rate(a.grey.wrong), rate(a.grey.held))
	// A few rows are chance: one bad sequence in a short run.
	over := func(n int, limit float64) bool { return float64(n) > float64(a.added)*limit/100+5 }
	if over(a.lost, most.lost) || over(a.wrong, most.wrong) || over(a.held, most.held) {
		t.Errorf("more than %+v", most)
	}
}
