package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowtap/rowtap/internal/ledger"
)

// Member is a process that serves a deployment or stands by for it.
type Member struct {
	ID      string
	Host    string
	Address string // address of its API, as configured
	Version string
}

// Seen is a member as the other members see it.
type Seen struct {
	Member
	Plan    string // hash of its configuration
	Active  bool
	Since   time.Time     // that it is active
	Trouble string        // why it could not take over; "": it could
	Commit  uint64        // that it has
	Ahead   bool          // has commits that the database lost and no machine has continued without
	Ago     time.Duration // since it was heard of
}

// Now is the state of a deployment at one time.
type Now struct {
	Commit  uint64        // number of the last commit
	Left    time.Duration // remaining time of the lease; negative if it has expired
	Members []Seen        // the active one first, the others by host

	id     string
	layout int
	epoch  int64
	holder string
	moved  string
	purged uint64
	active Seen
}

// Active returns the process that holds the lease, which may not have reported for long. ok is
// false if no process holds it.
func (n Now) Active() (s Seen, ok bool) { return n.active, n.holder != "" && n.Left > 0 }

// Moved returns where the state was moved to, "" if it is in the database.
func (n Now) Moved() string { return n.moved }

// Who says which machine is active, for operators.
func (n Now) Who() string {
	active, ok := n.Active()
	if !ok {
		return "no machine is active"
	}
	return "active is " + active.Host
}

// HasZaps reports whether the state in the database has zaps.
func (m *Mirror) HasZaps(ctx context.Context) (has bool, err error) {
	err = m.pool.QueryRow(ctx, `select exists (select from rowtap_kv where lease = $1 and value is not null and zap <> '')`, m.lease).Scan(&has)
	return has, away("look for zaps", err)
}

// Empty reports whether the database has no state, or no longer has it.
func (n Now) Empty() bool { return n.Commit == 0 || n.moved != "" }

// memberLost is how long a member is listed after its last report.
const memberLost = "1 hour"

// Look reads the lease's row and the members, as they are at one time.
func (m *Mirror) Look(ctx context.Context) (Now, error) {
	var n Now
	var left float64
	// One snapshot: the lease's row has every commit that a member reports, unless it was lost.
	b := &pgx.Batch{}
	b.Queue("begin isolation level repeatable read read only")
	b.Queue(`
		select l.id::text, l.layout, l.epoch, l.holder, l.commit, l.purged, l.moved, greatest(extract(epoch from l.until - clock_timestamp()), -1)::float8,
			coalesce(t.host, ''), coalesce(t.address, ''), coalesce(t.since, 'epoch')
		from rowtap_lease l left join rowtap_term t on t.lease = l.name and t.epoch = l.epoch
		where l.name = $1`, m.lease).QueryRow(func(row pgx.Row) error {
		return row.Scan(&n.id, &n.layout, &n.epoch, &n.holder, &n.Commit, &n.purged, &n.moved, &left, &n.active.Host, &n.active.Address, &n.active.Since)
	})
	b.Queue(`
		select m.member, m.host, m.address, m.version, m.plan, m.trouble, m.commit, extract(epoch from clock_timestamp() - m.seen)::float8,
			m.commit > l.commit and case
				when m.term = (select t.id::text from rowtap_term t where t.lease = l.name and t.first <= l.commit order by t.epoch desc limit 1) then true
				when exists (select from rowtap_term t where t.lease = l.name and t.id::text = m.term) then false -- there were commits in later terms
				else l.commit = 0 or l.commit <> l.purged end -- its term is lost, too; unless an operator has put a state in the place of what was left
		from rowtap_member m join rowtap_lease l on l.name = m.lease
		where m.lease = $1 and m.seen > clock_timestamp() - $2::interval order by m.host, m.member`, m.lease, memberLost).Query(func(rows pgx.Rows) (err error) {
		n.Members, err = pgx.CollectRows(rows, seenIn)
		return err
	})
	b.Queue("commit")
	err := m.pool.SendBatch(ctx, b).Close()
	switch {
	case n.layout > layout: // its other tables may look otherwise
		return n, newerLayout(n.layout)
	case errors.Is(err, pgx.ErrNoRows):
		return n, away("read the lease", fmt.Errorf("the database no longer has lease %q", m.lease))
	case err != nil:
		return n, away("look for the lease and the members", err)
	}
	n.Left = time.Duration(left * float64(time.Second))
	n.active.ID, n.active.Active, n.active.Commit = n.holder, true, n.Commit
	if i := slices.IndexFunc(n.Members, func(s Seen) bool { return s.ID == n.holder }); i >= 0 && n.Left > 0 {
		s := &n.Members[i]
		s.Active, s.Since, s.Commit = true, n.active.Since, n.Commit
		n.active = *s
	} else if active, ok := n.Active(); ok { // a command, which says nothing of itself
		n.Members = append(n.Members, active)
	}
	slices.SortStableFunc(n.Members, func(a, b Seen) int {
		switch {
		case a.Active == b.Active:
			return 0
		case a.Active:
			return -1
		}
		return 1
	})
	return n, nil
}

func seenIn(row pgx.CollectableRow) (s Seen, err error) {
	var ago float64
	err = row.Scan(&s.ID, &s.Host, &s.Address, &s.Version, &s.Plan, &s.Trouble, &s.Commit, &ago, &s.Ahead)
	s.Ago = time.Duration(ago * float64(time.Second))
	return s, err
}

// Say has this process be a member, with where its copy of this state is, a hash of its
// configuration, and why it could not take over.
func (m *Mirror) Say(ctx context.Context, at ledger.Position, plan, trouble string) error {
	s := m.self
	_, err := m.pool.Exec(ctx, `
		with before as ( -- an earlier process of this machine; hosts may share a name, hence the time
			delete from rowtap_member where lease = $1 and host = $3 and address = $4 and member <> $2 and seen < clock_timestamp() - interval '5 seconds')
		insert into rowtap_member (lease, member, host, address, version, plan, trouble, term, commit) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (lease, member) do update
			set trouble = excluded.trouble, plan = excluded.plan, term = excluded.term, commit = excluded.commit, seen = clock_timestamp()`,
		m.lease, s.ID, s.Host, s.Address, s.Version, plan, trouble, at.Epoch, int64(at.Commit))
	return away("say that this machine is there", err)
}

// Leave removes this process from the members.
func (m *Mirror) Leave(ctx context.Context) error {
	_, err := m.pool.Exec(ctx, `delete from rowtap_member where lease = $1 and member = $2`, m.lease, m.self.ID)
	return away("unregister this machine", err)
}

// Survey says what a database has.
type Survey struct {
	Version string // of the server, such as 15.3
	Number  int    // the same as a number, such as 150003
	Tables  bool   // rowtap's tables are there
	State   bool   // with a state of this lease
}

// Survey connects and looks at the database. It creates nothing, takes no lease, and does not make
// this process a member.
func (m *Mirror) Survey(ctx context.Context) (s Survey, err error) {
	err = m.pool.QueryRow(ctx, `select current_setting('server_version'), current_setting('server_version_num')::int, to_regclass('rowtap_member') is not null`).
		Scan(&s.Version, &s.Number, &s.Tables)
	s.Version, _, _ = strings.Cut(s.Version, " ") // without the distribution's
	if err != nil || !s.Tables {
		return s, away("read the version and look up the tables", err)
	}
	made := 0
	err = m.pool.QueryRow(ctx, `select layout, commit > 0 and moved = '' from rowtap_lease where name = $1`, m.lease).Scan(&made, &s.State)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s, nil
	case made > layout:
		return s, newerLayout(made)
	}
	return s, away("read the lease", err)
}

// Warning returns which of the database's settings can lose commits in a failover, followed by
// "\nnext: " and what to do; "" if none is known.
func (m *Mirror) Warning(ctx context.Context) (string, error) {
	var names string
	var replicas int
	err := m.pool.QueryRow(ctx, `select current_setting('synchronous_standby_names'), (select count(*) from pg_stat_replication)`).Scan(&names, &replicas)
	if err != nil {
		return "", away("read the database's settings", err)
	}
	if names == "" && replicas > 0 {
		return "PostgreSQL replicates asynchronously (synchronous_standby_names is empty): a failover can lose the last commits, after which rowtap stops sending\nnext: set synchronous_standby_names in postgresql.conf", nil
	}
	return "", nil
}
