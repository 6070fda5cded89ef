package mapping_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// varied gives a zap of [profile] an identity from the row: the same one for every row is a warning.
func varied(z *config.Zap) *config.Zap {
	if id := &z.Actions[0].ID; id.Text == "me" {
		*id = at("{{A}}")
	}
	return z
}

// TestWarningsOfTheMapping checks the warnings that do not depend on a row. want is part of the
// only warning; "" for none.
func TestWarningsOfTheMapping(t *testing.T) {
	named := func(p config.Property) *config.Zap {
		z := profile(p)
		z.Actions[0].Properties[0].Name = p.Name
		return z
	}
	many := func(z *config.Zap, n int) *config.Zap {
		for i := range n {
			z.Actions[0].Properties = append(z.Actions[0].Properties, config.Property{Name: fmt.Sprintf("p%d", i), Value: at("{{A}}")})
		}
		return z
	}
	when := func(text string) *config.Zap { return timed(text) }
	identified := func(text string) *config.Zap {
		z := profile(config.Property{Value: at("x")})
		z.Actions[0].ID = at(text)
		return z
	}
	who := profile(config.Property{Value: at("x")})
	who.Actions[0].ID = at("{{ [A] }}")
	goods := event("Charged", config.Property{Name: "Items", Value: at("{{A}}")})
	goods.Actions[0].Properties = append(goods.Actions[0].Properties, config.Property{Name: "Amount", Value: at("{{B}}")})
	tests := []struct {
		zap  *config.Zap
		want string
	}{
		{profile(config.Property{Value: at("{{A}}")}), ""},
		{named(config.Property{Name: "Email", Value: at("{{A}}")}), ""},
		{named(config.Property{Name: "email", Value: at("{{A}}")}), "property email: becomes a custom property: CleverTap's own is called Email"},
		{named(config.Property{Name: "msg_email", Value: at("{{A}}")}), "CleverTap's own is called MSG-email"},
		{named(config.Property{Name: "Is it?! (100%)", Value: at("{{A}}")}), "CleverTap does not allow % ! in a name"},
		{named(config.Property{Name: strings.Repeat("x", 121), Value: at("{{A}}")}), "the name has 121 characters"},
		{named(config.Property{Name: "Email", Op: config.Add, Value: at("{{A}}")}), "CleverTap stores one value for it, not a list"},
		{named(config.Property{Name: "Gender", Type: config.List, Value: at("{{A}}")}), "CleverTap stores one value for it, not a list"},
		{named(config.Property{Name: "Bio", Value: at(strings.Repeat("x", 513))}), "513 bytes of text"},
		{named(config.Property{Name: "Gender", Type: config.Text, Value: at("Other")}), "CleverTap documents only M and F"},
		{many(profile(config.Property{Value: at("x")}), 255), ""},
		{many(profile(config.Property{Value: at("x")}), 256), "257 custom properties"},
		{many(event("Signup", config.Property{Name: "P", Value: at("x")}), 100), "101 properties"},
		{event("What's up", config.Property{Name: "P", Value: at("x")}), "event_name: CleverTap does not allow ' in a name"},
		{event("Charged", config.Property{Name: "Amount", Value: at("{{A}}")}), ""},
		{event("Charged", config.Property{Name: "Total", Value: at("{{A}}")}), "Charged has no property Amount"},
		{goods, "property Items: CleverTap does not see a list"},
		{event("charged", config.Property{Name: "Amount", Value: at("{{A}}")}), "is spelt Charged"},
		{event("{{ [A] }}", config.Property{Name: "P", Value: at("x")}), "event_name: the expression gives a list"},
		{when("{{ [A] }}"), "time: the expression gives a list, so every row will fail"},
		{when("{{ A == B }}"), "time: the expression gives a boolean, so every row will fail"},
		{when("{{ A }}"), ""},
		{who, "the identity: the expression gives a list"},
		{identified("Email"), "the identity is the same for every row, so all rows go to one user"},
		{identified("user-{{A}}"), ""},
		{identified(`{{ row["A"] }}`), ""},
	}
	for _, tt := range tests {
		m, err := mapping.Compile(varied(tt.zap))
		if err != nil {
			t.Errorf("want %q, got the mistake %v", tt.want, err)
			continue
		}
		got := m.Warnings()
		if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || !strings.Contains(got[0].Message, tt.want)) {
			t.Errorf("got %v, want %q", got, tt.want)
		}
		for _, w := range got {
			if !w.Warning || w.Suggestion == "" || w.Line == 0 && !strings.HasPrefix(tt.want, "257") && !strings.HasPrefix(tt.want, "101") {
				t.Errorf("not a warning with a place and advice: %+v", w)
			}
		}
	}
}

// TestConstantsKeepTheRules checks that invalid constants for CleverTap's own properties are found
// by Compile.
func TestConstantsKeepTheRules(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"Gender", "female", `"F"`},
		{"Married", "no", `"N"`},
		{"Gender", "?", "not a gender"},
		{"Email", "nobody", "not an e-mail address"},
		{"Education", "PhD", "not School, College or Graduate"},
		{"Phone", "98765 43210", "a phone number without +"},
		{"DOB", "03/04/2018", "an ambiguous date"},
		{"MSG-push", "never", "not one of yes, no"},
	}
	for _, tt := range tests {
		z := profile(config.Property{Value: at(tt.text)})
		z.Actions[0].Properties[0].Name = tt.name
		got := outcome(t, z, cells("A", 1))
		if !strings.Contains(got, tt.want) || tt.want[0] != '"' && !strings.HasPrefix(got, "compile: z.yaml:18:12: property "+tt.name) {
			t.Errorf("%s: %s\n got %s\nwant %s", tt.name, tt.text, got, tt.want)
		}
	}
}

// TestExamples checks that the examples for operators compile without warnings and pass their own
// test cases.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	files, err := filepath.Glob("../../configs/zaps/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	write(t, filepath.Join(dir, "rowtap.yaml"), `
google_accounts: {marketing: {}}
clevertap_accounts: {production: {account_id: a, passcode: "${P}", region: in1}}
`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "zaps", filepath.Base(file)), string(text))
	}
	c, err := config.Load(dir, func(string) (string, bool) { return "secret", true })
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range c.Zaps {
		m, err := mapping.Compile(z)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Warnings()) > 0 {
			t.Errorf("%s: %v", z.Name, m.Warnings())
		}
		if len(z.Tests) == 0 {
			t.Errorf("%s: no tests", z.Name)
		}
		for _, c := range z.Tests {
			if got := m.Check(c); len(got.Differences) > 0 {
				t.Errorf("%s: test at %s: %+v", z.Name, c.Pos, got)
			}
		}
	}
}

// TestWarningOfAllAmongProperties checks the warning about all: true that is not first in its
// mapping, because in earlier releases it was a property.
func TestWarningOfAllAmongProperties(t *testing.T) {
	for line, want := range map[int]string{17: "", 19: `z.yaml:19:5: all: true among properties means every column; in earlier releases it was a property called all; put it first to map every column, or write all: {value: true} for the property`} {
		z := profile(config.Property{Value: at("x")})
		a := &z.Actions[0]
		a.AllProperties, a.AllMapped, a.AllPos = true, true, config.Pos{File: "z.yaml", Line: line, Column: 5}
		m, err := mapping.Compile(varied(z))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Warnings().Error(); got != want {
			t.Errorf("all: true in line %d\n got %s\nwant %s", line, got, want)
		}
	}
}

// TestFormatThatDoesNotReadISODates checks the warning about formats that fail on the ISO dates of
// their column. Other dates get none.
func TestFormatThatDoesNotReadISODates(t *testing.T) {
	tests := []struct {
		formats string // separated by ;
		cells   string // separated by ;
		want    string
	}{
		{"dd/MM/yyyy", "25/04/2018;26/04/2018", ""},
		{"dd/MM/yyyy", "25/04/2018;2018-04-26;;x", `z.yaml:18:12: property P: the date in row 3 is ISO 8601, which format "dd/MM/yyyy" does not read; format: [dd/MM/yyyy, ISO] reads both`},
		{
			"dd/MM/yyyy;dd.MM.yyyy", "2018-04-25;2018-04-26T10:00:00Z;26.04.2018",
			`z.yaml:18:12: property P: the dates in row 2 and 1 more of the first rows are ISO 8601, which format "dd/MM/yyyy" or "dd.MM.yyyy" does not read; format: [dd/MM/yyyy, dd.MM.yyyy, ISO] reads both`,
		},
		{"dd/MM/yyyy;ISO", "25/04/2018;2018-04-26", ""},
		{"yyyy-MM-dd", "2018-04-26", ""},
		{"yyyy-dd-MM", "2018-04-26", `z.yaml:18:12: property P: the date in row 2 is ISO 8601, which format "yyyy-dd-MM" does not read; write all dates of the column in one form: these two are ambiguous`},
		{"", "2018-04-26", ""},
	}
	for _, tt := range tests {
		p := config.Property{Type: config.Date, Value: at("{{C}}")}
		if tt.formats != "" {
			p.Formats = strings.Split(tt.formats, ";")
		}
		m, err := mapping.Compile(profile(p))
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Bind(row.HeaderOf([]string{"C"}))
		if err != nil {
			t.Fatal(err)
		}
		var rows []row.Row
		for i, cell := range strings.Split(tt.cells, ";") {
			rows = append(rows, row.Row{Number: 2 + i, Cells: []row.Cell{row.TextCell(cell)}})
		}
		if got := b.FormatWarnings(rows).Error(); got != tt.want {
			t.Errorf("%s of %s\n got %s\nwant %s", tt.formats, tt.cells, got, tt.want)
		}
	}
}
