package engine

import (
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/sheets"
)

// ZapState is what a zap is doing.
type ZapState string

// The states of a zap.
const (
	Running    ZapState = "running"
	Paused     ZapState = "paused"
	NeedsHand  ZapState = "blocked" // it waits for somebody to do something, and is tried again meanwhile
	NotEnabled ZapState = "disabled"
)

// ZapStatus is a zap at a glance. Times are UTC, null where there is none.
type ZapStatus struct {
	Zap            string     `json:"zap"`
	State          ZapState   `json:"state"`
	Reason         string     `json:"reason"` // why it is blocked or paused, or what its last poll ran into
	Hint           string     `json:"hint,omitempty"`
	LastPoll       *time.Time `json:"last_poll"`
	NextPoll       *time.Time `json:"next_poll"`
	Waiting        int64      `json:"waiting"`
	Queued         int64      `json:"queued"`
	Sent           int64      `json:"sent"`
	Validated      int64      `json:"validated"` // in shadow mode, not sent
	Skipped        int64      `json:"skipped"`
	Failed         int64      `json:"failed"`
	Held           int64      `json:"held"`
	ReadsPerMinute float64    `json:"reads_per_minute"`
	Shadow         bool       `json:"shadow,omitempty"`

	Worksheet  *Binding    `json:"worksheet,omitempty"`   // that its state is of; nil: not read yet
	Moved      *Move       `json:"moved,omitempty"`       // its last change of worksheet, of the last week
	LeftBehind *LeftBehind `json:"left_behind,omitempty"` // open rows of worksheets that it no longer watches; nil: none

	Hours       []ledger.Hour `json:"-"` // outcomes of the last week, by the hour
	Spreadsheet string        `json:"-"` // its title; "": not known yet
}

// AccountStatus is an account at a glance.
type AccountStatus struct {
	Account   string     `json:"account"`
	App       string     `json:"app"`   // google_sheets or clevertap
	State     string     `json:"state"` // ok, retrying or blocked
	Reason    string     `json:"reason"`
	Hint      string     `json:"hint,omitempty"`
	RetryAt   *time.Time `json:"retry_at,omitempty"`
	QuotaUsed float64    `json:"quota_used,omitempty"` // share of reads_per_minute used in the last minute

	ReadsPerMinute float64 `json:"reads_per_minute,omitempty"` // that the account's zaps ask for, of Google accounts
	Quota          int     `json:"quota,omitempty"`            // reads a minute to keep within
}

// Status is the daemon at a glance.
type Status struct {
	Zaps     []ZapStatus     `json:"zaps"`
	Accounts []AccountStatus `json:"accounts"`
	Version  string          `json:"version"`
}

// Version returns the version of rowtap that runs.
func (e *Engine) Version() string { return e.opts.Version }

// Status tells what every zap and account does.
func (e *Engine) Status() (Status, error) {
	plan := e.current()
	st := Status{Version: e.opts.Version, Zaps: []ZapStatus{}, Accounts: []AccountStatus{}}
	troubles, pages := e.googleTroubles()
	for _, name := range sortedKeys(plan.google) {
		a := AccountStatus{
			Account: name, App: "google_sheets", State: "ok",
			ReadsPerMinute: plan.ReadsPerMinute(name, e.now()) + pages[name], Quota: plan.Config.GoogleAccounts[name].ReadsPerMinute,
		}
		if err := troubles[name]; err != nil {
			a.State, a.Reason, a.Hint = "blocked", err.Error(), HintOf(err)
		}
		if account := plan.google[name].opened(); account != nil {
			a.QuotaUsed, _ = account.Usage()
		}
		st.Accounts = append(st.Accounts, a)
	}
	gates := e.sender.gates()
	for _, name := range sortedKeys(plan.clevertap) {
		st.Accounts = append(st.Accounts, accountStatus(name, gates[name]))
	}
	for _, r := range plan.Recipes {
		z, err := e.zapStatus(r, r.worst(gates))
		if err != nil {
			return Status{}, err
		}
		st.Zaps = append(st.Zaps, z)
	}
	removed, err := e.removedZaps(plan)
	st.Zaps = append(st.Zaps, removed...)
	return st, err
}

// removedZaps tells of zaps that the configuration no longer has and that left rows behind: those are kept, unsent.
func (e *Engine) removedZaps(plan *Plan) ([]ZapStatus, error) {
	names, err := e.ledger.Zaps()
	if err != nil {
		return nil, err
	}
	var removed []ZapStatus
	for _, name := range names {
		if plan.Recipe(name) != nil {
			continue
		}
		kept, _, err := e.ledger.Zap(name)
		if err != nil {
			return nil, err
		}
		c := kept.Counts
		if c.Waiting+c.Queued+c.Failed+c.Held == 0 {
			continue
		}
		removed = append(removed, ZapStatus{
			Zap: name, State: NotEnabled, Reason: "removed from the configuration; its rows are kept, unsent",
			Waiting: c.Waiting, Queued: c.Queued, Sent: c.Sent, Validated: c.Validated, Skipped: c.Skipped, Failed: c.Failed, Held: c.Held, Hours: kept.Hours,
		})
	}
	return removed, nil
}

// googleTroubles returns what the last polls ran into that concerns a whole Google account, and how many pages a minute are read of
// large worksheets, by account.
func (e *Engine) googleTroubles() (troubles map[string]error, pages map[string]float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	troubles, pages = map[string]error{}, map[string]float64{}
	for _, b := range e.beats {
		pages[b.recipe.Trigger.Account.Name] += b.report.Pages
		wrong, ok := errors.AsType[*sheets.Error](b.err)
		if ok && (wrong.Kind == sheets.Unauthorized || wrong.Kind == sheets.Disabled) {
			troubles[b.recipe.Trigger.Account.Name] = wrong
		}
	}
	return troubles, pages
}

func accountStatus(name string, g gate) AccountStatus {
	a := AccountStatus{Account: name, App: "clevertap", State: "ok"}
	if g.err == nil {
		return a
	}
	a.State, a.Reason, a.Hint = "retrying", g.err.Error(), HintOf(g.err)
	if g.shut {
		a.State = "blocked"
	}
	a.RetryAt = timeOrNil(g.until)
	return a
}

func (e *Engine) zapStatus(r *Recipe, g gate) (ZapStatus, error) {
	kept, _, err := e.ledger.Zap(r.Name)
	if err != nil {
		return ZapStatus{}, err
	}
	now := e.now()
	z := ZapStatus{
		Zap: r.Name, State: Running, Shadow: r.Shadow,
		Waiting: kept.Counts.Waiting, Queued: kept.Counts.Queued, Sent: kept.Counts.Sent, Validated: kept.Counts.Validated,
		Skipped: kept.Counts.Skipped, Failed: kept.Counts.Failed, Held: kept.Counts.Held,
		ReadsPerMinute: r.ReadsPerMinute(now), Hours: kept.Hours,
	}
	if err := e.tellMoves(&z, kept, r); err != nil {
		return ZapStatus{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.beats[r.Name]
	if b != nil {
		z.LastPoll = timeOrNil(b.last)
		z.ReadsPerMinute += b.report.Pages
		z.Spreadsheet = b.report.Spreadsheet
	}
	switch {
	case !r.Enabled:
		z.State, z.Reason, z.ReadsPerMinute = NotEnabled, "enabled: false", 0
		return z, nil
	case asks(kept) != nil:
		z.State, z.Reason, z.Hint = NeedsHand, asks(kept).Error(), HintOf(asks(kept))
		return z, nil
	case kept.Paused:
		z.State, z.Reason, z.ReadsPerMinute = Paused, kept.PausedReason, 0
		return z, nil
	case b == nil:
		return z, nil
	}
	z.NextPoll = timeOrNil(b.next)
	if b.err != nil {
		z.Reason, z.Hint = b.err.Error(), HintOf(b.err)
		if !passing(b.err) {
			z.State = NeedsHand
		}
	} else if b.report.Doubt != "" {
		z.Reason = "nothing is taken from the last read: " + b.report.Doubt
	} else if b.report.Partial != "" {
		z.Reason = b.report.Partial
	}
	if g.shut && z.State == Running {
		z.State, z.Reason, z.Hint = NeedsHand, g.err.Error(), HintOf(g.err)
	}
	if z.State == Running && z.Reason == "" && z.Queued > 0 { // what keeps the rows will pass
		if delay := e.sender.delay(r.Name); g.err != nil {
			z.Reason, z.Hint = g.err.Error(), HintOf(g.err)
		} else if delay != "" {
			z.Reason = "rows are sent again: " + delay
		}
	}
	if err := e.stateTrouble(); displaced(err) {
		z.State, z.Reason, z.Hint = NeedsHand, nothingBegins(err), HintOf(err)
	} else if err != nil && z.State == Running {
		z.State, z.Reason, z.Hint = NeedsHand, "nothing is sent while the state file cannot be written: "+err.Error(), HintOf(err)
	}
	return z, nil
}

// passing tells whether a trouble is expected to pass by itself.
func passing(err error) bool {
	if wrong, ok := errors.AsType[*sheets.Error](err); ok {
		return wrong.Temporary()
	}
	return false
}

// HintOf returns what an operator can do about an error, "" where nothing is known.
func HintOf(err error) string {
	if wrong, ok := errors.AsType[*sheets.Error](err); ok {
		return wrong.Hint
	}
	if wrong, ok := errors.AsType[*clevertap.Error](err); ok {
		return wrong.Hint
	}
	if wrong, ok := errors.AsType[*Blocked](err); ok {
		return wrong.Hint
	}
	if hinted, ok := errors.AsType[*Hinted](err); ok {
		return hinted.Hint
	}
	if errors.Is(err, ledger.ErrNoRoom) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return "free some space on the disk of the state file; rowtap then goes on by itself"
	}
	if errors.Is(err, ledger.ErrDisk) || errors.Is(err, syscall.EIO) {
		return "check the disk for errors (dmesg); if rowtap cannot start again, move the state file to another disk (state.path), or restore a backup there: rowtap state restore FILE"
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return "let rowtap write to the state file and its directory; it then goes on by itself"
	}
	if errors.Is(err, ledger.ErrMisplaced) {
		return displacedHint()
	}
	if errors.Is(err, ledger.ErrOverwritten) {
		return "stop rowtap, then: rowtap state restore BACKUP"
	}
	if errors.Is(err, ledger.ErrCorrupt) {
		return "rowtap state check says what is damaged; then stop rowtap, and: rowtap state restore BACKUP"
	}
	if _, ok := errors.AsType[*mapping.ColumnError](err); ok {
		return "correct the header in the sheet (the zap then goes on by itself), or the zap file and: rowtap reload"
	}
	return ""
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Degraded returns the names of the zaps that are blocked.
func (e *Engine) Degraded() ([]string, error) {
	st, err := e.Status()
	if err != nil {
		return nil, err
	}
	blocked := []string{}
	for _, z := range st.Zaps {
		if z.State == NeedsHand {
			blocked = append(blocked, z.Zap)
		}
	}
	return blocked, nil
}
