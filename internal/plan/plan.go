// Package plan prepares a configuration for running: its zaps with compiled mappings (plan.go), and
// the clients of its accounts. A plan is made and checked as a whole before it is put in force.
// Making it opens no connection. Afterwards it is immutable, except for the last header read.
//
// A [Recipe] is a zap that is ready to run. Polls, uploads, previews and the page use it to find
// out which worksheet a trigger means (binding.go, worksheet.go), which columns (columns.go), which
// action a delivery is for (actions.go), what record a row makes (records.go), and whether a newer
// row has updated the same user since (updates.go).
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

// Plan is a configuration ready to run, with the mapping of each zap and the client of each
// account.
type Plan struct {
	Config  *config.Config
	Recipes []*Recipe // sorted by name

	Google    map[string]*Google
	CleverTap map[string]*clevertap.Client

	lookup func(string) (string, bool) // resolves variables
}

// Recipe is a zap with its compiled mapping. It is safe for concurrent use.
type Recipe struct {
	*config.Zap
	Mapping *mapping.Mapping

	header atomic.Pointer[row.Header] // of the last poll; nil: none yet
}

// HeaderOf returns the header of a delivery's row. Headers stored by earlier releases also get
// today's column names.
func (r *Recipe) HeaderOf(d ledger.Delivery) row.Header {
	if now := r.header.Load(); now != nil {
		return d.Header.Updated(*now)
	}
	return d.Header
}

// Load reads a configuration directory and compiles the mappings of its zaps. The errors are those
// of [config.Load], including mistakes in mappings. Load opens no connection.
func Load(dir string, lookup func(string) (string, bool), userAgent string) (*Plan, error) {
	mappings := map[*config.Zap]*mapping.Mapping{}
	cfg, err := config.Load(dir, lookup, compileInto(mappings))
	if err != nil {
		return nil, err
	}
	p, err := newPlan(cfg, userAgent)
	if err != nil {
		return nil, err
	}
	p.lookup = lookup
	for _, z := range cfg.Zaps {
		p.Recipes = append(p.Recipes, &Recipe{Zap: z, Mapping: mappings[z]})
	}
	return p, nil
}

// compileInto returns a check of zaps that compiles their mappings into a map.
func compileInto(mappings map[*config.Zap]*mapping.Mapping) func(*config.Zap) error {
	return func(z *config.Zap) error {
		m, err := mapping.Compile(z)
		mappings[z] = m
		if err == nil && len(m.Warnings()) > 0 {
			return m.Warnings()
		}
		return err
	}
}

// ZapFile is a zap's file as it is on disk, for display. If it differs from the one in force, it
// has what rowtap check says of it.
type ZapFile struct {
	config.ZapFile
	Mistakes, Warnings config.Diagnostics
	Settings           bool // rowtap.yaml has mistakes, so the file was checked with the accounts in force
}

// ZapFile reads the file of a zap in the plan, and checks it if it was edited.
func (p *Plan) ZapFile(r *Recipe) ZapFile {
	f := ZapFile{ZapFile: p.Config.ReadZapFile(r.Zap)}
	if !f.Edited || f.Unread != "" || p.lookup == nil {
		return f
	}
	accounts, err := config.LoadAccounts(p.Config.Dir, p.lookup)
	if f.Settings = err != nil; f.Settings {
		accounts = p.Config
	}
	z, warnings, err := accounts.ParseZap(r.File, f.Text, p.lookup, compileInto(map[*config.Zap]*mapping.Mapping{}))
	f.Warnings = f.shown(warnings)
	if wrong, ok := errors.AsType[config.Diagnostics](err); ok {
		f.Mistakes = f.shown(wrong)
	} else if err != nil {
		f.Mistakes = config.Diagnostics{{Pos: config.Pos{File: r.File}, Message: err.Error()}}
	} else if other := p.Config.Zap(z.Name); other != nil && other.File != r.File {
		f.Mistakes = config.Diagnostics{{
			Pos: config.Pos{File: r.File}, Message: "zap " + z.Name + " is already defined in " + other.File, Suggestion: "rename one of them",
		}}
	}
	return f
}

// shown returns diagnostics without the text of those about lines that are left out.
func (f ZapFile) shown(ds config.Diagnostics) config.Diagnostics {
	shown := make(config.Diagnostics, len(ds))
	for i, d := range ds {
		if shown[i] = d; f.Hides(d.Pos) {
			shown[i].Message, shown[i].Suggestion = "a mistake in a part that is not shown here", "rowtap check describes it"
		}
		shown[i].Source = ""
	}
	return shown
}

// LoadAccounts reads rowtap.yaml only and returns a plan without zaps. The errors are those of
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

// Recipe returns the recipe with a name, or nil.
func (p *Plan) Recipe(name string) *Recipe {
	i, ok := slices.BinarySearchFunc(p.Recipes, name, func(r *Recipe, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return nil
	}
	return p.Recipes[i]
}

// Adopt takes over the open Google accounts of the previous plan, including their quota usage, if
// their options are unchanged.
func (p *Plan) Adopt(old *Plan) {
	for name, g := range p.Google {
		before, ok := old.Google[name]
		if ok && reflect.DeepEqual(before.Options, g.Options) {
			p.Google[name] = before
		}
	}
}

// Google opens an account at its first use, so that an account without credentials stops only its
// own zaps and is retried.
type Google struct {
	Options sheets.Options // must not change once the account is open

	mu      sync.Mutex
	account *sheets.Account
}

// Open returns the account. It opens it unless an earlier call has. The errors are those of
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

// Opened returns the account, or nil if it is not open.
func (g *Google) Opened() *sheets.Account {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.account
}

// ReadOptions returns the options by which detection recognizes rows.
func (r *Recipe) ReadOptions() detect.Options {
	return detect.Options{Key: r.Trigger.Key, Identity: r.Mapping.IdentityColumns(), Repeats: detect.Repeats(r.Trigger.Repeats)}
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

// Interval returns the time between the next two polls after now.
func (r *Recipe) Interval(now time.Time) time.Duration {
	first := r.Schedule.Cron.Next(now)
	return r.Schedule.Cron.Next(first).Sub(first)
}

// ReadsPerMinute returns the average number of Sheets reads a minute that the schedules of a Google
// account's zaps need, at one per poll. Zaps of one spreadsheet and schedule share theirs.
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

// ReadsPerMinute returns the average number of Sheets reads a minute that the zap's schedule needs,
// at one per poll.
func (r *Recipe) ReadsPerMinute(now time.Time) float64 {
	if every := r.Interval(now); every > 0 {
		return float64(time.Minute) / float64(every)
	}
	return 0
}

// CheckFile parses text as the zap file at path, compiles its mapping and binds it to a header,
// like rowtap check --online. The error is a [config.Diagnostics] or [*mapping.ColumnError].
func (p *Plan) CheckFile(path string, text []byte, lookup func(string) (string, bool), h row.Header) (*Recipe, error) {
	r, err := p.parse(path, text, lookup)
	if err != nil {
		return nil, err
	}
	_, missing, err := r.Fit(h)
	if len(missing) > 0 {
		err = errors.Join(err, &mapping.ColumnError{Missing: missing})
	}
	return r, err
}

// parse parses text as the zap file at path, and compiles its mapping.
func (p *Plan) parse(path string, text []byte, lookup func(string) (string, bool)) (*Recipe, error) {
	var m *mapping.Mapping
	z, _, err := p.Config.ParseZap(path, text, lookup, func(z *config.Zap) (err error) {
		m, err = mapping.Compile(z)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Recipe{Zap: z, Mapping: m}, nil
}

// Valid returns the zaps of the plan's directory whose own files have no mistakes, sorted by name.
// It is for commands that continue although [Load] fails.
func (p *Plan) Valid(lookup func(string) (string, bool)) []*Recipe {
	paths, err := config.ZapFiles(p.Config.Dir)
	if err != nil {
		return nil
	}
	var all []*Recipe
	for _, path := range paths {
		text, err := config.ReadFile(path)
		if err != nil {
			continue
		}
		if r, err := p.parse(path, text, lookup); err == nil {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *Recipe) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// See stores the header that a poll read.
func (r *Recipe) See(h row.Header) { r.header.Store(&h) }

// Seen returns the header that the last poll read; nil if there is none.
func (r *Recipe) Seen() *row.Header { return r.header.Load() }

// Meant returns the hint for a zap name that the plan does not have.
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
