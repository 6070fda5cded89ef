// Package mirror keeps the state of rowtap in PostgreSQL so that another machine can take over.
//
// The ledger does not change: bbolt has all values and serves all reads. PostgreSQL has a copy of
// the same values and two things that a file cannot provide: a lease, which says which process is
// active, and commits that only the active process can make. A process that was frozen or cut off
// and still believes that it is active changes nothing.
//
//	rowtap_lease   one row per deployment (state.lease): who is active, until when, and the number
//	               of the last commit
//	rowtap_term    one row per term, the time in which one process is active; the commits of a
//	               term are numbered without gaps
//	rowtap_kv      the values, each with the commit that wrote it; a removed value stays for a day
//	               as a tombstone without a value
//	rowtap_member  the processes seen recently, for rowtap status
//
// # A commit
//
// [Term.Commit] writes a write set in one statement together with a compare-and-set of the lease
// row: its term must be the current one and its number the next one. A takeover updates the same
// row, so it waits for a commit in progress and fences off all later ones. Of two commits of one
// term, only one can follow a given commit. No lock is held between statements, so a transaction
// pooler such as PgBouncer may sit in between: rowtap uses no session state, no prepared statements
// and no advisory locks that outlive a transaction.
//
// After a lost response nothing else is written until the lease row, which has the nonce of the
// last commit, says whether the commit was made. That query is an update too: with synchronous
// replication it returns only after the standby has everything before it.
//
// # Which copy may follow
//
// A cache, the state file of a process, is stamped with the ID of the state, and the term and
// number of its last commit ([ledger.Position]). It may follow the database only if the database's
// history contains that commit: its term is known, and the next term began after it. Otherwise the
// database was restored from a backup or failed over without its last commits. That is [ErrAhead],
// and an operator must decide.
//
// Sources: the PostgreSQL 15 manual, 13.2.1 (Read Committed: an update that waited reads its row
// again), 7.8.4 (the order of data-modifying statements in WITH is undefined, so a write set has
// each key once) and 20.5.1 (synchronous_commit); PgBouncer's features page (transaction pooling).
package mirror

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Errors besides [ledger.ErrMirrorAway] and [ledger.ErrNotActive].
var (
	// ErrAhead means that this machine has commits that the database does not have.
	ErrAhead = errors.New("this machine's copy of the state is ahead of the database")
	// ErrForeign means that this machine's copy belongs to another state.
	ErrForeign = errors.New("this machine's copy belongs to another state than the database's")
	// ErrMoved means that the state was moved out of the database.
	ErrMoved = errors.New("the state was moved out of the database")
	// ErrHeld means that another process is active.
	ErrHeld = errors.New("another rowtap is active")
	// ErrLayout means that a newer rowtap created the tables.
	ErrLayout = errors.New("the tables in the database were created by a newer rowtap")
)

// layout is the version of the tables.
const layout = 1

func newerLayout(made int) error {
	return fmt.Errorf("%w: their version is %d, and this rowtap supports %d", ErrLayout, made, layout)
}

// Options say where the state is mirrored and which process this is.
type Options struct {
	DSN   string // a URL or key=value pairs, as pgx parses them
	Lease string // name of the deployment; several deployments can share a database
	Self  Member // this process; [Open] sets its ID
}

// Mirror is a state in a database. It is safe for concurrent use.
type Mirror struct {
	pool  *pgxpool.Pool
	lease string
	self  Member
}

// connectTimeout bounds connecting, statementTimeout the time that the database spends on one
// statement. Both are shorter than a lease, so an open transaction of a dead process does not block
// a takeover for long.
const (
	connectTimeout   = 5 * time.Second
	statementTimeout = 10 * time.Second
)

// Open returns the state of a deployment in a database. It does not connect, so it fails only if
// the DSN cannot be parsed.
func Open(o Options) (*Mirror, error) {
	c, err := pgxpool.ParseConfig(o.DSN)
	if err != nil {
		return nil, fmt.Errorf("state.postgres: %w", err) // pgx omits the password
	}
	// A transaction pooler may use another session for each transaction, so nothing can be
	// prepared.
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.ConnConfig.StatementCacheCapacity, c.ConnConfig.DescriptionCacheCapacity = 0, 0
	c.ConnConfig.ConnectTimeout = connectTimeout
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "rowtap"
	}
	c.MaxConns = 4 // a commit, a renewal, a pull, a query
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("state.postgres: %w", err)
	}
	o.Self.ID = strings.ToLower(rand.Text())
	return &Mirror{pool: pool, lease: o.Lease, self: o.Self}, nil
}

// Close closes all connections.
func (m *Mirror) Close() { m.pool.Close() }

// Self returns the member that describes this process.
func (m *Mirror) Self() Member { return m.self }

// tables creates the tables. Values are compressed already, hence storage external.
const tables = `
create table if not exists rowtap_lease (
	name text primary key,
	id uuid not null default gen_random_uuid(),
	layout int not null default 1,
	epoch bigint not null default 0,
	holder text not null default '',
	until timestamptz not null default 'epoch',
	commit bigint not null default 0,
	writer text not null default '',
	purged bigint not null default 0,
	moved text not null default '');
create table if not exists rowtap_term (
	lease text not null,
	epoch bigint not null,
	id uuid not null default gen_random_uuid(),
	holder text not null,
	host text not null,
	address text not null,
	first bigint not null,
	replaced boolean not null default false,
	since timestamptz not null default clock_timestamp(),
	primary key (lease, epoch));
create table if not exists rowtap_kv (
	lease text not null,
	zap text not null,
	kind text not null,
	key bytea not null,
	value bytea,
	commit bigint not null,
	removed timestamptz,
	primary key (lease, zap, kind, key));
alter table rowtap_kv alter column value set storage external;
create index if not exists rowtap_kv_commit on rowtap_kv (lease, commit);
create index if not exists rowtap_kv_removed on rowtap_kv (lease, removed) where value is null;
create table if not exists rowtap_member (
	lease text not null,
	member text not null,
	host text not null,
	address text not null,
	version text not null,
	plan text not null,
	trouble text not null,
	term text not null,
	commit bigint not null,
	seen timestamptz not null default clock_timestamp(),
	primary key (lease, member));`

// Prepare creates the tables and the row of the lease if they do not exist.
func (m *Mirror) Prepare(ctx context.Context) error {
	var there bool
	if err := m.pool.QueryRow(ctx, `select to_regclass('rowtap_member') is not null`).Scan(&there); err != nil {
		return away("look up the tables", err)
	}
	if !there {
		err := pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
			// Concurrent creation of one table is a catalog error.
			if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('rowtap'))`); err != nil {
				return err
			}
			for statement := range strings.SplitSeq(tables, ";") {
				if strings.TrimSpace(statement) == "" {
					continue
				}
				if _, err := tx.Exec(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return away("create the tables", err)
		}
	}
	_, err := m.pool.Exec(ctx, `insert into rowtap_lease (name, layout) values ($1, $2) on conflict do nothing`, m.lease, layout)
	return away("create the lease", err)
}
