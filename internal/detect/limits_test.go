package detect_test

import (
	"fmt"
	"math"
	"os"
	"testing"
)

// limits are rows that may be lost, fired wrongly and held at most: counts, or per cent of the rows added.
type limits struct{ lost, wrong, held float64 }

// rateLimits are those of TestRates, by subtest or by mix. short ones are counts of an ordinary run, whose seeds are fixed; long ones are
// rates, with DETECT_SEQUENCES.
var rateLimits = map[string]struct{ short, long limits }{}

var (
	none = limits{0, 0, 0}
	// notSent lets rows be held, but none be lost or sent.
	notSent = limits{0, 0, math.Inf(1)}
)

func (a tally) String() string {
	rate := func(n int) float64 { return 100 * float64(n) / float64(max(a.added, 1)) }
	return fmt.Sprintf("%d sequences, %d rows added: lost %d (%.3f %%), fired wrongly %d (%.3f %%), held %d (%.3f %%); undecidable besides: lost %d, fired %d, held %d",
		a.sequences, a.added, a.lost, rate(a.lost), a.wrong, rate(a.wrong), a.held, rate(a.held), a.grey.lost, a.grey.wrong, a.grey.held)
}

// judge fails where the tally of a subtest exceeds its limits, or those of its mix.
func (a tally) judge(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		most, ok := rateLimits[name]
		if !ok {
			continue
		}
		limit, part := most.short, 1.0
		if os.Getenv("DETECT_SEQUENCES") != "" {
			limit, part = most.long, float64(a.added)/100
		}
		if float64(a.lost) > limit.lost*part || float64(a.wrong) > limit.wrong*part || float64(a.held) > limit.held*part {
			t.Errorf("%d lost, %d wrong, %d held of %d rows added: limits %v", a.lost, a.wrong, a.held, a.added, limit)
		}
		return
	}
	t.Errorf("no limits for %q", names)
}
