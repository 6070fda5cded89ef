package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

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
	return fmt.Errorf("%w: %s: %w", ledger.ErrMirrorAway, doing, err)
}
