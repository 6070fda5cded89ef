package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestMaskedWhileARowIsAdded: in half of the rows names and e-mails are masked by words that tell rows apart or by stars, and one row is added
// in the same gap, also where it agrees with a masked row beside it in all that was not masked. No old row is sent, and the new one
// is not lost.
func TestMaskedWhileARowIsAdded(t *testing.T) {
	const header, added = "Email|Name|City|Plan", "new@example.com|New One|Pune|Gold"
	masked := map[string]func(i, n int) bool{
		"upper half":      func(i, n int) bool { return i < n/2 },
		"lower half":      func(i, n int) bool { return i >= n/2 },
		"every other row": func(i, _ int) bool { return i%2 == 1 },
	}
	for name, in := range masked {
		for _, stars := range []bool{false, true} {
			require := []string{"Email"}
			t.Run(name+map[bool]string{true: ", stars"}[stars], func(t *testing.T) {
				held := 0
				for seed := range 100 {
					r := rand.New(rand.NewPCG(uint64(seed), 3))
					n := 40 + r.IntN(40)
					var old, now []string
					for i := range n {
						rest := []string{"Pune", "Delhi", "Goa"}[r.IntN(3)] + "|" + []string{"Gold", "Free"}[r.IntN(2)]
						old = append(old, fmt.Sprintf("p%d@example.com|Name K%d|%s", i, i*7, rest))
						now = append(now, old[i])
						if in(i, n) {
							now[i] = fmt.Sprintf("x%d@masked|***|%s", i, rest)
							if stars {
								now[i] = "***|***|" + rest
							}
						}
					}
					now = slices.Insert(now, r.IntN(n+1), added)
					o := detect.Options{Require: require}
					result := begin(listed(header, old), o, 1<<30, 1, start)
					result = diff(result.Cursor, listed(header, now), o, start.Add(time.Minute))
					if result.Doubt != "" { // so many rows gone at once need a second read
						result = diff(result.Cursor, listed(header, now), o, start.Add(2*time.Minute))
					}
					lost := true
					for _, f := range result.Found {
						is := now[f.Row-2]
						isNew := strings.HasPrefix(is, "new@")
						lost = lost && !isNew
						if isNew && f.State == detect.Held {
							held++
						}
						if !isNew && f.State == detect.Ready {
							t.Errorf("seed %d: old row %d, %s, is sent", seed, f.Row, is)
						}
					}
					if lost {
						t.Errorf("seed %d: the new row is lost", seed)
					}
				}
				t.Logf("the new row is held in %d of 100 sheets", held)
			})
		}
	}
}
