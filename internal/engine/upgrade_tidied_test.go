package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestUpgradeTidied: tidying the sheet before the first poll after the upgrade makes rows that
// neither form of the hashes knows in all cells. None of the old rows may be sent; new ones are
// sent or held.
func TestUpgradeTidied(t *testing.T) {
	tidy := map[string]func([]any){
		"mails in lower case": func(r []any) {
			if s, ok := r[0].(string); ok {
				r[0] = strings.ToLower(s)
			}
		},
		"names trimmed":         func(r []any) { r[1] = strings.Join(strings.Fields(fmt.Sprint(r[1])), " ") },
		"phones without blanks": func(r []any) { r[2] = strings.ReplaceAll(fmt.Sprint(r[2]), " ", "") },
		"numbers as text":       func(r []any) { r[3] = fmt.Sprint(r[3]) },
		"checkboxes as text":    func(r []any) { r[5] = strings.ToUpper(fmt.Sprint(r[5])) },
		"all of it": func(r []any) {
			if s, ok := r[0].(string); ok {
				r[0] = strings.ToLower(s)
			}
			r[1] = strings.Join(strings.Fields(strings.ToUpper(fmt.Sprint(r[1]))), " ")
			r[2], r[3] = strings.ReplaceAll(fmt.Sprint(r[2]), " ", ""), fmt.Sprint(r[3])
		},
	}
	for name, change := range tidy {
		for part := 1; part <= 2; part++ { // all rows, then every other one
			u := upgrade(t, false)
			zaps := []string{"signups", "doubted", "moved"}
			for _, zap := range zaps {
				s := u.sheet(zap, 0)
				for i, r := range s.Rows {
					if i%part == 0 {
						change(r)
					}
				}
				s.insert(len(s.Rows), somebody("x@new.example"))
				s.insert(len(s.Rows)/2, somebody("y@new.example"))
			}
			u.serve(t)
			for _, zap := range zaps {
				for range 3 {
					u.poll(t, zap)
				}
				found := map[string]int{}
				for f := range strings.FieldsSeq(u.added(t, zap)) {
					first, state, _ := strings.Cut(f, ":")
					if strings.HasSuffix(first, "@new.example") {
						found[first]++
					} else if state != "held" || name != "all of it" {
						t.Errorf("%s, %s, part %d: of the old rows, %s", name, zap, part, f)
					}
				}
				if found["x@new.example"] != 1 || found["y@new.example"] != 1 {
					t.Errorf("%s, %s, part %d: found %v, want both new ones", name, zap, part, found)
				}
			}
		}
	}
}

// TestUpgradeTidiedKeys: the same if the key was tidied.
func TestUpgradeTidiedKeys(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"lower case":         strings.ToLower,
		"without dashes":     func(s string) string { return strings.ReplaceAll(s, "-", "") },
		"with blanks around": func(s string) string { return "\u00a0" + s + " " },
	} {
		for part := 1; part <= 3; part++ {
			u := upgrade(t, false)
			s := u.sheet("leads", 0)
			for i, r := range s.Rows {
				if key, ok := r[0].(string); ok && i%part == 0 {
					r[0] = change(key)
				}
			}
			s.insert(0, []any{"R-9998", "x@new.example", "gold", "new"})
			u.serve(t)
			for range 3 {
				u.poll(t, "leads")
			}
			got := strings.Fields(u.added(t, "leads"))
			fired := slices.DeleteFunc(slices.Clone(got), func(f string) bool { return strings.HasSuffix(f, ":held") })
			if len(fired) > 1 || len(fired) == 1 && fired[0] != "R-9998:queued" || !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "R-9998:") }) {
				t.Errorf("%s, part %d: found %v, want R-9998 and no old row that is not held", name, part, got)
			}
		}
	}
}
