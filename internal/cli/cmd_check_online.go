package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/notify"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
	"github.com/rowtap/rowtap/internal/quantity"
)

// onlineAccount is an account as check --online --json prints it.
type onlineAccount struct {
	Account  string          `json:"account"`
	App      string          `json:"app"` // google_sheets, clevertap, or postgres, whose account is state.lease
	OK       bool            `json:"ok"`
	Email    string          `json:"email,omitempty"` // whom to share spreadsheets with
	Note     string          `json:"note,omitempty"`  // of postgres: its version and what it has
	Troubles []onlineTrouble `json:"troubles,omitempty"`
}

// onlineTarget is a target of notices as check --online --json prints it.
type onlineTarget struct {
	Target   string          `json:"target"`
	OK       bool            `json:"ok"`
	Troubles []onlineTrouble `json:"troubles,omitempty"`
}

// apps are the names of the apps of accounts.
var apps = map[string]string{"google_sheets": "Google", "clevertap": "CleverTap"}

// onlineZap is a zap as check --online --json prints it.
type onlineZap struct {
	Zap         string           `json:"zap"`
	OK          bool             `json:"ok"`
	Spreadsheet string           `json:"spreadsheet,omitempty"` // titles
	Worksheet   string           `json:"worksheet,omitempty"`
	GID         *int64           `json:"gid,omitempty"`
	Header      []string         `json:"header,omitempty"`     // the names in it
	Properties  []onlineProperty `json:"properties,omitempty"` // of actions with properties: all
	Renamed     *onlineTrouble   `json:"renamed,omitempty"`    // not a problem: the title of the worksheet differs from the zap file
	Troubles    []onlineTrouble  `json:"troubles,omitempty"`
	Warnings    []onlineTrouble  `json:"warnings,omitempty"` // what works but should be changed
}

type onlineProperty struct {
	Action   string `json:"action"`
	Column   string `json:"column"`
	Property string `json:"property"` // "": the column is not sent
}

type onlineTrouble struct {
	place
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// checkOnline checks the accounts, the sheets and the mail servers of a valid configuration, and
// prints the results. With strict, warnings are errors.
func checkOnline(ctx context.Context, g *globals, p *plan.Plan, bound map[string]plan.Binding, strict bool, out, stderr io.Writer) error {
	if !g.json {
		announce(p, stderr)
	}
	found, err := preview.Look(ctx, p, bound)
	if err != nil {
		return err
	}
	troubles, warnings := 0, 0
	accounts := make([]onlineAccount, len(found.Accounts))
	for i, a := range found.Accounts {
		accounts[i] = onlineAccount{Account: a.Name, App: a.App, OK: a.Err == nil, Email: a.Email}
		if a.Err != nil {
			accounts[i].Troubles = []onlineTrouble{onlineTroubleOf(a.Pos, a.Err)}
		}
	}
	if isMirrored(p.Config.State) {
		accounts = append(accounts, surveyPostgres(ctx, p.Config))
	}
	for _, v := range accounts {
		troubles += len(v.Troubles)
		if err := printEither(g, out, v, func() { printOnlineAccount(out, v) }); err != nil {
			return err
		}
	}
	for _, z := range found.Zaps {
		v := onlineZapAsJSON(z)
		if !z.NotLooked {
			troubles += len(v.Troubles)
		}
		warnings += len(v.Warnings)
		if err := printEither(g, out, v, func() { printOnlineZap(out, z.Recipe, v) }); err != nil {
			return err
		}
	}
	for _, n := range p.Config.Notify {
		if n.Email == nil { // each request to a webhook is a notice
			continue
		}
		v := onlineTarget{Target: n.String(), OK: true}
		if err := notify.New(n).Check(ctx); err != nil {
			v.OK, v.Troubles = false, []onlineTrouble{onlineTroubleOf(n.Pos, err)}
			troubles++
		}
		if err := printEither(g, out, v, func() { printUsable(out, v.Target, "nothing was sent", v.Troubles) }); err != nil {
			return err
		}
	}
	if troubles > 0 {
		return fmt.Errorf("%s found online\nnext: fix the problems above, then: rowtap check --online", quantity.Count(troubles, "problem"))
	}
	if strict && warnings > 0 {
		return strictError(warnings, "rowtap check --online --strict")
	}
	return nil
}

// announce prints what will be checked, and how long it takes within the quota.
func announce(plan *plan.Plan, stderr io.Writer) {
	spreadsheets := map[string]map[string]bool{}
	sum := 0
	for _, r := range plan.Recipes {
		name := r.Trigger.Account.Name
		if spreadsheets[name] == nil {
			spreadsheets[name] = map[string]bool{}
		}
		if !spreadsheets[name][r.Trigger.SpreadsheetID] {
			spreadsheets[name][r.Trigger.SpreadsheetID] = true
			sum++
		}
	}
	fmt.Fprintf(stderr, "checking %s and %s\n", quantity.Count(len(plan.Config.GoogleAccounts)+len(plan.Config.CleverTapAccounts), "account"), quantity.Count(sum, "spreadsheet"))
	for _, name := range sortedNames(spreadsheets) {
		reads, quota := 2*len(spreadsheets[name]), plan.Config.GoogleAccounts[name].ReadsPerMinute
		if minutes := float64(reads) / float64(quota); minutes > 1 {
			fmt.Fprintf(stderr, "Google account %s: about %d reads at %d per minute, so this takes about %.0f minutes\n", name, reads, quota, minutes+0.5)
		}
	}
}

func onlineTroubleOf(at config.Pos, err error) onlineTrouble {
	return onlineTrouble{place(at), err.Error(), hint.Of(err)}
}

// surveyPostgres looks at the database of the state, which stays as it is.
func surveyPostgres(ctx context.Context, c *config.Config) onlineAccount {
	v := onlineAccount{Account: c.State.Lease, App: "postgres"}
	err := onMirror(c.State, func(m *mirror.Mirror) error {
		found, err := m.Survey(ctx)
		if err == nil {
			v.Note, err = surveyed(found)
		}
		return err
	})
	if v.OK = err == nil; !v.OK {
		v.Troubles = []onlineTrouble{onlineTroubleOf(config.Pos{File: filepath.Join(c.Dir, "rowtap.yaml")}, err)}
	}
	return v
}

// surveyed describes a database that can be reached, or returns why it is not supported.
func surveyed(s mirror.Survey) (note string, err error) {
	const oldest = 140000 // version 14
	switch {
	case s.Number < oldest:
		return "", &hint.Error{Err: fmt.Errorf("PostgreSQL %s is not supported", s.Version), Hint: "upgrade PostgreSQL to version 14 or later"}
	case !s.Tables:
		note = "no tables yet: rowtap run creates them"
	case !s.State:
		note = "no state yet: rowtap run copies the state file into it"
	default:
		note = "it has the state"
	}
	return "version " + s.Version + "; " + note, nil
}

func onlineZapAsJSON(z preview.OnlineZap) onlineZap {
	r := z.Recipe
	v := onlineZap{Zap: r.Name, Spreadsheet: z.Spreadsheet, Worksheet: z.Worksheet.Title}
	if v.Worksheet != "" {
		v.GID = &z.Worksheet.GID
	}
	if n, ok := plan.Renamed(r.Trigger, z.Worksheet.Title); ok && z.Err == nil {
		at := r.Trigger.Worksheet.Pos
		v.Renamed = &onlineTrouble{place(at), n.Text, n.Hint}
	}
	switch {
	case z.NotLooked:
		v.Troubles = append(v.Troubles, onlineTroubleOf(r.Trigger.Pos, errors.New("not checked: Google account "+r.Trigger.Account.Name+" has a problem")))
	case z.Err != nil:
		v.Troubles = append(v.Troubles, onlineTroubleOf(r.Trigger.Pos, z.Err))
	}
	const hint = "correct the header in the sheet or the zap file"
	for _, m := range z.Missing {
		at := place(m.Pos)
		m.Pos = config.Pos{}
		v.Troubles = append(v.Troubles, onlineTrouble{at, m.String(), hint})
	}
	slices.SortStableFunc(v.Troubles, func(a, b onlineTrouble) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for _, w := range z.Warnings {
		v.Warnings = append(v.Warnings, onlineTrouble{place(w.Pos), w.Message, w.Suggestion})
	}
	for _, name := range z.Header.Names() {
		if name != "" {
			v.Header = append(v.Header, name)
		}
	}
	for nth, names := range z.Names {
		for i, property := range names {
			if z.Header.Names()[i] != "" {
				v.Properties = append(v.Properties, onlineProperty{r.Actions[nth].Name, z.Header.Name(i), property})
			}
		}
	}
	v.OK = len(v.Troubles) == 0
	return v
}

func printOnlineAccount(out io.Writer, v onlineAccount) {
	name := apps[v.App] + " account " + v.Account
	if v.App == "postgres" {
		name = "PostgreSQL (lease " + v.Account + ")"
	}
	note := v.Note
	if v.Email != "" {
		note = "share spreadsheets with " + v.Email
	}
	printUsable(out, name, note, v.Troubles)
}

// printUsable prints whether an account or a target can be used, with a note if it can.
func printUsable(out io.Writer, name, note string, troubles []onlineTrouble) {
	switch {
	case len(troubles) > 0:
		fmt.Fprintf(out, "%s: not usable\n", name)
		printTroubles(out, troubles)
	case note != "":
		fmt.Fprintf(out, "%s: OK; %s\n", name, note)
	default:
		fmt.Fprintf(out, "%s: OK\n", name)
	}
}

func printOnlineZap(out io.Writer, r *plan.Recipe, v onlineZap) {
	if v.OK {
		fmt.Fprintf(out, "%s: OK; worksheet %q (gid %d) of spreadsheet %q, %s\n", v.Zap, v.Worksheet, *v.GID, v.Spreadsheet, quantity.Count(len(v.Header), "column"))
	} else {
		fmt.Fprintf(out, "%s: %s\n", v.Zap, quantity.Count(len(v.Troubles), "problem"))
		printTroubles(out, v.Troubles)
	}
	if v.Renamed != nil {
		printTroubles(out, []onlineTrouble{*v.Renamed})
	}
	if len(v.Warnings) > 0 {
		fmt.Fprintf(out, "  %s\n", quantity.Count(len(v.Warnings), "warning"))
		printTroubles(out, v.Warnings)
	}
	for _, a := range r.Actions {
		var rows [][]string
		for _, p := range v.Properties {
			if p.Action != a.Name {
				continue
			}
			if p.Property == "" {
				p.Property = "-"
			}
			rows = append(rows, []string{"    " + printable(p.Column), printable(p.Property)})
		}
		if len(rows) > 0 {
			fmt.Fprintf(out, "  properties of %s:\n", a.Name)
			_ = printTable(out, []string{"    COLUMN", "PROPERTY"}, rows) // like the lines around it
		}
	}
}

// printTroubles prints problems. A hint that consecutive problems share is printed once.
func printTroubles(out io.Writer, troubles []onlineTrouble) {
	for i, t := range troubles {
		at := config.Pos(t.place).String()
		fmt.Fprintln(out, indented(strings.TrimPrefix(at+": ", ": ")+t.Message, "  "))
		if t.Hint != "" && (i+1 == len(troubles) || troubles[i+1].Hint != t.Hint) {
			fmt.Fprintln(out, indented("next: "+t.Hint, "    "))
		}
	}
}
