package engine

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/deliver"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/poll"
	"github.com/rowtap/rowtap/internal/sheets"
)

// ZapState is the state of a zap.
type ZapState string

// The states of a zap.
const (
	Running    ZapState = "running"
	Paused     ZapState = "paused"
	NeedsHand  ZapState = "blocked" // it needs an operator; polls are still tried
	NotEnabled ZapState = "disabled"
)

// ZapStatus is the status of a zap. Times are UTC, null if there is none.
type ZapStatus struct {
	Zap            string     `json:"zap"`
	State          ZapState   `json:"state"`
	Reason         string     `json:"reason"` // why it is blocked or paused, or the error of its last poll
	Hint           string     `json:"hint,omitempty"`
	ResumeAt       *time.Time `json:"resume_at,omitempty"` // the pause ends by itself
	Restored       bool       `json:"restored,omitempty"`  // paused since its state was restored from a backup
	LastPoll       *time.Time `json:"last_poll"`
	NextPoll       *time.Time `json:"next_poll"`
	Waiting        int64      `json:"waiting"`
	Queued         int64      `json:"queued"`
	Sent           int64      `json:"sent"`
	Validated      int64      `json:"validated"` // in shadow mode; not sent
	Skipped        int64      `json:"skipped"`
	Failed         int64      `json:"failed"`
	Held           int64      `json:"held"`
	ReadsPerMinute float64    `json:"reads_per_minute"`
	Shadow         bool       `json:"shadow,omitempty"`
	// ConfigurationRefused is true while the configuration files are refused: the zap runs as they
	// were before.
	ConfigurationRefused bool `json:"configuration_refused,omitempty"`

	Worksheet  *plan.Binding `json:"worksheet,omitempty"`   // of its state; nil: not read yet
	Moved      *Move         `json:"moved,omitempty"`       // its last change of worksheet, if recent
	LeftBehind *LeftBehind   `json:"left_behind,omitempty"` // open rows of worksheets that it no longer watches; nil: none

	Since *Period `json:"since,omitempty"` // counts since the time asked for; nil: none was

	Hours       []ledger.Hour `json:"-"` // outcomes of the last month, of the last week by hour
	CountedFrom time.Time     `json:"-"` // when Hours begin to be complete; zero: they are
	Spreadsheet string        `json:"-"` // title; "": not known yet

	told string // for notices: why it is blocked or not read, without texts that may quote a cell
}

// AccountStatus is the status of an account.
type AccountStatus struct {
	Account   string     `json:"account"`
	App       string     `json:"app"`   // google_sheets or clevertap
	State     string     `json:"state"` // ok, retrying or blocked
	Reason    string     `json:"reason"`
	Hint      string     `json:"hint,omitempty"`
	RetryAt   *time.Time `json:"retry_at,omitempty"`
	QuotaUsed float64    `json:"quota_used,omitempty"` // share of reads_per_minute used in the last minute

	ReadsPerMinute float64 `json:"reads_per_minute,omitempty"` // needed by the account's zaps; Google accounts only
	Quota          int     `json:"quota,omitempty"`            // the configured reads_per_minute

	told string // Reason for notices: without what CleverTap says, which may quote a record
}

// Status is the status of the daemon.
type Status struct {
	Zaps     []ZapStatus     `json:"zaps"`
	Accounts []AccountStatus `json:"accounts"`
	Refused  *Refusal        `json:"configuration_refused,omitempty"` // why the configuration files are refused; nil: they are not
	Notes    []plan.Note     `json:"notes,omitempty"`                 // about the machines and PostgreSQL
	Machines []Machine       `json:"machines,omitempty"`              // that serve the state on PostgreSQL; empty if it is in a file
	Version  string          `json:"version"`

	Total *Period `json:"total,omitempty"` // of all zaps, since the time asked for; nil: none was

	Removed []ledger.Hour `json:"-"` // outcomes of removed zaps that are not in Zaps, in no order
}

// Version returns the version of the running rowtap.
func (e *Engine) Version() string { return e.opts.Version }

// Status returns the status of all zaps and accounts.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	return e.status(ctx, func(ledger.Zap) bool { return false })
}

// status is Status with the removed zaps that keep selects besides those with open rows.
func (e *Engine) status(ctx context.Context, keep func(ledger.Zap) bool) (Status, error) {
	current := e.current()
	st := Status{Version: e.opts.Version, Zaps: []ZapStatus{}, Accounts: []AccountStatus{}, Machines: e.machines(), Refused: e.Refused()}
	for _, c := range e.mirrorConditions(st.Machines) {
		if c.needs {
			st.Notes = append(st.Notes, plan.Note{Text: c.sentence(), Hint: c.next})
		}
	}
	troubles, pages := e.googleTroubles()
	for _, name := range sortedKeys(current.Google) {
		a := AccountStatus{
			Account: name, App: "google_sheets", State: "ok",
			ReadsPerMinute: current.ReadsPerMinute(name, e.now()) + pages[name], Quota: current.Config.GoogleAccounts[name].ReadsPerMinute,
		}
		if err := troubles[name]; err != nil {
			a.State, a.Reason, a.Hint = "blocked", err.Error(), hint.Of(err)
			a.told = a.Reason
		}
		if account := current.Google[name].Opened(); account != nil {
			a.QuotaUsed, _ = account.Usage()
		}
		st.Accounts = append(st.Accounts, a)
	}
	accounts := e.sender.Accounts()
	for _, name := range sortedKeys(current.CleverTap) {
		st.Accounts = append(st.Accounts, accountStatus(name, accounts[name]))
	}
	for _, r := range current.Recipes {
		z, err := e.zapStatus(ctx, r, worst(r, accounts))
		if err != nil {
			return Status{}, err
		}
		st.Zaps = append(st.Zaps, z)
	}
	err := e.addRemoved(ctx, &st, current, keep)
	for i := range st.Zaps {
		st.Zaps[i].ConfigurationRefused = st.Refused != nil
	}
	return st, err
}

// addRemoved adds zaps that are no longer in the configuration but have open rows, which are kept
// but not sent, or that keep selects; of others only what was counted.
func (e *Engine) addRemoved(ctx context.Context, st *Status, plan *plan.Plan, keep func(ledger.Zap) bool) error {
	names, err := e.ledger.Zaps(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if plan.Recipe(name) != nil {
			continue
		}
		stored, _, err := e.ledger.Zap(ctx, name)
		if err != nil {
			return err
		}
		c := stored.Counts
		if c.Waiting+c.Queued+c.Failed+c.Held == 0 && !keep(stored) {
			st.Removed = append(st.Removed, stored.Hours...)
			continue
		}
		st.Zaps = append(st.Zaps, ZapStatus{
			Zap: name, State: NotEnabled, Reason: "removed from the configuration; its rows are kept but not sent",
			Waiting: c.Waiting, Queued: c.Queued, Sent: c.Sent, Validated: c.Validated, Skipped: c.Skipped, Failed: c.Failed, Held: c.Held,
			Hours: stored.Hours, CountedFrom: stored.CountedFrom,
		})
	}
	return nil
}

// googleTroubles returns, by Google account, the errors of last polls that concern the whole
// account, and how many pages of large worksheets are read per minute.
func (e *Engine) googleTroubles() (troubles map[string]error, pages map[string]float64) {
	troubles, pages = map[string]error{}, map[string]float64{}
	for _, r := range e.current().Recipes {
		polled, _ := e.poller.State(r.Name)
		pages[r.Trigger.Account.Name] += polled.Report.Pages
		wrong, ok := errors.AsType[*sheets.Error](polled.Err)
		if ok && (wrong.Kind == sheets.Unauthorized || wrong.Kind == sheets.Disabled) {
			troubles[r.Trigger.Account.Name] = wrong
		}
	}
	return troubles, pages
}

func accountStatus(name string, sending deliver.Account) AccountStatus {
	a := AccountStatus{Account: name, App: "clevertap", State: "ok"}
	if sending.Err == nil {
		return a
	}
	a.State, a.Reason, a.Hint = "retrying", sending.Err.Error(), hint.Of(sending.Err)
	a.told = toldOf(sending.Err)
	if sending.Shut {
		a.State = "blocked"
	}
	a.RetryAt = timeOrNil(sending.Until)
	return a
}

// toldOf returns the text of an error for notices, which have no cells. Of a response of CleverTap
// it has only the status, and of a missing column no similar name: where the header row was deleted,
// the names are cells.
func toldOf(err error) string {
	if refused, ok := errors.AsType[*clevertap.Error](err); ok && refused.HTTPStatus != 0 {
		e := *refused
		if e.Message = http.StatusText(e.HTTPStatus); e.HTTPStatus < http.StatusMultipleChoices || e.Message == "" {
			e.Message = "rowtap status shows the reason"
		}
		return e.Error()
	}
	if columns, ok := errors.AsType[*mapping.ColumnError](err); ok {
		e := mapping.ColumnError{Missing: slices.Clone(columns.Missing)}
		for i := range e.Missing {
			e.Missing[i].Nearest = ""
		}
		return e.Error()
	}
	return err.Error()
}

func (e *Engine) zapStatus(ctx context.Context, r *plan.Recipe, sending deliver.Account) (ZapStatus, error) {
	stored, _, err := e.ledger.Zap(ctx, r.Name)
	if err != nil {
		return ZapStatus{}, err
	}
	now := e.now()
	z := ZapStatus{
		Zap: r.Name, State: Running, Shadow: r.Shadow,
		Waiting: stored.Counts.Waiting, Queued: stored.Counts.Queued, Sent: stored.Counts.Sent, Validated: stored.Counts.Validated,
		Skipped: stored.Counts.Skipped, Failed: stored.Counts.Failed, Held: stored.Counts.Held,
		ReadsPerMinute: r.ReadsPerMinute(now), Hours: stored.Hours, CountedFrom: stored.CountedFrom,
	}
	if err := e.setMoves(ctx, &z, stored, r); err != nil {
		return ZapStatus{}, err
	}
	polled, ok := e.poller.State(r.Name)
	z.LastPoll = timeOrNil(polled.Last)
	z.ReadsPerMinute += polled.Report.Pages
	z.Spreadsheet = polled.Report.Spreadsheet
	question, asks := poll.Asks(stored)
	switch {
	case !r.Enabled:
		z.State, z.Reason, z.ReadsPerMinute = NotEnabled, "enabled: false", 0
		return z, nil
	case asks:
		z.State, z.Reason, z.Hint, z.told = NeedsHand, question.Reason, question.Hint, question.Reason
		return z, nil
	case stored.Paused:
		z.State, z.Reason, z.ReadsPerMinute = Paused, stored.PausedReason, 0
		z.ResumeAt, z.Restored = timeOrNil(stored.ResumeAt), stored.Restored()
		if z.ResumeAt != nil {
			z.Reason += "; " + until(stored.ResumeAt, e.now())
		}
		return z, nil
	case !ok:
		return z, nil
	}
	z.NextPoll = timeOrNil(polled.Next)
	if polled.Err != nil {
		z.Reason, z.Hint, z.told = polled.Err.Error(), hint.Of(polled.Err), toldOf(polled.Err)
		if !passing(polled.Err) {
			z.State = NeedsHand
		}
	} else if polled.Report.Doubt != "" {
		z.Reason = "the last read was ignored: " + polled.Report.Doubt
		z.told = z.Reason
	} else if polled.Report.Partial != "" {
		z.Reason = polled.Report.Partial
		z.told = z.Reason
	}
	if sending.Shut && z.State == Running {
		z.State, z.Reason, z.Hint, z.told = NeedsHand, sending.Err.Error(), hint.Of(sending.Err), toldOf(sending.Err)
	}
	if z.State == Running && z.Reason == "" && z.Queued > 0 { // temporary reasons why rows wait
		if delay := e.sender.Delay(r.Name); sending.Err != nil {
			z.Reason, z.Hint = sending.Err.Error(), hint.Of(sending.Err)
		} else if delay != "" {
			z.Reason = "rows are retried: " + delay
		}
	}
	if stall := e.stalled(); stall.err != nil && (z.State == Running || !stall.begins) {
		z.State, z.Reason, z.Hint, z.told = NeedsHand, stall.reason, hint.Of(stall.err), stall.reason
	}
	return z, nil
}

// passing reports whether an error is temporary.
func passing(err error) bool {
	if wrong, ok := errors.AsType[*sheets.Error](err); ok {
		return wrong.Temporary()
	}
	return false
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Degraded returns [ConfigurationRefused] if that is so, the names of the zaps that are blocked,
// and the problems of standbys and PostgreSQL.
func (e *Engine) Degraded(ctx context.Context) ([]string, error) {
	st, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	blocked := []string{}
	if st.Refused != nil {
		blocked = append(blocked, ConfigurationRefused)
	}
	for _, z := range st.Zaps {
		if z.State == NeedsHand {
			blocked = append(blocked, z.Zap)
		}
	}
	for _, n := range st.Notes {
		blocked = append(blocked, n.Text)
	}
	return blocked, nil
}

// worst returns the state of the zap's account with the worst error: one that is shut, or else any.
func worst(r *plan.Recipe, accounts map[string]deliver.Account) deliver.Account {
	var worst deliver.Account
	for _, a := range r.Accounts() {
		if sending := accounts[a.Name]; worst.Err == nil || sending.Shut && !worst.Shut {
			worst = sending
		}
	}
	return worst
}
