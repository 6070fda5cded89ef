package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/draft"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
)

// newFlags are the flags of new.
type newFlags struct {
	like                   string // name of the zap to copy
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
		Short: "Write a zap file with a suggested or copied mapping",
		Long: "Reads a worksheet's header and newest rows, and writes DIR/zaps/NAME.yaml with a mapping for them: e-mail → Email, mobile →\n" +
			"Phone with type: phone, dates in text with their format. Ambiguous columns become comments with a question. The file has\n" +
			"enabled: false, passes rowtap check, and contains column names but no cells.\n\n" +
			"--like ZAP copies the file of another zap instead, with comments and layout, for a second sheet with the same columns. The copy\n" +
			"has the new spreadsheet, worksheet and name, start: now, enabled: false and no tests:. The flags below replace more. A column that\n" +
			"the zap uses and the sheet lacks is an error; --print prints the copy nevertheless.\n\n" +
			"On a terminal, it asks for what no flag specifies, shows the record of the newest row that is ready, and asks before it writes.\n" +
			"Without a terminal, it uses the only candidate, or names the missing flag. It reads the sheet directly, within the account's\n" +
			"quota, sends nothing to CleverTap, and does not touch the daemon or its state.",
		Example: "  rowtap new\n" +
			"  rowtap new webinar-signups --spreadsheet https://docs.google.com/spreadsheets/d/…/edit --worksheet Signups --country IN\n" +
			"  rowtap new attended --spreadsheet … --worksheet gid:0 --event-name 'Webinar Attended' --print\n" +
			"  rowtap new autumn-signups --like webinar-signups --spreadsheet … --worksheet Autumn",
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
	fs.StringVar(&f.like, "like", "", "copy the file of `ZAP` for another sheet")
	fs.StringVar(&f.google, "account", "", "Google account, a `NAME` of google_accounts")
	fs.StringVar(&f.spreadsheet, "spreadsheet", "", "`URL` or ID of the spreadsheet")
	fs.StringVar(&f.worksheet, "worksheet", "", "`TITLE` of the worksheet, or gid:N")
	fs.IntVar(&f.headerRow, "header-row", 1, "sheet `ROW` with the column names")
	fs.StringVar(&f.clevertap, "clevertap-account", "", "CleverTap account, a `NAME` of clevertap_accounts")
	fs.StringVar(&f.eventName, "event-name", "", "upload an event with this `NAME`, text or {{Column}}, instead of creating or updating a profile")
	fs.StringVar(&f.identity, "identity", "", "`COLUMN` that identifies the user")
	fs.StringVar(&f.country, "country", "", "`COUNTRY` of phone numbers without a country code, such as IN")
	fs.StringVar(&f.schedule, "schedule", "*/2 * * * *", "`CRON` expression")
	fs.StringVar(&f.start, "start", "now", "first rows to send: `WHEN` is now, beginning, or the last sheet row not to send")
	fs.BoolVar(&f.print, "print", false, "print the file instead of writing it")
	fs.BoolVar(&f.force, "force", false, "replace an existing file")
	return cmd
}

// newZap is a run of the command.
type newZap struct {
	newFlags
	g      *globals
	cmd    *cobra.Command
	stderr io.Writer
	ask    *dialogue // nil: not on a terminal

	name     string         // of the zap
	path     string         // of its file
	plan     *plan.Plan     // the accounts, without zaps
	others   []*plan.Recipe // the existing zaps whose files have no mistakes
	mistakes error          // in the existing zap files; nil: none
	source   *plan.Recipe   // the zap of --like; nil: none
	trigger  config.Trigger
	sample   *preview.Sample
	file     draft.File
}

// checkFlags checks the flags without looking at accounts or sheets.
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
		return fmt.Errorf("--header-row %d: rows are numbered from 1", n.headerRow)
	}
	if row, err := strconv.Atoi(n.start); n.start != "now" && n.start != "beginning" && (err != nil || row < n.headerRow || n.start[0] == '+') {
		return fmt.Errorf("--start %q: expected now, beginning, or the last sheet row not to send (at least the header row)", n.start)
	}
	if n.country != "" {
		code, ok := config.ParseCountry(n.country)
		if !ok {
			return fmt.Errorf("--country %q: expected a two-letter ISO 3166-1 code, such as IN, US or DE", n.country)
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
	for _, flag := range []string{"event-name", "identity", "country"} {
		if n.copies() && n.cmd.Flags().Changed(flag) {
			return fmt.Errorf("--like and --%s cannot be combined: --like copies the mapping", flag)
		}
	}
	if n.print && n.g.json {
		return errors.New("--print and --json cannot be combined")
	}
	return nil
}

func checkEventName(name string) error {
	if why, refused := clevertap.RefuseEventName(name); refused {
		return errors.New(why.Message)
	}
	return nil
}

// copies reports whether the file is a copy of another zap's.
func (n *newZap) copies() bool { return n.cmd.Flags().Changed("like") }

// run writes the file, once everything is known.
func (n *newZap) run(ctx context.Context, out io.Writer) error {
	steps := []func(context.Context) error{n.readAccounts, n.chooseSheet, n.chooseAction, n.suggest, n.chooseName}
	if n.copies() {
		steps = []func(context.Context) error{n.readAccounts, n.findSource, n.chooseSheet, n.checkColumns, n.chooseName}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	text, err := n.text()
	if err != nil {
		return err
	}
	recipe, err := n.plan.CheckFile(n.path, text, environmentOf(n.g.dir).find, n.sample.Header)
	missing, lacks := errors.AsType[*mapping.ColumnError](err)
	if err != nil && (!lacks || !n.copies() || !n.print) {
		return fmt.Errorf("nothing was written: the zap file would fail rowtap check --online:\n%w\n"+
			"next: correct the flag, or the header in the sheet", err)
	}
	if n.print {
		_, err := out.Write(text)
		if lacks {
			fmt.Fprintln(n.stderr, indented(missing.Error(), "warning: "))
		}
		n.printDoubts()
		return err
	}
	if !n.g.json {
		n.printDoubts()
	}
	if n.ask != nil {
		n.showRecord(recipe)
		write, err := n.ask.yes("Write " + n.path + "?")
		if err != nil {
			return err
		}
		if !write {
			fmt.Fprintln(n.stderr, "nothing was written")
			return nil
		}
	}
	if err := writeZapFile(n.path, text, n.force); err != nil {
		return err
	}
	return n.report(ctx, out)
}

// text returns the text of the file.
func (n *newZap) text() ([]byte, error) {
	if n.copies() {
		return n.copied()
	}
	return n.file.YAML(), nil
}

// readAccounts loads rowtap.yaml, and the existing zaps if they are valid.
func (n *newZap) readAccounts(context.Context) (err error) {
	n.plan, err = loadAccounts(n.g.dir)
	if err != nil {
		if _, ok := errors.AsType[config.Diagnostics](err); !ok {
			what, _, _ := strings.Cut(err.Error(), "\nnext: ")
			err = fmt.Errorf("%s\nnext: create rowtap.yaml there with your accounts (rowtap help config), then: rowtap new", what)
		}
		return configError(err, exitUsage)
	}
	for kind, names := range map[string]int{"google_accounts": len(n.plan.Config.GoogleAccounts), "clevertap_accounts": len(n.plan.Config.CleverTapAccounts)} {
		if names == 0 {
			return &exitError{exitUsage, fmt.Errorf("%s/rowtap.yaml has no %s\nnext: add an account (rowtap help config), then: rowtap new", n.g.dir, kind)}
		}
	}
	all, err := loadPlan(n.g.dir)
	if err == nil {
		n.others = all.Recipes
		return nil
	}
	n.mistakes, n.others = err, n.plan.Valid(environmentOf(n.g.dir).find)
	fmt.Fprintln(n.stderr, "note: existing zap files have mistakes; those files are not checked for conflicts (rowtap check lists the mistakes)")
	return nil
}

// account returns the account named by the flag, the only one, or the one that the operator
// chooses.
func (n *newZap) account(flag, given, what string, names []string) (string, error) {
	switch {
	case given != "":
		if slices.Contains(names, given) {
			return given, nil
		}
		err := didYouMean(fmt.Errorf("--%s: rowtap.yaml has no %s %q", flag, what, given), given, names)
		return "", n.wrongFlag(err, fmt.Sprintf("rowtap new --%s %s", flag, strings.Join(names, "|")))
	case len(names) == 1:
		return names[0], nil
	case n.ask == nil:
		return "", n.wrongFlag(fmt.Errorf("no %s selected; rowtap.yaml has %s", what, strings.Join(names, ", ")), fmt.Sprintf("rowtap new --%s NAME", flag))
	}
	i, err := n.ask.choose(what, names, -1)
	if err != nil {
		return "", err
	}
	return names[i], nil
}

// wrongFlag returns the usage error of a wrong or missing flag.
func (n *newZap) wrongFlag(err error, next string) error {
	return &exitError{exitUsage, fmt.Errorf("%w\nnext: %s", err, next)}
}

// chooseAction chooses the action and its account.
func (n *newZap) chooseAction(context.Context) error {
	var err error
	n.file.EventName = n.eventName
	if n.ask != nil && n.eventName == "" {
		what, err := n.ask.choose("Each new row", []string{"creates or updates a user profile", "uploads an event"}, 0)
		if err == nil && what == 1 {
			n.file.EventName, err = n.ask.line("Name of the event", "", checkEventName)
		}
		if err != nil {
			return err
		}
	}
	n.file.CleverTapAccount, err = n.account("clevertap-account", n.clevertap, "CleverTap account", sortedNames(n.plan.Config.CleverTapAccounts))
	return err
}
