package draft

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
)

// orders is the worksheet that the tests copy zaps for.
func orders() File {
	return File{
		Name: "orders", Start: "now", Spreadsheet: "https://docs.google.com/spreadsheets/d/2ndBook/edit", SpreadsheetTitle: "Shop", Worksheet: "Orders", GID: 9,
	}
}

// TestLike: a copy differs from its original in what the file of another worksheet must have, and
// nowhere else.
func TestLike(t *testing.T) {
	const tail = `action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}"}` + "\n"
	tests := []struct{ name, file, want string }{
		{
			"comments and layout", `# Sign-ups of the autumn webinars. Ask Asha before you change this.
name:    signups   # as in the old Zap
enabled: true      # since March
schedule: "*/5 * * * *"

trigger:
    app: google_sheets
    event: new_spreadsheet_row
    account: marketing   # read-only
    spreadsheet: 'book'  # the URL also works
    worksheet: Signups   # the tab of the form
    header_row: 2
    start: beginning
    # rows without consent wait
    require: [Email,
        Consent]

` + tail, `# Sign-ups of the autumn webinars. Ask Asha before you change this.
name:    orders    # as in the old Zap
enabled: false     # since March
schedule: "*/5 * * * *"

trigger:
    app: google_sheets
    event: new_spreadsheet_row
    account: marketing   # read-only
    spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit # the URL also works
    worksheet: Orders    # the tab of the form
    header_row: 2
    start: now
    # rows without consent wait
    require: [Email,
        Consent]

` + tail,
		},
		{
			"keys that the file does not have", `schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/d/book/edit#gid=7 # the address
  settle: 30s
` + tail, `schedule: "@hourly"
enabled: false
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit # the address
  worksheet: Orders
  start: now
  settle: 30s
` + tail,
		},
		{
			"braces", `{name: signups, schedule: "@hourly", tests: [{row: {Email: a@example.com}, record: {identity: a@example.com}}],
  trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: {gid: 7}, require: []},
  "action": {"app": "clevertap", "event": "create_update_user_profile", "account": "production", "identity": "{{Email}}"}}
`, `{name: orders, enabled: false, schedule: "@hourly", ` + `
  trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit, worksheet: Orders, start: now, require: []},
  "action": {"app": "clevertap", "event": "create_update_user_profile", "account": "production", "identity": "{{Email}}"}}
`,
		},
		{
			"texts in every notation", `name: &n !!str "signups"
enabled: yes
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: >-
    https://docs.google.com/spreadsheets/d/book/edit

  worksheet: Sign
    ups # of the form
  start:
    beginning
` + tail, `name: &n orders
enabled: false
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit

  worksheet: Orders # of the form
  start:
    now
` + tail,
		},
		{
			"quotes in the values", `name: signups
enabled: true
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: "bo\u006fk" # "quoted"
  worksheet: 'it''s # here' # 'quoted'
  start: 'now'
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Note: "tests: [x]"}}
`, `name: orders
enabled: false
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit # "quoted"
  worksheet: Orders # 'quoted'
  start: 'now'
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Note: "tests: [x]"}}
`,
		},
		{
			"escapes, a byte order mark, and a comment below the tests", "\ufeff" + `name: signups
enabled: true
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: book
  worksheet: "the \"form\" # 2" # "
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}"}
tests:
  - row: {Email: a@example.com}
    record: null
# the end
`, `name: orders
enabled: false
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit
  worksheet: Orders # "
  start: now
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}"}
# the end
`,
		},
		{
			"a gid and its title", `enabled: true
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: book
  worksheet: {gid: 7} # Signups
` + tail, `enabled: false
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit
  worksheet: Orders
  start: now
` + tail,
		},
		{
			"a gid over two lines", `enabled: true
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: book
  worksheet:
    gid: 7 # Signups
  key: [Email]
` + tail, `enabled: false
schedule: "@hourly"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: marketing
  spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit
  worksheet:
    Orders
  start: now
  key: [Email]
` + tail,
		},
		{
			"tests at the end", `enabled: true
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups}
` + tail + `
# these stay

# the rows of asha@example.com
tests:
  - row: {Email: asha@example.com}
    record: {identity: asha@example.com} # hers
  # - row: {Email: bala@example.com}
  #   record: null
`, `enabled: false
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit, worksheet: Orders, start: now}
` + tail + `
# these stay
`,
		},
		{
			"tests in the middle", `enabled: true
schedule: "@hourly"

tests:
- row: {Email: asha@example.com}
  record: {identity: asha@example.com}

# what is read
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups}
` + tail, `enabled: false
schedule: "@hourly"

# what is read
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit, worksheet: Orders, start: now}
` + tail,
		},
		{
			"anchors stay, and their aliases follow", `enabled: true
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: &sheet Signups, require: &who [Email]}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Source: *sheet}}
redact: *who
tests:
  - row: {Email: asha@example.com}
    record: {identity: &unused asha@example.com, profileData: {Source: *sheet}}
`, `enabled: false
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit, worksheet: &sheet Orders, start: now, require: &who [Email]}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Source: *sheet}}
redact: *who
`,
		},
		{"what is so already", "# no line break at the end\r\nenabled:   false\r\nschedule: \"@hourly\"\r\ntrigger:\r\n  app: google_sheets\r\n  event: new_spreadsheet_row\r\n  account: marketing\r\n  spreadsheet: book\r\n  worksheet:   \"Orders\"\r\n" +
			strings.TrimSuffix(tail, "\n"), "# no line break at the end\r\nenabled:   false\r\nschedule: \"@hourly\"\r\ntrigger:\r\n  app: google_sheets\r\n  event: new_spreadsheet_row\r\n  account: marketing\r\n" +
			"  spreadsheet: https://docs.google.com/spreadsheets/d/2ndBook/edit\r\n  worksheet:   \"Orders\"\r\n  start: now\r\n" + strings.TrimSuffix(tail, "\n")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := orders()
			got, err := f.Like("zaps/signups.yaml", []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			likeness(t, f, tt.file, string(got))
		})
	}
}

var anAlias = regexp.MustCompile(`[\s\[{,]\*\w`)

// likeness checks that a copy of a valid zap file is valid, has what f says, and is otherwise the
// same zap.
func likeness(t rapid.TB, f File, file, copied string) {
	t.Helper()
	was, err := zapOf("zaps/signups.yaml", file)
	if err != nil {
		t.Fatalf("the original: %v", err)
	}
	is, err := zapOf("zaps/orders.yaml", copied)
	if err != nil {
		t.Fatalf("the copy: %v\n%s", err, copied)
	}
	id, _, _ := config.ParseSpreadsheet(f.Spreadsheet)
	w := is.Trigger.Worksheet
	if is.Name != "orders" || is.Enabled || is.Trigger.SpreadsheetID != id || w.ByGID != f.ByGID || f.ByGID && w.GID != f.GID || !f.ByGID && w.Title != f.Worksheet || !is.Trigger.Start.Now || is.Tests != nil {
		t.Errorf("the copy is %+v", is)
	}
	if anAlias.MatchString(file) { // aliases of what is replaced follow
		return
	}
	is.Name, is.File, is.Enabled, is.Tests = was.Name, was.File, was.Enabled, was.Tests
	is.Trigger.SpreadsheetID, is.Trigger.Worksheet, is.Trigger.Start = was.Trigger.SpreadsheetID, was.Trigger.Worksheet, was.Trigger.Start
	if a, b := effective(t, was), effective(t, is); a != b {
		t.Errorf("the original is\n%s\nthe copy is\n%s", a, b)
	}
}

func effective(t rapid.TB, z *config.Zap) string {
	t.Helper()
	text, err := (&config.Config{Zaps: []*config.Zap{z}}).Effective()[1].YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func zapOf(path, text string) (*config.Zap, error) {
	z, _, err := accounts().ParseZap(path, []byte(text), func(string) (string, bool) { return "", false }, func(z *config.Zap) error {
		_, err := mapping.Compile(z)
		return err
	})
	return z, err
}

// TestLikeNew: a copy of a file that new wrote is what new would write for the other worksheet.
func TestLikeNew(t *testing.T) {
	h, rows := sheetOf("Email|Mobile|Joined", "a@example.com|9845012345|25/04/2018")
	for _, event := range []string{"", "Webinar Signup"} {
		for _, gid := range []bool{false, true} {
			o := Options{Event: config.CreateUpdateUserProfile, Country: "IN"}
			if event != "" {
				o.Event = config.UploadEvent
			}
			was := File{
				Name: "signups", Schedule: "*/2 * * * *", Start: "beginning", GoogleAccount: "marketing", Spreadsheet: "book", SpreadsheetTitle: "Book", Worksheet: "Signups: all",
				GID: 7, ByGID: gid, HeaderRow: 1, CleverTapAccount: "production", EventName: event, Suggestion: Suggest(h, rows, o),
			}
			is := was
			is.Name, is.Schedule, is.Start, is.GoogleAccount = "orders", "@every 30s", "now", "second"
			is.Spreadsheet, is.SpreadsheetTitle, is.Worksheet, is.GID = "https://docs.google.com/spreadsheets/d/2ndBook/edit", "Shop", "Orders", 9
			is.HeaderRow, is.CleverTapAccount = 3, "test"
			got, err := is.Like("zaps/signups.yaml", was.YAML())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, is.YAML()) {
				t.Errorf("got\n%s\nwant\n%s", got, is.YAML())
			}
		}
	}
}

// TestLikeAccounts: a CleverTap account replaces that of each action that names one.
func TestLikeAccounts(t *testing.T) {
	const file = `enabled: true
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups}
actions:
  - &profile
    app: clevertap
    event: create_update_user_profile
    account: production
    identity: "{{Email}}"
  - <<: *profile
    event: upload_event
    event_name: Joined
  - {app: clevertap, event: upload_event, event_name: Left, account: production, identity: "{{Email}}"}
`
	f := orders()
	f.CleverTapAccount = "test"
	got, err := f.Like("zaps/signups.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	_, actions, _ := strings.Cut(file, "actions:")
	if _, copied, _ := strings.Cut(string(got), "actions:"); copied != strings.ReplaceAll(actions, "production", "test") {
		t.Errorf("got%s", copied)
	}
}

// TestLikeMerged: a file whose own keys are merged from elsewhere is refused.
func TestLikeMerged(t *testing.T) {
	const file = `<<: {enabled: true, tests: [{row: {Email: a@example.com}, record: null}]}
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}"}
`
	if _, err := zapOf("zaps/signups.yaml", file); err != nil {
		t.Fatal(err)
	}
	_, err := orders().Like("zaps/signups.yaml", []byte(file))
	const want = `zaps/signups.yaml: a file whose own keys come from << cannot be copied; write them out`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestLikeOrphans: an alias of what is not copied is a mistake that says how to correct it.
func TestLikeOrphans(t *testing.T) {
	const file = `enabled: true
schedule: "@hourly"
tests:
  - row: {Email: &asha asha@example.com}
    record: {identity: *asha}
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: {gid: &seven 7}}
action:
  app: clevertap
  event: create_update_user_profile
  account: production
  identity: *asha
  properties: {Number: *seven}
`
	f := orders()
	_, err := f.Like("zaps/signups.yaml", []byte(file))
	const want = "zaps/signups.yaml:11:13: *asha stands for a part of tests (line 4), which the copy does not have; write the value itself in place of *asha\n" +
		"zaps/signups.yaml:12:24: *seven stands for a part of worksheet (line 6), which the copy does not have; write the value itself in place of *seven"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
}

// FuzzLike: any valid zap file has a copy that differs as it should.
func FuzzLike(f *testing.F) {
	for _, pattern := range []string{"../../configs/zaps/*.yaml", "../config/testdata/bad/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal(pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text), "Orders", false)
			f.Add(strings.ReplaceAll(string(text), "\n", "\r\n"), "it's: # 'x'", true)
		}
	}
	f.Fuzz(func(t *testing.T, file, worksheet string, byGID bool) {
		if _, err := zapOf("zaps/signups.yaml", file); err != nil || strings.TrimSpace(worksheet) == "" || !utf8.ValidString(worksheet) {
			return
		}
		o := orders()
		o.Worksheet, o.ByGID = worksheet, byGID
		got, err := o.Like("zaps/signups.yaml", []byte(file))
		if err != nil {
			if strings.Contains(file, "&") {
				return
			}
			t.Fatal(err)
		}
		likeness(t, o, file, string(got))
	})
}
