package cli

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/pgtest"
)

// watchLease makes a database record who had the lease when, and which changes were made by a
// machine without it. The name of a machine is the last directory of its listening address, and its
// application_name.
const watchLease = `
create table seen_lease (at timestamptz not null, epoch bigint not null, until timestamptz not null);
create table seen_foreign (at timestamptz not null, by text not null, change text not null);
create function machine_of(term bigint) returns text language sql as
	$$ select substring(address from '([^/]*)/api.sock$') from rowtap_term where epoch = term $$;
create function see_lease() returns trigger language plpgsql as $$ begin
	if new.until <> old.until then
		insert into seen_lease values (clock_timestamp(), new.epoch, new.until);
	end if;
	if new.epoch = old.epoch and machine_of(new.epoch) <> current_setting('application_name') then
		insert into seen_foreign values (clock_timestamp(), current_setting('application_name'), 'lease');
	end if;
	return new;
end $$;
create function see_value() returns trigger language plpgsql as $$ begin
	if machine_of((select epoch from rowtap_lease)) <> current_setting('application_name') then
		insert into seen_foreign values (clock_timestamp(), current_setting('application_name'), tg_op);
	end if;
	return null;
end $$;
create trigger see_lease after update on rowtap_lease for each row execute function see_lease();
create trigger see_value after insert or update or delete on rowtap_kv for each row execute function see_value()`

// prepareWatched creates the tables in a database and watches the lease.
func prepareWatched(t *testing.T, dsn string) {
	t.Helper()
	m, err := mirror.Open(mirror.Options{DSN: dsn, Lease: "rowtap"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, dsn, watchLease)
}

// leaseSeen is what a watched database recorded.
type leaseSeen []leaseChange

// leaseChange is an acquisition, a renewal or a release.
type leaseChange struct {
	at      time.Time
	term    int
	machine string // the holder from then on
	until   time.Time
}

// readLease returns the changes of the lease, and the number of changes made by a machine without
// it.
func readLease(t *testing.T, dsn string) (seen leaseSeen, foreign int) {
	t.Helper()
	text := pgtest.Exec(t, dsn, `select (extract(epoch from at) * 1000000)::bigint, epoch, machine_of(epoch), (extract(epoch from until) * 1000000)::bigint
		from seen_lease order by at`)
	for line := range strings.SplitSeq(text, "\n") {
		var c leaseChange
		var at, until int64
		fields := strings.Split(line, "|")
		if len(fields) != 4 {
			t.Fatalf("seen_lease has %q", line)
		}
		if _, err := fmt.Sscan(fields[0], &at); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(fields[3], &until); err != nil {
			t.Fatal(err)
		}
		var err error
		if c.term, err = strconv.Atoi(fields[1]); err != nil {
			t.Fatal(err)
		}
		c.at, c.machine, c.until = time.UnixMicro(at), fields[2], time.UnixMicro(until)
		seen = append(seen, c)
	}
	for line := range strings.SplitSeq(pgtest.Exec(t, dsn, `select at, by, change from seen_foreign order by at limit 20`), "\n") {
		if line != "" {
			foreign++
			t.Errorf("the database was changed by a machine that had not the lease: %s", line)
		}
	}
	return seen, foreign
}

// held reports whether a machine had the lease at a time.
func (s leaseSeen) held(machine string, at time.Time) bool {
	held := false
	for _, c := range s {
		if !c.at.After(at) {
			held = c.machine == machine && c.until.After(at)
		}
	}
	return held
}

// term returns the last term that a machine had begun at a time.
func (s leaseSeen) term(machine string, at time.Time) (term int) {
	for _, c := range s {
		if !c.at.After(at) && c.machine == machine {
			term = c.term
		}
	}
	return term
}
