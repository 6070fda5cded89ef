package mapping_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
)

// TestPartial checks that a row with mistakes shows the values that can be made, that those of
// hidden columns stay hidden, and that each mistake names the columns that may be at fault.
func TestPartial(t *testing.T) {
	property := func(name string, kind config.PropertyType, text string) config.Property {
		return config.Property{Name: name, Type: kind, Value: at(text)}
	}
	when := at("{{When}}")
	person := profile(config.Property{})
	person.Actions[0].ID, person.Actions[0].Time = at("{{Email}}"), &when
	person.Actions[0].Properties = []config.Property{
		property("Name", "", "{{Name}}"), property("Sum", config.Number, "{{Sum}}"), property("Born", config.Date, "{{Day}} {{Month}}"),
		property("Phone", config.Phone, "{{Mobile}}"), property("City", "", "{{City}}"), property("Double", config.Number, "{{Sum}}"),
	}
	person.Actions[0].Properties[3].CountryFrom = new(at("{{Land}}"))
	charged := event("{{Nothing}}", property("City", "", "{{City}}"))
	charged.Actions[0].ID = at("{{Good}}")
	charged.Actions[0].Items = [][]config.Property{
		{property("Name", "", "{{Name}}"), property("Price", config.Number, "{{Sum}}")}, {property("Price", config.Number, "{{Sum}}")},
	}
	costly := event("Charged", property("City", "", "{{City}}"))
	costly.Actions[0].Items = [][]config.Property{{
		property("Name", "", "{{Name}}"), property("A", "", `{{ len(filter(1..9000, len(filter(1..9000, Sum == "")) > 0)) }}`),
	}}
	s := cells("Email", nil, "When", "soon", "Name", "Asha", "Sum", "a few", "Day", "3", "Month", "Smarch", "Mobile", "12345", "Land", "Nowhere",
		"City", "Pune", "Nothing", nil, "Good", "a@example.com")
	tests := []struct {
		name    string
		zap     *config.Zap
		want    string
		columns string
		fields  string
	}{
		{"a profile", person, `{"type":"profile","profileData":{"Name":"Asha","City":"[redacted]"}}`, "Email When Sum Day+Month Land", "identity ts profileData.Sum+profileData.Double profileData.Born profileData.Phone"},
		{"an event with items", charged, `{"type":"event","identity":"a@example.com","ts":1792800000,"evtData":{"City":"[redacted]","Items":[{"Name":"Asha"}]}}`, "Nothing Sum", "evtName evtData.Items[0].Price+evtData.Items[1].Price"},
		{"too expensive", costly, `{"type":"event","identity":"me","ts":1792800000,"evtName":"Charged","evtData":{"City":"[redacted]"}}`, "Sum", "evtData.Items[0].A"},
	}
	for _, tt := range tests {
		m, err := mapping.Compile(tt.zap)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Bind(s.header)
		if err != nil {
			t.Fatal(err)
		}
		ctx := mapping.Context{DetectedAt: time.Unix(1792800000, 0)}
		_, _, err = b.Record(0, s.row, ctx)
		wrong, _ := errors.AsType[*mapping.RowError](err)
		var columns, fields []string
		for one := range wrong.All() {
			columns, fields = append(columns, strings.Join(one.Columns, "+")), append(fields, strings.Join(one.Fields, "+"))
		}
		if got := strings.Join(columns, " "); got != tt.columns {
			t.Errorf("%s: columns at fault %q, want %q", tt.name, got, tt.columns)
		}
		if got := strings.Join(fields, " "); got != tt.fields {
			t.Errorf("%s: fields that are missing %q, want %q", tt.name, got, tt.fields)
		}
		rec := b.Partial(0, s.row, ctx)
		got, _ := mapping.Redact(rec.JSON, rec.Origins, mapping.Hidden(s.header, []string{"City", "Sum", "Mobile"}))
		if string(got) != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// TestRefused checks which columns make the value that CleverTap refuses with a code.
func TestRefused(t *testing.T) {
	property := func(name, text string) config.Property { return config.Property{Name: name, Value: at(text)} }
	when := at("{{When}}")
	person, signup := profile(config.Property{}), event("{{Kind}}", property("Email", "{{Mail}}"))
	person.Actions[0].ID, person.Actions[0].Time = at("{{First}}-{{Number}}"), &when
	phone := property("Phone", "{{Mobile}}")
	phone.Type, phone.CountryFrom = config.Phone, new(at("{{Land}}"))
	person.Actions[0].Properties = []config.Property{property("Custom", "{{Kind}}"), property("Email", "{{Mail}}"), phone}
	s := cells("First", "", "Number", "", "When", "", "Kind", "", "Mail", "", "Mobile", "", "Land", "")
	tests := []struct {
		zap  *config.Zap
		code int
		want []string
	}{
		{person, clevertap.CodeIdentityMissing, []string{"First", "Number"}},
		{person, clevertap.CodeTimestamp, []string{"When"}},
		{person, clevertap.CodeEmail, []string{"Mail"}},
		{person, clevertap.CodePhone, []string{"Mobile", "Land"}},
		{person, clevertap.CodeGender, nil},
		{person, clevertap.CodeNeitherKind, nil},
		{person, 0, nil}, // of custom properties, which CleverTap does not refuse
		{signup, clevertap.CodeEventRestricted, []string{"Kind"}},
		{signup, clevertap.CodeEmail, nil}, // a property of an event
	}
	for _, tt := range tests {
		m, err := mapping.Compile(tt.zap)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Bind(s.header)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Refused(0, tt.code); !slices.Equal(got, tt.want) {
			t.Errorf("code %d: %q, want %q", tt.code, got, tt.want)
		}
	}
}
