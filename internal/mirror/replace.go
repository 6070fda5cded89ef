package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Replace makes a ledger's values the state, replacing the one in the database, as one commit of
// the term. It returns the position to stamp the ledger with. All other caches reload the whole
// state.
func (t *Term) Replace(ctx context.Context, l *ledger.Ledger) (ledger.Position, error) {
	m := t.mirror
	var commit int64
	err := pgx.BeginTxFunc(ctx, m.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from rowtap_kv where lease = $1`, m.lease); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `select commit + 1 from rowtap_lease where name = $1`, m.lease).Scan(&commit)
		if err != nil {
			return err
		}
		sent, err := m.copyIn(ctx, tx, l, commit)
		if err != nil {
			return err
		}
		var counted int64
		if err := tx.QueryRow(ctx, `select count(*) from rowtap_kv where lease = $1`, m.lease).Scan(&counted); err != nil {
			return err
		}
		if counted != sent {
			return fmt.Errorf("%d values were sent, but the database has %d", sent, counted)
		}
		tag, err := tx.Exec(ctx, `update rowtap_lease set commit = $4, writer = '', purged = $4, moved = ''
			where name = $1 and epoch = $2 and holder = $3 and commit = $4 - 1`, m.lease, t.epoch, m.self.ID, commit)
		if err == nil && tag.RowsAffected() == 0 {
			return t.end(t.lost(0))
		}
		// Copies from earlier terms no longer matter, even those that are ahead.
		if err == nil {
			_, err = tx.Exec(ctx, `update rowtap_term set replaced = true where lease = $1 and epoch = $2`, m.lease, t.epoch)
		}
		return err
	})
	switch {
	case err == nil:
		return ledger.Position{State: t.state, Epoch: t.id, Commit: uint64(commit)}, nil
	case errors.Is(err, ledger.ErrNotActive):
		return ledger.Position{}, err
	}
	return ledger.Position{}, away("copy the state to the database", err)
}

// copyIn copies all of a ledger's values and returns their number.
func (m *Mirror) copyIn(ctx context.Context, tx pgx.Tx, l *ledger.Ledger, commit int64) (int64, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	rows := &source{lease: m.lease, commit: commit, values: make(chan ledger.Value), done: make(chan error, 1)}
	go func() {
		defer close(rows.values)
		rows.done <- l.EachValue(reading, func(v ledger.Value) error {
			// They are only valid during the call.
			v.Key, v.Value = append([]byte{}, v.Key...), append([]byte{}, v.Value...)
			select {
			case rows.values <- v:
				return nil
			case <-reading.Done():
				return reading.Err()
			}
		})
	}()
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"rowtap_kv"}, []string{"lease", "zap", "kind", "key", "value", "commit"}, rows)
	stop()
	for range rows.values { // wait until it has ended
	}
	if readErr := <-rows.done; err == nil && readErr != nil {
		err = readErr
	}
	return rows.sent, err
}

// source feeds a ledger's values to COPY, which pulls them.
type source struct {
	lease  string
	commit int64
	values chan ledger.Value
	done   chan error
	next   ledger.Value
	sent   int64 // compared with the number that the database has
}

func (s *source) Next() (ok bool) {
	if s.next, ok = <-s.values; ok {
		s.sent++
	}
	return ok
}

func (s *source) Values() ([]any, error) {
	return []any{s.lease, s.next.Zap, s.next.Kind, s.next.Key, s.next.Value, s.commit}, nil
}

func (s *source) Err() error { return nil } // copyIn reads done

// MoveOut records where the state is from now on, so that no machine takes it from the database.
// Its values stay until [Term.Clear], so that an interrupted move can be finished.
func (t *Term) MoveOut(ctx context.Context, to string) error {
	m := t.mirror
	var one int
	found, err := m.change(ctx, `update rowtap_lease set moved = $4 where name = $1 and epoch = $2 and holder = $3 returning 1`,
		[]any{m.lease, t.epoch, m.self.ID, to}, []any{&one})
	if err == nil && !found {
		return t.end(t.lost(0))
	}
	return away("record where the state was moved", err)
}

// Clear removes the values of a state that was moved out of the database.
func (t *Term) Clear(ctx context.Context) error {
	m := t.mirror
	var fenced int
	_, err := m.change(ctx, `
		with fence as (
			update rowtap_lease set commit = commit + 1, purged = commit + 1
			where name = $1 and epoch = $2 and holder = $3 and moved <> '' returning 1),
		gone as (delete from rowtap_kv where lease = $1 and exists (select from fence))
		select count(*) from fence`, []any{m.lease, t.epoch, m.self.ID}, []any{&fenced})
	if err == nil && fenced == 0 {
		return t.end(t.lost(0))
	}
	return away("remove the state", err)
}

// tombstonesFor is how long tombstones are kept: a cache that was away for less follows without
// reloading everything.
const tombstonesFor = "1 day"

// Purge removes old tombstones.
func (t *Term) Purge(ctx context.Context) error {
	m := t.mirror
	var gone int64
	_, err := m.change(ctx, `
		with fence as (select 1 from rowtap_lease where name = $1 and epoch = $2 and holder = $3 for update),
		gone as (
			delete from rowtap_kv where lease = $1 and value is null and removed < clock_timestamp() - $4::interval and exists (select from fence)
			returning commit),
		noted as (
			update rowtap_lease set purged = greatest(purged, coalesce((select max(commit) from gone), 0))
			where name = $1 and epoch = $2 and exists (select from gone))
		select count(*) from gone`, []any{m.lease, t.epoch, m.self.ID, tombstonesFor}, []any{&gone})
	return away("remove old tombstones", err)
}
