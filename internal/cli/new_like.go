package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/draft"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/row"
)

// findSource finds the zap to copy. Its account and header row apply unless flags name others.
func (n *newZap) findSource(context.Context) (err error) {
	existing := &plan.Plan{Recipes: n.others}
	if existing.Recipe(n.like) == nil && n.mistakes != nil {
		return configError(n.mistakes, exitUsage)
	}
	if n.source, err = recipeNamed(existing, n.like); err != nil {
		return err
	}
	n.google = cmp.Or(n.google, n.source.Trigger.Account.Name)
	if !n.cmd.Flags().Changed("header-row") {
		n.headerRow = n.source.Trigger.HeaderRow
	}
	if n.clevertap == "" {
		return nil
	}
	actions := n.source.Actions
	if slices.ContainsFunc(actions, func(a config.Action) bool { return a.Account != actions[0].Account }) {
		return n.wrongFlag(fmt.Errorf("--clevertap-account: the actions of zap %s use several accounts", n.like), "rowtap new --like "+n.like+" without it, then edit the copy")
	}
	n.file.CleverTapAccount, err = n.account("clevertap-account", n.clevertap, "CleverTap account", sortedNames(n.plan.Config.CleverTapAccounts))
	return err
}

// checkColumns checks that the worksheet has the columns that the zap to copy uses. With --print,
// they are checked in the copy.
func (n *newZap) checkColumns(context.Context) error {
	_, missing, err := n.source.Fit(n.sample.Header)
	if err != nil || len(missing) == 0 || n.print {
		return err
	}
	return fmt.Errorf("nothing was written: the header of worksheet %q does not match zap %s:\n%w\n"+
		"next: rename the columns in the sheet, or run the command again with --print and correct what it prints",
		n.file.Worksheet, n.like, &mapping.ColumnError{Missing: missing})
}

// copied returns the text of the copy. What no flag changes keeps its text.
func (n *newZap) copied() ([]byte, error) {
	text, err := config.ReadFile(n.source.File)
	if err != nil {
		return nil, fmt.Errorf("%s %w", n.source.File, err)
	}
	f, t := n.file, n.source.Trigger
	if f.GoogleAccount == t.Account.Name {
		f.GoogleAccount = ""
	}
	if n.trigger.SpreadsheetID == t.SpreadsheetID {
		f.Spreadsheet = ""
	}
	if f.HeaderRow == t.HeaderRow {
		f.HeaderRow = 0
	}
	if !n.cmd.Flags().Changed("schedule") {
		f.Schedule = ""
	}
	if text, err = f.Like(n.source.File, text); err != nil {
		return nil, fmt.Errorf("nothing was written: zap %s cannot be copied:\n%w\nnext: edit %s, then run the command again", n.like, err, n.source.File)
	}
	return text, nil
}

// copyNotes returns advice about the copy.
func (n *newZap) copyNotes() []string {
	t, why := n.source.Trigger, draft.HalfTyped(n.sample.Header, n.sampledRows())
	if why == "" || t.Settle == t.SettleCopies { // they are equal if the file has settle
		return nil
	}
	return []string{why + "; with settle: " + draft.Settle + " in its trigger, the zap sends a row once it has not changed for " + draft.Settle}
}

// sampledRows returns the sampled rows, the newest first.
func (n *newZap) sampledRows() []row.Row {
	rows := make([]row.Row, len(n.sample.Rows))
	for i, r := range n.sample.Rows {
		rows[i] = r.Row
	}
	return rows
}
