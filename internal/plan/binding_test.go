package plan

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/sheets"
)

// TestHintsNameTheReload checks that every hint to correct the worksheet in a zap file ends with
// the reload.
func TestHintsNameTheReload(t *testing.T) {
	named := func(title string) config.Trigger {
		return config.Trigger{SpreadsheetID: "book", Worksheet: config.Worksheet{Title: title}, HeaderRow: 9}
	}
	byGID := func(gid int64) config.Trigger {
		return config.Trigger{SpreadsheetID: "book", Worksheet: config.Worksheet{GID: gid, ByGID: true}, HeaderRow: 1}
	}
	book := sheets.Spreadsheet{Title: "Book", Zone: "Etc/UTC", Worksheets: []sheets.Worksheet{
		{GID: 1, Title: "People", Grid: true, Rows: 3}, {GID: 2, Title: "Data", Grid: true, Rows: 3}, {GID: 3, Title: "Chart"},
	}}
	bound := func(gid int64) Binding {
		return Binding{SpreadsheetID: "book", GID: gid, Named: "Data", Title: "Data"}
	}
	for name, tt := range map[string]struct {
		trigger config.Trigger
		bound   Binding
	}{
		"deleted":                       {named("Data"), bound(7)},
		"ambiguous title":               {named("Data"), bound(1)},
		"no such title":                 {named("Dta"), Binding{}},
		"no such gid":                   {byGID(7), Binding{}},
		"a chart":                       {byGID(3), Binding{}},
		"header_row below the last row": {named("People"), Binding{}},
	} {
		_, err := (&Recipe{Zap: &config.Zap{Trigger: tt.trigger}}).GridOf(tt.bound, book)
		if err == nil || !strings.HasSuffix(hint.Of(err), "; then: rowtap reload") {
			t.Errorf("%s: %v, hint %q; want it to end with the reload", name, err, hint.Of(err))
		}
	}
}
