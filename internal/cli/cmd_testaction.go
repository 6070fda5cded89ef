package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
	"github.com/rowtap/rowtap/internal/quantity"
)

func newTestActionCommand(g *globals) *cobra.Command {
	var t actionTest
	cmd := &cobra.Command{
		Use:   "action ZAP",
		Short: "Show the record of a row and let CleverTap validate it",
		Long: "Shows the record that each of the zap's actions builds from a row, with warnings about values that CleverTap may drop, and\n" +
			"validates it with a dry run, which stores nothing. The row is the newest one that is ready, or that of --row. Redacted\n" +
			"values are hidden.\n\n" +
			"--send also sends the records, in order, each after CleverTap accepted the previous one. If the dry run rejects a record, none\n" +
			"is sent. On a terminal, it asks for confirmation. rowtap's history does not record these uploads, so the daemon may send the\n" +
			"row as well.\n\n" +
			"The exit code is 1 if the mapping fails or CleverTap rejects a record.",
		Example: "  rowtap test action webinar-signups\n  rowtap test action webinar-signups --row 214\n  rowtap test action webinar-signups --row 214 --send",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("row") && t.number < 1 {
				return usage(cmd, fmt.Errorf("--row %d: sheet rows are numbered from 1", t.number))
			}
			ctx, stop := interruptible(cmd)
			defer stop()
			plan, r, err := planOf(g, args[0])
			if err != nil {
				return err
			}
			t.plan, t.recipe, t.cmd, t.json = plan, r, cmd, g.json
			t.bound = boundWorksheet(ctx, g, plan, r, cmd.ErrOrStderr())
			if err := t.run(ctx); err != nil {
				return testFailed(r, "action", err)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&t.number, "row", 0, "sheet `ROW` (default: the newest that is ready)")
	cmd.Flags().BoolVar(&t.send, "send", false, "also send the records")
	cmd.Flags().BoolVarP(&t.yes, "yes", "y", false, "do not ask for confirmation")
	return cmd
}

// actionTest is one run of the command.
type actionTest struct {
	cmd    *cobra.Command
	plan   *plan.Plan
	recipe *plan.Recipe
	bound  plan.Binding
	number int // of the sheet row; 0: the newest that is ready
	send   bool
	yes    bool
	json   bool
}

// triedAction is the result of an action for a row, as test action --json prints it.
type triedAction struct {
	Zap      string              `json:"zap"`
	Row      int                 `json:"row"`
	Action   string              `json:"action"`
	Account  string              `json:"account"`
	Skipped  bool                `json:"skipped,omitempty"` // the filter skips the row
	Record   json.RawMessage     `json:"record"`            // null: none
	Warnings []clevertap.Warning `json:"warnings,omitempty"`
	Error    *triedError         `json:"error,omitempty"`  // why there is no record
	Errors   []triedError        `json:"errors,omitempty"` // all reasons, Error first
	DryRun   *triedReply         `json:"dry_run,omitempty"`
	Sent     *triedReply         `json:"sent,omitempty"`
}

type triedError struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"message"`
	Column  string `json:"column,omitempty"`
	Place   string `json:"place,omitempty"` // file:line:column of the mapping
	Hint    string `json:"hint,omitempty"`
}

type triedReply struct {
	Accepted bool   `json:"accepted"`
	Verdict  string `json:"verdict"` // accepted, refused, or the kind of error
	Code     int    `json:"code,omitempty"`
	Message  string `json:"message,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

func (t *actionTest) run(ctx context.Context) error {
	out, stderr := t.cmd.OutOrStdout(), t.cmd.ErrOrStderr()
	sample, at, err := t.row(ctx)
	if err != nil {
		return err
	}
	if !t.json {
		fmt.Fprintf(stderr, "row %d of worksheet %q, spreadsheet %q\n", at.Number, sample.Worksheet.Title, sample.Spreadsheet)
	}
	if at.Verdict == preview.SampleWaiting {
		fmt.Fprintf(stderr, "the daemon would not send this row yet: it waits for %s\n", strings.Join(at.Lacks, ", "))
	}
	all, err := preview.Try(ctx, t.plan, t.recipe, sample, at, time.Now())
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return t.skipped(out, at)
	}
	if !t.json {
		for _, tried := range all {
			if err := printTried(out, asJSON(t.recipe, at, tried)); err != nil {
				return err
			}
		}
	}
	wrong := firstRefusal(all, func(tried preview.Tryout) *preview.Reply { return tried.DryRun })
	if t.send {
		wrong = t.sendAll(ctx, at, all, wrong)
	}
	if t.json {
		for _, tried := range all {
			if err := printJSON(out, asJSON(t.recipe, at, tried)); err != nil {
				return err
			}
		}
	}
	return wrong
}

// row reads the row to test.
func (t *actionTest) row(ctx context.Context) (*preview.Sample, preview.SampleRow, error) {
	if t.number > 0 {
		sample, err := preview.RowAt(ctx, t.plan, t.recipe, t.bound, t.number)
		if err != nil {
			return nil, preview.SampleRow{}, err
		}
		return sample, sample.Rows[0], nil
	}
	sample, err := preview.NewestReady(ctx, t.plan, t.recipe, t.bound)
	switch {
	case err != nil:
		return nil, preview.SampleRow{}, err
	case len(sample.Rows) > 0:
		return sample, sample.Rows[0], nil
	case sample.Seen == 0:
		err = &hint.Error{
			Err:  errors.New("no rows below the header yet"),
			Hint: "add one to the sheet, then: rowtap test action " + t.recipe.Name,
		}
	default:
		err = &hint.Error{
			Err:  fmt.Errorf("none of the newest %s is ready", quantity.Count(sample.Seen, "row")),
			Hint: fmt.Sprintf("rowtap test trigger %s shows why; to test another row: rowtap test action %s --row N", t.recipe.Name, t.recipe.Name),
		}
	}
	return nil, preview.SampleRow{}, err
}

// skipped reports a row that the filter skips.
func (t *actionTest) skipped(out io.Writer, at preview.SampleRow) error {
	if !t.json {
		_, err := fmt.Fprintf(out, "no record: the filter skips the row\n")
		return err
	}
	for _, a := range t.recipe.Actions {
		v := triedAction{Zap: t.recipe.Name, Row: at.Number, Action: a.Name, Account: a.Account.Name, Skipped: true}
		if err := printJSON(out, v); err != nil {
			return err
		}
	}
	return nil
}

// sendAll sends the records, unless wrong, the result of the dry run, is an error. It returns the
// first error.
func (t *actionTest) sendAll(ctx context.Context, at preview.SampleRow, all []preview.Tryout, wrong error) error {
	if wrong != nil {
		return fmt.Errorf("nothing was sent: %w", wrong)
	}
	stderr := t.cmd.ErrOrStderr()
	if t.recipe.Shadow {
		fmt.Fprintln(stderr, "warning: the zap is in shadow mode; --send sends anyway")
	}
	if !t.yes && interactive(t.cmd.InOrStdin()) {
		yes, err := confirm(ctx, t.cmd, fmt.Sprintf("send %s of row %d to CleverTap?", quantity.Count(len(all), "record"), at.Number))
		if err != nil || !yes {
			fmt.Fprintln(stderr, "nothing was sent")
			return err
		}
	}
	preview.Send(ctx, t.plan, all)
	if !t.json {
		for _, tried := range all {
			result := "not sent: the previous record was not accepted"
			if tried.Sent != nil {
				result = replyAsJSON(tried.Sent).String()
			}
			if _, err := fmt.Fprintf(t.cmd.OutOrStdout(), "%s to %s, sent: %s\n", tried.Action.Name, tried.Action.Account.Name, result); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(stderr, "not recorded in rowtap's history; the daemon may send row %d as well\n", at.Number)
	return firstRefusal(all, func(tried preview.Tryout) *preview.Reply { return tried.Sent })
}

// firstRefusal returns the first error of the records, or nil.
func firstRefusal(all []preview.Tryout, reply func(preview.Tryout) *preview.Reply) error {
	for _, tried := range all {
		switch r := reply(tried); {
		case tried.Err != nil:
			return fmt.Errorf("%s: %w", tried.Action.Name, tried.Err)
		case r == nil: // not sent
		case r.Err != nil:
			return fmt.Errorf("%s: %w", tried.Action.Name, r.Err)
		case !r.Accepted():
			return &hint.Error{
				Err:  fmt.Errorf("%s: CleverTap rejected the record: %s", tried.Action.Name, replyAsJSON(r)),
				Hint: "correct the row, or the mapping at " + tried.Action.Pos.String(),
			}
		}
	}
	return nil
}

func asJSON(r *plan.Recipe, at preview.SampleRow, tried preview.Tryout) triedAction {
	v := triedAction{
		Zap: r.Name, Row: at.Number, Action: tried.Action.Name, Account: tried.Action.Account.Name,
		Record: tried.Record, Warnings: tried.Warnings, DryRun: replyAsJSON(tried.DryRun), Sent: replyAsJSON(tried.Sent),
	}
	if tried.Err != nil {
		v.Errors = []triedError{{Message: tried.Err.Error()}}
		if wrong, ok := errors.AsType[*mapping.RowError](tried.Err); ok {
			v.Errors = nil
			for one := range wrong.All() {
				v.Errors = append(v.Errors, triedError{Code: one.Code, Message: one.Message, Column: one.Column, Place: one.Pos.String(), Hint: one.Hint})
			}
		}
		v.Error = &v.Errors[0]
	}
	return v
}

func replyAsJSON(r *preview.Reply) *triedReply {
	if r == nil {
		return nil
	}
	if r.Err == nil {
		return &triedReply{Accepted: r.Accepted(), Verdict: r.Verdict.String(), Code: r.Refusal.Code, Message: r.Refusal.Message}
	}
	v := &triedReply{Verdict: "no response", Message: r.Err.Error(), Hint: hint.Of(r.Err)}
	if wrong, ok := errors.AsType[*clevertap.Error](r.Err); ok {
		v.Verdict = wrong.Kind.String()
	}
	return v
}

// String returns CleverTap's verdict, code and message.
func (v *triedReply) String() string {
	switch {
	case v.Message == "":
		return v.Verdict
	case v.Code != 0:
		return fmt.Sprintf("%s (code %d): %s", v.Verdict, v.Code, v.Message)
	}
	return v.Verdict + ": " + v.Message
}

// printTried prints the result of an action.
func printTried(out io.Writer, v triedAction) error {
	fmt.Fprintf(out, "%s to %s\n", v.Action, v.Account)
	for _, e := range v.Errors {
		what := e.Message
		if e.Column != "" {
			what = "column " + e.Column + ": " + what
		}
		if e.Code != 0 {
			what += fmt.Sprintf(" (code %d)", e.Code)
		}
		if _, err := fmt.Fprintf(out, "  no record: %s\n", what); err != nil {
			return err
		}
	}
	if len(v.Errors) > 0 {
		return nil
	}
	var b bytes.Buffer
	if err := json.Indent(&b, v.Record, "  ", "  "); err != nil {
		return err
	}
	fmt.Fprintf(out, "  %s\n", b.String())
	for _, w := range v.Warnings {
		fmt.Fprintf(out, "  warning: %s\n", w)
	}
	if v.DryRun == nil {
		return nil
	}
	_, err := fmt.Fprintf(out, "  dry run: %s\n", v.DryRun)
	return err
}
