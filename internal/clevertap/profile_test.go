package clevertap_test

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/clevertap"
)

func TestRuleOf(t *testing.T) {
	tests := []struct {
		property string
		want     clevertap.Rule
		code     int
	}{
		{"Email", clevertap.EmailValue, 515},
		{"Phone", clevertap.PhoneValue, 516},
		{"Gender", clevertap.GenderValue, 514},
		{"Employed", clevertap.EmployedValue, 517},
		{"Education", clevertap.EducationValue, 518},
		{"Married", clevertap.MarriedValue, 519},
		{"Age", clevertap.AgeValue, 520},
		{"DOB", clevertap.DateValue, 0},
		{"MSG-dndWhatsApp", clevertap.FlagValue, 0},
		{"Name", clevertap.AnyValue, 0},
		{"email", clevertap.AnyValue, 0}, // a custom property
		{"Plan", clevertap.AnyValue, 0},
	}
	for _, tt := range tests {
		got := clevertap.RuleOf(tt.property)
		if why := got.Refusal(); got != tt.want || why.Code != tt.code || (why.Message == "") != (got == clevertap.AnyValue) {
			t.Errorf("%s: got rule %d and %v, want rule %d and code %d", tt.property, got, why, tt.want, tt.code)
		}
	}
}

func TestNamesOfCleverTap(t *testing.T) {
	tests := []struct{ name, predefined, alias string }{
		{"Email", "Email", ""},
		{"EMAIL", "Email", ""},
		{"dob", "DOB", ""},
		{"msg-dndemail", "MSG-dndEmail", ""},
		{"E-mail", "", "Email"},
		{"Email Address", "", "Email"},
		{"Phone number", "", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		if p, a := clevertap.PredefinedName(tt.name), clevertap.Alias(tt.name); p != tt.predefined || a != tt.alias {
			t.Errorf("%q: got %q and %q, want %q and %q", tt.name, p, a, tt.predefined, tt.alias)
		}
	}
}

func TestWordsOfValues(t *testing.T) {
	email := func(s string) (string, bool) { return s, clevertap.IsEmail(s) }
	tests := []struct {
		name string
		read func(string) (string, bool)
		good string // input or input=value, separated by |
		bad  string // separated by |
	}{
		{
			"e-mail", email, `asha@example.com|a+b@c.d|asha@localhost|ä@ö.de|o'neil@x.y|"a b@c"@d.e`,
			`|1234|$$$$$|@|a@|@b|a@b@c|a@b..c|a@.b|a@b.|a b@c.d|a@b.c,d@e.f|a@b.c;d@e.f|<a@b.c>|"a@b.c|a@b.c ` + "|a\u00a0b@c.d|asha@example.com\u200b|\ufeffasha@example.com|a\xff@b.c",
		},
		{"gender", clevertap.Gender, "M=M|m=M|MALE=M|F=F|female=F|o=o|Others=Others|unknown=unknown", "|x|prefer not to say|mal|M/F"},
		{"yes or no", clevertap.YesNo, "Y=Y|yes=Y|TRUE=Y|1=Y|n=N|No=N|false=N|0=N", "|2|on|off|single|ja"},
		{"education", clevertap.Education, "school=School|College=College|GRADUATE=Graduate|high school=School", "|phd|post graduate|colleges"},
	}
	for _, tt := range tests {
		for in := range strings.SplitSeq(tt.good, "|") {
			in, want, given := strings.Cut(in, "=")
			if !given {
				want = in
			}
			if got, ok := tt.read(in); !ok || got != want {
				t.Errorf("%s %q: got %q, %v; want %q", tt.name, in, got, ok, want)
			}
		}
		for in := range strings.SplitSeq(tt.bad, "|") {
			if got, ok := tt.read(in); ok {
				t.Errorf("%s %q: got %q, want it refused", tt.name, in, got)
			}
		}
	}
}
