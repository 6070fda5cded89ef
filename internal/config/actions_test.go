package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/config"
)

// TestActions checks lists of actions, and the records that test cases expect of each.
func TestActions(t *testing.T) {
	text := strings.ReplaceAll(`enabled: true
schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: 1AbC, worksheet: S}
actions:
  - {app: clevertap, event: upload_event, account: production, identity: "ID", event_name: A}
  - {app: clevertap, event: create_update_user_profile, account: production, identity: "ID"}
  - {app: clevertap, event: upload_event, account: production, fbid: "ID", event_name: B}
tests:
  - row: {ID: a}
    record: {type: profile, identity: a}
  - row: {ID: a}
    record: [{type: event}, null, {evtName: B}]
  - row: {ID: a}
    record: null
`, `"ID"`, `"{{ID}}"`)
	c := load(t, map[string]string{"rowtap.yaml": readFile(t, "testdata/rowtap.yaml"), "zaps/z.yaml": text})
	z := c.Zap("z")
	var names []string
	for _, a := range z.Actions {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"upload_event", "create_update_user_profile", "upload_event/2"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if a := z.Actions[2]; a.IDKind != config.FBID || a.EventName.Text != "B" || a.Pos.Line != 7 {
		t.Errorf("third action: %+v", a)
	}
	want := [][]map[string]any{
		{nil, {"type": "profile", "identity": "a"}, nil},
		{{"type": "event"}, nil, {"evtName": "B"}},
		nil,
	}
	for i, test := range z.Tests {
		if diff := cmp.Diff(want[i], test.Records); diff != "" {
			t.Errorf("test %d (-want +got):\n%s", i+1, diff)
		}
	}
}

// TestEveryColumnWithOverrides: all: true in a section of properties maps every column, and only
// there false excludes a column.
func TestEveryColumnWithOverrides(t *testing.T) {
	tests := []struct{ properties, want string }{
		{"all", "all"},
		{"{all: true}", "all mapped"},
		{`{all: true, " Big  notes": false, Name: "{{First}}", Old: {op: delete}}`, "all mapped without [Big notes] with [Name Old]"},
		{"{Notes: false, ALL: x, all: True}", "all mapped without [Notes] with [ALL]"},
		{"{all: true, No: {value: false}}", "all mapped with [No]"},
		{"{Newsletter: false}", "with [Newsletter]"},
		{"{all: {value: true}, Newsletter: false}", "with [all Newsletter]"},
		{`{all: "true"}`, "with [all]"},
		{"{all: false}", "with [all]"},
		{`{all: true, No: "false"}`, "all mapped with [No]"},
	}
	for _, tt := range tests {
		c, err := config.Load(directory(t, map[string]string{
			"rowtap.yaml": "google_accounts: {marketing: {}}\nclevertap_accounts: {production: {account_id: A, passcode: p, region: in1}}\n",
			"zaps/z.yaml": "schedule: \"@hourly\"\ntrigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: 1AbC, worksheet: A}\n" +
				"action: {app: clevertap, event: create_update_user_profile, account: production, identity: x, properties: " + tt.properties + "}\n",
		}), environment(t, nil))
		if err != nil {
			t.Errorf("%s: %v", tt.properties, err)
			continue
		}
		a := c.Zaps[0].Actions[0]
		var got []string
		add := func(word string, names []string) {
			if len(names) > 0 {
				got = append(got, word, "["+strings.Join(names, " ")+"]")
			}
		}
		if a.AllProperties {
			got = append(got, "all")
		}
		if a.AllMapped {
			got = append(got, "mapped")
		}
		var omitted, named []string
		for _, o := range a.Omit {
			omitted = append(omitted, o.Name)
		}
		for _, p := range a.Properties {
			named = append(named, p.Name)
		}
		add("without", omitted)
		add("with", named)
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.properties, text, tt.want)
		}
	}
}
