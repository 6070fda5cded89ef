package plan

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Binding is the worksheet that a zap has read last, which its state is about. A zap file names a
// worksheet by a title, which people change and give to other worksheets; the binding says which
// one is meant. The zero value is none: the zap was not read yet.
type Binding struct {
	SpreadsheetID string `json:"spreadsheet_id"`
	GID           int64  `json:"gid"`
	Named         string `json:"named,omitempty"` // the title that the zap file gave it then; "": the file gave its gid
	Title         string `json:"title,omitempty"` // what the spreadsheet called it at the last commit; "": not known
}

// BindingOf returns the binding that the ledger keeps of a zap.
func BindingOf(z ledger.Zap) Binding {
	b := Binding{SpreadsheetID: z.SpreadsheetID, GID: z.GID, Named: z.Title}
	if n := len(z.Stays); n > 0 {
		b.Title = z.Stays[n-1].Title
	}
	return b
}

// BindingOfStay returns the binding that a zap had during a stay at a worksheet.
func BindingOfStay(s ledger.Stay) Binding {
	return Binding{SpreadsheetID: s.SpreadsheetID, GID: s.GID, Named: s.Named, Title: s.Title}
}

// String names the worksheet for people.
func (b Binding) String() string {
	if title := cmp.Or(b.Title, b.Named); title != "" {
		return fmt.Sprintf("%q (gid %d)", title, b.GID)
	}
	return fmt.Sprintf("gid %d", b.GID)
}

// Named returns how a zap file names a worksheet.
func Named(w config.Worksheet) string {
	if w.ByGID {
		return fmt.Sprintf("gid %d", w.GID)
	}
	return strconv.Quote(w.Title)
}

// Covers tells whether a trigger names its worksheet by the title that means the binding's
// worksheet.
func (b Binding) Covers(t config.Trigger) bool {
	return !t.Worksheet.ByGID && t.Worksheet.Title != "" && b.SpreadsheetID == t.SpreadsheetID && b.Named == t.Worksheet.Title
}

// Watches tells whether a trigger names the binding's worksheet, as far as is known without a look
// at the spreadsheet. It is false for the zero value.
func (b Binding) Watches(t config.Trigger) bool {
	switch {
	case b.SpreadsheetID != t.SpreadsheetID:
		return false
	case t.Worksheet.ByGID:
		return b.GID == t.Worksheet.GID
	}
	return b.Named == t.Worksheet.Title || b.Title == t.Worksheet.Title
}

// tab finds the binding's worksheet in its spreadsheet, under any title. The error is a
// [*hint.Blocked]: the worksheet was deleted, or the title that the trigger names is another
// worksheet's by now, so either may be meant.
func (b Binding) tab(t config.Trigger, s sheets.Spreadsheet) (sheets.Worksheet, error) {
	title := t.Worksheet.Title
	bound, ok := s.ByGID(b.GID)
	other, taken := s.ByTitle(title)
	taken = taken && other.Grid && other.GID != b.GID
	switch {
	case ok && taken:
		return bound, &hint.Blocked{
			Reason: fmt.Sprintf("worksheet %q of spreadsheet %q may mean two: the one that the zap has read so far (gid %d) is called %q now, and another (gid %d) is called %q; nothing is read from either",
				title, s.Title, bound.GID, bound.Title, other.GID, other.Title),
			Hint: fmt.Sprintf("write worksheet: {gid: %d} in %s to go on with %q, or worksheet: {gid: %d} to watch %q from now on"+ThenReload,
				bound.GID, t.Worksheet.Pos, bound.Title, other.GID, other.Title),
		}
	case ok:
		return bound, nil
	}
	gone := &hint.Blocked{
		Reason: fmt.Sprintf("worksheet %q (gid %d) of spreadsheet %q was deleted", title, b.GID, s.Title),
		Hint:   "bring it back (File › Version history), or choose another in " + t.Worksheet.Pos.String() + ": " + tabs(s) + ThenReload,
	}
	if taken {
		gone.Reason += fmt.Sprintf("; another worksheet (gid %d) has its title now, and nothing is taken from it unasked", other.GID)
		gone.Hint = fmt.Sprintf("to watch that one, write worksheet: {gid: %d} in %s"+ThenReload, other.GID, t.Worksheet.Pos)
	}
	return bound, gone
}

// Renamed returns a note about a trigger that names its worksheet by a title which is no longer the
// worksheet's, title; ok is false if there is nothing to note.
func Renamed(t config.Trigger, title string) (n Note, ok bool) {
	if t.Worksheet.ByGID || title == "" || title == t.Worksheet.Title {
		return Note{}, false
	}
	return Note{
		Text: fmt.Sprintf("worksheet %q is called %q now, and is followed", t.Worksheet.Title, title),
		Hint: fmt.Sprintf("write worksheet: %s in %s", yamlText(title), t.Worksheet.Pos),
	}, true
}

// yamlText returns a title as YAML writes it in a flow or block mapping: quoted, unless it is
// letters, digits and blanks alone.
func yamlText(title string) string {
	for i, r := range title {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != ' ' && (r < '0' || r > '9')) {
			return strconv.Quote(title)
		}
	}
	return title
}

// Note is a remark about a zap for operators.
type Note struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"` // what can be done
}
