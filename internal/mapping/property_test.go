package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

func TestTypes(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("x,", 101), ",")
	const (
		withThousands = `not a number in plain notation (digits, "," between groups of them, a sign, "." before the decimals; no units or exponents)`
		withCurrency  = `not a number in plain notation (digits, a sign, "." before the decimals, a currency; no thousands separators, other units or exponents)`
	)
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
		{config.Property{Type: config.Number}, "9007199254740993", "9007199254740993"},
		{config.Property{Type: config.Number}, "-009007199254740993", "-9007199254740993"},
		{config.Property{Type: config.Number}, "9223372036854775807", "9223372036854775807"},
		{config.Property{Type: config.Number}, "9223372036854775808", "a number with too many digits"},
		{config.Property{Op: config.Increment}, "9007199254740993", `{"$incr":9007199254740993}`},
		{config.Property{Type: config.Number}, strings.Repeat("9", 400), "a number with too many digits"},
		{config.Property{Type: config.Number}, strings.Repeat("9", 400) + ".5", "a number with too many digits"},
		{config.Property{Type: config.Number, Decimal: ","}, "12,5", "12.5"},
		{config.Property{Type: config.Number, Decimal: ","}, "1.234,5", `not a number in plain notation (digits, a sign, "," before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "1,234", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "1e5", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "0x1F", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "NaN", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "+-5", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, "-", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, ".", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number, Thousands: ","}, "1,234,567.50", "1234567.5"},
		{config.Property{Type: config.Number, Thousands: ","}, "-12,34,567", "-1234567"},
		{config.Property{Type: config.Number, Thousands: ","}, "1234567", "1234567"},
		{config.Property{Type: config.Number, Thousands: ".", Decimal: ","}, "1.234,5", "1234.5"},
		{config.Property{Type: config.Number, Thousands: " ", Decimal: ","}, "1\u202f234\u00a0567,5", "1234567.5"},
		{config.Property{Type: config.Number, Thousands: "'"}, "1’234.5", "1234.5"},
		{config.Property{Type: config.Number, Thousands: ","}, "9,007,199,254,740,993", "9007199254740993"},
		{config.Property{Type: config.Number, Thousands: ",", Currency: true}, "$2,599.20", "2599.2"},
		{config.Property{Type: config.Number, Currency: true}, "12 €", "12"},
		{config.Property{Type: config.Number, Currency: true}, "USD 12", "12"},
		{config.Property{Type: config.Number, Currency: true}, "12.5inr", "12.5"},
		{config.Property{Type: config.Number, Currency: true}, "-$5", "-5"},
		{config.Property{Type: config.Number, Currency: true}, "€-5", "-5"},
		{config.Property{Type: config.Number, Currency: true}, "₹ 5.5", "5.5"},
		{config.Property{Type: config.Number, Currency: true}, "5", "5"},
		{config.Property{Type: config.Number, Currency: true}, "$5 USD", withCurrency},
		{config.Property{Type: config.Number, Currency: true}, "-$-5", withCurrency},
		{config.Property{Type: config.Number, Currency: true}, "$", withCurrency},
		{config.Property{Type: config.Number, Currency: true}, "5 XYZ", withCurrency},
		{config.Property{Type: config.Number, Currency: true}, "5 kg", withCurrency},
		{config.Property{Type: config.Number, Thousands: ","}, "12,5", withThousands},
		{config.Property{Type: config.Number, Thousands: ","}, "1,2345", withThousands},
		{config.Property{Type: config.Number, Thousands: ","}, "1234,567", withThousands},
		{config.Property{Type: config.Number, Thousands: ","}, "1,23,4567", withThousands},
		{config.Property{Type: config.Number, Thousands: ","}, "123,45,678", withThousands},
		{config.Property{Type: config.Number, Thousands: ","}, ",123", withThousands},
		{config.Property{Type: config.Number, Thousands: ","}, "1,234.567,8", withThousands},
		{config.Property{Type: config.Number, Thousands: ","}, "$5", withThousands},
		{config.Property{Type: config.Number, Thousands: " ", Decimal: ","}, "1,234 567", `not a number in plain notation (digits, " " between groups of them, a sign, "," before the decimals; no units or exponents)`},
		{config.Property{Type: config.Number, Thousands: "."}, "1", `compile: z.yaml:18:5: "." separates both decimals and thousands; set both, such as thousands: ".", decimal: ","`},
		{config.Property{Type: config.Number}, "$5", `not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Property{Type: config.Number}, true, "a boolean, not a number"},
		{config.Property{Type: config.Number}, row.DateCell(1), "a time without a day, not a number"},
		{config.Property{Type: config.Number}, "", ""},

		{config.Property{Type: config.Boolean}, " YES", "true"},
		{config.Property{Type: config.Boolean}, "n", "false"},
		{config.Property{Type: config.Boolean}, "0", "false"},
		{config.Property{Type: config.Boolean}, 1, "true"},
		{config.Property{Type: config.Boolean}, false, "false"},
		{config.Property{Type: config.Boolean}, 2, "not one of yes, no, true, false, y, n, 1 or 0"},
		{config.Property{Type: config.Boolean}, "on", "not one of yes, no, true, false, y, n, 1 or 0"},
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
		{config.Property{Type: config.JSON}, `[1E700]`, `JSON with a number that is out of range`},
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
		{config.JSON, `{{ A / 0 == 1 ? 1 : {"a": A / 0} }}`, `row 7, column A: the expression gives an object that cannot be encoded as JSON`},
		{config.List, `{{ filter([A, T, Blank], # != nil) }}`, `{"$set":["1","x"]}`},
		{config.List, `{{ [[A]] }}`, `row 7, column A: the expression gives a list, which cannot be text`},
		{config.Text, `{{ A + 1 }}`, `"2"`},
		{config.Number, `{{ T + "1" }}`, `row 7, column T: not a number in plain notation (digits, a sign, "." before the decimals; no thousands separators, units or exponents)`},
		{config.Date, `{{ date("2018-03-05", "2006-01-02", "Asia/Kolkata") }}`, `"$D_1520188200"`},
		{config.Date, `{{ [A] }}`, `row 7, column A: a list, not a date`},
		{config.Auto, `{{ T.Foo }}`, `row 7, column T: the expression cannot be computed: T is text`},
		{config.Auto, `{{ timezone("UTC") }}`, `compile: z.yaml:18:12: property P: the expression gives a value of another type, which CleverTap has no type for; `},
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

// TestItemsOfAnEventNamedByTheRow checks that Items are validated against the event name of the
// row.
func TestItemsOfAnEventNamedByTheRow(t *testing.T) {
	items := config.Property{Name: "Items", Type: config.JSON, Value: at(`[{"Name":"Book"}]`)}
	tests := []struct{ name, want string }{
		{"Charged", `{"type":"event","identity":"me","ts":1700000000,"evtName":"Charged","evtData":{"Items":[{"Name":"Book"}]}}`},
		{"Bought", `row 7: property Items: the properties of an event cannot be lists or objects, except Items of Charged`},
	}
	for _, tt := range tests {
		if got := outcome(t, event("{{What}}", items), cells("What", tt.name)); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// TestNumberHints checks that the error names the option that would accept the text.
func TestNumberHints(t *testing.T) {
	tests := []struct {
		p    config.Property
		cell string
		want string
	}{
		{config.Property{}, "$5", "currency: true allows a currency before or after the number"},
		{config.Property{}, "1,234.5", `if the column is written that way, set thousands: ",", decimal: "."`},
		{config.Property{}, "1.234,5", `if the column is written that way, set thousands: ".", decimal: ","`},
		{config.Property{}, "1 234,5 €", `if the column is written that way, set thousands: " ", decimal: ",", currency: true`},
		{config.Property{Thousands: ","}, "$1,234", "currency: true allows a currency before or after the number"},
		{config.Property{}, "5 kg", "correct the cell and rowtap retries the row, or correct the mapping at z.yaml:18:12 and replay the row"},
	}
	for _, tt := range tests {
		tt.p.Type, tt.p.Value = config.Number, at("{{C}}")
		m, err := mapping.Compile(profile(tt.p))
		if err != nil {
			t.Fatal(err)
		}
		s := cells("C", tt.cell)
		b, err := m.Bind(s.header)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = b.Record(0, s.row, mapping.Context{})
		if wrong, ok := errors.AsType[*mapping.RowError](err); !ok || wrong.Hint != tt.want {
			t.Errorf("%q: %v, want the hint %s", tt.cell, err, tt.want)
		} else if wrong.Hint != tt.want {
			t.Errorf("%q\n got %s\nwant %s", tt.cell, wrong.Hint, tt.want)
		}
	}
}
