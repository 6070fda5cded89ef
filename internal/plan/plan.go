// Package plan is what rowtap is to do: the zaps of a configuration with their mappings compiled, the clients of its accounts, and which
// worksheet each zap means. A plan is made whole and checked before it is put in force; it opens no connection by itself, and nothing
// in it changes afterwards but what is learnt of a worksheet's header.
//
// A [Recipe] is a zap ready to run. What rows are found by it and what records it makes of them is said here once, for the polls, the
// uploads and whoever looks at a zap.
package plan

import (
	"context"
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

// Recipe is a zap and its compiled mapping.
type Recipe struct {
	*config.Zap
	Mapping *mapping.Mapping

	header atomic.Pointer[row.Header] // as the last poll read it; nil: none has
}

// HeaderOf returns the header of a delivery's row: rows that an earlier release stored also have the names of now.
func (r *Recipe) HeaderOf(d ledger.Delivery) row.Header {
	if now := r.header.Load(); now != nil {
		return d.Header.Updated(*now)
	}
	return d.Header
}

// Load reads a configuration directory and compiles its zaps' mappings. Its errors are those of [config.Load], the mistakes
// in mappings among them. It opens no connection.
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

// LoadAccounts reads rowtap.yaml alone: a plan without zaps. Its errors are those of [config.LoadAccounts].
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

// Adopt keeps the open Google accounts of an older plan that this one has too: their quota counts on.
func (p *Plan) Adopt(old *Plan) {
	for name, g := range p.Google {
		before, ok := old.Google[name]
		if ok && reflect.DeepEqual(before.Options, g.Options) {
			p.Google[name] = before
		}
	}
}

// Google opens an account at its first use, so that one without credentials stops only its own zaps, and is tried again.
type Google struct {
	Options sheets.Options // not to be changed once it is open

	mu      sync.Mutex
	account *sheets.Account
}

// Open returns the account, opened at the first call that can. The errors are those of [sheets.Open].
func (g *Google) Open(ctx context.Context) (*sheets.Account, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.account == nil {
		account, err := sheets.Open(ctx, g.Options)
		if err != nil {
			return nil, err
		}
		g.account = account
	}
	return g.account, nil
}

// Opened returns the account if it has been opened.
func (g *Google) Opened() *sheets.Account {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.account
}

// ReadOptions returns what decides how a row that is read is known.
func (r *Recipe) ReadOptions() detect.Options {
	return detect.Options{Key: r.Trigger.Key, Identity: r.Mapping.IdentityColumns()}
}

// DetectOptions returns what decides whether a row is new and ready. Without `require` a row is ready once the columns of
// its identity are filled.
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

// ReadsPerMinute is about how many Sheets reads a minute the schedules of a Google account's zaps ask for, at one a poll. Zaps of one
// spreadsheet that are due at the same times share theirs.
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

// ReadsPerMinute is about how many Sheets reads a minute the zap's schedule asks for, at one a poll.
func (r *Recipe) ReadsPerMinute(now time.Time) float64 {
	if every := r.Interval(now); every > 0 {
		return float64(time.Minute) / float64(every)
	}
	return 0
}

// CheckFile reads the text of a zap file as if it stood at path, compiles its mapping and binds it to a header: what rowtap check
// --online would find. The error is [config.Diagnostics] or [*mapping.ColumnError].
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

// See takes up the header of the zap's worksheet as a poll has read it.
func (r *Recipe) See(h row.Header) { r.header.Store(&h) }

// Seen returns the header as the last poll read it; nil: none has.
func (r *Recipe) Seen() *row.Header { return r.header.Load() }

// Meant says what to do about the name of a zap that is none.
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
