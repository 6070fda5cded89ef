package detect_test

import (
	"fmt"
	"math"
	"os"
	"testing"
)

// limits are the maximum numbers of rows lost, fired wrongly and held: counts, or percentages of
// the rows added.
type limits struct{ lost, wrong, held float64 }

// rateLimits are the limits of TestRates by subtest or mix. short ones are counts of an ordinary
// run, whose seeds are fixed. long ones are rates, a quarter above those measured over 10,000 to
// 100,000 sequences; they mean little with DETECT_SEQUENCES below 5,000.
var rateLimits = map[string]struct{ short, long limits }{
	"deletes and appends/small/plain":           {limits{1, 0, 28}, limits{0.09, 0.01, 2.1}},
	"deletes and appends/small/require":         {limits{3, 0, 4}, limits{0.14, 0.01, 0.2}},
	"deletes and appends/middling/plain":        {limits{0, 0, 0}, limits{0.01, 0.01, 0.04}},
	"deletes and appends/middling/require":      {limits{0, 0, 0}, limits{0.02, 0.01, 0.02}},
	"deletes and appends/large/plain":           {limits{0, 0, 0}, limits{0.02, 0.02, 0.02}},
	"deletes and appends/large/require":         {limits{0, 0, 0}, limits{0.02, 0.02, 0.02}},
	"inserts, moves and sorts/small/plain":      {limits{2, 0, 14}, limits{0.02, 0.01, 0.39}},
	"inserts, moves and sorts/small/require":    {limits{0, 0, 5}, limits{0.02, 0.01, 0.12}},
	"inserts, moves and sorts/middling/plain":   {limits{0, 0, 0}, limits{0.01, 0.01, 0.02}},
	"inserts, moves and sorts/middling/require": {limits{0, 0, 0}, limits{0.02, 0.01, 0.01}},
	"inserts, moves and sorts/large/plain":      {limits{0, 0, 0}, limits{0.02, 0.02, 0.02}},
	"inserts, moves and sorts/large/require":    {limits{0, 0, 0}, limits{0.02, 0.02, 0.02}},
	"edits and copies/small/plain":              {limits{0, 3, 87}, limits{0.06, 0.14, 1.9}},
	"edits and copies/small/require":            {limits{0, 5, 54}, limits{0.08, 0.14, 1.3}},
	"edits and copies/middling/plain":           {limits{0, 0, 1}, limits{0.01, 0.03, 0.26}},
	"edits and copies/middling/require":         {limits{0, 0, 1}, limits{0.01, 0.03, 0.21}},
	"edits and copies/large/plain":              {limits{0, 0, 0}, limits{0.02, 0.02, 0.02}},
	"edits and copies/large/require":            {limits{0, 0, 0}, limits{0.02, 0.02, 0.02}},
	"edits and sorts/small/plain":               {limits{0, 1, 57}, limits{0.02, 0.06, 2.3}},
	"edits and sorts/small/require":             {limits{2, 0, 47}, limits{0.09, 0.09, 2}},
	"edits and sorts/middling/plain":            {limits{0, 0, 1}, limits{0.01, 0.02, 0.2}},
	"edits and sorts/middling/require":          {limits{0, 0, 1}, limits{0.01, 0.02, 0.19}},
	"edits and sorts/large/plain":               {limits{0, 0, 0}, limits{0.02, 0.02, 0.02}},
	"edits and sorts/large/require":             {limits{0, 0, 0}, limits{0.02, 0.02, 0.02}},
	"everything/small/plain":                    {limits{0, 0, 140}, limits{0.06, 0.1, 4.6}},
	"everything/small/require":                  {limits{1, 1, 113}, limits{0.08, 0.17, 3.9}},
	"everything/middling/plain":                 {limits{0, 0, 3}, limits{0.02, 0.08, 0.9}},
	"everything/middling/require":               {limits{0, 0, 4}, limits{0.04, 0.08, 0.7}},
	"everything/large/plain":                    {limits{0, 0, 1}, limits{0.02, 0.05, 3.6}},
	"everything/large/require":                  {limits{0, 0, 1}, limits{0.03, 0.05, 4.2}},

	// These edits do not change what is meant: their rows do not fire, and rows added at the same
	// time do.
	"tidying a cell":   {none, none},
	"tidying a column": {none, none},
	"tidying a sheet":  {none, none},
	"types flipped":    {none, none},
	"volatile":         {none, none},
	// A date shows only in the displayed text, a mask may be a name, and other people in the same
	// slots may be corrections: these rows are held.
	"days flipped":    {notSent, notSent},
	"masked, telling": {notSent, notSent},
	"masked, stars":   {notSent, notSent},
	"slots taken":     {notSent, notSent},

	"tidying a cell, as meant":   {none, none},
	"tidying a column, as meant": {none, none},
	"tidying a sheet, as meant":  {none, none},
	"types flipped, as meant":    {none, none},
	"days flipped, as meant":     {none, none},
	"masked, telling, as meant":  {none, none},
	"masked, stars, as meant":    {none, none},
	"volatile, as meant":         {none, none},
}

var (
	none = limits{0, 0, 0}
	// notSent allows rows to be held, but not lost or sent.
	notSent = limits{0, 0, math.Inf(1)}
)

func (a tally) String() string {
	rate := func(n int) float64 { return 100 * float64(n) / float64(max(a.added, 1)) }
	return fmt.Sprintf("%d sequences, %d rows added: lost %d (%.3f %%), fired wrongly %d (%.3f %%), held %d (%.3f %%); also undecidable: lost %d, fired %d, held %d",
		a.sequences, a.added, a.lost, rate(a.lost), a.wrong, rate(a.wrong), a.held, rate(a.held), a.grey.lost, a.grey.wrong, a.grey.held)
}

// judge fails if the tally of a subtest exceeds the limits of the first name that has any.
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
