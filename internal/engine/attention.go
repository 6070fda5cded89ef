package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/plan"
)

// downFor is how long a temporary problem may last before it needs attention.
const downFor = 30 * time.Minute

// Trouble is a reason why something needs attention.
type Trouble string

// The troubles are reported separately: failed rows of last week must not hide that the zap is
// blocked today.
const (
	TroubleBlocked   Trouble = "blocked"    // a zap, or an account
	TroubleFailed    Trouble = "failed"     // a zap has failed rows
	TroubleHeld      Trouble = "held"       // a zap has held rows
	TroubleDown      Trouble = "down"       // a CleverTap account has accepted nothing for half an hour
	TroubleUnread    Trouble = "unread"     // worksheets of a Google account have not been read for half an hour
	TroubleStateFile Trouble = "state_file" // nothing can be written
	TroubleRefused   Trouble = "refused"    // the configuration files are refused

	// For a state on PostgreSQL:
	TroublePostgres    Trouble = "postgres"      // nothing can be recorded
	TroubleReplication Trouble = "replication"   // recorded changes may be lost
	TroubleDiffers     Trouble = "configuration" // a standby's differs from the active machine's
	TroubleUnseen      Trouble = "unseen"        // a standby has not reported for a minute
	TroubleTakeover    Trouble = "takeover"      // a standby cannot take over
)

// event returns the event by which a target of notices selects a trouble.
func (t Trouble) event() config.NoticeEvent {
	own := map[Trouble]config.NoticeEvent{
		TroubleFailed: config.NoticeFailed, TroubleHeld: config.NoticeHeld, TroubleRefused: config.NoticeRefused,
	}
	return cmp.Or(own[t], config.NoticeBlocked)
}

// over returns the phrase that announces recovery.
func (t Trouble) over() string {
	own := map[Trouble]string{
		TroubleFailed:   "no longer has failed rows",
		TroubleHeld:     "no longer has held rows",
		TroubleDiffers:  "runs the same configuration again",
		TroubleUnseen:   "is back",
		TroubleTakeover: "can take over again",
		TroubleRefused:  "is valid again and in force",
	}
	return cmp.Or(own[t], "has recovered")
}

// about identifies what a trouble concerns: a zap, an account, another machine, or the daemon.
type about struct {
	zap           string
	app, account  string
	host, address string
	trouble       Trouble
}

// subject returns the name of a for a sentence.
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
	case a.trouble == TroubleRefused:
		return "the configuration"
	case a.trouble == TroublePostgres, a.trouble == TroubleReplication:
		return "the state on PostgreSQL"
	}
	return "the state file"
}

// condition says whether something needs attention.
type condition struct {
	about
	needs bool
	// The last notice stays valid: an operator paused the zap, or another trouble hides this one.
	unknown bool
	after   time.Duration // how long it must need attention before a notice is sent
	rows    int64         // failed rows
	reason  string
	next    string
}

// conditions returns everything that may need attention. Each cause is one condition: if an account
// is refused, its zaps are not reported as well.
func (e *Engine) conditions(ctx context.Context) ([]condition, error) {
	st, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	return e.conditionsOf(st), nil
}

// conditionsOf returns the conditions of a status.
func (e *Engine) conditionsOf(st Status) []condition {
	plan := e.current()
	stall := e.stalled()
	all := append([]condition{
		refusedCondition(st.Refused),
		{about: about{trouble: TroubleStateFile}, needs: stall.err != nil && !stall.mirror, reason: stall.reason, next: hint.Of(stall.err)},
		{about: about{trouble: TroublePostgres}, needs: stall.err != nil && stall.mirror, reason: stall.reason, next: hint.Of(stall.err)},
	}, e.mirrorConditions(st.Machines)...)

	hidden := map[about]bool{} // blocked accounts, which also block their zaps
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
	return all
}

// zapConditions returns the conditions of one zap; covered means that its account or the state
// blocks it.
func zapConditions(z ZapStatus, covered bool) []condition {
	// The operator knows; earlier notices stay valid until the zap runs again.
	known := z.State == Paused || z.State == NotEnabled
	of := func(t Trouble, needs bool, reason, next string) condition {
		return condition{about: about{zap: z.Zap, trouble: t}, unknown: known, needs: needs, reason: reason, next: next}
	}
	blocked := of(TroubleBlocked, z.State == NeedsHand, z.told, z.Hint)
	blocked.unknown = known || covered
	failed := of(TroubleFailed, z.Failed > 0, rowsThat(z.Failed, "failed", "failed"), "rowtap history "+z.Zap+" --state failed")
	failed.rows = z.Failed
	held := of(TroubleHeld, z.Held > 0, rowsThat(z.Held, "is held", "are held"), "rowtap history "+z.Zap+" --state held")
	return []condition{blocked, failed, held}
}

func rowsThat(n int64, one, many string) string {
	if n == 1 {
		return "1 row " + one
	}
	return fmt.Sprintf("%d rows %s", n, many)
}

// blockedAccount returns the condition of a refused account. Only a response shows that it has
// recovered: an account that is down now may still be refused.
func blockedAccount(a AccountStatus) condition {
	return condition{
		about: about{app: a.App, account: a.Account, trouble: TroubleBlocked},
		needs: a.State == "blocked", unknown: a.State == "retrying", reason: a.told, next: a.Hint,
	}
}

// downAccount returns the condition of a CleverTap account for which rows wait because of a
// temporary problem.
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
		reason: fmt.Sprintf("nothing accepted for half an hour, %s: %s", rowsThat(queued, "waits", "wait"), a.told), next: a.Hint,
	}
}

// unreadAccount returns the condition of a Google account whose worksheets are not read because of
// a temporary problem.
func (e *Engine) unreadAccount(a AccountStatus, zaps []ZapStatus, plan *plan.Plan) condition {
	c := condition{about: about{app: a.App, account: a.Account, trouble: TroubleUnread}, unknown: a.State == "blocked"}
	var names []string
	for _, z := range zaps {
		r := plan.Recipe(z.Zap)
		if r == nil || z.State != Running || z.told == "" || r.Trigger.Account.Name != a.Account || e.metrics.overdue(r, e.now()) < downFor {
			continue
		}
		if names = append(names, z.Zap); len(names) == 1 {
			c.needs, c.reason, c.next = true, z.told, z.Hint
		}
	}
	const shown = 3
	if more := len(names) - shown; more > 0 {
		names = append(names[:shown], fmt.Sprintf("%d more", more))
	}
	c.reason = fmt.Sprintf("nothing read for half an hour for %s: %s", strings.Join(names, ", "), c.reason)
	return c
}
