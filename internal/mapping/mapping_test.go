package mapping_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// detected is when the rows of tests were detected, Unix time 1700000000.
func detected() time.Time { return time.Unix(1700000000, 0).UTC() }

func kolkata(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// at is a template at line 18, column 12 of a zap file.
func at(text string) config.Template {
	return config.Template{Text: text, Pos: config.Pos{File: "z.yaml", Line: 18, Column: 12}}
}

// profile is a zap that sends one property of a profile.
func profile(p config.Property) *config.Zap {
	p.Name = "P"
	p.NamePos = config.Pos{File: "z.yaml", Line: 18, Column: 5}
	if p.Value.Pos.Line == 0 {
		p.Value.Pos = config.Pos{File: "z.yaml", Line: 18, Column: 12}
	}
	return &config.Zap{Name: "z", Actions: []config.Action{{
		Event: config.CreateUpdateUserProfile, IDKind: config.Identity, ID: at("me"), Properties: []config.Property{p},
	}}}
}

// event is a zap that sends one property of an event.
func event(name string, p config.Property) *config.Zap {
	z := profile(p)
	z.Actions[0].Properties[0].Name = p.Name
	z.Actions[0].Event = config.UploadEvent
	eventName := at(name)
	z.Actions[0].EventName = &eventName
	return z
}

// sheet is a header and a row.
type sheet struct {
	header row.Header
	row    row.Row
}

// cells makes a sheet of names and cells in turn: string, float64, int, bool, row.Cell or nil.
func cells(pairs ...any) sheet {
	var names []string
	r := row.Row{Number: 7}
	for i := 0; i < len(pairs); i += 2 {
		names = append(names, pairs[i].(string))
		var c row.Cell
		switch v := pairs[i+1].(type) {
		case string:
			c = row.TextCell(v)
		case float64:
			c = row.NumberCell(v)
		case int:
			c = row.NumberCell(float64(v))
		case bool:
			c = row.BoolCell(v)
		case row.Cell:
			c = v
		}
		r.Cells = append(r.Cells, c)
	}
	return sheet{row.HeaderOf(names), r}
}

// outcome is the record of a row, "skipped", or the error of compiling, binding or mapping.
func outcome(t testing.TB, z *config.Zap, s sheet) string {
	t.Helper()
	m, err := mapping.Compile(z)
	if err != nil {
		return "compile: " + err.Error()
	}
	b, err := m.Bind(s.header)
	if err != nil {
		return "bind: " + err.Error()
	}
	rec, keep, err := b.Record(0, s.row, mapping.Context{Zone: kolkata(t), DetectedAt: detected()})
	switch {
	case err != nil:
		return err.Error()
	case !keep:
		return "skipped"
	}
	return string(rec.JSON)
}

// propertyOf returns the property P of a profile as JSON, "" if it was left out, or the error.
func propertyOf(t testing.TB, p config.Property, s sheet) string {
	t.Helper()
	got := outcome(t, profile(p), s)
	got, ok := strings.CutPrefix(got, `{"type":"profile","identity":"me","ts":1700000000,"profileData":{`)
	if !ok {
		return got
	}
	return strings.TrimPrefix(strings.TrimSuffix(got, "}}"), `"P":`)
}

func TestTemplates(t *testing.T) {
	dateCell := row.DateCell(43164.636) // 2018-03-05 15:15:50
	odd := cells("Email", "a@b.c", "First name", "Asha", "Last name", nil, "E-mail", "x@y.z", "Score", 12.0, "Half", 0.5,
		"Big", 1e21, "Yes", true, "No", false, "Zero", 0, "At", dateCell, "Day", row.DateCell(43164), "Clock", row.DateCell(0.5),
		"Spaces", "  ", "Padded", " x ", "Customer's name", "O'Neil", "Price (USD)", 9.99, "Is new?", "yes", "", "by letter",
		"row", "R", "date", "D", "Città", "Roma", "2024", 1, "A {x}", "braces", "2024-25", 3, "Date/Time", "dt", "a}}b", "q")
	tests := []struct{ template, want string }{
		{"{{Email}}", `"a@b.c"`},
		{"{{ Email }}", `"a@b.c"`},
		{"{{First name}}", `"Asha"`},
		{"{{ First   name }}", `"Asha"`},
		{"{{E-mail}}", `"x@y.z"`},
		{"{{Last name}}", ``},
		{"{{Spaces}}", ``},
		{"{{Padded}}", `" x "`},
		{"<{{Padded}}>", `"< x >"`},
		{"{{Last name}} {{Padded}}", `"x"`},
		{"{{First name}} {{Last name}}", `"Asha"`},
		{"{{Last name}} {{Spaces}}", ``},
		{"{{Last name}} {{Last name}}", ``},
		{"Hello {{Last name}}", `"Hello"`},
		{"{{Score}}", `12`},
		{"{{Score}} points", `"12 points"`},
		{"{{Half}}", `0.5`},
		{"{{Half}}%", `"0.5%"`},
		{"{{Big}}", `1000000000000000000000`},
		{"n{{Big}}", `"n1000000000000000000000"`},
		{"{{Zero}}", `0`},
		{"{{Yes}}", `true`},
		{"{{No}}", `false`},
		{"{{Yes}}/{{No}}", `"TRUE/FALSE"`},
		{"{{At}}", `"$D_1520243150"`}, // 15:15:50 in Kolkata
		{"on {{At}}", `"on 2018-03-05 15:15:50"`},
		{"on {{Day}}", `"on 2018-03-05"`},
		{"{{Clock}}", `"12:00:00"`},
		{"{{Customer's name}}", `"O'Neil"`},
		{"{{Customer's name}} and {{Customer's name}}", `"O'Neil and O'Neil"`},
		{"{{Price (USD)}}", `9.99`},
		{"{{Is new?}}", `"yes"`},
		{`{{row["Is new?"]}}`, `"yes"`},
		{`{{row["  First   name "]}}`, `"Asha"`},
		{`{{row["S"]}}`, `"by letter"`},
		{`{{S}}`, `"by letter"`},
		{`{{row.Email}}`, `"a@b.c"`},
		{`{{row}}`, `"R"`},
		{`{{row + row["row"]}}`, `"RR"`},
		{`{{date}}`, `"D"`},
		{`{{date + string(date("2018-03-05").Year())}}`, `"D2018"`},
		{`{{ "u-" + string(9876543210) }}`, `"u-9876543210"`},
		{`{{ string(7500000.0) }}`, `"7500000"`},
		{`{{ string(true) }}`, `"TRUE"`},
		{`{{Città}}`, `"Roma"`},
		{`{{2024}}`, `1`},
		{`{{2024-25}}`, `3`},
		{`{{Date/Time}}`, `"dt"`},
		{`{{A {x}}}`, `bind: z.yaml:18:14: column "A {x}": its name ends in a brace; write it as {{ row["A {x}"] }}`},
		{`{{row["A {x}"]}}`, `"braces"`},
		{`{{row["a}}b"]}}`, `"q"`},
		{`{{ "{{" }}`, `"{{"`},
		{`{{ "{{" }}{{Email}}{{ "}}" }}`, `"{{a@b.c}}"`},
		{`a }} b { c`, `"a }} b { c"`},
		{`{{ {"a": {"b": Score}}.a.b }}`, `12`},
		{`{{ let x = Score * 2; x + 1 }}`, `25`},
		{`{{ Score > 10 ? 'gold' : 'basic' }}`, `"gold"`},
		{`{{ Score > 10 ? 'gold' : 'basic' }} level`, `"gold level"`},
		{`{{ Score / 5 }}`, `2.4`},
		{`{{Score/5}}`, `2.4`},
		{`{{ int(Half * 4) }}`, `2`},
		{`{{ int("9007199254740993") }}`, `9007199254740993`},
		{`n{{ int("9007199254740993") }}`, `"n9007199254740993"`},
		{`{{ Score > 10 }}`, `true`},
		{`{{ nil }}`, `bind: z.yaml:18:15: the worksheet has no column "nil"; did you mean "Big"?`},
		{`{{ Email == "" ? nil : "set" }}`, `"set"`},
		{`{{ row["Last name"] == "" ? nil : "set" }}`, ``},
		{`{{ row["Last name"] ?? "nobody" }}`, `"nobody"`},
		{`{{ At }} `, `"2018-03-05 15:15:50"`},
		{`{{ At.Year() }}`, `2018`},
		{`{{ At ?? Day }}`, `"$D_1520243150"`},
		{`{{ [Score, Email, nil] }}`, `{"$set":["12","a@b.c"]}`},
		{`{{ split("a,b", ",") }}`, `{"$set":["a","b"]}`},
		{`{{ {"a": 1} }}`, `compile: z.yaml:18:12: property P: the expression gives an object; give the property type: json`},
		{`{{ {"a": Score} }}`, `row 7, column Score: the expression gives an object`},
		{`{{ At - Day }}`, `row 7: property P: the expression gives a duration`},
		{`{{ Score / Zero }}`, `row 7: property P: the result is infinite or not a number`},
		{`x {{ [Score] }}`, `row 7, column Score: the expression gives a list, which cannot be text`},
		{`{{ row["Last name"] > 3 }}`, `row 7, column Last name: Last name is empty`},
		{`{{ Email > 3 }}`, `row 7, column Email: the expression cannot be computed: Email is text (string > int)`},
		{`{{ int(Email) }}`, `row 7, column Email: the expression cannot be computed: Email is text`},
		{`{{ upper(Score) }}`, `row 7, column Score: the expression cannot be computed: Score is a number`},
		{`{{ repeat(Email, 10000000) }}`, `row 7, column Email: the expression exceeds the limit for one row (about 100 ms of computing, 1 MB of text)`},
		{`{{ Score + row["Last name"] + Zero }}`, `row 7, column Last name: Last name is empty`},
		{`{{ Half + Spaces + row["Last name"] }}`, `row 7, column Spaces: Spaces is empty`},

		{`{{`, `compile: z.yaml:18:12: {{ is not closed; close it with }}, or write literal braces as {{ "{{" }}`},
		{`ü {{Email}} {{Email`, `compile: z.yaml:18:24: {{ is not closed; close it with }}, or write literal braces as {{ "{{" }}`},
		{`{{ }}`, `compile: z.yaml:18:15: there is nothing between {{ and }}; write a column name or an expression between them`},
		{`{{ Score == }}`, `compile: z.yaml:18:23: expression: unexpected token EOF; correct it; write a column of that name as row["Score =="]`},
		{`{{x == y?}}`, `compile: z.yaml:18:20: expression: unexpected token EOF; correct it; write a column of that name as row["x == y?"]`},
		{`{{ row["x == y?"] }}`, `bind: z.yaml:18:15: the worksheet has no column "x == y?"`},
		{`{{ row[First name] }}`, `compile: z.yaml:18:25: expression: unexpected token Identifier("name"); write a column as row["Column name"]`},
		{`{{Name {first}}}`, `bind: z.yaml:18:14: column "Name {first}": its name ends in a brace; write it as {{ row["Name {first}"] }}`},
		{`{{A {x}}} {{A {x}}}`, `bind: z.yaml:18:14: column "A {x}": its name ends in a brace; write it as {{ row["A {x}"] }}`},
		{`{{ Score == lowr(Email) }}`, `compile: z.yaml:18:24: expression: there is no function lowr(); did you mean lower()?`},
		{`{{ row[Email] }}`, `compile: z.yaml:18:18: expression: row[…] needs a column name in quotes; write row["Column name"]`},
		{`{{ At == now() }}`, `compile: z.yaml:18:21: expression: there is no function now(); a record must not depend on when it is made; omit time: to use the time at which the row was detected`},
		{`{{ $env == 1 }}`, `compile: z.yaml:18:15: expression: $env is not available; write row["Column name"]`},
		{`{{ Email == "a" + 1 }}`, `compile: z.yaml:18:28: expression: invalid operation: + (mismatched types string and int)`},

		{`{{Emial}}`, `bind: z.yaml:18:14: the worksheet has no column "Emial"; did you mean "Email"?`},
		{`{{First nam}}`, `bind: z.yaml:18:14: the worksheet has no column "First nam", and it is not an expression: unexpected token Identifier("nam"); did you mean "First name"?`},
		{`{{Fist-name}}`, `bind: z.yaml:18:14: the worksheet has no column "Fist-name"; did you mean "First name"?`},
		{`{{ Scor > 1000 ? 'gold' : 'basic' }}`, `bind: z.yaml:18:15: the worksheet has no column "Scor"; did you mean "Score"?`},
		{`{{ Score + row["Halv"] }}`, `bind: z.yaml:18:23: the worksheet has no column "Halv"; did you mean "Half"?`},
		{`{{uper(Email)}}`, `bind: z.yaml:18:14: the worksheet has no column "uper(Email)", and it is not an expression: there is no function uper()`},
	}
	for _, tt := range tests {
		got := propertyOf(t, config.Property{Value: at(tt.template)}, odd)
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.template, got, tt.want)
		}
	}
}

// TestLiterals checks that a number in the zap file reaches CleverTap as written.
func TestLiterals(t *testing.T) {
	tests := []struct {
		literal any
		want    string
	}{
		{int64(1 << 53), `"P":9007199254740992}`},
		{int64(-1 << 53), `"P":-9007199254740992}`},
		{int64(1<<53 + 1), `"P":9007199254740993}`},
		{int64(-1<<53 - 1), `"P":-9007199254740993}`},
		{int64(math.MaxInt64), `"P":9223372036854775807}`},
		{0.1, `"P":0.1}`},
		{true, `"P":true}`},
	}
	for _, tt := range tests {
		value := at("")
		value.Literal = tt.literal
		if got := outcome(t, profile(config.Property{Value: value}), cells("A", 1)); !strings.Contains(got, tt.want) {
			t.Errorf("%v: got %s, want %s", tt.literal, got, tt.want)
		}
	}
}
