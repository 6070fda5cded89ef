package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rowtap/rowtap/internal/ledger"
)

// settings go before each statement that changes something. Each holds for its transaction alone. A
// database that is set to answer before its commits are on the disk ('off', 'local') is asked not
// to.
const settings = `select
	set_config('statement_timeout', $1, true),
	set_config('idle_in_transaction_session_timeout', $1, true),
	case when current_setting('synchronous_commit') in ('off', 'local') then set_config('synchronous_commit', 'on', true) end`

// errNotSent: the database was not asked.
var errNotSent = errors.New("it cannot be reached")

// change runs one statement as one transaction, in one round trip, and scans its row: false where
// it returns none.
//
// READ COMMITTED is asked for, since a database can have another default, in which an update that
// waited for another fails.
func (m *Mirror) change(ctx context.Context, sql string, args, into []any) (found bool, err error) {
	conn, err := m.pool.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errNotSent, err)
	}
	defer conn.Release() // which closes one that is not in order any more
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

// away makes an error of the database ErrMirrorAway, with what was being done.
func away(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s: %w", ledger.ErrMirrorAway, doing, err)
}
