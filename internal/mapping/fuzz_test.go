package mapping_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// FuzzValue reads a cell as every type and every predefined property. The result must be a JSON
// value of that type or an error, never the text where another type is expected.
func FuzzValue(f *testing.F) {
	for _, s := range []string{
		"12.50", "-,5", "1e5", "yes", "0", "a, b,,c", `{"a":[1]}`, `[{"Name":"Book"}]`, "null", "asha@example.com", "M", "High School",
		"+91 98765-43210", "$D_-5", "9.87E+09", " ", "\xff\x00", "2018-03-05", "Monday, March 5, 2018", "1521611063123",
	} {
		for which := range 20 {
			f.Add(s, 0.0, uint8(which))
		}
	}
	for _, n := range []float64{0, 1, 0.1, 1e21, 9007199254740993, 1521611063123, math.Inf(1), math.NaN()} {
		f.Add("", n, uint8(3))
	}
	types := []config.PropertyType{config.Auto, config.Text, config.Number, config.Boolean, config.Date, config.Phone, config.List, config.JSON}
	predefined := []string{"Email", "Phone", "Gender", "DOB", "Age", "Employed", "Education", "Married", "MSG-email"}
	f.Fuzz(func(t *testing.T, text string, number float64, which uint8) {
		p := config.Property{Name: "P", Type: config.Auto, Country: "IN", Value: at("{{C}}")}
		switch i := int(which) % (len(types) + len(predefined) + 3); {
		case i < len(types):
			p.Type = types[i]
		case i < len(types)+len(predefined):
			p.Name = predefined[i-len(types)]
		default:
			p.Op = []config.Op{config.Add, config.Increment, config.Delete}[i-len(types)-len(predefined)]
		}
		c := row.NumberCell(number)
		if text != "" {
			c = row.TextCell(text)
		}
		z := profile(p)
		z.Actions[0].Properties[0].Name = p.Name
		m, err := mapping.Compile(z)
		if err != nil {
			t.Fatal(err)
		}
		s := cells("C", c)
		b, err := m.Bind(s.header)
		if err != nil {
			t.Fatal(err)
		}
		ctx := mapping.Context{Zone: time.UTC, DetectedAt: detected()}
		rec, _, err := b.Record(0, s.row, ctx)
		if err != nil {
			if wrong, ok := errors.AsType[*mapping.RowError](err); !ok || wrong.Column != "C" || wrong.Hint == "" || wrong.Message == "" {
				t.Errorf("an incomplete error: %#v", err)
			}
			return
		}
		var r struct{ ProfileData map[string]any }
		if err := json.Unmarshal(rec.JSON, &r); err != nil {
			t.Fatalf("%q is not JSON: %v", rec.JSON, err)
		}
		b.Warnings(0, rec, ctx)
		v, given := r.ProfileData[p.Name]
		if !given {
			return
		}
		if !fits(p, v) {
			t.Errorf("property %s, type %s, op %s of %q and %v: %s", p.Name, p.Type, p.Op, text, number, rec.JSON)
		}
	})
}

// fits reports whether a value in a record has the type that its property requires.
func fits(p config.Property, v any) bool {
	s, isText := v.(string)
	_, isNumber := v.(float64)
	_, isBool := v.(bool)
	isDate := isText && strings.HasPrefix(s, "$D_")
	op := func(name string) any {
		m, ok := v.(map[string]any)
		if !ok || len(m) != 1 {
			return nil
		}
		return m[name]
	}
	switch p.Op {
	case config.Add:
		_, ok := op("$add").([]any)
		return ok
	case config.Increment:
		_, ok := op("$incr").(float64)
		return ok
	case config.Delete:
		return op("$delete") == 1.0
	case config.Set, config.Remove, config.Decrement, "":
	}
	switch p.Name {
	case "Email":
		return strings.Contains(s, "@")
	case "Phone":
		return strings.HasPrefix(s, "+") && strings.Trim(s[1:], "0123456789") == ""
	case "Gender":
		return isText && len(s) <= len("unknown")
	case "Employed", "Married":
		return s == "Y" || s == "N"
	case "Education":
		return s == "School" || s == "College" || s == "Graduate"
	case "Age":
		return isNumber || isText && strings.Trim(s, "+-.0123456789") == ""
	case "DOB":
		return isDate
	case "MSG-email":
		return isBool
	}
	switch p.Type {
	case config.Text:
		return isText
	case config.Number:
		return isNumber
	case config.Boolean:
		return isBool
	case config.Date:
		return isDate
	case config.Phone:
		return strings.HasPrefix(s, "+")
	case config.List:
		_, ok := op("$set").([]any)
		return ok
	case config.Auto, config.JSON:
	}
	return true
}

// FuzzEvent maps a row to a Charged event with the name, time and items of the row. The result must
// be flat, except its Items.
func FuzzEvent(f *testing.F) {
	f.Add("Charged", "2018-03-05", `[{"Name":"Book"}]`, "Book", "5")
	f.Add("charged", "1521611063", `[[1]]`, "", "")
	f.Add("Signup", "soon", `{}`, "x", "1e5")
	f.Add("App Launched", "", "null", "", "0")
	f.Fuzz(func(t *testing.T, name, when, goods, item, price string) {
		byJSON := config.Property{Name: "Items", Type: config.JSON, Value: at("{{Goods}}")}
		byRow := event("{{What}}", config.Property{Name: "Amount", Value: at("{{Price}}")})
		byRow.Actions[0].Items = [][]config.Property{
			{{Name: "Name", Value: at("{{Item}}")}, {Name: "Price", Type: config.Number, Value: at("{{Price}}")}},
			{{Name: "Name", Value: at("{{Item}}")}, {Name: "Currency", Value: at("INR")}},
		}
		for _, z := range []*config.Zap{event("{{What}}", byJSON), byRow} {
			at := at("{{When}}")
			z.Actions[0].Time = &at
			got := outcome(t, z, cells("What", name, "When", when, "Goods", goods, "Item", item, "Price", price))
			if !strings.HasPrefix(got, "{") {
				if !strings.HasPrefix(got, "row 7") {
					t.Errorf("neither a record nor a row's error: %s", got)
				}
				continue
			}
			var r struct {
				TS      int64
				EvtName string
				EvtData map[string]any
			}
			if err := json.Unmarshal([]byte(got), &r); err != nil || r.TS <= 0 || r.EvtName == "" || r.EvtData == nil {
				t.Fatalf("%v: %s", err, got)
			}
			for property, v := range r.EvtData {
				switch v := v.(type) {
				case map[string]any:
					t.Errorf("nested: %s", got)
				case []any:
					if property != "Items" || !strings.EqualFold(r.EvtName, "Charged") {
						t.Errorf("a list: %s", got)
					}
					for _, o := range v {
						if _, ok := o.(map[string]any); !ok {
							t.Errorf("an item that is not an object: %s", got)
						}
					}
				}
			}
		}
	})
}
