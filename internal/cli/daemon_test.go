package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
	"github.com/rowtap/rowtap/internal/standby"
)

// A daemon responds as a standby between getting the lease and having an engine, and after the
// engine has stopped.
func TestActiveWithoutAnEngine(t *testing.T) {
	m, err := mirror.Open(mirror.Options{DSN: pgtest.Shared(t), Lease: "rowtap"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, stop := context.WithCancel(t.Context())
	d := &daemon{standby: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}
	served := 0
	d.process = standby.New(standby.Options{
		Mirror: m, Log: zap.NewNop(), Plan: func() string { return "" }, Pulse: func() {}, Seed: true,
		Open: func(context.Context) (*ledger.Ledger, error) {
			return ledger.OpenCache(ledger.Options{Path: filepath.Join(t.TempDir(), "rowtap.db")})
		},
		Serve: func(context.Context, *ledger.Ledger, *mirror.Term) error {
			defer stop()
			answer := httptest.NewRecorder()
			d.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil))
			served = answer.Code
			return nil
		},
	})
	if err := d.process.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if served != http.StatusTeapot {
		t.Errorf("it answers %d, not as a standby", served)
	}
}

// TestValidAgain: a refused configuration is valid again once its secret is there. One that is in
// force is not asked for, and one that is still refused is not loaded: a load would be logged.
func TestValidAgain(t *testing.T) {
	box, err := lab.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	t.Setenv("SANDBOX", "http://127.0.0.1:1")
	t.Setenv("WORK", "/")
	dir := killConfig(t, box, "http://127.0.0.1:1")
	passcode := filepath.Join(dir, "passcode")
	d := newDaemon(&globals{dir: dir})
	for _, tt := range []struct {
		name          string
		do            func() error
		refused, want bool
	}{
		{"in force", func() error { return nil }, false, false},
		{"the passcode is missing", func() error { return os.Rename(passcode, passcode+".old") }, true, false},
		{"it is back", func() error { return os.Rename(passcode+".old", passcode) }, true, true},
	} {
		if err := tt.do(); err != nil {
			t.Fatal(err)
		}
		if !tt.want {
			if _, err := d.load(); (err != nil) != tt.refused {
				t.Fatalf("%s: %v", tt.name, err)
			}
		}
		before := d.refused.Load()
		if got := d.validAgain(); got != tt.want || d.refused.Load() != before {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
