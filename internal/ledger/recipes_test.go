package ledger_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
)

func (f *file) keep(zap, text string) uint64 {
	f.t.Helper()
	version, err := f.KeepRecipe(f.t.Context(), zap, []byte(text))
	must(f.t, err)
	return version
}

// wantRecipe checks what is kept of a version; "": nothing.
func (f *file) wantRecipe(zap string, version uint64, want string) {
	f.t.Helper()
	text, ok, err := f.Recipe(f.t.Context(), zap, version)
	must(f.t, err)
	if ok != (want != "") || string(text) != want {
		f.t.Errorf("Recipe(%s, %d) = %q, %t; want %q", zap, version, text, ok, want)
	}
}

func TestVersionsOfARecipe(t *testing.T) {
	f := newFile(t)
	if _, err := f.KeepRecipe(t.Context(), signups, []byte("a")); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("KeepRecipe of an unknown zap: %v, want ErrUnknown", err)
	}
	f.wantRecipe(signups, 1, "")
	f.commit(signups, pollOf(1, "qqq"))
	f.wantRecipe(signups, 0, "")
	f.wantRecipe(signups, 1, "")
	for i, text := range []string{"a", "a", "b", "a"} {
		if got, want := f.keep(signups, text), []uint64{1, 1, 2, 3}[i]; got != want {
			t.Errorf("KeepRecipe(%s), the %d. time: version %d, want %d", text, i+1, got, want)
		}
	}
	f.reopen()
	if got := f.keep(signups, "a"); got != 3 {
		t.Errorf("after a restart the same text is version %d, want 3", got)
	}
	f.wantRecipe(signups, 2, "b")

	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Queued, Recipe: 2, Print: 77}, 1, 2), noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Failed}, 1), noon))
	must(t, f.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent, Recipe: 3, Print: 78}, 2), noon))
	f.reopen()
	for n, want := range [][2]uint64{{2, 77}, {3, 78}, {0, 0}} {
		if d := f.delivery(signups, uint64(n+1)); d.Recipe != want[0] || uint64(d.Print) != want[1] {
			t.Errorf("delivery %d: recipe %d, print %d; want %v", n+1, d.Recipe, d.Print, want)
		}
	}
}

func TestTheOldestVersionsOfARecipeGo(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "q"))
	for i := range 70 {
		f.keep(signups, fmt.Sprint("version ", i+1))
	}
	f.reopen()
	f.wantRecipe(signups, 6, "")
	f.wantRecipe(signups, 7, "version 7")
	f.wantRecipe(signups, 70, "version 70")
	if got := f.keep(signups, "another"); got != 71 {
		t.Errorf("the next version is %d, want 71", got)
	}
}

func TestARenamedZapTakesItsRecipesAlong(t *testing.T) {
	f := newFile(t)
	f.commit(signups, pollOf(1, "q"))
	f.keep(signups, "a")
	f.keep(signups, "b")
	must(t, f.Rename(t.Context(), signups, "webinar"))
	f.reopen()
	f.wantRecipe("webinar", 1, "a")
	f.wantRecipe(signups, 1, "")
	if got := f.keep("webinar", "b"); got != 2 {
		t.Errorf("the newest text is version %d under the new name, want 2", got)
	}
}

func TestADeliveryOfARecipeThatWasNeverKeptIsFound(t *testing.T) {
	l, err := ledger.Open(ledger.Options{Path: t.TempDir() + "/rowtap.db"})
	must(t, err)
	commit(t, l, signups, pollOf(1, "q"))
	must(t, l.Finish(t.Context(), signups, outcomes(ledger.Outcome{State: ledger.Sent, Recipe: 1, Print: 1}, 1), noon))
	if wrong := damages(t, l); len(wrong) != 1 || wrong[0].Zap != signups || wrong[0].Kind != "state" {
		t.Errorf("Check: %v, want one finding about the state of %s", wrong, signups)
	}
	must(t, l.Close())
}
