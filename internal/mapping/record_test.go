package mapping_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

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
		{"{{C}}", "N/A", "C: identity is a word for 'no value', which CleverTap refuses 523"},
		{"{{C}}", 0, "C: identity is a word for 'no value', which CleverTap refuses 523"},
		{"{{C}}", 9007199254740994.0, "C: identity is a number with more digits than a spreadsheet keeps 523 " + reformat},
		{"{{C}}", 12.5, "C: identity is a number with a fraction 523 " + reformat},
		{"{{C}}", true, "C: identity is a boolean, not text 523 " + reformat},
		{"{{C}}", row.DateCell(43164), "C: identity is a date, not text 523 " + reformat},
		{"{{C}}", row.DateCell(0.5), "C: identity is a time of day without a day, not text 523 " + reformat},
		{"{{ [C] }}", "x", "C: identity is a list, not text 523 " + reformat},
		{"{{ lower(C) }}", nil, `C: C is empty 523 fill the cell (the row then goes by itself), or say in the expression what an empty one means: C ?? ""`},
		{"null", nil, "compile: z.yaml:3:9: identity is a word for 'no value', which CleverTap refuses; {{Column name}} takes it from the row"},
		{"", nil, "compile: z.yaml:3:9: identity is empty; {{Column name}} takes it from the row"},
	}
	for _, tt := range tests {
		z := profile(config.Property{Value: at("x")})
		z.Action.ID = config.Template{Text: tt.template, Pos: config.Pos{File: "z.yaml", Line: 3, Column: 9}}
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
	id, err := b.Identity(s.row, mapping.Context{})
	if err == nil {
		return id
	}
	wrong := err.(*mapping.RowError) //nolint:errorlint // the type itself is promised
	if wrong.Row != 7 || wrong.Pos != z.Action.ID.Pos {
		t.Errorf("error is of row %d and %v", wrong.Row, wrong.Pos)
	}
	hint := wrong.Hint
	if hint == "correct the cell (the row then goes by itself), or the mapping at z.yaml:3:9 and replay the row" {
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

		{`Consent = "Yes"`, `compile: z.yaml:9:17: filter: unexpected token Operator("="); a column whose name is not one word is written row["Column name"]`},
		{`Two words == "x"`, `compile: z.yaml:9:13: filter: unexpected token Identifier("words"); a column whose name is not one word is written row["Column name"]`},
		{`{{Spend}} > 1`, `compile: z.yaml:9:10: filter: a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token Bracket("{")); a filter is an expression without braces`},
		{`Spend + 1`, ""},
		{`1 + 1`, "compile: z.yaml:9:9: the filter gives a number, not true or false; compare it with something"},
		{`upper(Consent)`, "compile: z.yaml:9:9: the filter gives text, not true or false; compare it with something"},
		{` `, "compile: z.yaml:9:9: the filter is empty; leave it out to let every row pass"},
		{`now() > When`, "compile: z.yaml:9:9: filter: there is no function now(); a record must not depend on when it is made; leave time: out to get the time at which the row was detected"},
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

// A row whose filter fails must not look like one that the filter drops.
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
	if _, keep, err := b.Record(s.row, mapping.Context{}); err == nil || !keep {
		t.Errorf("keep %v, error %v; want an error, and the row kept", keep, err)
	}
}

func TestColumns(t *testing.T) {
	z := profile(config.Property{Value: at(`{{First name}} {{ Spend > 10 ? row["Two words"] : Email }} {{E-mail}}`)})
	filter, when := at(`Consent == "Yes" && Spend > 1`), at("{{Timestamp}}")
	z.Filter, z.Action.Time, z.Action.ID = &filter, &when, at("{{ lower(Email) }}{{User id}}")
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
	z.Action.AllProperties, z.Action.Properties, z.Action.Pos = true, nil, config.Pos{File: "z.yaml", Line: 5}
	want = "bind: z.yaml:5: several columns of the worksheet are called \"Email\"; rename all but one, or use a letter: row[\"C\"]"
	if got := outcome(t, z, s); got != want {
		t.Errorf("properties: all\n got %s\nwant %s", got, want)
	}
	z = profile(config.Property{Value: at("{{A}}{{B}}")})
	if got, want := propertyOf(t, z.Action.Properties[0], s), `"12"`; got != want {
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
		{prop("boolean", "", "perhaps"), "property P: none of yes, no"},
		{prop("json", "", "{"), "property P: not JSON"},
		{prop("number", "add", "{{A}}"), "op add does not go with type number"},
		{prop("date", "remove", "{{A}}"), "op remove does not go with type date"},
		{prop("text", "increment", "{{A}}"), "op increment does not go with type text"},
		{prop("", "multiply", "{{A}}"), "there is no op multiply"},
		{eventProp("list", "{{A}}"), "an event's property cannot be a list"},
		{eventProp("json", "[1]"), "an event's properties cannot be lists or objects"},
		{event("App  Launched", config.Property{}), "event name is one of CleverTap's own"},
		{event(" ", config.Property{}), "event name is empty"},
	}
	for _, tt := range tests {
		if got := outcome(t, tt.zap, cells("A", 1)); !strings.HasPrefix(got, "compile: z.yaml:18:") || !strings.Contains(got, tt.want) {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestTypes(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("x,", 101), ",")
	tests := []struct {
		property config.Property
		cell     any
		want     string
	}{
		{config.Property{Type: config.Number}, "12", "12"},
		{config.Property{Type: config.Number}, " -12.50 ", "-12.5"},
		{config.Property{Type: config.Number}, "+.5", "0.5"},
		{config.Property{Type: config.Number}, "5.", "5"},
		{config.Property{Type: config.Number}, "-0", "0"},
		{config.Property{Type: config.Number}, "007", "7"},
		{config.Property{Type: config.Number}, 1e21, "1000000000000000000000"},
		{config.Property{Type: config.Number}, "9007199254740992", "9007199254740992"},
		{config.Property{Type: config.Number}, "9007199254740994", "a number with more digits than a number can keep"},
		{config.Property{Type: config.Number}, strings.Repeat("9", 400), "a number with more digits than a number can keep"},
		{config.Property{Type: config.Number}, strings.Repeat("9", 400) + ".5", "a number with more digits than a number can keep"},
		{config.Property{Type: config.Number, Decimal: ","}, "12,5", "12.5"},
		{config.Property{Type: config.Number, Decimal: ","}, "1.234,5", `not a number in plain notation (digits, a sign, "," before the decimals)`},
		{config.Property{Type: config.Number}, "1,234", `not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Property{Type: config.Number}, "1e5", `not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Property{Type: config.Number}, "0x1F", `not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Property{Type: config.Number}, "NaN", `not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Property{Type: config.Number}, "+-5", `not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Property{Type: config.Number}, "-", `not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Property{Type: config.Number}, ".", `not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Property{Type: config.Number}, true, "a boolean, not a number"},
		{config.Property{Type: config.Number}, row.DateCell(1), "a date, not a number"},
		{config.Property{Type: config.Number}, "", ""},

		{config.Property{Type: config.Boolean}, " YES", "true"},
		{config.Property{Type: config.Boolean}, "n", "false"},
		{config.Property{Type: config.Boolean}, "0", "false"},
		{config.Property{Type: config.Boolean}, 1, "true"},
		{config.Property{Type: config.Boolean}, false, "false"},
		{config.Property{Type: config.Boolean}, 2, "none of yes, no, true, false, y, n, 1 and 0"},
		{config.Property{Type: config.Boolean}, "on", "none of yes, no, true, false, y, n, 1 and 0"},
		{config.Property{Type: config.Boolean}, row.DateCell(1), "a date, not yes or no"},

		{config.Property{Type: config.Text}, 5, `"5"`},
		{config.Property{Type: config.Text}, true, `"TRUE"`},
		{config.Property{Type: config.Text}, row.DateCell(43164), `"2018-03-05"`},
		{config.Property{Type: config.Text}, " a ", `" a "`},
		{config.Property{}, "line\nbreak \"quoted\" <b> \u2028 \x00 \xff", `"line\nbreak \"quoted\" <b> ` + "\u2028" + ` \u0000 ` + "\ufffd" + `"`},

		{config.Property{Type: config.List}, "a, b,,  c ", `{"$set":["a","b","c"]}`},
		{config.Property{Type: config.List}, 5, `{"$set":["5"]}`},
		{config.Property{Type: config.List}, ",", ``},
		{config.Property{Type: config.List, Separator: "\n"}, "a\nb", `{"$set":["a","b"]}`},
		{config.Property{Type: config.List}, many, `101 items; CleverTap keeps at most 100`},
		{config.Property{Type: config.List, Op: config.Add}, "a,b", `{"$add":["a","b"]}`},
		{config.Property{Op: config.Add}, "a,b", `{"$add":["a,b"]}`},
		{config.Property{Op: config.Remove}, true, `{"$remove":["TRUE"]}`},
		{config.Property{Op: config.Increment}, "5", `{"$incr":5}`},
		{config.Property{Op: config.Decrement}, 5, `{"$decr":5}`},
		{config.Property{Op: config.Increment}, "five", `not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Property{Op: config.Increment}, nil, ``},
		{config.Property{Op: config.Delete}, nil, ``},
		{config.Property{Op: config.Delete}, false, `{"$delete":1}`},

		{config.Property{Type: config.JSON}, ` {"a": [1.50, "<"]} `, `{"a":[1.50,"<"]}`},
		{config.Property{Type: config.JSON}, `5`, `5`},
		{config.Property{Type: config.JSON}, 5, `5`},
		{config.Property{Type: config.JSON}, `null`, ``},
		{config.Property{Type: config.JSON}, `{} {}`, `not JSON`},
		{config.Property{Type: config.JSON}, row.DateCell(1), `a date, not JSON`},
		{config.Property{Type: config.JSON}, strings.Repeat("[", 20000), `not JSON`},
	}
	for _, tt := range tests {
		tt.property.Value = at("{{C}}")
		got := strings.TrimPrefix(propertyOf(t, tt.property, cells("C", tt.cell)), "row 7, column C: ")
		if got != tt.want {
			t.Errorf("type %q, op %q of %.60v\n got %.200s\nwant %.200s", tt.property.Type, tt.property.Op, tt.cell, got, tt.want)
		}
	}
}

func TestExpressionsOfOtherTypes(t *testing.T) {
	s := cells("A", 1, "Blank", nil, "T", "x")
	tests := []struct {
		kind           config.PropertyType
		template, want string
	}{
		{config.JSON, `{{ {"a": A, "b": [T, Blank]} }}`, `{"a":1,"b":["x",null]}`},
		{config.JSON, `{{ [A, T] }}`, `[1,"x"]`},
		{config.JSON, `{{ A / 0 == 1 ? 1 : {"a": A / 0} }}`, `row 7, column A: the expression gives an object that JSON cannot hold`},
		{config.List, `{{ filter([A, T, Blank], # != nil) }}`, `{"$set":["1","x"]}`},
		{config.List, `{{ [[A]] }}`, `row 7, column A: the expression gives a list, which cannot be text`},
		{config.Text, `{{ A + 1 }}`, `"2"`},
		{config.Number, `{{ T + "1" }}`, `row 7, column T: not a number in plain notation (digits, a sign, "." before the decimals)`},
		{config.Date, `{{ date("2018-03-05", "2006-01-02", "Asia/Kolkata") }}`, `"$D_1520188200"`},
		{config.Date, `{{ [A] }}`, `row 7, column A: a list, not a date`},
		{config.Auto, `{{ T.Foo }}`, `row 7, column T: the expression cannot be computed: T is text`},
		{config.Auto, `{{ timezone("UTC") }}`, `compile: z.yaml:18:12: property P: the expression gives a value of another type, which is no value for CleverTap; `},
		{config.Auto, `{{ len(T) }}`, `1`},
		{config.Auto, `{{ float("1.5") }}`, `1.5`},
		{config.Auto, `{{ Blank?.Foo }}`, ``},
		{config.Phone, `{{ "+91" + T }}`, `row 7, column T: not a phone number: only digits, spaces, ( ) - . and one + before them may be in it`},
	}
	for _, tt := range tests {
		got := propertyOf(t, config.Property{Type: tt.kind, Value: at(tt.template)}, s)
		if got != strings.TrimSuffix(tt.want, "; ") {
			t.Errorf("type %s, %s\n got %s\nwant %s", tt.kind, tt.template, got, tt.want)
		}
	}
}

// Whatever the cells hold, a record is JSON that says what it should, or an error that does not say what they hold.
func TestAnyCells(t *testing.T) {
	const secret = "s3cr3t"
	kinds := []config.PropertyType{"", config.Text, config.Number, config.Boolean, config.Date, config.Phone, config.List, config.JSON}
	templates := []string{
		"{{A}}", "{{B}}", "{{A}} {{B}}", "{{ A ?? B }}", "{{ A > B }}", "{{ int(A) }}", "{{ float(A) + 1 }}", "{{ date(A) }}",
		"{{ duration(A) }}", "{{ A matches B }}", "{{ fromJSON(A) }}", "{{ A[0] }}", "{{ A.x }}", "{{ row[\"B\"] + A }}",
		"{{ timezone(A) }}", "{{ fromBase64(A) }}", "{{ sort([A, B], A) }}", "{{ repeat(A, 3) }}", "{{ -A }}", "{{ A in B }}",
		"{{ {\"x\": 1}[A] }}", "{{ [1][A] }}", "{{ get([1], A) }}", "{{ A() }}", "{{ A..B }}", "{{ fromPairs([[A]]) }}",
		"{{ A.Foo() }}", "{{ 1 / A }}", "{{ A % B }}", "{{ bitnot(A) }}", "{{ join([A], B) }}", "{{ A | upper }}",
	}
	cell := rapid.OneOf(
		rapid.Just(row.Cell{}),
		rapid.Custom(func(t *rapid.T) row.Cell {
			return row.TextCell(rapid.StringN(0, 6, -1).Draw(t, "before") + secret + rapid.String().Draw(t, "after"))
		}),
		rapid.Just(row.TextCell(`{"`+secret+`": [1]}`)),
		rapid.Custom(func(t *rapid.T) row.Cell { return row.NumberCell(rapid.Float64().Draw(t, "number")) }),
		rapid.Custom(func(t *rapid.T) row.Cell { return row.DateCell(rapid.Float64().Draw(t, "serial")) }),
		rapid.Custom(func(t *rapid.T) row.Cell { return row.BoolCell(rapid.Bool().Draw(t, "bool")) }),
	)
	rapid.Check(t, func(rt *rapid.T) {
		z := profile(config.Property{
			Type: rapid.SampledFrom(kinds).Draw(rt, "type"), Country: "IN", Value: at(rapid.SampledFrom(templates).Draw(rt, "template")),
		})
		z.Action.ID = at(rapid.SampledFrom([]string{"{{A}}", "u{{B}}", "me"}).Draw(rt, "identity"))
		s := cells("A", cell.Draw(rt, "A"), "B", cell.Draw(rt, "B"))
		m, err := mapping.Compile(z)
		if err != nil {
			return // A() is no function
		}
		b, err := m.Bind(s.header)
		if err != nil {
			return
		}
		rec, keep, err := b.Record(s.row, mapping.Context{Zone: time.UTC, DetectedAt: detected()})
		again, _, errAgain := b.Record(s.row, mapping.Context{Zone: time.UTC, DetectedAt: detected()})
		switch {
		case !keep:
			rt.Fatal("dropped without a filter")
		case err != nil && errAgain == nil, err == nil && string(rec.JSON) != string(again.JSON):
			rt.Errorf("twice the same row: %s, %v and %s, %v", rec.JSON, err, again.JSON, errAgain)
		case err != nil:
			wrong := fmt.Sprintf("%+v", *err.(*mapping.RowError)) //nolint:errorlint // the type itself is promised
			if strings.Contains(wrong, secret) {
				rt.Errorf("a cell's value in an error: %s", wrong)
			}
		default:
			var record struct {
				Type, Identity string
				TS             int64
				ProfileData    map[string]any
			}
			if err := json.Unmarshal(rec.JSON, &record); err != nil || !utf8.Valid(rec.JSON) {
				rt.Fatalf("not JSON: %q: %v", rec.JSON, err)
			}
			if record.Type != "profile" || record.Identity != strings.ToValidUTF8(rec.ID, "\ufffd") || record.TS != 1700000000 || record.Identity == "" {
				rt.Errorf("wrong record: %s", rec.JSON)
			}
		}
	})
}

// A lone text cell arrives as it is.
func TestTextArrivesUnchanged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.String().Draw(rt, "text")
		got := propertyOf(t, config.Property{Value: at("{{C}}")}, cells("C", s))
		if strings.TrimSpace(s) == "" {
			if got != "" {
				rt.Errorf("%q: got %s, want it left out", s, got)
			}
			return
		}
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back != s {
			rt.Errorf("%q became %q (%v)", s, back, err)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"{{Email}}", "{{First name}} {{Last name}}", "{{ Spend > 1000 ? 'gold' : 'basic' }}", `{{ "{{" }}`, "{{Customer's}} {{x}}",
		`{{row["a}}b"]}}`, "{{{{", "}}{{", "{{ {'a': {'b': 1}}}}", "{{\xff}}", "{{ let x = A; x }}", "{{ row[A] }}", "{{ # }}", "{{ A.?b }}",
	} {
		f.Add(s, "Email")
	}
	f.Fuzz(func(t *testing.T, text, column string) {
		s := cells("Email", "a", "First name", "b", row.TidyName(column), "c", "A", 1)
		got := propertyOf(t, config.Property{Value: at(text)}, s)
		if !strings.Contains(text, "{{") && strings.TrimSpace(text) != "" && !strings.HasPrefix(got, `"`) {
			t.Errorf("%q has no braces, but became %s", text, got)
		}
		// The name of a column in braces is that column, whatever else it looks like.
		name := row.TidyName(column)
		if name == "" || strings.Contains(name, "}") || s.header.Doubled(name) || !utf8.ValidString(name) {
			return
		}
		if got := propertyOf(t, config.Property{Value: at("{{" + name + "}}")}, s); got != `"c"` && !strings.ContainsAny(name, "\"'`={&|$[(") {
			t.Errorf("{{%s}} became %s, want the column", name, got)
		}
	})
}
