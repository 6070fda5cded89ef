package draft

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// parse returns the cells of a line with | between them: numbers, TRUE, d:SERIAL for dates, or
// text.
func parse(line string) []row.Cell {
	var cells []row.Cell
	for text := range strings.SplitSeq(line, "|") {
		var number float64
		var serial float64
		switch {
		case text == "TRUE":
			cells = append(cells, row.BoolCell(true))
		case scans(text, "d:%g", &serial):
			cells = append(cells, row.DateCell(serial))
		case scans(text, "%g", &number):
			cells = append(cells, row.NumberCell(number))
		default:
			cells = append(cells, row.TextCell(strings.TrimPrefix(text, "'")))
		}
	}
	return cells
}

func scans(text, format string, into *float64) bool {
	_, err := fmt.Sscanf(text, format, into)
	return err == nil && fmt.Sprintf(format, *into) == text
}

func sheetOf(header string, lines ...string) (row.Header, []row.Row) {
	cells := make([]row.Cell, 0)
	for name := range strings.SplitSeq(header, "|") {
		cells = append(cells, row.TextCell(name))
	}
	rows := make([]row.Row, len(lines))
	for i, line := range lines {
		rows[i] = row.Row{Number: i + 2, Cells: parse(line)}
	}
	return row.NewHeader(cells), rows
}

// TestSuggest: suggestions by column names and cells. A property in doubt is in parentheses.
func TestSuggest(t *testing.T) {
	profile, event := config.CreateUpdateUserProfile, config.UploadEvent
	tests := []struct {
		name    string
		header  string
		rows    []string
		event   config.ActionEvent
		country string
		want    []string
	}{
		{"e-mail under a name of braces", "}}|Seats", []string{"a@example.com|5", "b@example.com|6"}, event, "", []string{`identity {{ lower(row["\u007d\u007d"]) }}`, `Seats: "{{Seats}}"`}},
		{"e-mail in a column of another name", "Email|Login", []string{"a@example.com|a@example.com"}, event, "", []string{`identity {{ lower(Email) }}`, `Login: "{{Login}}"`}},
		{"an ID that is an e-mail", "User ID|Email", []string{"a@example.com|a@example.com"}, event, "", []string{`identity {{ lower(row["User ID"]) }}`, `Email: "{{Email}}"`}},
		{"names alone", "E-mail|Full name|Score", nil, profile, "", []string{`identity {{ lower(row["E-mail"]) }}`, `Email: "{{E-mail}}"`, `Name: "{{Full name}}"`, `Score: "{{Score}}"`}},
		{"an event has no identity among its properties", "Email|Plan|Seats", nil, event, "", []string{`identity {{ lower(Email) }}`, `Plan: "{{Plan}}"`, `Seats: "{{Seats}}"`}},
		{"first and last name", "Email|First name|Last name", nil, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Name: "{{First name}} {{Last name}}"`}},
		{"e-mail by its cells", "Contact|Age", []string{"a@example.com|5", "b@example.com|6"}, profile, "", []string{`identity {{ lower(Contact) }}`, `Email: "{{Contact}}"`, `Age: "{{Age}}"`}},
		{"not e-mails in spite of the name", "Email|User ID", []string{"yes|u1", "no|u2"}, profile, "", []string{`identity {{User ID}}`, `Email 2: "{{Email}}"`}},
		{"an id before a phone number", "Mobile|Customer ID", []string{"+919845012345|c1"}, profile, "", []string{`identity {{Customer ID}}`, `Phone: {value: "{{Mobile}}", type: phone}`}},
		{"a phone number", "Mobile|City", []string{"+91 98450 12345|Pune"}, profile, "", []string{`identity {{Mobile}}`, `Phone: {value: "{{Mobile}}", type: phone}`, `City: "{{City}}"`}},
		{"of no known country", "Email|Mobile", []string{"a@b.co|9845012345"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `(Phone: {value: "{{Mobile}}", type: phone})`}},
		{"of a country", "Email|Mobile", []string{"a@b.co|9845012345"}, profile, "IN", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Phone: {value: "{{Mobile}}", type: phone, country: IN}`}},
		{"in other digits, with a slash", "Email|Mobile", []string{"a@b.co|٩٨٤٥٠/١٢٣٤٥"}, profile, "IN", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Phone: {value: "{{Mobile}}", type: phone, country: IN}`}},
		{"a + behind an invisible mark", "Email|Mobile", []string{"a@b.co|\u202a+91 98450 12345\u202c"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Phone: {value: "{{Mobile}}", type: phone}`}},
		{"of another country", "Email|Mobile", []string{"a@b.co|9845012345"}, profile, "DK", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `(Phone: {value: "{{Mobile}}", type: phone, country: DK})`}},
		{"a phone's model is no number", "Email|Mobile phone", []string{"a@b.co|Pixel 9"}, profile, "IN", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Mobile phone: "{{Mobile phone}}"`}},
		{"real dates need nothing", "Email|Birth date", []string{"a@b.co|d:36000"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `DOB: "{{Birth date}}"`}},
		{"ISO dates in text", "Email|Joined", []string{"a@b.co|2018-03-05", "b@b.co|2018-03-06"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Joined: {value: "{{Joined}}", type: date}`}},
		{"a day above 12", "Email|Joined", []string{"a@b.co|03/04/2018", "b@b.co|25/04/2018"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Joined: {value: "{{Joined}}", type: date, format: dd/MM/yyyy}`}},
		{"the month first", "Email|Joined", []string{"a@b.co|03/04/2018 10:00:00", "b@b.co|04/25/2018 9:30:10"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Joined: {value: "{{Joined}}", type: date, format: MM/dd/yyyy HH:mm:ss}`}},
		{"either first", "Email|Joined", []string{"a@b.co|03/04/2018"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `(Joined: {value: "{{Joined}}", type: date, format: dd/MM/yyyy})`}},
		{"half of it typed as dates by the sheet", "Email|Joined", []string{"a@b.co|d:43000", "b@b.co|25/04/2018"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Joined: {value: "{{Joined}}", type: date, format: dd/MM/yyyy}`}},
		{"dates in several forms", "Email|Start date", []string{"a@b.co|25/04/2018", "b@b.co|04/25/2018"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `(Start date: {value: "{{Start date}}", type: date})`}},
		{"some dates are ISO", "Email|Joined", []string{"a@b.co|25/04/2018", "b@b.co|2018-04-26"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Joined: {value: "{{Joined}}", type: date, format: [dd/MM/yyyy, ISO]}`}},
		{"versions are no dates", "Email|App", []string{"a@b.co|1.2.3", "b@b.co|2.10.44"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `App: "{{App}}"`}},
		{"a list", "Email|Interests", []string{"a@b.co|go, tea", "b@b.co|go"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Interests: {value: "{{Interests}}", type: list, separator: ","}`}},
		{"an event has no lists", "Email|Interests", []string{"a@b.co|go, tea"}, event, "", []string{`identity {{ lower(Email) }}`, `Interests: "{{Interests}}"`}},
		{"commas alone make no list", "Email|Address", []string{"a@b.co|1, High Street"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Address: "{{Address}}"`}},
		{"what CleverTap's own property would refuse", "Email|Education", []string{"a@b.co|B.Tech", "b@b.co|PhD"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Education 2: "{{Education}}"`}},
		{"an event's time", "Timestamp|Email|Plan", []string{"d:45000.5|a@b.co|Team"}, event, "", []string{`identity {{ lower(Email) }}`, `time {{Timestamp}}`, `Plan: "{{Plan}}"`}},
		{"a time that cannot be read", "Timestamp|Email", []string{"3/4/2018 10:00:00|a@b.co"}, event, "", []string{`identity {{ lower(Email) }}`, `(Timestamp: {value: "{{Timestamp}}", type: date, format: dd/MM/yyyy HH:mm:ss})`}},
		{"a profile's time is for the operator to take", "Timestamp|Email", []string{"d:45000.5|a@b.co"}, profile, "", []string{`identity {{ lower(Email) }}`, `time ({{Timestamp}})`, `Timestamp: "{{Timestamp}}"`, `Email: "{{Email}}"`}},
		{"consent", "Email|Marketing consent", []string{"a@b.co|TRUE"}, profile, "", []string{`identity {{ lower(Email) }}`, `filter row["Marketing consent"] == true`, `Email: "{{Email}}"`, `Marketing consent: "{{Marketing consent}}"`}},
		{"doubled and nameless", "Email|Score|Score||", []string{"a@b.co|1|2|3"}, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `Score: "{{B}}"`, `Score 2: "{{C}}"`, `(Column D: "{{D}}")`}},
		{"names that CleverTap takes otherwise", "Email|email|Rate (%)|$|#REF!", nil, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `email 2: "{{email}}"`, `Rate: "{{Rate (%)}}"`, `Column D: "{{$}}"`, `(Column E: "{{#REF!}}")`}},
		{"names that are expressions", `Email|1.0|yes|a > 1|{{x}}|say "hi"|it's|x == 1`, nil, profile, "", []string{`identity {{ lower(Email) }}`, `Email: "{{Email}}"`, `"1 0": "{{1.0}}"`, `"yes": "{{yes}}"`, `a 1: "{{a > 1}}"`, `"{{x}}": '{{ row["{{x}}"] }}'`, `say hi: '{{say "hi"}}'`, `it s: "{{it's}}"`, `"x == 1": "{{x == 1}}"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, rows := sheetOf(tt.header, tt.rows...)
			i, ok := Identity(h, rows)
			if !ok {
				t.Fatal("no identity is found")
			}
			s := Suggest(h, rows, Options{Event: tt.event, Identity: i, Country: tt.country})
			got := []string{"identity " + s.Identity}
			switch {
			case s.Time != "" && s.TimeUnsure:
				got = append(got, "time ("+s.Time+")")
			case s.Time != "":
				got = append(got, "time "+s.Time)
			}
			if s.Filter != "" {
				got = append(got, "filter "+s.Filter)
			}
			for _, p := range s.Properties {
				line := p.line()
				if p.Doubt != "" {
					line = "(" + line + ")"
				}
				got = append(got, line)
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestIdentity: no column is chosen if none certainly identifies the user.
func TestIdentity(t *testing.T) {
	tests := []struct{ name, header, line, want string }{
		{"none", "Name|Response ID|Score", "", ""},
		{"an id of theirs before e-mail", "User ID|Work email", "", "User ID"},
		{"identity", "Email|Identity", "a@b.co|u1", "Identity"},
		{"objectId", "Email|objectId", "", "objectId"},
		{"customer id", "Work email|Customer_ID", "a@b.co|7", "Customer_ID"},
		{"an id that nobody fills", "User ID|Work email", "|a@b.co", "Work email"},
		{"e-mail before any other id", "ID|Work email", "", "Work email"},
		{"the one that is filled", "Email|E-mail address", "|a@b.co", "E-mail address"},
		{"an e-mail column of other things", "Email consent|Mobile", "yes|+919845012345", "Mobile"},
		{"doubled", "Email|Email", "", "A"},
	}
	for _, tt := range tests {
		var lines []string
		if tt.line != "" {
			lines = []string{tt.line}
		}
		h, rows := sheetOf(tt.header, lines...)
		got := ""
		if i, ok := Identity(h, rows); ok {
			got = h.Name(i)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestHalfTyped: some of the newest rows, but not all of them, lack a cell that nearly all earlier
// rows fill. The newest row is the last.
func TestHalfTyped(t *testing.T) {
	full := func(n int) []string { return slices.Repeat([]string{"a@b.co|Asha|Pune"}, n) }
	const one, two = "1 of the newest 3 rows lacks", "2 of the newest 3 rows lack"
	tests := []struct {
		name string
		rows []string
		want string
	}{
		{"no rows", nil, ""},
		{"all full", full(10), ""},
		{"the newest", append(full(9), "a@b.co||Pune"), one + " cells that nearly all earlier rows fill (Name)"},
		{"the second newest", append(full(8), "a@b.co|Asha|", full(1)[0]), one + " cells that nearly all earlier rows fill (City)"},
		{"two of three", append(full(8), "|Asha|Pune", "a@b.co||"), two + " cells that nearly all earlier rows fill (Email, Name, City)"},
		{"the fourth newest", append(append(full(6), "a@b.co||Pune"), full(3)...), ""},
		{"all of the newest: somebody fills it in later", append(full(7), "a@b.co||Pune", "a@b.co||Pune", "a@b.co||Pune"), ""},
		{"of few rows", append(full(5), "a@b.co||Pune"), one + " cells that nearly all earlier rows fill (Name)"},
		{"of too few", append(full(4), "a@b.co||Pune"), ""},
		{"one of 19 earlier rows lacks it, too", slices.Concat([]string{"a@b.co||Pune"}, full(20), []string{"a@b.co||Pune"}), ""},
		{"one of 20", slices.Concat([]string{"a@b.co||Pune"}, full(21), []string{"a@b.co||Pune"}), one + " cells that nearly all earlier rows fill (Name)"},
		{"a column without a name", append(slices.Repeat([]string{"a@b.co|Asha|Pune|1|x"}, 9), "a@b.co|Asha|Pune||x"), ""},
		{"four columns", append(slices.Repeat([]string{"a@b.co|Asha|Pune||x"}, 9), "|||x|"), one + " cells that nearly all earlier rows fill (Email, Name, City, …)"},
	}
	for _, tt := range tests {
		h, rows := sheetOf("Email|Name|City||Plan", tt.rows...)
		slices.Reverse(rows)
		for i := range rows {
			if len(rows[i].Cells) == 3 { // not about Plan
				rows[i].Cells = append(rows[i].Cells, row.Cell{}, row.TextCell("Team"))
			}
		}
		if got := HalfTyped(h, rows); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestSettle: the file of a sheet with half typed rows has settle, with the reason, and says so.
func TestSettle(t *testing.T) {
	h, rows := sheetOf("Email|Name", "a@b.co|", "a@b.co|Asha", "a@b.co|Asha", "a@b.co|Asha", "a@b.co|Asha", "a@b.co|Asha")
	f := File{
		Name: "z", Schedule: "@hourly", Start: "now", GoogleAccount: "marketing", CleverTapAccount: "production", Spreadsheet: "book", Worksheet: "S", HeaderRow: 1,
		Suggestion: Suggest(h, rows, Options{Event: config.CreateUpdateUserProfile}),
	}
	const reason = "1 of the newest 3 rows lacks cells that nearly all earlier rows fill (Name)"
	z, err := zapOf("zaps/z.yaml", string(f.YAML()))
	if err != nil || z.Trigger.Settle != 30*time.Second {
		t.Errorf("settle is %v, %v", z, err)
	}
	if !strings.Contains(string(f.YAML()), "\n  # "+reason+".\n  settle: 30s\n") {
		t.Errorf("no reason in\n%s", f.YAML())
	}
	want := []string{
		"identity: lower() makes Ann@example.com and ann@example.com one user; remove it if identities in CleverTap contain capital letters",
		"settle: " + reason + ", so a row is sent once it has not changed for 30s",
	}
	if got := f.Notes(); !slices.Equal(got, want) {
		t.Errorf("got notes %q, want %q", got, want)
	}
}

// accounts is a configuration with one account of each kind.
func accounts() *config.Config {
	return &config.Config{
		Dir:               os.TempDir(),
		GoogleAccounts:    map[string]*config.GoogleAccount{"marketing": {Name: "marketing"}},
		CleverTapAccounts: map[string]*config.CleverTapAccount{"production": {Name: "production"}},
	}
}

var nasty = []string{
	"Email", "email", "E-mail", "Phone", "Mobile", "DOB", "Timestamp", "Consent", "Tags", "Name", "First name", "Last name", "Education", "ID", "Score", "Score",
	"", " ", "A", "B", "C", "yes", "null", "~", "1.0", "0x1f", "2024-25", "- a", "? b", "a: b", "a #b", "#REF!", "#N/A", "'", `"`, "it's", `say "hi"`, `both ' and "`,
	"{{", "}}", "{{x}}", "a}}b", "}}}}", "{", `{"a": 1}`, "[x]", "&a", "*b", "!c", "|", ">", "%", "@", "`", "\\", `\n`, "${HOME}", "$$", "${ROWTAP_VAR_X}", "a\nb", "a\tb",
	"  padded  ", "名前", "メール アドレス", "🎉", "e\u0301", "\u200bzero", "\u2028line", "\ufeffbom", "\u0085next", "\x00nul", "true", "in", "row", "row[\"A\"]", "row[x]", "a == b", "Score +", "x ?? 'a'",
	"now()", "string(x)", "let a = 1; a", "MSG-email", "msg-other", "Items", "Rate (%)", strings.Repeat("long ", 60), strings.Repeat("}}", 40), strings.Repeat("x", 600), "$env", "Name (first)",
}

func headers() *rapid.Generator[row.Header] {
	name := rapid.OneOf(rapid.SampledFrom(nasty), rapid.SampledFrom(nasty), rapid.String())
	return rapid.Custom(func(t *rapid.T) row.Header {
		cells := make([]row.Cell, 0)
		for _, s := range rapid.SliceOfN(name, 1, 12).Draw(t, "header") {
			cells = append(cells, row.TextCell(s))
		}
		return row.NewHeader(cells)
	})
}

func cellsOf() *rapid.Generator[row.Cell] {
	return rapid.OneOf(
		rapid.Just(row.Cell{}),
		rapid.Map(rapid.SampledFrom([]string{"a@secret.example", "9845099999", "+91 98450 99999", "03/04/2091", "25/04/2091", "2091-03-05", "secretone, secrettwo", "Yes-secret", "#REF!"}), row.TextCell),
		rapid.Map(rapid.SampledFrom([]float64{42424242, 0, 9845099999}), row.NumberCell),
		rapid.Map(rapid.Bool(), row.BoolCell),
		rapid.Just(row.DateCell(45000.25)),
	)
}

// TestFilesLoadAndBind: for any header, the file loads without mistakes and binds to the header,
// its properties refer to the right columns, and it contains no cell. Suggestions in comments are
// valid once uncommented.
func TestFilesLoadAndBind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := headers().Draw(t, "header")
		var rows []row.Row
		for n := range rapid.IntRange(0, 7).Draw(t, "rows") {
			rows = append(rows, row.Row{Number: n + 2, Cells: rapid.SliceOfN(cellsOf(), h.Len(), h.Len()).Draw(t, "cells")})
		}
		var nameable []int
		for i := range h.Len() {
			if mapping.ColumnTemplate(h, i) != "" {
				nameable = append(nameable, i)
			}
		}
		if len(nameable) == 0 {
			return
		}
		f := File{
			Name: rapid.SampledFrom([]string{"signups", "no", "1.0", "a.b-c_d"}).Draw(t, "name"), Schedule: "*/2 * * * *", Start: "now",
			GoogleAccount: "marketing", CleverTapAccount: "production", Spreadsheet: rapid.SampledFrom([]string{"book", "-", "1e9", "https://docs.google.com/spreadsheets/d/1Ab-_/edit"}).Draw(t, "spreadsheet"),
			SpreadsheetTitle: rapid.SampledFrom(nasty).Draw(t, "spreadsheet title"), Worksheet: rapid.SampledFrom(nasty).Draw(t, "worksheet"), GID: 7, HeaderRow: 1,
		}
		o := Options{Event: config.CreateUpdateUserProfile, Zone: time.UTC, Country: rapid.SampledFrom([]string{"", "IN"}).Draw(t, "country")}
		if rapid.Bool().Draw(t, "event") {
			o.Event, f.EventName = config.UploadEvent, rapid.SampledFrom([]string{"Signed up", "yes", "a: b", "${X}", "名前", "Charged"}).Draw(t, "event name")
		}
		o.Identity = rapid.SampledFrom(nameable).Draw(t, "identity")
		f.Suggestion = Suggest(h, rows, o)
		text := string(f.YAML())
		if strings.Contains(text, "secret") || strings.Contains(text, "98450") || strings.Contains(text, "2091") || strings.Contains(text, "42424242") {
			t.Fatalf("a cell is in the file:\n%s", text)
		}
		z, m := load(t, text)
		byGID := z.Trigger.Worksheet.ByGID && strings.TrimSpace(f.Worksheet) == ""
		if z.Trigger.Worksheet.Title != f.Worksheet && !byGID {
			t.Fatalf("worksheet %q became %q", f.Worksheet, z.Trigger.Worksheet.Title)
		}
		if f.EventName != "" && z.Actions[0].EventName.Text != f.EventName {
			t.Fatalf("event name %q became %q", f.EventName, z.Actions[0].EventName.Text)
		}
		if _, err := m.Bind(h); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		means(t, h, z.Actions[0].ID, f.IdentityColumn)
		var kept []Property
		for _, p := range f.Properties {
			if p.Doubt == "" {
				kept = append(kept, p)
			}
		}
		if len(kept) != len(z.Actions[0].Properties) {
			t.Fatalf("%d properties became %d in\n%s", len(kept), len(z.Actions[0].Properties), text)
		}
		for i, p := range z.Actions[0].Properties {
			if p.Name != kept[i].Name {
				t.Fatalf("property %q became %q", kept[i].Name, p.Name)
			}
			if !strings.Contains(p.Value.Text, "}} {{") { // unlike first and last name together
				means(t, h, p.Value, kept[i].Column)
			}
		}

		var open []string // with all suggestions uncommented
		for line := range strings.SplitSeq(text, "\n") {
			bare, found := strings.CutPrefix(strings.TrimLeft(line, " "), "# ")
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			if found && (strings.HasPrefix(bare, "filter: ") && f.Filter != "" || strings.HasPrefix(bare, "redact: ") || strings.HasPrefix(bare, "require: ") || offered(f, bare)) {
				line = indent + bare
			}
			open = append(open, line)
		}
		_, m = load(t, strings.Join(open, "\n"))
		if _, err := m.Bind(h); err != nil {
			t.Fatalf("%v in\n%s", err, strings.Join(open, "\n"))
		}
	})
}

func offered(f File, line string) bool {
	for _, p := range f.Properties {
		if p.Doubt != "" && p.Value.Text != "" && p.line() == line {
			return true
		}
	}
	return false
}

func load(t *rapid.T, text string) (*config.Zap, *mapping.Mapping) {
	var m *mapping.Mapping
	z, _, err := accounts().ParseZap("zaps/new.yaml", []byte(text), func(string) (string, bool) { return "", false }, func(z *config.Zap) (err error) {
		m, err = mapping.Compile(z)
		return err
	})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return z, m
}

// means checks that a template of the file refers to a column of the header and nothing else.
func means(t *rapid.T, h row.Header, v config.Template, column string) {
	cells := make([]row.Cell, h.Len())
	for i := range cells {
		cells[i] = row.TextCell(fmt.Sprint("cell ", i))
	}
	i, ok := h.Index(column)
	if !ok {
		t.Fatalf("there is no column %q", column)
	}
	// For events, no name has a rule of its own.
	m, err := mapping.Compile(&config.Zap{Actions: []config.Action{{
		Event: config.UploadEvent, IDKind: config.Identity, ID: config.Template{Text: "somebody"}, EventName: &config.Template{Text: "Any"},
		Properties: []config.Property{{Name: "P", Value: v}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	bound, err := m.Bind(h)
	if err != nil {
		t.Fatal(err)
	}
	rec, _, err := bound.Record(0, row.Row{Number: 2, Cells: cells}, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		EvtData struct{ P any } `json:"evtData"`
	}
	if err := json.Unmarshal(rec.JSON, &got); err != nil {
		t.Fatal(err)
	}
	if got.EvtData.P != cells[i].Text {
		t.Fatalf("%q is %v, want column %q, which is %q", v.Text, got.EvtData.P, column, cells[i].Text)
	}
}

// TestComments: the comments of a file are the descriptions that the configuration declares.
func TestComments(t *testing.T) {
	f := File{Name: "z", Schedule: "@hourly", Start: "now", Spreadsheet: "book", Worksheet: "S", HeaderRow: 1}
	f.Suggestion = Suggestion{Identity: "{{E}}", IdentityColumn: "E", Properties: []Property{{Property: config.Property{Name: "D", Type: config.Date}}}}
	var comments strings.Builder
	for line := range strings.SplitSeq(string(f.YAML()), "\n") {
		if line = strings.TrimLeft(line, " "); strings.HasPrefix(line, "# ") {
			comments.WriteString(strings.TrimPrefix(line, "#"))
		}
	}
	said := map[string]bool{
		"enabled": true, "schedule": true, "filter": true, "redact": true, "action.identity": true, "action.time": true, "action.properties.NAME.format": true,
		"trigger.start": true, "trigger.require": true, "trigger.settle": true, "trigger.key": true, "trigger.repeats": true,
	}
	for _, k := range config.Keys("zap") {
		want := k.About
		if k.Absent != "" {
			want += " Default: " + k.Absent + "."
		}
		if said[k.Path] && !strings.Contains(comments.String(), " "+want+" ") {
			t.Errorf("no comment on %s says %q:\n%s", k.Path, want, comments.String())
		}
		delete(said, k.Path)
	}
	if len(said) > 0 {
		t.Errorf("there are no keys %v", said)
	}
}
