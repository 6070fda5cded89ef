package pgtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/pgtest"
)

func TestReplica(t *testing.T) {
	primary := pgtest.Start(t)
	primary.Exec(t, "create table kept (n int)")
	replica := primary.Replica(t, true)
	equal(t, primary.Exec(t, "show synchronous_standby_names"), primary.Exec(t, "select application_name from pg_stat_replication"))
	primary.Exec(t, "insert into kept values (1)")
	await(t, "the replica replays the row", func() bool { return replica.Exec(t, "select count(*) from kept") == "1" })

	// While a synchronous replica is away, commits wait.
	conn := connect(t, primary.DSN())
	replica.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := conn.Exec(ctx, "insert into kept values (2)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a commit without its synchronous replica: got %v, want a deadline", err)
	}
	replica.Continue(t)
	primary.Exec(t, "insert into kept values (3)")

	second := primary.Replica(t, false)
	equal(t, primary.Exec(t, "select sync_state from pg_stat_replication order by sync_state"), "async\nsync")
	equal(t, second.Exec(t, "select pg_is_in_recovery()"), "t")

	// After a failover, what was committed is there, and the new primary waits for no replica.
	primary.Kill(t)
	replica.Promote(t)
	equal(t, replica.Exec(t, "select pg_is_in_recovery()"), "f")
	equal(t, replica.Exec(t, "select n from kept where n <> 2 order by n"), "1\n3")
	replica.Exec(t, "insert into kept values (4)")
	second.Promote(t) // copied while its primary had a synchronous replica
	second.Exec(t, "insert into kept values (4)")
	replica.Restart(t)
	equal(t, replica.Exec(t, "select max(n) from kept"), "4")
}
