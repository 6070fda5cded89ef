package mapping_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// TestCases runs test cases of zap files. want has one line per difference and note; none if the
// case passes.
func TestCases(t *testing.T) {
	const action = `
filter: Consent != "No" && Score != 13
actions:
  - app: clevertap
    event: create_update_user_profile
    account: production
    identity: "{{Email}}"
    properties:
      Name: "{{First name}} {{Last name}}"
      Score: "{{Score}}"
      Phone: {value: "{{Mobile}}", type: phone, country: IN}
      Tags: {value: "{{Tags}}", type: list, op: add}
      Extra: {value: "{{Extra}}", type: json}
      Joined: "{{Joined}}"
      ID: {value: "{{ID}}", type: text}
  - {app: clevertap, event: upload_event, account: production, identity: "{{Email}}", event_name: Signup, time: "{{At}}",
     properties: {Score: "{{Score}}"}}
`
	const row = "Email: a@b.io, First name: Asha, Last name: Rao, Score: 5, Mobile: 98450 12345, Tags: 'x, y'"
	tests := []struct{ name, test, want string }{
		{"the same, in other words", `{row: {` + row + `, Extra: '{"a":{"b":[1,2.50]}}', Joined: 2018-03-05},
			record: [{identity: a@b.io, profileData: {Name: Asha Rao, Score: 5.0, Phone: "+919845012345", Tags: {$add: [x, y]},
			Extra: {a: {b: [1.0, 2.5]}}, Joined: $D_1520208000, ID: null}}, {type: event, identity: a@b.io, evtName: Signup, evtData: {Score: 5e0}}]}`, ``},
		{"one record of several actions", `{row: {` + row + `}, record: {type: event, identity: a@b.io, evtName: Signup, evtData: {Score: 5}}}`, ``},
		{"value by value", `{row: {` + row + `, Extra: '{"a":[1,2]}', ID: 7},
			record: [{identity: a@b.io, profileData: {Name: Asha, Score: "5", Phone: +919845012345, Tags: {$add: [x]}, Extra: {a: [1, 3, 4]},
			Town: Pune, ID: 7}}, null]}`, `
create_update_user_profile profileData.Extra.a[2]: expected 3, got 2
create_update_user_profile profileData.Extra.a[3]: expected 4, got nothing
create_update_user_profile profileData.ID: expected 7, got "7": the record has text; write it in quotes
create_update_user_profile profileData.Name: expected "Asha", got "Asha Rao"
create_update_user_profile profileData.Phone: expected 919845012345, got "+919845012345": the record has text; write it in quotes
create_update_user_profile profileData.Score: expected "5", got 5: the record has a number; write it without quotes
create_update_user_profile profileData.Tags.$add[2]: unexpected "y"
create_update_user_profile profileData.Town: expected "Pune", got nothing`},
		{"large integers", `{row: {` + row + `, Extra: '{"n":9007199254740993}'},
			record: [{identity: a@b.io, profileData: {Name: Asha Rao, Score: 5, Phone: "+919845012345", Tags: {$add: [x, y]}, Extra: {n: 9007199254740992}}}, null]}`, `
create_update_user_profile profileData.Extra.n: expected 9007199254740992, got 9007199254740993`},
		{"no properties at all", `{row: {Email: a@b.io, Score: 5}, record: [{identity: a@b.io}, null]}`, `
create_update_user_profile profileData.Score: unexpected 5`},
		{"a mapping in place of a value", `{row: {Email: a@b.io, Score: 5}, record: [null, {identity: a@b.io, evtName: {a: 1}, evtData: 5}]}`, `
upload_event evtData: expected 5, got {"Score":5}
upload_event evtName: expected {"a":1}, got "Signup"`},
		{"ts only where it is given", `{row: {Email: a@b.io, At: 2018-03-05 10:00:00}, record: [{identity: a@b.io, ts: 1520208000}, {identity: a@b.io, evtName: Signup, ts: 1520244000}]}`, `
create_update_user_profile ts: expected 1520208000, got nothing: without time:, ts is the detection time, which a test case cannot know`},
		{"date cells are in UTC", `{row: {Email: a@b.io, At: 2018-03-05 10:00:00}, record: [null, {identity: a@b.io, evtName: Signup, ts: 1}]}`, `
upload_event ts: expected 1, got 1520244000`},
		{"the filter drops it", `{row: {Email: a@b.io, Consent: "No"}, record: null}`, ``},
		{"the filter lets it pass", `{row: {Email: a@b.io, Consent: "Yes"}, record: null}`, `
expected the filter to drop the row, but the row passes`},
		{"the filter fails", `{row: {Email: a@b.io, Score: "#N/A"}, record: null}`, `
expected the filter to drop the row, but it fails: column Score: filter: the cell shows an error, or is still loading, at golden.yaml:6:9`},
		{"dropped, with a record", `{row: {Email: a@b.io, Consent: "No"}, record: [null, null]}`, `
expected a record, but the filter drops the row`},
		{"an error, by its text", `{row: {Email: a@b.io, Mobile: 12}, error: 2 digits}`, ``},
		{"an error, by its column and code", `{row: {Email: a@b.io, Mobile: x}, error: "column Mobile"}`, ``},
		{"an error of the second action", `{row: {Email: a@b.io, At: someday}, error: (code 525)}`, ``},
		{"not the file's name", `{row: {Email: a@b.io, Mobile: x}, error: golden.yaml}`, `
expected an error containing "golden.yaml", but it is: column Mobile: not a phone number: use digits, spaces, ( ) - . / and one leading + (code 516), at golden.yaml:15:23`},
		{"no error", `{row: {Email: a@b.io}, error: phone}`, `
expected an error containing "phone", but the row has no error`},
		{"an error of a row that is dropped", `{row: {Email: a@b.io, Consent: "No"}, error: phone}`, `
expected an error containing "phone", but the filter drops the row`},
		{"a record of a row that fails", `{row: {Email: none}, record: [{identity: none}, null]}`, `
create_update_user_profile expected a record, but the row fails: column Email: identity is a placeholder for a missing value, which CleverTap refuses (code 523), at golden.yaml:11:16`},
		{"an error of an action that is not compared", `{row: {Email: a@b.io, Mobile: x}, record: [null, {identity: a@b.io, evtName: Signup}]}`, ``},
		{"columns that are perhaps misspelt", `{row: {Email: a@b.io, Frist name: Asha, Staff note: x}, record: [{identity: a@b.io, profileData: {Name: Asha}}, null]}`, `
create_update_user_profile profileData.Name: expected "Asha", got nothing
the mapping uses no column "Frist name"; did you mean "First name"?`},
	}
	for _, tt := range tests {
		z := loadZap(t, action+"tests:\n  - "+tt.test+"\n")
		m, err := mapping.Compile(z)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		result := m.Check(z.Tests[0])
		var lines []string
		for _, d := range result.Differences {
			line := strings.TrimLeft(d.Action+" "+d.Path, " ")
			if d.Path != "" {
				line += ": "
			} else if line != "" {
				line = strings.TrimRight(line, " ") + " "
			}
			lines = append(lines, line+d.Message)
		}
		for _, n := range result.Notes {
			lines = append(lines, n.Message+"; "+n.Suggestion)
			if n.Line == 0 || n.Column == 0 {
				t.Errorf("%s: a note without a place: %+v", tt.name, n)
			}
		}
		got := strings.Join(lines, "\n")
		i := strings.LastIndex(z.File, "golden.yaml")
		got = strings.ReplaceAll(got, z.File[:i], "")
		if diff := cmp.Diff(strings.TrimSpace(tt.want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestCaseColumnsByLetter checks that a test case names a column without a usable name by its
// letter, as the mapping does.
func TestCaseColumnsByLetter(t *testing.T) {
	z := loadZap(t, `
action: {app: clevertap, event: create_update_user_profile, account: production, identity: '{{ row["C"] }}', properties: all}
tests:
  - row: {C: a@b.io, Email: x@y.io}
    record: {identity: a@b.io, profileData: {C: a@b.io, Email: x@y.io}}
`)
	m, err := mapping.Compile(z)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Check(z.Tests[0]); len(got.Differences) > 0 {
		t.Errorf("%+v", got)
	}
}

// TestRedact checks that exactly the values made from hidden cells are hidden.
func TestRedact(t *testing.T) {
	z := loadZap(t, `
actions:
  - {app: clevertap, event: upload_event, account: production, identity: "{{Email}}", time: "{{At}}", event_name: "Charged",
     properties: {Amount: "{{Total}}", Note: "to {{Email}}", Blank: "{{Nothing}}", Tier: "{{ Total > 5 ? 'gold' : 'basic' }}", Fixed: x},
     items: [{Name: "{{Item}}", Price: "{{Total}}"}]}
  - {app: clevertap, event: upload_event, account: production, identity: "{{Total}}", event_name: "{{Item}}", properties: all}
`)
	m, err := mapping.Compile(z)
	if err != nil {
		t.Fatal(err)
	}
	s := cells("Email", "a@b.io", "At", row.DateCell(43164), "Total", 7, "Item", "Book", "Nothing", nil)
	b, err := m.Bind(s.header)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		nth    int
		hidden []string
		want   string
	}{
		{0, nil, `{"type":"event","identity":"a@b.io","ts":1520208000,"evtName":"Charged","evtData":{"Amount":7,"Note":"to a@b.io","Tier":"gold","Fixed":"x","Items":[{"Name":"Book","Price":7}]}}`},
		{0, []string{"Email"}, `{"type":"event","identity":"[redacted]","ts":1520208000,"evtName":"Charged","evtData":{"Amount":7,"Note":"[redacted]","Tier":"gold","Fixed":"x","Items":[{"Name":"Book","Price":7}]}}`},
		{0, []string{"Total", "At", "Nothing", "gone"}, `{"type":"event","identity":"a@b.io","ts":"[redacted]","evtName":"Charged","evtData":{"Amount":"[redacted]","Note":"to a@b.io","Tier":"[redacted]","Fixed":"x","Items":[{"Name":"Book","Price":"[redacted]"}]}}`},
		{1, []string{"Email", "Item"}, `{"type":"event","identity":"7","evtName":"[redacted]","evtData":{"Email":"[redacted]","At":"$D_1520208000","Total":7}}`},
	}
	for _, tt := range tests {
		rec, _, err := b.Record(tt.nth, s.row, mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		got, left := mapping.Redact(rec.JSON, rec.Origins, mapping.Hidden(s.header, tt.hidden))
		if string(got) != tt.want {
			t.Errorf("without %v\n got %s\nwant %s", tt.hidden, got, tt.want)
		}
		all := map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}
		twice, left := mapping.Redact(got, left, all) // the remaining origins still match
		if once, _ := mapping.Redact(rec.JSON, rec.Origins, all); string(twice) != string(once) || len(left) > 0 {
			t.Errorf("without %v, then without all\n got %s, %v\nwant %s", tt.hidden, twice, left, once)
		}
	}
}

// TestHidden checks that all columns that share a name are hidden.
func TestHidden(t *testing.T) {
	h := row.HeaderOf([]string{"Email", "Mobile", "", "Mobile"})
	got := mapping.Hidden(h, []string{"Mobile", "C", "gone"})
	if diff := cmp.Diff(map[int]bool{1: true, 2: true, 3: true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
