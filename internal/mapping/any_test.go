package mapping_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// TestAnyCells checks that any cells give a valid JSON record, or an error that does not contain
// their values.
func TestAnyCells(t *testing.T) {
	const secret = "s3cr3t"
	kinds := []config.PropertyType{"", config.Text, config.Number, config.Boolean, config.Date, config.Phone, config.List, config.JSON}
	templates := []string{
		"{{A}}", "{{B}}", "{{A}} {{B}}", "{{ A ?? B }}", "{{ A > B }}", "{{ int(A) }}", "{{ float(A) + 1 }}", "{{ date(A) }}",
		"{{ duration(A) }}", "{{ A matches B }}", "{{ fromJSON(A) }}", "{{ A[0] }}", "{{ A.x }}", "{{ row[\"B\"] + A }}",
		"{{ timezone(A) }}", "{{ fromBase64(A) }}", "{{ sort([A, B], A) }}", "{{ repeat(A, 3) }}", "{{ -A }}", "{{ A in B }}",
		"{{ {\"x\": 1}[A] }}", "{{ [1][A] }}", "{{ get([1], A) }}", "{{ A() }}", "{{ A..B }}", "{{ fromPairs([[A]]) }}",
		"{{ A.Foo() }}", "{{ 1 / A }}", "{{ A % B }}", "{{ bitnot(A) }}", "{{ join([A], B) }}", "{{ A | upper }}",
	}
	cell := rapid.OneOf(
		rapid.Just(row.Cell{}),
		rapid.Custom(func(t *rapid.T) row.Cell {
			return row.TextCell(rapid.StringN(0, 6, -1).Draw(t, "before") + secret + rapid.String().Draw(t, "after"))
		}),
		rapid.Just(row.TextCell(`{"`+secret+`": [1]}`)),
		rapid.Custom(func(t *rapid.T) row.Cell { return row.NumberCell(rapid.Float64().Draw(t, "number")) }),
		rapid.Custom(func(t *rapid.T) row.Cell { return row.DateCell(rapid.Float64().Draw(t, "serial")) }),
		rapid.Custom(func(t *rapid.T) row.Cell { return row.BoolCell(rapid.Bool().Draw(t, "bool")) }),
	)
	rapid.Check(t, func(rt *rapid.T) {
		z := profile(config.Property{
			Type: rapid.SampledFrom(kinds).Draw(rt, "type"), Country: "IN", Value: at(rapid.SampledFrom(templates).Draw(rt, "template")),
		})
		z.Actions[0].ID = at(rapid.SampledFrom([]string{"{{A}}", "u{{B}}", "me"}).Draw(rt, "identity"))
		s := cells("A", cell.Draw(rt, "A"), "B", cell.Draw(rt, "B"))
		m, err := mapping.Compile(z)
		if err != nil {
			return // A() is no function
		}
		b, err := m.Bind(s.header)
		if err != nil {
			return
		}
		rec, keep, err := b.Record(0, s.row, mapping.Context{Zone: time.UTC, DetectedAt: detected()})
		again, _, errAgain := b.Record(0, s.row, mapping.Context{Zone: time.UTC, DetectedAt: detected()})
		switch {
		case !keep:
			rt.Fatal("dropped without a filter")
		case err != nil && errAgain == nil, err == nil && string(rec.JSON) != string(again.JSON):
			rt.Errorf("two results for the same row: %s, %v and %s, %v", rec.JSON, err, again.JSON, errAgain)
		case err != nil:
			wrong := fmt.Sprintf("%+v", *err.(*mapping.RowError)) //nolint:errorlint // the type itself is promised
			if strings.Contains(wrong, secret) {
				rt.Errorf("a cell's value in an error: %s", wrong)
			}
		default:
			var record struct {
				Type, Identity string
				TS             int64
				ProfileData    map[string]any
			}
			if err := json.Unmarshal(rec.JSON, &record); err != nil || !utf8.Valid(rec.JSON) {
				rt.Fatalf("not JSON: %q: %v", rec.JSON, err)
			}
			if record.Type != "profile" || record.Identity != strings.ToValidUTF8(rec.ID, "\ufffd") || record.TS != 1700000000 || record.Identity == "" {
				rt.Errorf("wrong record: %s", rec.JSON)
			}
		}
	})
}

// TestTextArrivesUnchanged checks that a text cell on its own reaches the record unchanged.
func TestTextArrivesUnchanged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.String().Draw(rt, "text")
		got := propertyOf(t, config.Property{Value: at("{{C}}")}, cells("C", s))
		if strings.TrimSpace(s) == "" {
			if got != "" {
				rt.Errorf("%q: got %s, want it left out", s, got)
			}
			return
		}
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back != s {
			rt.Errorf("%q became %q (%v)", s, back, err)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"{{Email}}", "{{First name}} {{Last name}}", "{{ Spend > 1000 ? 'gold' : 'basic' }}", `{{ "{{" }}`, "{{Customer's}} {{x}}",
		`{{row["a}}b"]}}`, "{{{{", "}}{{", "{{ {'a': {'b': 1}}}}", "{{\xff}}", "{{ let x = A; x }}", "{{ row[A] }}", "{{ # }}", "{{ A.?b }}",
	} {
		f.Add(s, "Email")
	}
	f.Fuzz(func(t *testing.T, text, column string) {
		s := cells("Email", "a", "First name", "b", row.TidyName(column), "c", "A", 1)
		got := propertyOf(t, config.Property{Value: at(text)}, s)
		if !strings.Contains(text, "{{") && strings.TrimSpace(text) != "" && !strings.HasPrefix(got, `"`) {
			t.Errorf("%q has no braces, but became %s", text, got)
		}
		// A column name in braces is that column, whatever it looks like.
		name := row.TidyName(column)
		if name == "" || strings.Contains(name, "}") || s.header.Doubled(name) || !utf8.ValidString(name) {
			return
		}
		if got := propertyOf(t, config.Property{Value: at("{{" + name + "}}")}, s); got != `"c"` && !strings.ContainsAny(name, "\"'`={&|$[(") {
			t.Errorf("{{%s}} became %s, want the column", name, got)
		}
	})
}
