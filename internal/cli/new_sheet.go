package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/draft"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/preview"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sheets"
)

// sampledForNew is the number of newest rows on which the suggested mapping is based.
const sampledForNew = 50

// chooseSheet chooses account, spreadsheet, worksheet and header row, and reads the header and the
// newest rows.
func (n *newZap) chooseSheet(ctx context.Context) error {
	name, err := n.account("account", n.google, "Google account", sortedNames(n.plan.Config.GoogleAccounts))
	if err != nil {
		return err
	}
	n.file.GoogleAccount, n.trigger.Account = name, n.plan.Config.GoogleAccounts[name]
	found, gid, err := n.chooseSpreadsheet(ctx)
	if err != nil {
		return err
	}
	n.file.SpreadsheetTitle, n.trigger.SpreadsheetID = found.Title, found.ID
	tab, err := n.chooseWorksheet(found, gid)
	if err != nil {
		return err
	}
	n.file.Worksheet, n.file.GID = tab.Title, tab.GID
	n.trigger.Worksheet = config.Worksheet{GID: tab.GID, ByGID: true}
	for _, r := range n.others {
		if n.watches(r) {
			fmt.Fprintf(n.stderr, "warning: zap %s already watches worksheet %q: each new row would fire both\n", r.Name, tab.Title)
		}
	}
	n.trigger.HeaderRow = n.headerRow
	return n.survey(ctx)
}

// watches reports whether a zap watches the chosen worksheet.
func (n *newZap) watches(r *plan.Recipe) bool {
	t := r.Trigger
	if t.SpreadsheetID != n.trigger.SpreadsheetID || r.Name == n.name && n.force {
		return false
	}
	return t.Worksheet.ByGID && t.Worksheet.GID == n.file.GID || !t.Worksheet.ByGID && t.Worksheet.Title == n.file.Worksheet
}

// chooseSpreadsheet finds the spreadsheet, and the gid in its URL; nil if there is none.
func (n *newZap) chooseSpreadsheet(ctx context.Context) (found sheets.Spreadsheet, gid *int64, err error) {
	read := func(text string) error {
		var id string
		if id, gid, err = config.ParseSpreadsheet(text); err != nil {
			return fmt.Errorf("%q %w", text, err)
		}
		n.file.Spreadsheet = id
		if strings.Contains(text, "/") {
			n.file.Spreadsheet = "https://docs.google.com/spreadsheets/d/" + id + "/edit"
		}
		if found, err = preview.Spreadsheet(ctx, n.plan, n.file.GoogleAccount, id); err != nil {
			return advised(err, "rowtap check --online")
		}
		return nil
	}
	switch {
	case n.spreadsheet != "":
		return found, gid, read(n.spreadsheet)
	case n.ask == nil && n.source != nil && n.worksheet != "":
		return found, gid, read(n.source.Trigger.SpreadsheetID)
	case n.ask == nil:
		return found, nil, n.wrongFlag(errors.New("no spreadsheet selected"), "rowtap new --spreadsheet URL --worksheet TITLE")
	}
	byDefault := ""
	if n.source != nil {
		byDefault = n.source.Trigger.SpreadsheetID
	}
	_, err = n.ask.line("Spreadsheet URL or ID", byDefault, read)
	return found, gid, err
}

// chooseWorksheet returns the worksheet of the flag, the only one, the one that the operator
// chooses, or the one in the URL.
func (n *newZap) chooseWorksheet(s sheets.Spreadsheet, gid *int64) (sheets.Worksheet, error) {
	grids := slices.DeleteFunc(slices.Clone(s.Worksheets), func(w sheets.Worksheet) bool { return !w.Grid })
	titles := make([]string, len(grids))
	shown := -1
	for i, w := range grids {
		titles[i] = w.Title
		if gid != nil && w.GID == *gid {
			shown = i
		}
	}
	switch {
	case len(grids) == 0:
		return sheets.Worksheet{}, fmt.Errorf("spreadsheet %q has no worksheet with cells\nnext: add one to the spreadsheet, then: rowtap new", s.Title)
	case n.worksheet != "":
		return n.worksheetOfFlag(s.Title, grids, titles)
	case len(grids) == 1:
		return grids[0], nil
	case n.ask != nil:
		byDefault := shown
		if n.source == nil { // the first would often be the one that the zap of --like watches
			byDefault = max(shown, 0)
		}
		i, err := n.ask.choose("Worksheet of "+printable(s.Title), titles, byDefault)
		if err != nil {
			return sheets.Worksheet{}, err
		}
		return grids[i], nil
	case shown >= 0:
		return grids[shown], nil
	}
	return sheets.Worksheet{}, n.wrongFlag(fmt.Errorf("no worksheet selected; spreadsheet %q has %s", s.Title, quotedList(titles)), "rowtap new --worksheet TITLE")
}

// worksheetOfFlag returns the worksheet that --worksheet names by its title or as gid:N.
func (n *newZap) worksheetOfFlag(spreadsheet string, grids []sheets.Worksheet, titles []string) (sheets.Worksheet, error) {
	if i := slices.Index(titles, n.worksheet); i >= 0 {
		return grids[i], nil
	}
	if text, ok := strings.CutPrefix(n.worksheet, "gid:"); ok {
		gid, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		for _, w := range grids {
			if err == nil && w.GID == gid {
				n.file.ByGID = true
				return w, nil
			}
		}
	}
	err := didYouMean(fmt.Errorf("--worksheet: spreadsheet %q has no worksheet %q", spreadsheet, n.worksheet), n.worksheet, titles)
	return sheets.Worksheet{}, n.wrongFlag(err, "rowtap new --worksheet with one of: "+quotedList(titles))
}

// quotedList lists quoted texts, at most 20.
func quotedList(texts []string) string {
	const most = 20
	var quoted []string
	for i, s := range texts {
		if i == most {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(texts)-most))
			break
		}
		quoted = append(quoted, strconv.Quote(s))
	}
	return strings.Join(quoted, ", ")
}

// survey reads the header and the newest rows. On a terminal, it asks for the header row if that
// row is unusable.
func (n *newZap) survey(ctx context.Context) (err error) {
	n.sample, err = preview.Survey(ctx, n.plan, n.trigger, sampledForNew)
	blocked, ok := errors.AsType[*hint.Blocked](err)
	switch {
	case err == nil:
	case !ok || n.ask == nil || n.cmd.Flags().Changed("header-row"):
		return advised(err, "rowtap check --online")
	default:
		fmt.Fprintln(n.stderr, blocked.Reason)
		if _, err := n.ask.line("Row with the column names", "", func(text string) error { return n.surveyAt(ctx, text) }); err != nil {
			return err
		}
	}
	n.file.HeaderRow = n.trigger.HeaderRow
	return nil
}

func (n *newZap) surveyAt(ctx context.Context, text string) error {
	head, err := strconv.Atoi(text)
	if err != nil || head < 1 {
		return errors.New("enter the number of a sheet row")
	}
	n.trigger.HeaderRow = head
	if n.sample, err = preview.Survey(ctx, n.plan, n.trigger, sampledForNew); err != nil {
		return advised(err, "rowtap check --online")
	}
	if start, err := strconv.Atoi(n.start); err == nil && start < head {
		return fmt.Errorf("--start %d is above that row", start)
	}
	return nil
}

// suggest suggests the mapping. It asks for the identity column and for the country of phone
// numbers.
func (n *newZap) suggest(context.Context) error {
	h, rows := n.sample.Header, n.sampledRows()
	o := draft.Options{Event: config.CreateUpdateUserProfile, Country: n.country}
	o.Zone, _ = row.Zone(n.sample.Zone) // Survey fails for an unknown zone
	if n.file.EventName != "" {
		o.Event = config.UploadEvent
	}
	var err error
	if o.Identity, err = n.chooseIdentity(h, rows); err != nil {
		return err
	}
	n.file.Suggestion = draft.Suggest(h, rows, o)
	if !n.file.NeedsCountry() || n.ask == nil || n.country != "" {
		return nil
	}
	text, err := n.ask.line("Country of phone numbers without a country code, such as IN (Enter if unknown)", "", func(text string) error {
		if _, ok := config.ParseCountry(text); text != "" && !ok {
			return errors.New("not a country: enter a two-letter ISO 3166-1 code, such as IN, US or DE")
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.Country, _ = config.ParseCountry(text)
	n.file.Suggestion = draft.Suggest(h, rows, o)
	return nil
}

// chooseIdentity returns the index of the column that identifies the user.
func (n *newZap) chooseIdentity(h row.Header, rows []row.Row) (int, error) {
	names := draft.Nameable(h)
	if n.identity != "" {
		i, ok := h.Index(n.identity)
		if ok && slices.Contains(names, h.Name(i)) {
			return i, nil
		}
		err := didYouMean(fmt.Errorf("--identity: the worksheet has no column %q", n.identity), n.identity, names)
		if h.Doubled(n.identity) {
			err = fmt.Errorf("--identity: several columns are called %q; use a column letter", n.identity)
		}
		return 0, n.wrongFlag(err, "rowtap new --identity with one of: "+quotedList(names))
	}
	i, ok := draft.Identity(h, rows)
	switch {
	case len(names) == 0:
		return 0, fmt.Errorf("no column of worksheet %q has a name that a mapping can use\nnext: name the columns in the sheet, then: rowtap new", n.file.Worksheet)
	case n.ask == nil && !ok:
		return 0, n.wrongFlag(errors.New("no identity column found: no column looks like an e-mail address, a user ID or a phone number"),
			"rowtap new --identity with one of: "+quotedList(names))
	case n.ask == nil:
		return i, nil
	}
	byDefault := -1
	if ok {
		byDefault = slices.Index(names, h.Name(i))
	}
	chosen, err := n.ask.choose("Column that identifies the user", names, byDefault)
	if err != nil {
		return 0, err
	}
	i, _ = h.Index(names[chosen])
	return i, nil
}
