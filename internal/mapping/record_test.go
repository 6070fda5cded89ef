package mapping_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

func TestIdentity(t *testing.T) {
	const reformat = "format the column as plain text and enter the value again, or map another column"
	tests := []struct {
		template string
		cell     any
		want     string // the identity, or the error, its code and hint
	}{
		{"{{C}}", "asha@example.com", "asha@example.com"},
		{"{{C}}", " asha ", "asha"},
		{"{{C}}", "007", "007"},
		{"{{C}}", 9007199254740992.0, "9007199254740992"},
		{"{{C}}", 12, "12"},
		{"u{{C}}", 12, "u12"},
		{"{{ lower(C) }}", "ASHA", "asha"},
		{"{{ C == '' ? 'x' : C }}", nil, "x"},
		{"{{C}}", strings.Repeat("é", 1024), strings.Repeat("é", 1024)},
		{"{{C}}", strings.Repeat("é", 1025), "C: identity is longer than 1024 characters 523"},
		{"{{C}}", nil, "C: identity is empty 523"},
		{"{{C}}", "   ", "C: identity is empty 523"},
		{"user-{{C}}", nil, "C: identity is empty 523"},
		{"{{C}}", "N/A", "C: identity is a placeholder for a missing value, which CleverTap refuses 523"},
		{"{{C}}", 0, "C: identity is a placeholder for a missing value, which CleverTap refuses 523"},
		{"{{C}}", 9007199254740994.0, "C: identity is a number with more digits than a spreadsheet keeps 523 " + reformat},
		{"{{C}}", 12.5, "C: identity is a number with a fraction 523 " + reformat},
		{"{{C}}", true, "C: identity is a boolean, not text 523 " + reformat},
		{"{{C}}", row.DateCell(43164), "C: identity is a date, not text 523 " + reformat},
		{"{{C}}", row.DateCell(0.5), "C: identity is a time without a day, not text 523 " + reformat},
		{"{{ [C] }}", "x", "C: identity is a list, not text 523 " + reformat},
		{"{{ lower(C) }}", nil, `C: C is empty 523 fill the cell and rowtap retries the row, or give a default in the expression: C ?? ""`},
		{"null", nil, "compile: z.yaml:3:9: identity is a placeholder for a missing value, which CleverTap refuses; use {{Column name}} to take it from the row"},
		{"", nil, "compile: z.yaml:3:9: identity is empty; use {{Column name}} to take it from the row"},
	}
	for _, tt := range tests {
		z := profile(config.Property{Value: at("x")})
		z.Actions[0].ID = config.Template{Text: tt.template, Pos: config.Pos{File: "z.yaml", Line: 3, Column: 9}}
		if got := identityOf(t, z, cells("C", tt.cell)); got != tt.want {
			t.Errorf("%s of %v\n got %s\nwant %s", tt.template, tt.cell, got, tt.want)
		}
	}
}

func identityOf(t *testing.T, z *config.Zap, s sheet) string {
	m, err := mapping.Compile(z)
	if err != nil {
		return "compile: " + err.Error()
	}
	b, err := m.Bind(s.header)
	if err != nil {
		return "bind: " + err.Error()
	}
	id, err := b.Identity(0, s.row, mapping.Context{})
	if err == nil {
		return id
	}
	wrong := err.(*mapping.RowError) //nolint:errorlint // the type itself is promised
	if wrong.Row != 7 || wrong.Pos != z.Actions[0].ID.Pos {
		t.Errorf("error is of row %d and %v", wrong.Row, wrong.Pos)
	}
	hint := wrong.Hint
	if hint == "correct the cell and rowtap retries the row, or correct the mapping at z.yaml:3:9 and replay the row" {
		hint = ""
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s %d %s", wrong.Column, wrong.Message, wrong.Code, hint))
}

func TestFilter(t *testing.T) {
	s := cells("Consent", "Yes", "Country", "IN", "Spend", 1500, "Blank", nil, "Two words", "x", "Flag", true, "Off", false,
		"Text", "TRUE", "When", row.DateCell(43164), "Huge", row.DateCell(1e300))
	const passed = `{"type":"profile","identity":"me","ts":1700000000,"profileData":{"P":"x"}}`
	tests := []struct{ filter, want string }{
		{`Consent == "Yes" && Country in ["IN", "SG"]`, passed},
		{`Consent == "No"`, "skipped"},
		{`Spend > 1000`, passed},
		{`Spend in [1500, 2000]`, passed},
		{`Spend in ["a", "b"]`, "skipped"},
		{`Country in ["US"]`, "skipped"},
		{`Blank == "Yes"`, "skipped"},
		{`Blank != "Yes"`, passed},
		{`Blank == ""`, passed},
		{`"" == Blank`, passed},
		{`Blank == nil`, passed},
		{`Blank != ""`, "skipped"},
		{`Consent == ""`, "skipped"},
		{`Blank in ["", "IN"]`, passed},
		{`Blank in ["IN"]`, "skipped"},
		{`Blank contains "x"`, "skipped"},
		{`Blank startsWith "x"`, "skipped"},
		{`Blank matches "x"`, "skipped"},
		{`not (Blank contains "x")`, passed},
		{`row["Two words"] == "x"`, passed},
		{`row["Two words"] matches "^[a-z]$"`, passed},
		{`Flag`, passed},
		{`not Off`, passed},
		{`When.Year() == 2018 && When < date("2018-03-05")`, passed}, // midnight in Kolkata
		{`all([Spend, 2000], # > 1000)`, passed},
		{`let low = 5; Spend > low`, passed},
		{`let Spend = 5; Spend > 3`, passed},

		{`Blank > 1000`, "row 7, column Blank: filter: Blank is empty"},
		{`Spend > 1000 && lower(Blank) == "x"`, "row 7, column Blank: filter: Blank is empty"},
		{`Blank`, "row 7, column Blank: the filter gives blank, not true or false"},
		{`Text`, "row 7, column Text: the filter gives text, not true or false"},
		{`Text && Flag`, "row 7: filter: the expression cannot be computed: Text is text and Flag is a boolean"},
		{`Consent > Spend`, "row 7: filter: the expression cannot be computed: Consent is text and Spend is a number (string > float64)"},
		{`float(Consent) > 3`, "row 7, column Consent: filter: the expression cannot be computed: Consent is text"},
		{`date(Consent) > When`, "row 7, column Consent: filter: the expression cannot be computed: Consent is text"},
		{`Huge == Huge`, "row 7, column Huge: filter: the date is not between the years 1 and 9999"},

		{`Consent = "Yes"`, `compile: z.yaml:9:17: filter: unexpected token Operator("="); compare with ==: Consent == "Yes"`},
		{`Two words = "x"`, `compile: z.yaml:9:13: filter: unexpected token Identifier("words"); write a column whose name is not one word as row["Column name"]`},
		{`row["Two words"] = "x" = "y"`, `compile: z.yaml:9:26: filter: unexpected token Operator("="); compare with ==`},
		{`Two words == "x"`, `compile: z.yaml:9:13: filter: unexpected token Identifier("words"); write a column whose name is not one word as row["Column name"]`},
		{`{{Spend}} > 1`, `compile: z.yaml:9:10: filter: a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token Bracket("{")); remove the {{ }}: a filter is an expression without braces`},
		{`Spend + 1`, ""},
		{`1 + 1`, "compile: z.yaml:9:9: the filter gives a number, not true or false; compare it with something"},
		{`upper(Consent)`, "compile: z.yaml:9:9: the filter gives text, not true or false; compare it with something"},
		{` `, "compile: z.yaml:9:9: the filter is empty; remove it to let every row pass"},
		{`now() > When`, "compile: z.yaml:9:9: filter: there is no function now(); a record must not depend on when it is made; omit time: to use the time at which the row was detected"},
		{`Spned > 1 && row["Cuntry"] == "IN"`, "bind: z.yaml:9:9: the worksheet has no column \"Spned\"; did you mean \"Spend\"?\n" +
			"z.yaml:9:22: the worksheet has no column \"Cuntry\"; did you mean \"Country\"?"},
	}
	for _, tt := range tests {
		z := profile(config.Property{Value: at("x")})
		z.Filter = &config.Template{Text: tt.filter, Pos: config.Pos{File: "z.yaml", Line: 9, Column: 9}}
		got := outcome(t, z, s)
		if tt.want == "" {
			tt.want = "row 7, column Spend: the filter gives a number, not true or false"
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.filter, got, tt.want)
		}
	}
}

// TestFailedFilterKeeps checks that a row whose filter fails is not reported as dropped.
func TestFailedFilterKeeps(t *testing.T) {
	z := profile(config.Property{Value: at("x")})
	filter := at("Spend > 1")
	z.Filter = &filter
	s := cells("Spend", nil)
	m, err := mapping.Compile(z)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Bind(s.header)
	if err != nil {
		t.Fatal(err)
	}
	if _, keep, err := b.Record(0, s.row, mapping.Context{}); err == nil || !keep {
		t.Errorf("keep %v, error %v; want an error, and the row kept", keep, err)
	}
}

func TestColumns(t *testing.T) {
	z := profile(config.Property{Value: at(`{{First name}} {{ Spend > 10 ? row["Two words"] : Email }} {{E-mail}}`)})
	filter, when := at(`Consent == "Yes" && Spend > 1`), at("{{Timestamp}}")
	z.Filter, z.Actions[0].Time, z.Actions[0].ID = &filter, &when, at("{{ lower(Email) }}{{User id}}")
	m, err := mapping.Compile(z)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Consent", "Spend", "Email", "User id", "Timestamp", "First name", "Two words", "E-mail"}
	if got := m.Columns(); !slices.Equal(got, want) {
		t.Errorf("Columns: got %q, want %q", got, want)
	}
	if got, want := m.IdentityColumns(), []string{"Email", "User id"}; !slices.Equal(got, want) {
		t.Errorf("IdentityColumns: got %q, want %q", got, want)
	}
	b, err := m.Bind(row.HeaderOf([]string{"Consent", "Spend", "Email", "User id", "Timestamp", "First name", "Two words", "E", "mail"}))
	if err != nil {
		t.Fatal(err)
	}
	want = []string{"Consent", "Spend", "Email", "User id", "Timestamp", "First name", "Two words", "E", "mail"}
	if got := b.Columns(); !slices.Equal(got, want) {
		t.Errorf("Bound.Columns: got %q, want %q", got, want)
	}
	if got, want := b.IdentityColumns(), []string{"Email", "User id"}; !slices.Equal(got, want) {
		t.Errorf("Bound.IdentityColumns: got %q, want %q", got, want)
	}
}

func TestBindNamesEveryColumn(t *testing.T) {
	z := profile(config.Property{Value: at("{{Email}} {{Nam}} {{Zip}} {{Nam}}")})
	s := cells("Email", 1, "Email", 2, "Name", 3)
	want := "bind: z.yaml:18:14: several columns of the worksheet are called \"Email\"; rename all but one, or use a letter: row[\"C\"]\n" +
		"z.yaml:18:24: the worksheet has no column \"Nam\"; did you mean \"Name\"?\n" +
		"z.yaml:18:32: the worksheet has no column \"Zip\""
	if got := outcome(t, z, s); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	z = profile(config.Property{Value: at("x")})
	z.Actions[0].AllProperties, z.Actions[0].Properties, z.Actions[0].Pos = true, nil, config.Pos{File: "z.yaml", Line: 5}
	want = "bind: z.yaml:5: several columns of the worksheet are called \"Email\"; rename all but one, or use a letter: row[\"C\"]"
	if got := outcome(t, z, s); got != want {
		t.Errorf("properties: all\n got %s\nwant %s", got, want)
	}
	z = profile(config.Property{Value: at("{{A}}{{B}}")})
	if got, want := propertyOf(t, z.Actions[0].Properties[0], s), `"12"`; got != want {
		t.Errorf("by letter: got %s, want %s", got, want)
	}
}

func TestMistakesAreFoundAtCompile(t *testing.T) {
	prop := func(kind config.PropertyType, op config.Op, text string) *config.Zap {
		return profile(config.Property{Type: kind, Op: op, Value: at(text)})
	}
	eventProp := func(kind config.PropertyType, text string) *config.Zap {
		return event("Signup", config.Property{Name: "P", Type: kind, Value: at(text)})
	}
	tests := []struct {
		zap  *config.Zap
		want string
	}{
		{prop("", "", "{{"), "{{ is not closed"},
		{prop("number", "", "12.x"), "property P: not a number in plain notation"},
		{prop("date", "", "03/04/2018"), "property P: an ambiguous date"},
		{prop("phone", "", "12345"), "property P: a phone number without +"},
		{prop("boolean", "", "perhaps"), "property P: not one of yes, no"},
		{prop("json", "", "{"), "property P: not JSON"},
		{prop("number", "add", "{{A}}"), "op add cannot be used with type number"},
		{prop("date", "remove", "{{A}}"), "op remove cannot be used with type date"},
		{prop("text", "increment", "{{A}}"), "op increment cannot be used with type text"},
		{prop("", "multiply", "{{A}}"), "unknown op multiply"},
		{eventProp("list", "{{A}}"), "an event property cannot be a list"},
		{eventProp("json", "[1]"), "the properties of an event cannot be lists or objects"},
		{event("App  Launched", config.Property{}), "event name is reserved for CleverTap's own events"},
		{event(" ", config.Property{}), "event name is empty"},
		{timed("soon"), "not a date in a known form"},
		{timed("1950-01-01"), "time is before 1970"},
		{event("Signup", config.Property{Name: "P", Op: config.Add, Value: at("{{A}}")}), "op add is only for profiles"},
		{prop("", "", "{{"+strings.Repeat("(", 20_000)+"A == 1"+strings.Repeat(")", 20_000)+"}}"), "expression: longer than 10000 bytes"},
	}
	for _, tt := range tests {
		if got := outcome(t, tt.zap, cells("A", 1)); !strings.HasPrefix(got, "compile: z.yaml:18:") || !strings.Contains(got, tt.want) {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// timed is a zap whose records have the given time.
func timed(text string) *config.Zap {
	z := profile(config.Property{Value: at("x")})
	when := at(text)
	z.Actions[0].Time = &when
	return z
}

func TestMistakesAreAllNamed(t *testing.T) {
	z := timed("soon")
	filter := at("Spend >")
	z.Filter, z.Actions[0].ID = &filter, at("{{")
	_, err := mapping.Compile(z)
	if all, ok := errors.AsType[config.Diagnostics](err); !ok || len(all) != 3 {
		t.Errorf("want 3 diagnostics, got %v", err)
	}
}

// TestAllMistakesOfARow checks that all mistakes of a row are reported at once, each mistake of a
// column once.
func TestAllMistakesOfARow(t *testing.T) {
	property := func(name string, kind config.PropertyType, text string) config.Property {
		return config.Property{Name: name, Type: kind, Value: at(text)}
	}
	charged := event("Charged", property("Amount", config.Number, "{{Sum}}"))
	charged.Actions[0].Items = [][]config.Property{{property("Price", config.Number, "{{Price}}")}, {property("Price", config.Number, "{{Other}}")}}
	named := event("{{Name}}", property("Sum", config.Number, "{{Sum}}"))
	named.Actions[0].Items = charged.Actions[0].Items
	person := profile(config.Property{})
	when := at("{{When}}")
	person.Actions[0].ID, person.Actions[0].Time = at("{{Email}}"), &when
	person.Actions[0].Properties = []config.Property{
		property("Email", "", "{{Email}}"), property("Phone", config.Phone, "{{Mobile}}"), property("Sum", config.Number, "{{Sum}}"), property("Good", "", "{{Good}}"),
		property("Total", config.Number, "{{Sum}}"), property("Sum text", "", "{{ Sum + 1 }}"), property("Broken", "", "{{Broken}}"), property("Again", "", "{{Broken}}!"),
	}
	filtered := profile(property("Sum", config.Number, "{{Sum}}"))
	filter := at("Good > 1")
	filtered.Filter = &filter
	costly := profile(config.Property{})
	costly.Actions[0].Properties = []config.Property{
		property("A", "", `{{ len(filter(1..9000, len(filter(1..9000, Sum == "")) > 0)) }}`), property("B", config.Number, "{{Sum}}"),
	}
	tests := []struct {
		name string
		zap  *config.Zap
		want []string
	}{
		{"a profile", person, []string{
			"Email: identity is empty", "When: not a date in a known form", "Mobile: a phone number without + and country code",
			"Sum: not a number in plain notation", "Sum: the expression cannot be computed", "Broken: the cell shows an error",
		}},
		{"items", charged, []string{"Sum: not a number", "Price: not a number", "Other: not a number"}},
		{"items of an event without a name", named, []string{"Name: event name is empty", "Sum: not a number", "Price: not a number", "Other: not a number"}},
		{"only the filter", filtered, []string{"Good: filter: the expression cannot be computed"}},
		{"nothing after the budget is used up", costly, []string{"Sum: the expression exceeds the limit"}},
	}
	s := cells("Email", nil, "When", "soon", "Mobile", "12345", "Sum", "a few", "Good", "yes", "Broken", "#REF!", "Price", "x", "Other", "y", "Name", " ")
	for _, tt := range tests {
		m, err := mapping.Compile(tt.zap)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Bind(s.header)
		if err != nil {
			t.Fatal(err)
		}
		rec, _, err := b.Record(0, s.row, mapping.Context{})
		first, _ := errors.AsType[*mapping.RowError](err)
		var got []string
		for wrong := range first.All() {
			got = append(got, wrong.Column+": "+wrong.Message)
		}
		fits := len(got) == len(tt.want) && rec.JSON == nil
		for i := range min(len(got), len(tt.want)) {
			fits = fits && strings.HasPrefix(got[i], tt.want[i])
		}
		if !fits {
			t.Errorf("%s\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}
