package mapping_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
)

// TestBrokenExpressions checks that probable expressions are reported without a sheet, and column
// names are not.
func TestBrokenExpressions(t *testing.T) {
	tests := []struct {
		text string
		want string // the warning; "": none
	}{
		{"1 +", `z.yaml:18:18: "1 +" is not an expression, and unlikely to be a column name: unexpected token EOF`},
		{"Score /", `z.yaml:18:22: "Score /" is not an expression, and unlikely to be a column name: unexpected token EOF`},
		{"Spend > 1000 ? 'gold'", `z.yaml:18:36: "Spend > 1000 ? 'gold'" is not an expression, and unlikely to be a column name: unexpected token EOF`},
		{"Spend > 1000 ? 'gold' : ", `z.yaml:18:39: "Spend > 1000 ? 'gold' :" is not an expression, and unlikely to be a column name: unexpected token EOF`},
		{`Consent = "Yes"`, `z.yaml:18:23: "Consent = \"Yes\"" is not an expression, and unlikely to be a column name: unexpected token Operator("=")`},
		{`uper("x")`, `z.yaml:18:15: "uper(\"x\")" is not an expression, and unlikely to be a column name: there is no function uper()`},
		{`Country in ["IN", "SG"`, `z.yaml:18:37: "Country in [\"IN\", \"SG\"" is not an expression, and unlikely to be a column name: unexpected token EOF`},
		{`Name ?? `, `z.yaml:18:23: "Name ??" is not an expression, and unlikely to be a column name: unexpected token EOF`},

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
	// The suggestion says how to write the expression, and a column of that name.
	m, err := mapping.Compile(profile(config.Property{Value: at(`{{ Consent = "Yes" }}`)}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Warnings()[0].Suggestion, `compare with ==: Consent == "Yes"; write a column of that name as row["Consent = \"Yes\""]`; got != want {
		t.Errorf("suggestion %s, want %s", got, want)
	}
	for _, tt := range tests {
		m, err := mapping.Compile(varied(profile(config.Property{Value: at("{{ " + tt.text + " }}")})))
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
