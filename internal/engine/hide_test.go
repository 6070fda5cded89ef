package engine

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	r.write(t, "p", "") // nothing was sent, so no recipe is stored for that
	r.write(t, "q", "")
	look("removed")
	r.write(t, "p", zap+"redact: [Score]\n")
	if d, _, err := r.ledger.Delivery(t.Context(), "p", 1); err != nil || !maps.Equal(r.Hidden(t.Context(), d), map[int]bool{1: true}) {
		t.Errorf("restored with another recipe it hides %v (%v), want column 1", r.Hidden(t.Context(), d), err)
	}
}

// A list that was changed, and a zap that was removed, while no daemon ran.
func TestWhatAZapHidesIsKeptAtTheStart(t *testing.T) {
	zap := fmt.Sprintf(rigZap, "create_update_user_profile", "production")
	r := newRig(t, map[string]string{"p": zap + "redact: [Score]\n"})
	r.append(t, [2]string{"a@example.com", "1"})
	r.once(t)
	kept := func(want ...string) {
		t.Helper()
		z, _, err := r.ledger.Zap(t.Context(), "p")
		if err != nil || !z.Hides.Known || !slices.Equal(z.Hides.Columns, want) {
			t.Errorf("the ledger knows that %+v is hidden, %v; want %s", z.Hides, err, want)
		}
	}
	kept("Score")
	restart := func() {
		t.Helper()
		plan, err := r.opts.Load()
		if err == nil {
			r.Engine, err = New(Options{Plan: plan, Ledger: r.ledger, Log: r.log, Version: "test", Load: r.opts.Load, Now: r.opts.Now})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(r.dir, "zaps", "p.yaml")
	if err := os.WriteFile(file, []byte(zap+"redact: [Score, Email]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	restart()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := r.Run(stopped); err != nil {
		t.Fatal(err)
	}
	kept("Score", "Email")
	if err := os.WriteFile(file, []byte(zap+"redact: [Email]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	restart()
	r.once(t)
	kept("Email")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	restart()
	d, _, err := r.ledger.Delivery(t.Context(), "p", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Hidden(t.Context(), d); !maps.Equal(got, map[int]bool{0: true}) || !r.HidesIdentity(t.Context(), "p") {
		t.Errorf("once removed it hides columns %v", got)
	}
}
