package mapping_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// What a date cell is, its shape says, not the size of its serial; in expressions too.
func TestShapes(t *testing.T) {
	s := cells("Day", row.ShownDate(2, "1/1/1900"), "Late", row.ShownDate(306, "11/1/1900"), "Total", row.ShownDate(400.5, "9612:00:00"),
		"Back", row.ShownDate(-1, "-24:00:00"), "Clock", row.ShownDate(45000.5, "12:00 PM"), "Old", row.DateCell(2), "Email", "a@b.c")
	tests := []struct {
		template string
		kind     config.PropertyType
		want     string
	}{
		{"{{Day}}", config.Auto, `"$D_-2209008070"`},
		{"{{Late}}", config.Date, `"$D_-2182742470"`},
		{"on {{Day}}", config.Auto, `"on 1900-01-01"`},
		{"{{Total}}", config.Auto, `"9612:00:00"`},
		{"{{Back}}", config.Auto, `"-24:00:00"`},
		{"{{Clock}}", config.Auto, `"12:00:00"`},
		{"{{Old}}", config.Auto, `"48:00:00"`}, // stored without its shape
		{"{{Total}}", config.Date, "row 7, column Total: a time without a day, not a date"},
		{"{{Clock}}", config.Date, "row 7, column Clock: a time without a day, not a date"},
		{"{{ Day ?? Total }}", config.Auto, `"$D_-2209008070"`},
		{"{{ Total ?? Day }}", config.Auto, `"9612:00:00"`},
		{"{{ Clock ?? Day }}", config.Auto, `"12:00:00"`},
		{"{{ Old ?? Day }}", config.Auto, `"48:00:00"`},
		{`{{ "at " + string(Total) }}`, config.Auto, `"at 9612:00:00"`},
		{`{{ "on " + string(Late + duration("24h")) }}`, config.Auto, `"on 1900-11-02"`},
		{`{{ Day < Late && Day.Year() == 1900 }}`, config.Auto, `true`},
		{`{{ [Day, Total, Clock] }}`, config.List, `{"$set":["1900-01-01","9612:00:00","12:00:00"]}`},
	}
	for _, tt := range tests {
		if got := propertyOf(t, config.Property{Type: tt.kind, Value: at(tt.template)}, s); got != tt.want {
			t.Errorf("%s as %s\n got %s\nwant %s", tt.template, tt.kind, got, tt.want)
		}
	}
}

// A header cell that is a date, a share or an amount is called by what the sheet shows. Its value, the name of earlier releases, still
// finds it, with a warning for each name at the first place.
func TestFormerNames(t *testing.T) {
	h := row.ShownHeader(
		[]row.Cell{row.TextCell("Email"), row.NumberCell(45292), row.NumberCell(0.1), row.TextCell("Pre\u0301nom"), row.NumberCell(45323), row.NumberCell(45337)},
		[]string{"Email", "1/1/2024", "10%", "", "Feb 2024", "Feb 2024"},
	)
	s := sheet{h, row.Row{Number: 7, Cells: []row.Cell{row.TextCell("a@b.c"), row.NumberCell(3), row.NumberCell(4), row.TextCell("Asha"), row.NumberCell(5), row.NumberCell(6)}}}
	tests := []struct {
		template, want string
		warnings       string
	}{
		{"{{1/1/2024}}", `3`, ""},
		{"{{45292}}", `3`, `z.yaml:18:14: the sheet shows the name of column "45292" as "1/1/2024", and so it is called now; write 1/1/2024 in its place; the old name still works`},
		{`{{ row["45292"] + row["45292"] }}`, `6`, `z.yaml:18:15: the sheet shows the name of column "45292" as "1/1/2024", and so it is called now; write 1/1/2024 in its place; the old name still works`},
		{"{{10%}}", `4`, ""},
		{"{{0.1}}", `4`, `z.yaml:18:14: the sheet shows the name of column "0.1" as "10%", and so it is called now; write 10% in its place; the old name still works`},
		{"{{45337}}", `6`, `z.yaml:18:14: the sheet shows the name of column "45337" as "Feb 2024", as that of another column, so it is called by its letter now; write F in its place; the old name still works`},
		{"{{F}}", `6`, ""},
		{"{{45293}}", `bind: z.yaml:18:14: the worksheet has no column "45293"`, ""},
		{"{{Pr\u00e9nom}}", `"Asha"`, ""},
		{"{{Pre\u0301n\u200bom}}", `"Asha"`, ""},
	}
	for _, tt := range tests {
		z := profile(config.Property{Name: "P", Value: at(tt.template)})
		if got := propertyOf(t, config.Property{Value: at(tt.template)}, s); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.template, got, tt.want)
		}
		m, err := mapping.Compile(z)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Bind(h)
		if err != nil {
			continue
		}
		said := ""
		if len(b.FormerNames()) > 0 {
			said = b.FormerNames().Error()
		}
		if said != tt.warnings {
			t.Errorf("%s\n  says %s\n  want %s", tt.template, said, tt.warnings)
		}
	}
}
