package mapping_test

import (
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// BenchmarkRecord maps a row of 10 columns to 5 properties, one of them a date. In rules, all
// properties have a rule of CleverTap's.
func BenchmarkRecord(b *testing.B) {
	property := func(name, value string) config.Property { return config.Property{Name: name, Value: at(value)} }
	date := property("DOB", "{{Birth date}}")
	date.Type, date.Formats = config.Date, []string{"dd/MM/yyyy"}
	plain := []config.Property{
		property("Name", "{{First name}} {{Last name}}"), property("Email", "{{Email}}"), property("Score", "{{Score}}"),
		property("Source", "webinar"), date,
	}
	phone := property("Phone", "{{Mobile}}")
	phone.Type, phone.Country = config.Phone, "IN"
	tier := property("Tier", "{{ Spend > 1000 ? 'gold' : 'basic' }}")
	s := cells("Timestamp", row.DateCell(43164.5), "First name", "Asha", "Last name", "Rao", "Email", "asha@example.com",
		"Mobile", "98765 43210", "Birth date", "05/03/1990", "Score", 12.5, "Spend", 1500, "Consent", "Yes", "Country", "IN")
	benchmarks := []struct {
		name       string
		filter     string
		properties []config.Property
	}{
		{"plain", "", plain},
		{"expression", "", append(plain[:4:4], tier)},
		{"filter", `Consent == "Yes" && Country in ["IN", "SG"]`, plain},
		{"phone", "", append(plain[:4:4], phone)},
		{"rules", "", []config.Property{
			property("Email", "{{Email}}"), property("Married", "{{Consent}}"), property("Employed", "{{Consent}}"),
			property("Age", "{{Score}}"), date,
		}},
	}
	for _, bb := range benchmarks {
		b.Run(bb.name, func(b *testing.B) {
			when := at("{{Timestamp}}")
			z := &config.Zap{Actions: []config.Action{{
				Event: config.CreateUpdateUserProfile, IDKind: config.Identity, ID: at("{{Email}}"), Time: &when, Properties: bb.properties,
			}}}
			if bb.filter != "" {
				filter := at(bb.filter)
				z.Filter = &filter
			}
			m, err := mapping.Compile(z)
			if err != nil {
				b.Fatal(err)
			}
			bound, err := m.Bind(s.header)
			if err != nil {
				b.Fatal(err)
			}
			ctx := mapping.Context{Zone: kolkata(b), DetectedAt: time.Unix(1700000000, 0)}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := bound.Record(0, s.row, ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBind binds a mapping to a wide header.
func BenchmarkBind(b *testing.B) {
	m, err := mapping.Compile(profile(config.Property{Value: at("{{First name}} {{ Spend > 1000 ? 'gold' : Country }}")}))
	if err != nil {
		b.Fatal(err)
	}
	names := []string{"First name", "Spend", "Country"}
	for i := range 97 {
		names = append(names, "Column "+row.Letter(i))
	}
	h := row.HeaderOf(names)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Bind(h); err != nil {
			b.Fatal(err)
		}
	}
}
