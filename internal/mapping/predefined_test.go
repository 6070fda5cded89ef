package mapping_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

func TestPredefinedNames(t *testing.T) {
	tests := []struct {
		header string // column names, separated by |
		want   string // names of properties
	}{
		{"NAME|email|Phone|gender|dob|AGE|photo|employed|Education|married", "Name|Email|Phone|Gender|DOB|Age|Photo|Employed|Education|Married"},
		{"E-mail|Phone number|Birth date", "Email|Phone number|Birth date"},
		{"Email address|mobile number", "Email|mobile number"},
		{"E-mail|email", "E-mail|Email"},
		{"email|Email", "email|Email"},
		{"EMAIL|email", "Email|email"},
		{"Plan|full name", "Plan|full name"},
	}
	for _, tt := range tests {
		z := profile(config.Property{Value: at("x")})
		z.Actions[0].AllProperties, z.Actions[0].Properties = true, nil
		var pairs []any
		for name := range strings.SplitSeq(tt.header, "|") {
			pairs = append(pairs, name, fitting(name))
		}
		got := outcome(t, z, cells(pairs...))
		var record struct{ ProfileData map[string]any }
		if err := json.Unmarshal([]byte(got), &record); err != nil {
			t.Errorf("%s: %s", tt.header, got)
			continue
		}
		for own := range strings.SplitSeq(tt.want, "|") {
			if _, ok := record.ProfileData[own]; !ok {
				t.Errorf("%s: no property %s in %s", tt.header, own, got)
			}
		}
		if want := strings.Count(tt.want, "|") + 1; len(record.ProfileData) != want {
			t.Errorf("%s: want %d properties, got %s", tt.header, want, got)
		}
	}
}

// TestNames checks the names that check prints for properties: all.
func TestNames(t *testing.T) {
	z := event("{{What}}", config.Property{Name: "P", Value: at("x")})
	z.Actions[0].Event, z.Actions[0].EventName = config.CreateUpdateUserProfile, nil
	z.Actions[0].AllProperties, z.Actions[0].Properties = true, nil
	when := at("{{When}}")
	z.Actions[0].Time = &when
	h := row.HeaderOf([]string{"email", "When", "Plan", "", "E-mail", "msg-sms"})
	for _, all := range []bool{true, false} {
		z.Actions[0].AllProperties = all
		m, err := mapping.Compile(z)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Bind(h)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		if all {
			want = []string{"Email", "", "Plan", "", "E-mail", "MSG-sms"}
		}
		if got := b.Names(0, h); !slices.Equal(got, want) {
			t.Errorf("properties all %v: got %q, want %q", all, got, want)
		}
	}
}

// fitting returns a cell that follows CleverTap's rule for a column of that name.
func fitting(name string) any {
	switch clevertap.RuleOf(clevertap.PredefinedName(name)) {
	case clevertap.EmailValue:
		return "asha@example.com"
	case clevertap.PhoneValue:
		return "+919876543210"
	case clevertap.GenderValue:
		return "F"
	case clevertap.EmployedValue, clevertap.MarriedValue:
		return "Y"
	case clevertap.EducationValue:
		return "School"
	case clevertap.AgeValue:
		return 30
	case clevertap.DateValue:
		return "1990-03-05"
	case clevertap.FlagValue:
		return true
	case clevertap.AnyValue:
	}
	if clevertap.Alias(name) == "Email" {
		return "asha@example.com"
	}
	return name
}

// TestAllWithOverrides checks that properties: {all: true, …} replaces and omits columns and, in an
// event, the one that is the identity.
func TestAllWithOverrides(t *testing.T) {
	const header = "email|Name|Mobile|Country|Notes"
	property := func(name, text string) config.Property { return config.Property{Name: name, Value: at(text)} }
	tests := []struct {
		name       string
		event      bool
		id         string
		properties []config.Property
		omit       string
		header     string
		want       string // the properties
	}{
		{"every column", false, "", nil, "", header, `{"Email":"a@b.io","Name":"Name","Mobile":"Mobile","Country":"Country","Notes":"Notes"}`},
		{"left out", false, "", nil, "Notes|Country", header, `{"Email":"a@b.io","Name":"Name","Mobile":"Mobile"}`},
		{
			"a column that is a property is sent only as that", false, "",
			[]config.Property{property("Tel", "{{Mobile}}")},
			"Notes", header,
			`{"Tel":"Mobile","Email":"a@b.io","Name":"Name","Country":"Country"}`,
		},
		{
			"a property in place of a column", false, "",
			[]config.Property{property("Name", "{{ upper(Name) }}")},
			"Notes", header,
			`{"Name":"NAME","Email":"a@b.io","Mobile":"Mobile","Country":"Country"}`,
		},
		{"a property in place of CleverTap's own", false, "", []config.Property{property("Email", "x@example.com")}, "", "email|Name", `{"Email":"x@example.com","Name":"Name"}`},
		{
			"a property under the name of a column", false, "",
			[]config.Property{property("country", "{{Country}}!")},
			"", "email|country|Country",
			`{"country":"Country!","Email":"a@b.io","Country":"Country"}`,
		},
		{
			"a part of a text is a column still", false, "",
			[]config.Property{property("Who", "{{Name}} {{Country}}")},
			"Notes|Mobile", header,
			`{"Who":"Name Country","Email":"a@b.io","Name":"Name","Country":"Country"}`,
		},
		{"an event without its identity", true, "{{email}}", nil, "Notes", header, `{"Name":"Name","Mobile":"Mobile","Country":"Country"}`},
		{"of an expression", true, "{{ lower(email) }}", nil, "Notes", header, `{"Name":"Name","Mobile":"Mobile","Country":"Country"}`},
		{
			"an event with its identity named", true, "{{email}}",
			[]config.Property{property("Email", "{{email}}")},
			"Notes", header,
			`{"Email":"a@b.io","Name":"Name","Mobile":"Mobile","Country":"Country"}`,
		},
		{"both columns of a name left out", false, "", nil, "Notes", "email|Notes|Notes", `{"Email":"a@b.io"}`},
		{"a column to leave out that is not there", false, "", nil, "Note", header, `bind: z.yaml:20:7: the worksheet has no column "Note"; did you mean "Notes"?`},
	}
	for _, tt := range tests {
		z := profile(config.Property{Value: at("x")})
		if tt.event {
			z = event("Signup", config.Property{Value: at("x")})
		}
		a := &z.Actions[0]
		a.AllProperties, a.AllMapped, a.Properties = true, true, tt.properties
		if tt.id != "" {
			a.ID = at(tt.id)
		}
		for name := range strings.SplitSeq(tt.omit, "|") {
			if name != "" {
				a.Omit = append(a.Omit, config.OmittedColumn{Name: name, Pos: config.Pos{File: "z.yaml", Line: 20, Column: 7}})
			}
		}
		var pairs []any
		for name := range strings.SplitSeq(tt.header, "|") {
			pairs = append(pairs, name, strings.Replace(name, "email", "a@b.io", 1))
		}
		got := outcome(t, z, cells(pairs...))
		for _, before := range []string{`"profileData":`, `"evtData":`} {
			if _, data, ok := strings.Cut(got, before); ok {
				got = strings.TrimSuffix(data, "}")
			}
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
