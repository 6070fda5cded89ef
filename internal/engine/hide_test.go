package engine

import (
	"fmt"
	"maps"
	"testing"

	"github.com/rowtap/rowtap/internal/sandbox"
)

func TestAZapThatIsTakenOutGoesOnHiding(t *testing.T) {
	zap := fmt.Sprintf(rigZap, "create_update_user_profile", "production")
	r := newRig(t, map[string]string{"p": zap + "redact: [Email]\n", "q": zap + "redact: [Score]\n"})
	if _, err := r.box.Sheets().Append("book", "Signups", []sandbox.Value{sandbox.Text("a@example.com"), sandbox.Number(7)}); err != nil {
		t.Fatal(err)
	}
	look := func(when string) {
		t.Helper()
		for name, column := range map[string]int{"p": 0, "q": 1} {
			d, ok, err := r.ledger.Delivery(t.Context(), name, 1)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if got := r.Hidden(t.Context(), d); !maps.Equal(got, map[int]bool{column: true}) {
				t.Errorf("%s, %s hides columns %v, want %d", when, name, got, column)
			}
			if got := r.HidesIdentity(t.Context(), name); got != (name == "p") {
				t.Errorf("%s, %s hides identities: %t", when, name, got)
			}
		}
	}
	r.poll(t, "p")
	r.poll(t, "q")
	look("in force")
	r.write(t, "p", "") // nothing has been sent, so that no recipe is kept for that
	r.write(t, "q", "")
	look("taken out")
	r.write(t, "p", zap+"redact: [Score]\n")
	if d, _, err := r.ledger.Delivery(t.Context(), "p", 1); err != nil || !maps.Equal(r.Hidden(t.Context(), d), map[int]bool{1: true}) {
		t.Errorf("brought back with another recipe it hides %v (%v), want column 1", r.Hidden(t.Context(), d), err)
	}
}
