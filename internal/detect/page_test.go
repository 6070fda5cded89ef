package detect_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestAtOnce: each read returns some of many new rows, until none is left.
func TestAtOnce(t *testing.T) {
	two, guarded := detect.Options{AtOnce: 2}, detect.Options{AtOnce: 2, MaxNewRows: 1}
	ready := detect.Options{AtOnce: 2, MaxNewRows: 1, Require: []string{"Email"}}
	for _, tt := range []struct {
		name  string
		o     detect.Options
		known string
		reads []string
		want  []string
	}{
		{"as many as one read returns", two, "ab", []string{"abcd"}, []string{"c, d"}},
		{"more", two, "ab", []string{"abcdefg", "abcdefg", "abcdefg", "abcdefg"}, []string{"c, d", "e, f", "g", ""}},
		{"above the known rows", two, "ab", []string{"cdeafgb", "cdeafgb", "cdeafgb"}, []string{"c, d", "e, f", "g"}},
		{"the last ones are held like the others", guarded, "ab", []string{"abcdefg", "abcdefg"}, []string{"c:held, d:held", "e:held, f:held, g:held"}},
		{"incomplete ones are held like the others", ready, "ab", []string{"abc-de-fg-h", "abc-de-fg-h"}, []string{"c:held, d:held", "e:held, f:held, g:held, h:held"}},
		{"more incomplete ones than the guard counts", ready, "ab", []string{"abcde-f-"}, []string{"c:held, d:held, e:held, f:held"}},
		{"some rows are added", two, "ab", []string{"abcdef", "xabcdef", "xabcdef"}, []string{"c, d", "x, e, 1 moved, 2 moved", "f"}},
		{"some rows are deleted", two, "ab", []string{"abcdef", "abdf"}, []string{"c, d", "f, 2 moved, 1 deleted"}},
		{"some known rows are edited", two, "ab", []string{"abcdef", "ab2c2def"}, []string{"c, d", "e, f, 1 edited"}},
		{"all others are gone", two, "abcd", []string{"efghij", "efghij", "efghij", "efghij"}, []string{"doubt", "e, f", "g, h", "i, j"}},
		{"a row that may be a known one is always returned", two, "abcdefgh", []string{"bcdefghxyzwa4", "bcdefghxyzwa4"}, []string{"x, y, a:held", "z, w"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := begin(table(tt.known), tt.o, 1<<30, 1, start)
			for i, sheet := range tt.reads {
				left := r.Left
				r = r.then(table(sheet), tt.o, start.Add(time.Duration(i+1)*time.Minute))
				if got := said(r); got != tt.want[i] {
					t.Errorf("read %d after %d left: %q, want %q", i, left, got, tt.want[i])
				}
				if want := map[bool]time.Duration{true: time.Second}[r.Left > 0]; r.Recheck != want && r.Doubt == "" {
					t.Errorf("read %d: %d left, recheck after %s, want %s", i, r.Left, r.Recheck, want)
				}
				if n := len(r.Cursor.Rows) * len(r.Cursor.Columns); len(r.Cursor.Cells) != n || len(r.Cursor.Folds) != n {
					t.Errorf("read %d: %d cells and %d folds of %d rows", i, len(r.Cursor.Cells), len(r.Cursor.Folds), len(r.Cursor.Rows))
				}
				r.Cursor = recoded(t, r.Cursor)
			}
		})
	}
}

// TestAtOnceIsAll: page by page, the same rows are found as at once, each once, and the cursors are
// the same in the end.
func TestAtOnceIsAll(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		letters := []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
		rnd.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
		known := string(letters[:5+rnd.IntN(20)])
		rnd.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
		sheet := table(string(letters))
		if rnd.IntN(2) == 0 {
			known = strings.ToLower(known) // some letters occur twice
		}
		all := begin(table(known), detect.Options{}, 1<<30, 1, start).then(sheet, detect.Options{}, start.Add(time.Minute))
		o := detect.Options{AtOnce: 1 + rnd.IntN(9)}
		r, found := begin(table(known), o, 1<<30, 1, start), map[int]detect.State{}
		for r.Left = 1; r.Left > 0; {
			if r = r.then(sheet, o, start.Add(time.Minute)); r.Doubt != "" || len(found) > 100 {
				t.Fatalf("seed %d: doubt %q, %d found", seed, r.Doubt, len(found))
			}
			for _, f := range r.Found {
				if found[f.Row] = f.State; int(f.Delivery) != len(found) {
					t.Errorf("seed %d: row %d has delivery %d", seed, f.Row, f.Delivery)
				}
			}
		}
		want := map[int]detect.State{}
		for _, f := range all.Found {
			want[f.Row] = f.State
		}
		if !maps.Equal(found, want) || !slices.Equal(r.Cursor.Cells, all.Cursor.Cells) || !slices.Equal(r.Cursor.Folds, all.Cursor.Folds) {
			t.Errorf("seed %d: found %v, want %v", seed, found, want)
		}
	}
}
