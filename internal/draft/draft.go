// Package draft writes the first version of a zap file. It reads the header of a worksheet and some
// of its rows, and suggests a mapping for each column.
//
// It does no I/O: [Suggest] takes a header and rows, [File.YAML] the operator's choices. The file
// loads without mistakes, its expressions bind to the header, and it contains no cell values,
// because cells are personal data. [File.Like] copies an existing file for another worksheet.
//
// It decides only what the cells make certain. Where they are ambiguous, for example which number
// of a date is the day, or which country a phone number is from, the file has a comment with the
// question, which [Suggestion.Doubts] also returns.
package draft

import (
	"fmt"
	"slices"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// Options are the inputs of a suggestion other than the sheet.
type Options struct {
	Event    config.ActionEvent
	Identity int            // the column that identifies the user, 0-based
	Country  string         // of phone numbers without country code; "" if unknown
	Zone     *time.Location // of the spreadsheet; nil for UTC
}

// Suggestion is a suggested mapping of a worksheet.
type Suggestion struct {
	Identity string // a template
	// IdentityColumn is the name of the identity's column in mappings.
	IdentityColumn string
	// IdentityLowered reports whether Identity converts an e-mail address to lower case.
	IdentityLowered bool
	Time            string // a template; "" if no column has the time of the row
	TimeUnsure      bool   // Time is only a comment: it is optional, or may not be readable
	Properties      []Property
	Filter          string   // an example; "" if no column suggests one
	Redact          []string // columns whose cells history and page should hide
	HalfTyped       string   // why rows should settle; see [HalfTyped]
}

// Property is the suggested mapping of a column.
type Property struct {
	config.Property        // its value is a template; "" if no template can refer to the column
	Column          string // as shown to the operator: its name or letter
	Doubt           string // why the operator must decide; "" if it is certain
	Note            string // advice for a mapped column; "" for none
}

// Doubts returns the questions that the operator must decide, one line per column.
func (s Suggestion) Doubts() []string {
	var all []string
	for _, p := range s.Properties {
		if p.Doubt != "" {
			all = append(all, fmt.Sprintf("column %s: %s", label(p.Column), p.Doubt))
		}
	}
	return all
}

// Notes returns what was decided for the operator to check, and the advice about mapped columns, one
// line for each.
func (s Suggestion) Notes() []string {
	var all []string
	if s.IdentityLowered {
		all = append(all, "identity: lower() makes Ann@example.com and ann@example.com one user; remove it if identities in CleverTap contain capital letters")
	}
	if s.HalfTyped != "" {
		all = append(all, "settle: "+s.HalfTyped+", so a row is sent once it has not changed for "+Settle)
	}
	for _, p := range s.Properties {
		if p.Note != "" && p.Doubt == "" {
			all = append(all, fmt.Sprintf("column %s: %s", label(p.Column), p.Note))
		}
	}
	return all
}

// needsCountry is the doubt about phone numbers that have no country code.
const needsCountry = "phone numbers without a country code: which country are they from? Set it, for example country: IN"

// NeedsCountry reports whether a country would resolve a doubt.
func (s Suggestion) NeedsCountry() bool {
	return slices.ContainsFunc(s.Properties, func(p Property) bool { return p.Doubt == needsCountry })
}

// Suggest suggests a mapping of the columns of h, based on some rows of the worksheet, the newest
// first.
func Suggest(h row.Header, rows []row.Row, o Options) Suggestion {
	s := suggesting{sheet: newSheet(h, rows), Options: o, used: map[string]bool{}}
	s.out.Identity, s.out.IdentityColumn = mapping.ColumnTemplate(h, o.Identity), h.Name(o.Identity)
	if s.columns[o.Identity].holdsEmails() || slices.Contains(s.emails(), o.Identity) {
		s.out.Identity, s.out.IdentityLowered = "{{ lower("+mapping.ExpressionColumn(h, o.Identity)+") }}", true
	}
	s.chooseTime()
	s.own = s.ownNames()
	names := s.fullName()
	for i := range s.columns {
		switch {
		case i == s.time, names != nil && (i == names[0] || i == names[1]):
		case i == o.Identity && (s.event() || s.own[i] != "Email" && s.own[i] != "Phone"):
		default:
			s.add(i)
		}
		if names != nil && i == names[0] {
			value := s.columns[names[0]].template + " " + s.columns[names[1]].template
			s.keep(Property{Property: config.Property{Name: "Name", Value: config.Template{Text: value}}, Column: s.columns[i].name})
		}
	}
	s.chooseFilter()
	s.out.HalfTyped = HalfTyped(h, rows)
	return s.out
}

// suggesting is a suggestion in progress.
type suggesting struct {
	sheet
	Options
	own    map[int]string // CleverTap's predefined property for each column
	time   int            // the column of the record's time; -1 if none, or if it is only a comment
	used   map[string]bool
	mapped int // number of properties without a doubt
	out    Suggestion
}

func (s *suggesting) event() bool { return s.Event == config.UploadEvent }

// longestName is the maximum length of a column name in a file, in bytes.
const longestName = 500

// add adds the suggestion for a column.
func (s *suggesting) add(i int) {
	c := &s.columns[i]
	p := Property{Column: c.name}
	p.Value.Text = c.template
	switch {
	case c.title == "" && len(c.cells) == 0:
		return
	case c.title == "":
		p.Name = s.unique("Column "+c.name, "")
		p.Doubt = "it has no name; name it in the sheet, because letters change when columns are inserted"
	case row.TextCell(c.title).ErrorText():
		p.Name = s.unique("Column "+row.Letter(i), "")
		p.Doubt = "its name is a formula error; correct it in the sheet first"
	case len(c.title) > longestName || c.template == "":
		p.Value.Text = ""
		p.Column = row.Letter(i)
		p.Doubt = "its name is too long or not usable; shorten it in the sheet"
	default:
		base := clevertap.PropertyName(c.title)
		if base == "" {
			base = "Column " + row.Letter(i)
		}
		p.Name = s.unique(base, s.own[i])
		if c.name != c.title {
			p.Note = fmt.Sprintf("referenced by letter, because several columns are called %s; give it a unique name in the sheet, because letters change when columns are inserted", label(c.title))
		}
		s.typed(&p, c)
		if called(c.words, phones) || s.own[i] == "Email" || s.own[i] == "Phone" {
			s.out.Redact = append(s.out.Redact, c.name)
		}
	}
	s.keep(p)
}

// keep adds a property. Beyond CleverTap's limit it sets a doubt.
func (s *suggesting) keep(p Property) {
	if most := clevertap.MostProperties(s.event()); p.Doubt == "" && s.mapped >= most {
		p.Doubt = fmt.Sprintf("CleverTap accepts at most %d properties", most)
	}
	if p.Doubt == "" {
		s.mapped++
	}
	s.out.Properties = append(s.out.Properties, p)
}

// unique returns a property name that is not in use: own, CleverTap's predefined name, or base. A
// number is appended to base if it is in use or resembles a predefined name.
func (s *suggesting) unique(base, own string) string {
	if own != "" {
		s.used[own] = true
		return own
	}
	name := base
	for n := 2; s.used[name] || !s.event() && (clevertap.NearlyPredefined(name) != "" || clevertap.NamesUser(name) != ""); n++ {
		name = fmt.Sprintf("%s %d", cut(base, 110), n)
	}
	s.used[name] = true
	return name
}

// cut returns at most the first most characters of a text.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// chooseTime finds the column with the time of the record. For profiles it is only a comment.
func (s *suggesting) chooseTime() {
	s.time = -1
	for _, name := range moments {
		for i, c := range s.columns {
			if i == s.Identity || c.words != name || c.template == "" {
				continue
			}
			readable := len(c.cells) > 0 && s.unreadable(config.Property{Type: config.Date}, c.cells) == 0
			if !readable && len(c.cells) > 0 {
				continue
			}
			s.out.Time, s.out.TimeUnsure = c.template, !readable || !s.event()
			if !s.out.TimeUnsure {
				s.time = i
			}
			return
		}
	}
}

// chooseFilter suggests a filter on the first column about consent.
func (s *suggesting) chooseFilter() {
	for i, c := range s.columns {
		if c.title == "" || len(c.title) > longestName || c.template == "" || !called(c.words, consents) {
			continue
		}
		s.out.Filter = mapping.ExpressionColumn(s.header, i) + ` == "Yes"`
		if len(c.cells) > 0 && c.cells[0].Kind == row.Bool {
			s.out.Filter = mapping.ExpressionColumn(s.header, i) + " == true"
		}
		return
	}
}

// unreadable returns the number of cells that a property fails on.
func (s *suggesting) unreadable(p config.Property, cells []row.Cell) int {
	if p.Name == "" {
		p.Name = "Any"
	}
	return mapping.Unreadable(p, s.Event, cells, s.Zone)
}
