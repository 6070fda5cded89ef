package mapping_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
)

// TestBrokenExpressions: what was probably meant as an expression is told without a sheet, and names of columns are not.
func TestBrokenExpressions(t *testing.T) {
	tests := []struct {
		text string
		want string // the warning; "": none
	}{
		{"1 +", `z.yaml:18:18: "1 +" is no expression, and hardly a column's name: unexpected token EOF`},
		{"Score /", `z.yaml:18:22: "Score /" is no expression, and hardly a column's name: unexpected token EOF`},
		{"Spend > 1000 ? 'gold'", `z.yaml:18:36: "Spend > 1000 ? 'gold'" is no expression, and hardly a column's name: unexpected token EOF`},
		{"Spend > 1000 ? 'gold' : ", `z.yaml:18:39: "Spend > 1000 ? 'gold' :" is no expression, and hardly a column's name: unexpected token EOF`},
		{`Consent = "Yes"`, `z.yaml:18:23: "Consent = \"Yes\"" is no expression, and hardly a column's name: unexpected token Operator("=")`},
		{`uper("x")`, `z.yaml:18:15: "uper(\"x\")" is no expression, and hardly a column's name: there is no function uper()`},
		{`Country in ["IN", "SG"`, `z.yaml:18:37: "Country in [\"IN\", \"SG\"" is no expression, and hardly a column's name: unexpected token EOF`},
		{`Name ?? `, `z.yaml:18:23: "Name ??" is no expression, and hardly a column's name: unexpected token EOF`},

		{"Spend + 1", ""},
		{"Name (first)", ""},
		{"E-mail", ""},
		{"Price / unit", ""},
		{"What's up?", ""},
		{"Do you agree to the \"Terms\"?", ""},
		{"Owner's / tenant's name", ""},
		{"Email *", ""},
		{"Rating * (1-5)", ""},
		{"Discount %", ""},
		{"Age 18+", ""},
		{"18+", ""},
		{"C++", ""},
		{"Income > 50k", ""},
		{"<18", ""},
		{"> 65", ""},
		{"Total (₹)", ""},
		{"Price(USD)", ""},
		{"Date(UTC)", ""},
		{"Name:", ""},
		{"1. Your name", ""},
		{"#", ""},
		{"Q1/Q2", ""},
		{"A & B", ""},
		{"R&D", ""},
		{"Yes/No?", ""},
		{"Size 24\"", ""},
		{"\"Quoted\"", ""},
		{"A {x}", ""},
		{"First nam", ""},
		{"👍", ""},
	}
	// What is meant is in the suggestion, and how a column of that name is written.
	m, err := mapping.Compile(profile(config.Property{Value: at(`{{ Consent = "Yes" }}`)}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Warnings()[0].Suggestion, `== compares: Consent == "Yes"; a column that is really called so is row["Consent = \"Yes\""]`; got != want {
		t.Errorf("suggestion %s, want %s", got, want)
	}
	for _, tt := range tests {
		m, err := mapping.Compile(profile(config.Property{Value: at("{{ " + tt.text + " }}")}))
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		got := ""
		if w := m.Warnings(); len(w) > 0 {
			got = w[0].Pos.String() + ": " + w[0].Message
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}
