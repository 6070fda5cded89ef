package hint_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// TestPostgres: PostgreSQL errors that persist have their own hints, even if the error also
// says that the state is unreachable.
func TestPostgres(t *testing.T) {
	for code, want := range map[string]string{
		"28000": "pg_hba.conf", "28P01": "password", "3D000": "createdb", "42501": "grant create", "53100": "free some space",
		"40001": "check that PostgreSQL runs", "": "check that PostgreSQL runs",
	} {
		err := fmt.Errorf("%w: make the tables: %w", ledger.ErrMirrorAway, &pgconn.PgError{Code: code})
		if code == "" {
			err = fmt.Errorf("%w: %w", ledger.ErrMirrorAway, errors.New("connection refused"))
		}
		if got := hint.Of(err); !strings.Contains(got, want) {
			t.Errorf("the hint for code %q is %q, want %q in it", code, got, want)
		}
	}
}
