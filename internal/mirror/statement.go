package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
)

// settings run before each statement that changes something, for its transaction only. Where the
// database would confirm commits that are not on its disk yet ('off', 'local'), they are made
// durable.
const settings = `select
	set_config('statement_timeout', $1, true),
	set_config('idle_in_transaction_session_timeout', $1, true),
	case when current_setting('synchronous_commit') in ('off', 'local') then set_config('synchronous_commit', 'on', true) end`

// errNotSent means that the statement was not sent.
var errNotSent = errors.New("cannot connect")

// change runs one statement as one transaction in one round trip and scans its row. found is false
// if there is no row.
//
// It requests READ COMMITTED explicitly: under another default, an update that waited for another
// one fails.
func (m *Mirror) change(ctx context.Context, sql string, args, into []any) (found bool, err error) {
	conn, err := m.pool.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errNotSent, err)
	}
	defer conn.Release() // closes a broken connection
	b := &pgx.Batch{}
	b.Queue("begin isolation level read committed")
	b.Queue(settings, fmt.Sprint(statementTimeout.Milliseconds()))
	b.Queue(sql, args...).QueryRow(func(row pgx.Row) error {
		err := row.Scan(into...)
		if found = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	b.Queue("commit")
	err = conn.SendBatch(ctx, b).Close()
	return found && err == nil, err
}

// away wraps an error of the database in ErrMirrorAway, with the failed operation.
func away(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: %s: %w", ledger.ErrMirrorAway, doing, err)
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		if next := hints[answer.Code]; next != "" {
			return &hint.Error{Err: err, Hint: next}
		}
	}
	return err
}

// hints say what to do about errors that PostgreSQL answers, by code
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var hints = map[string]string{
	"28P01": "correct the password in state.postgres",
	"28000": "correct the user in state.postgres, or allow it in pg_hba.conf",
	"3D000": "correct the database in state.postgres, or create it: createdb NAME",
	"3F000": "create the schema that search_path names, or correct search_path in state.postgres",
	"42501": "grant the user of state.postgres the rights to create and change tables in its schema: grant create, usage on schema public to USER",
	"25006": "state.postgres leads to a read-only server: name the primary, or several hosts with target_session_attrs=read-write",
	"53100": "free space on the disk of PostgreSQL; rowtap then resumes automatically",
	"53300": "raise max_connections of PostgreSQL; each rowtap needs up to 4 connections",
	"57014": "a statement took too long: look for what locks rowtap_lease: select * from pg_stat_activity where wait_event_type = 'Lock'",
}
