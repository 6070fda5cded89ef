package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/draft"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
)

// newFlags are the flags of new.
type newFlags struct {
	google, clevertap      string // names of accounts
	spreadsheet, worksheet string
	eventName, identity    string
	schedule, start        string
	country                string
	headerRow              int
	print, force           bool
}

func newNewCommand(g *globals) *cobra.Command {
	var f newFlags
	cmd := &cobra.Command{
		Use:   "new [NAME]",
		Short: "Write a zap file: account, spreadsheet, worksheet, and a mapping suggested from the header",
		Long: "Looks at a worksheet, its header and its newest rows, and writes DIR/zaps/NAME.yaml with a mapping for them: e-mail → Email,\n" +
			"mobile → Phone with type: phone, dates in text with their format. What the cells leave in doubt is in the file as a comment, with\n" +
			"the question. The file is enabled: false, passes rowtap check, and holds column names, but no cells.\n\n" +
			"On a terminal it asks for what no flag says. Off a terminal it takes what there is but one of, and else says which flag is\n" +
			"missing. It reads the sheet by itself, within the account's quota; the daemon and its state are left alone.",
		Example: "  rowtap new\n" +
			"  rowtap new webinar-signups --spreadsheet https://docs.google.com/spreadsheets/d/…/edit --worksheet Signups --country IN\n" +
			"  rowtap new attended --spreadsheet … --worksheet gid:0 --event-name 'Webinar Attended' --print",
		RunE: func(cmd *cobra.Command, args []string) error {
			n := &newZap{newFlags: f, g: g, cmd: cmd, stderr: cmd.ErrOrStderr(), ask: newDialogue(cmd)}
			if len(args) > 0 {
				n.name = args[0]
			}
			if err := n.checkFlags(); err != nil {
				return usage(cmd, err)
			}
			return n.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.google, "account", "", "Google account, a `NAME` of google_accounts")
	fs.StringVar(&f.spreadsheet, "spreadsheet", "", "`URL` or id of the spreadsheet")
	fs.StringVar(&f.worksheet, "worksheet", "", "`TITLE` of the worksheet, or gid:N")
	fs.IntVar(&f.headerRow, "header-row", 1, "sheet `ROW` of the column names")
	fs.StringVar(&f.clevertap, "clevertap-account", "", "CleverTap account, a `NAME` of clevertap_accounts")
	fs.StringVar(&f.eventName, "event-name", "", "upload an event of this `NAME`, text or {{Column}}; without it a profile is created or updated")
	fs.StringVar(&f.identity, "identity", "", "the `COLUMN` that names the user")
	fs.StringVar(&f.country, "country", "", "`COUNTRY` of phone numbers without a country code, such as IN")
	fs.StringVar(&f.schedule, "schedule", "*/2 * * * *", "`CRON` line")
	fs.StringVar(&f.start, "start", "now", "`WHEN`: now, beginning, or the last sheet row that is old")
	fs.BoolVar(&f.print, "print", false, "print the file, and write none")
	fs.BoolVar(&f.force, "force", false, "replace the file if it is there")
	return cmd
}

// newZap is a zap file on its way.
type newZap struct {
	newFlags
	g    *globals
	cmd  *cobra.Command
	stderr io.Writer
	ask  *dialogue // nil: nobody answers

	name    string         // of the zap
	path    string         // of its file
	plan    *plan.Plan     // the accounts, and no zaps
	others  []*plan.Recipe // the zaps that there are; none where they cannot be read
	trigger config.Trigger
	sample  *preview.Sample
	file    draft.File
}

// checkFlags finds what is wrong with the flags by themselves.
func (n *newZap) checkFlags() error {
	if n.name != "" {
		if err := config.CheckZapName(n.name); err != nil {
			return err
		}
	}
	if _, err := config.ParseSchedule(n.schedule); err != nil {
		return fmt.Errorf("--schedule %q: %w", n.schedule, err)
	}
	if n.headerRow < 1 {
		return fmt.Errorf("--header-row %d: rows count from 1", n.headerRow)
	}
	if row, err := strconv.Atoi(n.start); n.start != "now" && n.start != "beginning" && (err != nil || row < n.headerRow || n.start[0] == '+') {
		return fmt.Errorf("--start %q: it is now, beginning, or the number of the last sheet row that is old, from the header row on", n.start)
	}
	if n.country != "" {
		code, ok := config.ParseCountry(n.country)
		if !ok {
			return fmt.Errorf("--country %q is not a country: the two letters of ISO 3166-1, such as IN, US or DE", n.country)
		}
		n.country = code
	}
	if n.spreadsheet != "" {
		if _, _, err := config.ParseSpreadsheet(n.spreadsheet); err != nil {
			return fmt.Errorf("--spreadsheet %w", err)
		}
	}
	if n.cmd.Flags().Changed("event-name") {
		if err := checkEventName(n.eventName); err != nil {
			return fmt.Errorf("--event-name: %w", err)
		}
	}
	if n.print && n.g.json {
		return errors.New("--print prints the file, not JSON; keep one of them")
	}
	return nil
}

func checkEventName(name string) error {
	if why, refused := clevertap.RefuseEventName(name); refused {
		return errors.New(why.Message)
	}
	return nil
}

// run makes the file. Nothing is written before all is known.
func (n *newZap) run(ctx context.Context, out io.Writer) error {
	for _, step := range []func(context.Context) error{
		n.readAccounts, n.chooseSheet, n.chooseAction, n.suggest, n.chooseName,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	f := n.file
	text := f.YAML()
	if _, err := n.plan.CheckFile(n.path, text, noVariables, n.sample.Header); err != nil {
		return fmt.Errorf("nothing is written, for this is what rowtap check --online would find in the file:\n%w\n"+
			"next: correct the flag or the header that it comes from; rowtap new --print shows nothing else", err)
	}
	if n.print {
		_, err := out.Write(text)
		n.printDoubts()
		return err
	}
	if err := writeZapFile(n.path, text, n.force); err != nil {
		return err
	}
	return n.report(ctx, out)
}

// noVariables: a file that rowtap wrote uses none.
func noVariables(string) (string, bool) { return "", false }

// readAccounts reads rowtap.yaml, and the zaps that there are, whose mistakes are no hindrance.
func (n *newZap) readAccounts(context.Context) (err error) {
	n.plan, err = loadAccounts(n.g.dir)
	if err != nil {
		if _, ok := errors.AsType[config.Diagnostics](err); !ok {
			err = fmt.Errorf("%w\nnext: write a rowtap.yaml with your accounts there, as configs/rowtap.yaml shows, then: rowtap new", err)
		}
		return configError(err, exitUsage)
	}
	for kind, names := range map[string]int{"google_accounts": len(n.plan.Config.GoogleAccounts), "clevertap_accounts": len(n.plan.Config.CleverTapAccounts)} {
		if names == 0 {
			return &exitError{exitUsage, fmt.Errorf("%s/rowtap.yaml has no %s\nnext: add one, as configs/rowtap.yaml shows, then: rowtap new", n.g.dir, kind)}
		}
	}
	if all, err := loadPlan(n.g.dir); err == nil {
		n.others = all.Recipes
	} else {
		fmt.Fprintln(n.stderr, "note: there are mistakes in the other zap files, so that these are not looked at; rowtap check lists them")
	}
	return nil
}

// account returns the account that a flag names, or the only one, or the one that is chosen.
func (n *newZap) account(flag, given, what string, names []string) (string, error) {
	switch {
	case given != "":
		for _, name := range names {
			if name == given {
				return name, nil
			}
		}
		err := fmt.Errorf("--%s: rowtap.yaml has no %s %q", flag, what, given)
		if near := config.Nearest(given, names); near != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, near)
		}
		return "", n.wrongFlag(err, fmt.Sprintf("rowtap new --%s %s", flag, strings.Join(names, "|")))
	case len(names) == 1:
		return names[0], nil
	case n.ask == nil:
		return "", n.wrongFlag(fmt.Errorf("which %s? rowtap.yaml has %s", what, strings.Join(names, ", ")), fmt.Sprintf("rowtap new --%s NAME", flag))
	}
	i, err := n.ask.choose(what, names, -1)
	if err != nil {
		return "", n.unanswered(err)
	}
	return names[i], nil
}

// wrongFlag is the error of a flag that says something that there is not, or that is missing.
func (n *newZap) wrongFlag(err error, next string) error {
	return &exitError{exitUsage, fmt.Errorf("%w\nnext: %s", err, next)}
}

// unanswered is the error of a question that was not answered.
func (n *newZap) unanswered(err error) error {
	return fmt.Errorf("%w\nnext: rowtap new, or rowtap new --help for the flags that answer", err)
}

// chooseAction chooses what becomes of a row, and where it goes.
func (n *newZap) chooseAction(context.Context) error {
	var err error
	n.file.EventName = n.eventName
	if n.ask != nil && n.eventName == "" {
		what, err := n.ask.choose("Each new row", []string{"creates or updates a user profile", "uploads an event"}, 0)
		if err == nil && what == 1 {
			n.file.EventName, err = n.ask.line("Name of the event", "", checkEventName)
		}
		if err != nil {
			return n.unanswered(err)
		}
	}
	n.file.CleverTapAccount, err = n.account("clevertap-account", n.clevertap, "CleverTap account", sortedNames(n.plan.Config.CleverTapAccounts))
	return err
}
