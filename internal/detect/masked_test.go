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

// TestMaskedWhileRowsAreAdded: in half of the rows, names and e-mails are masked, by unique words
// or by stars, while rows are added and deleted, some of them equal to masked rows in all other
// cells. No old row is sent, and no new one is lost.
func TestMaskedWhileRowsAreAdded(t *testing.T) {
	masked := map[string]func(i, n int) bool{
		"upper half":      func(i, n int) bool { return i < n/2 },
		"lower half":      func(i, n int) bool { return i >= n/2 },
		"every other row": func(i, _ int) bool { return i%2 == 1 },
	}
	for name, in := range masked {
		for _, stars := range []bool{false, true} {
			for _, work := range []struct{ block, blocks, deleted int }{{1, 1, 0}, {1, 2, 0}, {1, 1, 3}, {3, 2, 1}, {12, 1, 2}} {
				for _, o := range []detect.Options{{}, {Require: []string{"Email"}}} {
					t.Run(fmt.Sprintf("%s, stars %t, %+v, require %v", name, stars, work, o.Require), func(t *testing.T) {
						added, held := 0, 0
						for seed := range 10 {
							r := rand.New(rand.NewPCG(uint64(seed), 3))
							n := 40 + r.IntN(40)
							rest := func() string {
								return []string{"Pune", "Delhi", "Goa", "Oslo"}[r.IntN(4)] + "|" + []string{"Gold", "Free"}[r.IntN(2)]
							}
							var old, now []string
							for i := range n {
								is := rest()
								old = append(old, fmt.Sprintf("p%d@example.com|Name K%d|%s", i, i*7, is))
								now = append(now, old[i])
								if in(i, n) {
									now[i] = fmt.Sprintf("x%d@masked|x%d|%s", i, i, is)
									if stars {
										now[i] = "***|***|" + is
									}
								}
							}
							for range work.deleted {
								at := r.IntN(len(now))
								now = slices.Delete(now, at, at+1)
							}
							for range work.blocks {
								at := r.IntN(len(now) + 1)
								for range work.block {
									added++
									now = slices.Insert(now, at, fmt.Sprintf("new%d@example.com|New %d|%s", added, added, rest()))
								}
							}
							const header = "Email|Name|City|Plan"
							result := begin(listed(header, old), o, 1<<30, 1, start)
							result = diff(result.Cursor, listed(header, now), o, start.Add(time.Minute))
							if result.Doubt != "" { // a second read confirms that so many rows are gone
								result = diff(result.Cursor, listed(header, now), o, start.Add(2*time.Minute))
							}
							found := map[string]detect.State{}
							for _, f := range result.Found {
								is := now[f.Row-2]
								isNew := strings.HasPrefix(is, "new")
								if isNew {
									found[is] = f.State
								} else if f.State == detect.Ready {
									t.Errorf("seed %d: old row %d, %s, is sent", seed, f.Row, is)
								}
								if isNew && f.State == detect.Held {
									held++
								}
							}
							for _, is := range now {
								if strings.HasPrefix(is, "new") && found[is] == 0 {
									t.Errorf("seed %d: the new row %s is lost", seed, is)
								}
							}
						}
						t.Logf("%d of %d new rows are held", held, added)
					})
				}
			}
		}
	}
}

// TestNamesakeOfAMaskedRow: a new row that equals, except for the e-mail, a row masked at the same
// time is not that row, edited: the masked row is still in its place.
func TestNamesakeOfAMaskedRow(t *testing.T) {
	const header, n, from, namesake = "Email|Name|City|Plan", 36, 24, 31
	of := func(i int, email, name string) string {
		return email + "|" + name + "|" + []string{"Pune", "Delhi", "Goa", "Oslo"}[i*i%11%4] + "|" + []string{"Gold", "Free"}[i%3%2]
	}
	var old, now []string
	for i := range n {
		old = append(old, of(i, fmt.Sprintf("p%d@x.com", i), fmt.Sprint("Name ", i)))
		now = append(now, old[i])
		if i >= from {
			now[i] = of(i, fmt.Sprintf("x%d@masked", i), fmt.Sprint("x", i))
		}
	}
	now = append(now, of(namesake, "new@x.com", fmt.Sprint("Name ", namesake)))
	for _, o := range []detect.Options{{}, {Require: []string{"Email"}}} {
		r := diff(begin(listed(header, old), o, 1<<30, 1, start).Cursor, listed(header, now), o, start.Add(time.Minute))
		if found := len(r.Found); found != n-from+1 || r.Found[found-1].Row != n+2 || r.Found[found-1].State != detect.Held {
			t.Errorf("require %v: %d found, doubt %q; want %d masked rows held, and the last one", o.Require, found, r.Doubt, n-from)
		}
	}
}

// TestClearedInManyRows: people are masked by clearing cells, in some rows or in all. These rows
// stay the same rows, and a row added without these cells is new.
func TestClearedInManyRows(t *testing.T) {
	cleared := map[string]func(i int) bool{
		"the upper quarter": func(i int) bool { return i < 20 },
		"every fourth row":  func(i int) bool { return i%4 == 0 },
		"all rows":          func(int) bool { return true },
	}
	for name, in := range cleared {
		for _, o := range []detect.Options{{}, {Require: []string{"Email"}}, {Require: []string{"Plan"}}} {
			for added := range 2 {
				var old, now []string
				for i := range 80 {
					rest := []string{"Pune", "Delhi", "Goa", "Oslo", "Rome", "Bern", "Wien"}[i*i%11%7] + "|" + []string{"Gold", "Free"}[i%3%2]
					old = append(old, fmt.Sprintf("p%d@x|Name %d|%s", i, i, rest))
					now = append(now, old[i])
					if in(i) {
						now[i] = "||" + rest
					}
				}
				for range added {
					now = append(now, "||Rome|Gold")
				}
				const header = "Email|Name|City|Plan"
				r := begin(listed(header, old), o, 1<<30, 1, start)
				for k := range 2 {
					if r = r.then(listed(header, now), o, start.Add(time.Duration(k+1)*time.Minute)); r.Doubt == "" {
						break
					}
				}
				if r.Doubt != "" || len(r.Found) != added || added == 1 && r.Found[0].Row != 82 {
					t.Errorf("%s, require %v, %d added: found %+v, doubt %q", name, o.Require, added, r.Found, r.Doubt)
				}
			}
		}
	}
}
