// Package plan is a configuration ready to run: its zaps with their mappings compiled (plan.go),
// and the clients of its accounts. A plan is made and checked as a whole before it is put in force.
// Making it opens no connection, and nothing in it changes afterwards but the last header that was
// read.
//
// A [Recipe] is a zap ready to run. Polls, uploads, previews and the page ask it the same
// questions: which worksheet a trigger means (binding.go, worksheet.go), which columns
// (columns.go), which action a delivery is for (actions.go), what record a row makes (records.go),
// and whether a newer row has updated the same user since (updates.go).
package plan

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Plan is a configuration ready to run: each zap's mapping compiled, each account's client made.
type Plan struct {
	Config  *config.Config
	Recipes []*Recipe // in the order of their names

	Google    map[string]*Google
	CleverTap map[string]*clevertap.Client
}

// Recipe is a zap and its compiled mapping. It may be used from several goroutines at once.
type Recipe struct {
	*config.Zap
	Mapping *mapping.Mapping

	header atomic.Pointer[row.Header] // as the last poll read it; nil: none has
}

// HeaderOf returns the header of a delivery's row. In one that an earlier release stored, columns
// also have the names of today.
func (r *Recipe) HeaderOf(d ledger.Delivery) row.Header {
	if now := r.header.Load(); now != nil {
		return d.Header.Updated(*now)
	}
	return d.Header
}

// Load reads a configuration directory and compiles its zaps' mappings. Its errors are those of
// [config.Load], the mistakes in mappings among them. It opens no connection.
func Load(dir string, lookup func(string) (string, bool), userAgent string) (*Plan, error) {
	mappings := map[*config.Zap]*mapping.Mapping{}
	cfg, err := config.Load(dir, lookup, func(z *config.Zap) error {
		m, err := mapping.Compile(z)
		mappings[z] = m
		if err == nil && len(m.Warnings()) > 0 {
			return m.Warnings()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := newPlan(cfg, userAgent)
	if err != nil {
		return nil, err
	}
	for _, z := range cfg.Zaps {
		p.Recipes = append(p.Recipes, &Recipe{Zap: z, Mapping: mappings[z]})
	}
	return p, nil
}

// LoadAccounts reads rowtap.yaml alone: a plan without zaps. Its errors are those of
// [config.LoadAccounts].
func LoadAccounts(dir string, lookup func(string) (string, bool), userAgent string) (*Plan, error) {
	cfg, err := config.LoadAccounts(dir, lookup)
	if err != nil {
		return nil, err
	}
	return newPlan(cfg, userAgent)
}

// newPlan makes the clients of a configuration's accounts.
func newPlan(cfg *config.Config, userAgent string) (*Plan, error) {
	p := &Plan{
		Config:    cfg,
		Google:    map[string]*Google{},
		CleverTap: map[string]*clevertap.Client{},
	}
	for name, a := range cfg.GoogleAccounts {
		p.Google[name] = &Google{Options: sheets.Options{
			Name:            name,
			CredentialsFile: a.CredentialsFile,
			ReadsPerMinute:  a.ReadsPerMinute,
			Endpoint:        a.Endpoint,
			UserAgent:       userAgent,
		}}
	}
	for name, a := range cfg.CleverTapAccounts {
		client, err := clevertap.New(clevertap.Options{
			Name:      name,
			AccountID: a.AccountID,
			Passcode:  a.Passcode.Reveal(), PasscodeFile: a.PasscodeFile,
			Region:    a.Region,
			Endpoint:  a.Endpoint,
			UserAgent: userAgent,
		})
		if err != nil {
			return nil, err
		}
		p.CleverTap[name] = client
	}
	return p, nil
}

// Recipe returns the recipe of that name, nil if the plan has none.
func (p *Plan) Recipe(name string) *Recipe {
	i, ok := slices.BinarySearchFunc(p.Recipes, name, func(r *Recipe, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return nil
	}
	return p.Recipes[i]
}

// Adopt takes over the open Google accounts of the plan before where their options are the same,
// with what is used of their quotas.
func (p *Plan) Adopt(old *Plan) {
	for name, g := range p.Google {
		before, ok := old.Google[name]
		if ok && reflect.DeepEqual(before.Options, g.Options) {
			p.Google[name] = before
		}
	}
}

// Google opens an account at its first use, so that one without credentials stops only its own
// zaps, and is retried.
type Google struct {
	Options sheets.Options // not to be changed once it is open

	mu      sync.Mutex
	account *sheets.Account
}

// Open returns the account, opened at the first call that can. The errors are those of
// [sheets.Open].
func (g *Google) Open() (*sheets.Account, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.account == nil {
		account, err := sheets.Open(g.Options)
		if err != nil {
			return nil, err
		}
		g.account = account
	}
	return g.account, nil
}

// Opened returns the account, or nil if it was not opened yet.
func (g *Google) Opened() *sheets.Account {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.account
}

// ReadOptions returns the options by which a row is recognized.
func (r *Recipe) ReadOptions() detect.Options {
	return detect.Options{Key: r.Trigger.Key, Identity: r.Mapping.IdentityColumns()}
}

// DetectOptions returns the options that decide whether a row is new and ready. Without `require` a
// row is ready once the columns of its identity are filled.
func (r *Recipe) DetectOptions(identity []string) detect.Options {
	o := r.ReadOptions()
	o.Require, o.Ignore = r.Trigger.Require, r.Trigger.Ignore
	o.Unsure, o.MaxNewRows = detect.Unsure(r.Trigger.Unsure), r.Trigger.MaxNewRows
	o.Settle, o.SettleCopies = r.Trigger.Settle, r.Trigger.SettleCopies
	if o.Require == nil {
		o.Require = identity
	}
	return o
}

// Interval is about how far apart the zap's polls are, from now on.
func (r *Recipe) Interval(now time.Time) time.Duration {
	first := r.Schedule.Cron.Next(now)
	return r.Schedule.Cron.Next(first).Sub(first)
}

// ReadsPerMinute is about how many Sheets reads a minute the schedules of a Google account's zaps
// ask for, at one a poll. Zaps of one spreadsheet that are due at the same times share theirs.
func (p *Plan) ReadsPerMinute(account string, now time.Time) float64 {
	type poll struct{ spreadsheet, schedule string }
	var sum float64
	seen := map[poll]bool{}
	for _, r := range p.Recipes {
		if at := (poll{r.Trigger.SpreadsheetID, r.Schedule.Text}); r.Enabled && r.Trigger.Account.Name == account && !seen[at] {
			seen[at] = true
			sum += r.ReadsPerMinute(now)
		}
	}
	return sum
}

// ReadsPerMinute is about how many Sheets reads a minute the zap's schedule asks for, at one a
// poll.
func (r *Recipe) ReadsPerMinute(now time.Time) float64 {
	if every := r.Interval(now); every > 0 {
		return float64(time.Minute) / float64(every)
	}
	return 0
}

// CheckFile reads the text of a zap file as if it were at path, compiles its mapping and binds it
// to a header: what rowtap check --online would find. The error is [config.Diagnostics] or
// [*mapping.ColumnError].
func (p *Plan) CheckFile(path string, text []byte, lookup func(string) (string, bool), h row.Header) (*Recipe, error) {
	var m *mapping.Mapping
	z, _, err := p.Config.ParseZap(path, text, lookup, func(z *config.Zap) (err error) {
		m, err = mapping.Compile(z)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &Recipe{Zap: z, Mapping: m}
	_, missing, err := r.Bind(h)
	if missing != nil {
		err = errors.Join(err, missing)
	}
	return r, err
}

// See stores the header of the zap's worksheet as a poll has read it.
func (r *Recipe) See(h row.Header) { r.header.Store(&h) }

// Seen returns the header that the last poll has read; nil if none has.
func (r *Recipe) Seen() *row.Header { return r.header.Load() }

// Meant returns the hint for the name of a zap that the plan does not have.
func (p *Plan) Meant(name string) string {
	names := make([]string, len(p.Recipes))
	for i, r := range p.Recipes {
		names[i] = r.Name
	}
	next := "rowtap status lists the zaps"
	if near := config.Nearest(name, names); near != "" {
		next = "did you mean " + near + "? " + next
	}
	return next
}
