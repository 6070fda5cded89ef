package mapping_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// TestShapes checks that the shape of a date cell decides what it is, not its serial number; also
// in expressions.
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

// TestFormerNames checks that a header cell with a date, a percentage or an amount is named as the
// sheet shows it. Its value, its name in earlier releases, still finds it, with one warning per
// name at the first use.
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
		{"{{45292}}", `3`, `z.yaml:18:14: column "45292" is now called "1/1/2024", as the sheet shows it; write 1/1/2024 instead; the old name still works`},
		{`{{ row["45292"] + row["45292"] }}`, `6`, `z.yaml:18:15: column "45292" is now called "1/1/2024", as the sheet shows it; write 1/1/2024 instead; the old name still works`},
		{"{{10%}}", `4`, ""},
		{"{{0.1}}", `4`, `z.yaml:18:14: column "0.1" is now called "10%", as the sheet shows it; write 10% instead; the old name still works`},
		{"{{45337}}", `6`, `z.yaml:18:14: the sheet shows column "45337" and another column as "Feb 2024", so it is now called by its letter; write F instead; the old name still works`},
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
