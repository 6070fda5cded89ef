package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/config"
)

// TestActions reads a list of actions, and the records that tests expect of each.
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
