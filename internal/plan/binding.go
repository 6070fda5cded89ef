package plan

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sheets"
)

// Binding is the worksheet that a zap read last, and that its state is about. A zap file names a
// worksheet by its title, which people change and give to other worksheets; the binding identifies
// the worksheet. The zero value means that the zap was never read.
type Binding struct {
	SpreadsheetID string `json:"spreadsheet_id"`
	GID           int64  `json:"gid"`
	// Named is the title in the zap file at that time; "": the file gave the gid.
	Named string `json:"named,omitempty"`
	// Title is the title in the spreadsheet at the last commit; "": unknown.
	Title string `json:"title,omitempty"`
}

// BindingOf returns the binding in the ledger's record of a zap.
func BindingOf(z ledger.Zap) Binding {
	b := Binding{SpreadsheetID: z.SpreadsheetID, GID: z.GID, Named: z.Title}
	if n := len(z.Stays); n > 0 {
		b.Title = z.Stays[n-1].Title
	}
	return b
}

// BindingOfStay returns the binding of a zap during a stay at a worksheet.
func BindingOfStay(s ledger.Stay) Binding {
	return Binding{SpreadsheetID: s.SpreadsheetID, GID: s.GID, Named: s.Named, Title: s.Title}
}

// String names the worksheet for operators.
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

// Covers reports whether a trigger names its worksheet by the title that the binding stands for.
func (b Binding) Covers(t config.Trigger) bool {
	return !t.Worksheet.ByGID && t.Worksheet.Title != "" && b.SpreadsheetID == t.SpreadsheetID && b.Named == t.Worksheet.Title
}

// Watches reports whether a trigger names the binding's worksheet, as far as can be told without
// reading the spreadsheet. It is false for the zero value.
func (b Binding) Watches(t config.Trigger) bool {
	switch {
	case b.SpreadsheetID != t.SpreadsheetID:
		return false
	case t.Worksheet.ByGID:
		return b.GID == t.Worksheet.GID
	}
	return b.Named == t.Worksheet.Title || b.Title == t.Worksheet.Title
}

// tab finds the binding's worksheet in its spreadsheet, whatever its title. The error is a
// [*hint.Blocked]: the worksheet was deleted, or another one has taken the title that the trigger
// names, so that either may be meant.
func (b Binding) tab(t config.Trigger, s sheets.Spreadsheet) (sheets.Worksheet, error) {
	title := t.Worksheet.Title
	bound, ok := s.ByGID(b.GID)
	other, taken := s.ByTitle(title)
	taken = taken && other.Grid && other.GID != b.GID
	switch {
	case ok && taken:
		return bound, &hint.Blocked{
			Reason: fmt.Sprintf("worksheet %q of spreadsheet %q is ambiguous: the one read so far (gid %d) is now called %q, and another (gid %d) is called %q; neither is read",
				title, s.Title, bound.GID, bound.Title, other.GID, other.Title),
			Hint: fmt.Sprintf("write worksheet: {gid: %d} in %s to keep watching %q, or worksheet: {gid: %d} to switch to %q"+ThenReload,
				bound.GID, t.Worksheet.Pos, bound.Title, other.GID, other.Title),
		}
	case ok:
		return bound, nil
	}
	gone := &hint.Blocked{
		Reason: fmt.Sprintf("worksheet %q (gid %d) of spreadsheet %q was deleted", title, b.GID, s.Title),
		Hint:   "restore it (File > Version history), or choose another in " + t.Worksheet.Pos.String() + ": " + tabs(s) + ThenReload,
	}
	if taken {
		gone.Reason += fmt.Sprintf("; another worksheet (gid %d) now has its title, and is not read until the zap file names it", other.GID)
		gone.Hint = fmt.Sprintf("to watch that one, write worksheet: {gid: %d} in %s"+ThenReload, other.GID, t.Worksheet.Pos)
	}
	return bound, gone
}

// Renamed returns a note about a trigger that names its worksheet by a title other than title, the
// current one. ok is false if there is nothing to note.
func Renamed(t config.Trigger, title string) (n Note, ok bool) {
	if t.Worksheet.ByGID || title == "" || title == t.Worksheet.Title {
		return Note{}, false
	}
	return Note{
		Text: fmt.Sprintf("worksheet %q was renamed to %q, and the zap follows it", t.Worksheet.Title, title),
		Hint: fmt.Sprintf("write worksheet: %s in %s", yamlText(title), t.Worksheet.Pos),
	}, true
}

// yamlText returns a title as a YAML scalar: quoted, unless it consists of letters, digits and
// spaces.
func yamlText(title string) string {
	if plainTitle.MatchString(title) {
		return title
	}
	return strconv.Quote(title)
}

var plainTitle = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 ]*$`)

// Note is a remark about a zap for operators.
type Note struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"` // what an operator can do
}
