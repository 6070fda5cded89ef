package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/plan"
)

// downFor is how long a trouble that passes by itself may last before somebody should know of it.
const downFor = 30 * time.Minute

// Trouble is why somebody's attention is needed.
type Trouble string

// The troubles. Each is told of by itself: rows that failed a week ago must not hide that the zap is blocked today.
const (
	TroubleBlocked   Trouble = "blocked"    // a zap, or an account
	TroubleFailed    Trouble = "failed"     // a zap has failed rows
	TroubleHeld      Trouble = "held"       // a zap has held rows
	TroubleDown      Trouble = "down"       // a CleverTap account has taken nothing for half an hour
	TroubleUnread    Trouble = "unread"     // worksheets of a Google account were not read for half an hour
	TroubleStateFile Trouble = "state_file" // nothing can be written

	// Of a state on PostgreSQL.
	TroublePostgres    Trouble = "postgres"      // nothing can be recorded
	TroubleReplication Trouble = "replication"   // what was recorded may be lost
	TroubleDiffers     Trouble = "configuration" // a standby's is another than the active machine's
	TroubleUnseen      Trouble = "unseen"        // a standby was not heard of for a minute
	TroubleTakeover    Trouble = "takeover"      // a standby could not take over
)

// over says that a trouble is.
func (t Trouble) over() string {
	switch t {
	case TroubleFailed:
		return "has no failed rows any more"
	case TroubleHeld:
		return "has no held rows any more"
	case TroubleDiffers:
		return "runs the same configuration again"
	case TroubleUnseen:
		return "is back"
	case TroubleTakeover:
		return "could take over again"
	case TroubleBlocked, TroubleDown, TroubleUnread, TroubleStateFile, TroublePostgres, TroubleReplication:
	}
	return "is well again"
}

// about is what a trouble is of: a zap, an account, another machine, or the daemon.
type about struct {
	zap           string
	app, account  string
	host, address string
	trouble       Trouble
}

// subject names it in a sentence.
func (a about) subject() string {
	switch {
	case a.zap != "":
		return "zap " + a.zap
	case a.app == "clevertap":
		return "CleverTap account " + a.account
	case a.account != "":
		return "Google account " + a.account
	case a.host != "":
		return "standby " + a.host
	case a.trouble == TroublePostgres, a.trouble == TroubleReplication:
		return "the state on PostgreSQL"
	}
	return "the state file"
}

// condition is whether something needs attention.
type condition struct {
	about
	needs   bool
	unknown bool          // what was told of it stands: an operator paused the zap, or a larger trouble hides it
	after   time.Duration // for how long it must need it before anybody is told
	reason  string
	next    string
}

// conditions are all that may need somebody's attention. One cause is one condition: of an account that is refused, its zaps say
// nothing.
func (e *Engine) conditions(ctx context.Context) ([]condition, error) {
	st, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	plan := e.current()
	stall := e.stalled()
	all := append([]condition{
		{about: about{trouble: TroubleStateFile}, needs: stall.err != nil && !stall.mirror, reason: stall.reason, next: hint.Of(stall.err)},
		{about: about{trouble: TroublePostgres}, needs: stall.err != nil && stall.mirror, reason: stall.reason, next: hint.Of(stall.err)},
	}, e.mirrorConditions(st.Machines)...)

	hidden := map[about]bool{} // accounts whose zaps are blocked by it
	for _, a := range st.Accounts {
		hidden[about{app: a.App, account: a.Account}] = a.State == "blocked"
		all = append(all, blockedAccount(a))
		if a.App == "clevertap" {
			all = append(all, downAccount(a, st.Zaps, plan))
		} else {
			all = append(all, e.unreadAccount(a, st.Zaps, plan))
		}
	}
	for _, z := range st.Zaps {
		covered := stall.err != nil
		if r := plan.Recipe(z.Zap); r != nil {
			covered = covered || hidden[about{app: "google_sheets", account: r.Trigger.Account.Name}]
			for _, action := range r.Actions {
				covered = covered || hidden[about{app: "clevertap", account: action.Account.Name}]
			}
		}
		all = append(all, zapConditions(z, covered)...)
	}
	return all, nil
}

// zapConditions are those of one zap; covered tells that a larger trouble blocks it.
func zapConditions(z ZapStatus, covered bool) []condition {
	known := z.State == Paused || z.State == NotEnabled // an operator knows; what was told stands until it runs again
	of := func(t Trouble, needs bool, reason, next string) condition {
		return condition{about: about{zap: z.Zap, trouble: t}, unknown: known, needs: needs, reason: reason, next: next}
	}
	blocked := of(TroubleBlocked, z.State == NeedsHand, z.Reason, z.Hint)
	blocked.unknown = known || covered
	return []condition{
		blocked,
		of(TroubleFailed, z.Failed > 0, rowsThat(z.Failed, "failed", "failed"), "rowtap history "+z.Zap+" --state failed"),
		of(TroubleHeld, z.Held > 0, rowsThat(z.Held, "is held", "are held"), "rowtap history "+z.Zap+" --state held"),
	}
}

func rowsThat(n int64, one, many string) string {
	if n == 1 {
		return "1 row " + one
	}
	return fmt.Sprintf("%d rows %s", n, many)
}

// blockedAccount: only an answer proves that a refused account is well, not that it is down now for another reason.
func blockedAccount(a AccountStatus) condition {
	return condition{
		about: about{app: a.App, account: a.Account, trouble: TroubleBlocked},
		needs: a.State == "blocked", unknown: a.State == "retrying", reason: a.Reason, next: a.Hint,
	}
}

// downAccount: rows wait for a CleverTap account that does not take them, though it may by itself.
func downAccount(a AccountStatus, zaps []ZapStatus, plan *plan.Plan) condition {
	var queued int64
	for _, z := range zaps {
		r := plan.Recipe(z.Zap)
		if r == nil || z.State == Paused || z.State == NotEnabled {
			continue
		}
		if slices.ContainsFunc(r.Actions, func(action config.Action) bool { return action.Account.Name == a.Account }) {
			queued += z.Queued
		}
	}
	retrying := a.State == "retrying"
	return condition{
		about: about{app: a.App, account: a.Account, trouble: TroubleDown},
		needs: retrying && queued > 0, unknown: a.State == "blocked" || retrying && queued == 0, after: downFor,
		reason: fmt.Sprintf("for half an hour it has taken nothing, and %s: %s", rowsThat(queued, "waits", "wait"), a.Reason), next: a.Hint,
	}
}

// unreadAccount: worksheets are not read for reasons that may pass by themselves.
func (e *Engine) unreadAccount(a AccountStatus, zaps []ZapStatus, plan *plan.Plan) condition {
	c := condition{about: about{app: a.App, account: a.Account, trouble: TroubleUnread}, unknown: a.State == "blocked"}
	var names []string
	for _, z := range zaps {
		r := plan.Recipe(z.Zap)
		if r == nil || z.State != Running || z.Reason == "" || r.Trigger.Account.Name != a.Account || e.metrics.overdue(r, e.now()) < downFor {
			continue
		}
		if names = append(names, z.Zap); len(names) == 1 {
			c.needs, c.reason, c.next = true, z.Reason, z.Hint
		}
	}
	const shown = 3
	if more := len(names) - shown; more > 0 {
		names = append(names[:shown], fmt.Sprintf("%d more", more))
	}
	c.reason = fmt.Sprintf("for half an hour nothing new was read for %s: %s", strings.Join(names, ", "), c.reason)
	return c
}
