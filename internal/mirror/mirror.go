// Package mirror keeps the state of a rowtap on PostgreSQL, so that another machine can go on with
// it.
//
// The ledger stays what it is: bbolt has all values, and answers all questions. PostgreSQL has the
// same values a second time, and two things that a file cannot give: a lease, which says which
// process is the active one, and commits that only the active one can make. So a process that was
// frozen, or cut off, and takes itself for the active one still changes nothing.
//
//	rowtap_lease   a row a deployment (state.lease): who is active, until when, and the number of the last commit
//	rowtap_term    a row each time that a process became the active one: its terms. A term's commits follow each other without a gap
//	rowtap_kv      the values, each with the commit that wrote it; a removed one stays for a day as a tombstone, without a value
//	rowtap_member  the processes that could be reached lately, for rowtap status
//
// # A commit
//
// [Term.Commit] writes a write set in one statement, together with a compare-and-set of the lease
// row: its term must be the one in force and its number the next one. An update of that row by a
// takeover waits for a commit under way, and bars all later ones; and of two commits of one term
// only one can follow the same commit. So nothing is locked between statements, and a pooler of
// transactions (PgBouncer) may stand between: no session state, no prepared statements, no advisory
// locks that outlive a transaction.
//
// Where the answer to a commit is lost, nothing else is written until the lease row says whether it
// was made (its nonce stands there). That question is an update, too: with synchronous replication
// it is answered only once the standby has all that was before it.
//
// # Who may go on from what
//
// A cache, the state file of a process, is stamped with the state's id, the term and the number of
// its last commit ([ledger.Position]). It may follow the database only where the database has that
// commit in its past: its term is known, and the next term began later. Else the database was
// restored from a backup, or failed over without its last commits: [ErrAhead], and an operator
// decides.
//
// Sources: PostgreSQL 15 manual, 13.2.1 (Read Committed: an update that waited looks at its row
// again), 7.8.4 (the order of data-modifying statements in WITH is not defined, so a key stands
// once in a write set), 20.5.1 (synchronous_commit), and PgBouncer's features page (transaction
// pooling).
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

// What is wrong with the database, besides [ledger.ErrMirrorAway] and [ledger.ErrNotActive].
var (
	// ErrAhead: this machine has commits that the database does not have.
	ErrAhead = errors.New("this machine's copy of the state is ahead of the database")
	// ErrForeign: the copy is one of another state.
	ErrForeign = errors.New("this machine's copy is of another state than the database's")
	// ErrMoved: the state was moved out of the database.
	ErrMoved = errors.New("the state was moved out of the database")
	// ErrHeld: another process is active.
	ErrHeld = errors.New("another rowtap is active")
	// ErrLayout: the tables were made by a newer rowtap.
	ErrLayout = errors.New("the tables in the database were made by a newer rowtap")
)

// layout is the version of the tables.
const layout = 1

func newerLayout(made int) error {
	return fmt.Errorf("%w: their version is %d, and this one knows %d", ErrLayout, made, layout)
}

// Options say where a state is mirrored, and who asks.
type Options struct {
	DSN   string // as pgx understands it: a URL, or key=value
	Lease string // the name of the deployment; several can share a database
	Self  Member // this process; its ID is made by [Open]
}

// Mirror is a state in a database. Its methods may be called from several goroutines at once.
type Mirror struct {
	pool  *pgxpool.Pool
	lease string
	self  Member
}

// connectTimeout bounds how long connecting may take; statementTimeout how long the database works
// on a statement of ours. With the time that a lease lasts, an open transaction of a process that
// is gone bars no takeover for long.
const (
	connectTimeout   = 5 * time.Second
	statementTimeout = 10 * time.Second
)

// Open returns the state of a deployment in a database. It connects to nothing yet, so it fails
// only where the DSN cannot be read.
func Open(o Options) (*Mirror, error) {
	c, err := pgxpool.ParseConfig(o.DSN)
	if err != nil {
		return nil, fmt.Errorf("state.postgres: %w", err) // pgx leaves the password out
	}
	// A pooler of transactions gives each transaction another session: nothing may be prepared in
	// one.
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.ConnConfig.StatementCacheCapacity, c.ConnConfig.DescriptionCacheCapacity = 0, 0
	c.ConnConfig.ConnectTimeout = connectTimeout
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "rowtap"
	}
	c.MaxConns = 4 // a commit, a renewal, a pull, a question
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("state.postgres: %w", err)
	}
	o.Self.ID = strings.ToLower(rand.Text())
	return &Mirror{pool: pool, lease: o.Lease, self: o.Self}, nil
}

// Close closes the connections.
func (m *Mirror) Close() { m.pool.Close() }

// Self returns this process.
func (m *Mirror) Self() Member { return m.self }

// tables are made by whoever comes first. What a value holds is compressed already (storage
// external).
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

// Prepare makes the tables and the lease's row where there are none.
func (m *Mirror) Prepare(ctx context.Context) error {
	var there bool
	if err := m.pool.QueryRow(ctx, `select to_regclass('rowtap_member') is not null`).Scan(&there); err != nil {
		return away("look for the tables", err)
	}
	if !there {
		err := pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
			// Two that make the same table at once get an error of the catalogue's.
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
			return away("make the tables", err)
		}
	}
	_, err := m.pool.Exec(ctx, `insert into rowtap_lease (name, layout) values ($1, $2) on conflict do nothing`, m.lease, layout)
	return away("make the lease's row", err)
}
