package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
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
