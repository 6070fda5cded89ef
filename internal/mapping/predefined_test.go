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

// Names is what check prints of properties: all.
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

// fitting returns a cell that keeps CleverTap's rule for a column of that name.
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
