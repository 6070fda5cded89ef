package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Pull brings a cache up to the database's last commit and returns its number, 0 if the database
// has no state yet. It returns ErrForeign, ErrAhead or ErrMoved if the cache must not follow.
func (m *Mirror) Pull(ctx context.Context, l *ledger.Ledger) (uint64, error) {
	commit, err := m.pull(ctx, l, false)
	if errors.Is(err, ledger.ErrStale) {
		commit, err = m.pull(ctx, l, true)
	}
	return commit, err
}

// pull is Pull. With whole it loads all values instead of those newer than the cache.
func (m *Mirror) pull(ctx context.Context, l *ledger.Ledger, whole bool) (commit uint64, err error) {
	// one snapshot
	tx, err := m.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return 0, away("read the state", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing was changed
	from := l.Position()
	past, err := m.past(ctx, tx, from)
	if err == nil && from.State == "" && past.to.Commit > 0 {
		err = checkUnused(ctx, l)
	}
	if err != nil {
		return 0, err
	}
	if past.to.Commit == 0 || from == past.to && !whole {
		return past.to.Commit, nil
	}
	if err := m.checkSchema(ctx, tx); err != nil {
		return 0, err
	}
	switch {
	case whole || from.Epoch == "" || past.replaced || from.Commit < past.purged:
		err = l.Load(ctx, past.to, m.values(ctx, tx, `value is not null and commit > $2 order by zap, kind, key`, 0))
	default:
		err = l.Follow(ctx, past.to, m.values(ctx, tx, `commit > $2`, from.Commit))
	}
	return past.to.Commit, err
}

// checkSchema returns ledger.ErrNewer if a newer rowtap has migrated the state to its own schema.
// The check comes before any value is read, so the cache keeps what it has.
func (m *Mirror) checkSchema(ctx context.Context, tx pgx.Tx) error {
	var value []byte
	err := tx.QueryRow(ctx, `select value from rowtap_kv where lease = $1 and zap = '' and key = $2`, m.lease, []byte(ledger.SchemaKey)).Scan(&value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return away("read the schema", err)
	}
	return ledger.CheckSchema(value)
}

// checkUnused returns an error if a plain state file has zaps, which a copy of the database would
// replace.
func checkUnused(ctx context.Context, l *ledger.Ledger) error {
	zaps, err := l.Zaps(ctx)
	if err == nil && len(zaps) > 0 {
		err = fmt.Errorf("%w: the state file is not a copy and has zaps of its own (%s, …)", ErrForeign, zaps[0])
	}
	return err
}

// past relates a snapshot of the database to the position of a cache.
type past struct {
	to       ledger.Position // the last commit; Commit is 0 if there is none
	purged   uint64          // tombstones up to this commit may be gone
	replaced bool            // an operator has since replaced the state that the cache is a copy of
}

// past reads the position of the database and checks that from is in its history.
func (m *Mirror) past(ctx context.Context, tx pgx.Tx, from ledger.Position) (p past, err error) {
	var moved string
	var made int
	err = tx.QueryRow(ctx, `
		select l.layout, l.id::text, l.commit, l.purged, l.moved,
			coalesce((select t.id::text from rowtap_term t where t.lease = l.name and t.first <= l.commit order by t.epoch desc limit 1), '')
		from rowtap_lease l where l.name = $1`, m.lease).Scan(&made, &p.to.State, &p.to.Commit, &p.purged, &moved, &p.to.Epoch)
	switch {
	case err != nil:
		return p, away("read the lease", err)
	case made > layout:
		return p, newerLayout(made)
	case moved != "":
		return p, fmt.Errorf("%w: %s", ErrMoved, moved)
	case from.State != "" && from.State != p.to.State:
		return p, ErrForeign
	case from.State != "" && p.to.Commit == 0:
		return p, fmt.Errorf("%w, which is empty", ErrAhead)
	case from.Epoch == "": // it has no values
		return p, nil
	}
	var last int64 // commit of the position's term; least passes a null over
	err = tx.QueryRow(ctx, `
		select least((select min(n.first) - 1 from rowtap_term n where n.lease = t.lease and n.epoch > t.epoch), $3),
			exists (select from rowtap_term n where n.lease = t.lease and n.epoch > t.epoch and n.replaced)
		from rowtap_term t where t.lease = $1 and t.id = $2::uuid`, m.lease, from.Epoch, int64(p.to.Commit)).Scan(&last, &p.replaced)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return p, fmt.Errorf("%w: it has commit %d, made in a term the database does not know", ErrAhead, from.Commit)
	case err != nil:
		return p, away("read the terms", err)
	case from.Commit > uint64(last) && !p.replaced:
		return p, fmt.Errorf("%w: it has commit %d, but the database has that term only up to commit %d", ErrAhead, from.Commit, last)
	}
	return p, nil
}

// values returns a function that reads the values selected by a condition.
func (m *Mirror) values(ctx context.Context, tx pgx.Tx, where string, after uint64) func(put func(ledger.Value) error) error {
	return func(put func(ledger.Value) error) error {
		rows, err := tx.Query(ctx, `select zap, kind, key, value from rowtap_kv where lease = $1 and `+where, m.lease, int64(after))
		if err != nil {
			return away("read values", err)
		}
		defer rows.Close()
		for rows.Next() {
			var v ledger.Value
			if err := rows.Scan(&v.Zap, &v.Kind, &v.Key, &v.Value); err != nil {
				return away("read a value", err)
			}
			if err := put(v); err != nil {
				return err
			}
		}
		return away("read values", rows.Err())
	}
}
