package mapping_test

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

func TestTypes(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("x,", 101), ",")
	tests := []struct {
		property config.Property
		cell     any
		want     string
	}{
		{config.Property{Type: config.Number}, "12", "12"},
		{config.Property{Type: config.Number}, " -12.50 ", "-12.5"},
		{config.Property{Type: config.Number}, "+.5", "0.5"},
		{config.Property{Type: config.Number}, "5.", "5"},
		{config.Property{Type: config.Number}, "-0", "0"},
		{config.Property{Type: config.Number}, "007", "7"},
		{config.Property{Type: config.Number}, 1e21, "1000000000000000000000"},
		{config.Property{Type: config.Number}, "9007199254740992", "9007199254740992"},
		{config.Property{Type: config.Number}, "9007199254740994", "a number with more digits than a number can keep"},
		{config.Property{Type: config.Number}, strings.Repeat("9", 400), "a number with more digits than a number can keep"},
		{config.Property{Type: config.Number}, strings.Repeat("9", 400) + ".5", "a number with more digits than a number can keep"},
		{config.Property{Type: config.Number, Decimal: ","}, "12,5", "12.5"},
		{config.Property{Type: config.Number, Decimal: ","}, "1.234,5", `not a number in plain notation (digits, a sign, "," before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "1,234", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "1e5", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "0x1F", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "NaN", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "+-5", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "-", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, ".", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, true, "a boolean, not a number"},
		{config.Property{Type: config.Number}, row.DateCell(1), "a time without a day, not a number"},
		{config.Property{Type: config.Number}, "", ""},

		{config.Property{Type: config.Boolean}, " YES", "true"},
		{config.Property{Type: config.Boolean}, "n", "false"},
		{config.Property{Type: config.Boolean}, "0", "false"},
		{config.Property{Type: config.Boolean}, 1, "true"},
		{config.Property{Type: config.Boolean}, false, "false"},
		{config.Property{Type: config.Boolean}, 2, "none of yes, no, true, false, y, n, 1 and 0"},
		{config.Property{Type: config.Boolean}, "on", "none of yes, no, true, false, y, n, 1 and 0"},
		{config.Property{Type: config.Boolean}, row.DateCell(1), "a time without a day, not yes or no"},

		{config.Property{Type: config.Text}, 5, `"5"`},
		{config.Property{Type: config.Text}, true, `"TRUE"`},
		{config.Property{Type: config.Text}, row.DateCell(43164), `"2018-03-05"`},
		{config.Property{Type: config.Text}, " a ", `" a "`},
		{config.Property{}, "line\nbreak \"quoted\" <b> \u2028 \x00 \xff", `"line\nbreak \"quoted\" <b> ` + "\u2028" + ` \u0000 ` + "\ufffd" + `"`},

		{config.Property{Type: config.List}, "a, b,,  c ", `{"$set":["a","b","c"]}`},
		{config.Property{Type: config.List}, 5, `{"$set":["5"]}`},
		{config.Property{Type: config.List}, ",", ``},
		{config.Property{Type: config.List, Separator: "\n"}, "a\nb", `{"$set":["a","b"]}`},
		{config.Property{Type: config.List}, many, `101 items; CleverTap keeps at most 100`},
		{config.Property{Type: config.List, Op: config.Add}, "a,b", `{"$add":["a","b"]}`},
		{config.Property{Op: config.Add}, "a,b", `{"$add":["a,b"]}`},
		{config.Property{Op: config.Remove}, true, `{"$remove":["TRUE"]}`},
		{config.Property{Op: config.Increment}, "5", `{"$incr":5}`},
		{config.Property{Op: config.Decrement}, 5, `{"$decr":5}`},
		{config.Property{Op: config.Increment}, "five", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Op: config.Increment}, nil, ``},
		{config.Property{Op: config.Delete}, nil, ``},
		{config.Property{Op: config.Delete}, false, `{"$delete":1}`},

		{config.Property{Type: config.JSON}, ` {"a": [1.50, "<"]} `, `{"a":[1.50,"<"]}`},
		{config.Property{Type: config.JSON}, `5`, `5`},
		{config.Property{Type: config.JSON}, 5, `5`},
		{config.Property{Type: config.JSON}, `null`, ``},
		{config.Property{Type: config.JSON}, `{} {}`, `not JSON`},
		{config.Property{Type: config.JSON}, `[1E700]`, `JSON with a number that is too large`},
		{config.Property{Type: config.JSON}, row.DateCell(1), `a time without a day, not JSON`},
		{config.Property{Type: config.JSON}, strings.Repeat("[", 20000), `not JSON`},
	}
	for _, tt := range tests {
		tt.property.Value = at("{{C}}")
		got := strings.TrimPrefix(propertyOf(t, tt.property, cells("C", tt.cell)), "row 7, column C: ")
		if got != tt.want {
			t.Errorf("type %q, op %q of %.60v\n got %.200s\nwant %.200s", tt.property.Type, tt.property.Op, tt.cell, got, tt.want)
		}
	}
}

func TestExpressionsOfOtherTypes(t *testing.T) {
	s := cells("A", 1, "Blank", nil, "T", "x")
	tests := []struct {
		kind           config.PropertyType
		template, want string
	}{
		{config.JSON, `{{ {"a": A, "b": [T, Blank]} }}`, `{"a":1,"b":["x",null]}`},
		{config.JSON, `{{ [A, T] }}`, `[1,"x"]`},
		{config.JSON, `{{ A / 0 == 1 ? 1 : {"a": A / 0} }}`, `row 7, column A: the expression gives an object that JSON cannot hold`},
		{config.List, `{{ filter([A, T, Blank], # != nil) }}`, `{"$set":["1","x"]}`},
		{config.List, `{{ [[A]] }}`, `row 7, column A: the expression gives a list, which cannot be text`},
		{config.Text, `{{ A + 1 }}`, `"2"`},
		{config.Number, `{{ T + "1" }}`, `row 7, column T: not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Date, `{{ date("2018-03-05", "2006-01-02", "Asia/Kolkata") }}`, `"$D_1520188200"`},
		{config.Date, `{{ [A] }}`, `row 7, column A: a list, not a date`},
		{config.Auto, `{{ T.Foo }}`, `row 7, column T: the expression cannot be computed: T is text`},
		{config.Auto, `{{ timezone("UTC") }}`, `compile: z.yaml:18:12: property P: the expression gives a value of another type, which is no value for CleverTap; `},
		{config.Auto, `{{ len(T) }}`, `1`},
		{config.Auto, `{{ [true, date("2018-03-05"), nil] }}`, `{"$set":["TRUE","2018-03-05"]}`},
		{config.Auto, `{{ [{"a": A}] }}`, `row 7, column A: the expression gives an object, which cannot be text`},
		{config.Auto, `{{ [A, duration("1h")] }}`, `row 7, column A: the expression gives a duration`},
		{config.Auto, `{{ float("1.5") }}`, `1.5`},
		{config.Auto, `{{ Blank?.Foo }}`, ``},
		{config.Phone, `{{ "+91" + T }}`, `row 7, column T: not a phone number: use digits, spaces, ( ) - . / and one leading +`},
	}
	for _, tt := range tests {
		got := propertyOf(t, config.Property{Type: tt.kind, Value: at(tt.template)}, s)
		if got != strings.TrimSuffix(tt.want, "; ") {
			t.Errorf("type %s, %s\n got %s\nwant %s", tt.kind, tt.template, got, tt.want)
		}
	}
}

// Which event a row's Items belong to is known with the row's event name alone.
func TestItemsOfAnEventNamedByTheRow(t *testing.T) {
	items := config.Property{Name: "Items", Type: config.JSON, Value: at(`[{"Name":"Book"}]`)}
	tests := []struct{ name, want string }{
		{"Charged", `{"type":"event","identity":"me","ts":1700000000,"evtName":"Charged","evtData":{"Items":[{"Name":"Book"}]}}`},
		{"Bought", `row 7: property Items: an event's properties cannot be lists or objects, but for Items of Charged`},
	}
	for _, tt := range tests {
		if got := outcome(t, event("{{What}}", items), cells("What", tt.name)); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
