// Package draft writes the first version of a zap file: it reads the header of a worksheet and some of its rows, and suggests what each
// column becomes.
//
// It is pure: [Suggest] takes a header and rows, [File.YAML] what an operator chose; each returns a value. It promises that the file
// loads without a mistake, that its expressions bind to the header it was made of, and that no cell is in it: cells are personal data.
//
// It decides only what the cells leave no doubt about. Which number of a date is the day, which country a phone number is of: what
// the cells do not tell stands in the file as a comment, with the question, and is in [Suggestion.Doubts].
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

// Options are what a suggestion depends on beside the sheet.
type Options struct {
	Event    config.ActionEvent
	Identity int            // the column that names the user, counted from 0
	Country  string         // of phone numbers without a country code; "": not known
	Zone     *time.Location // the spreadsheet's; nil is UTC
}

// Suggestion is what the columns of a worksheet become.
type Suggestion struct {
	Identity string // a template
	// IdentityColumn is the column that it is, as a mapping calls it.
	IdentityColumn string
	// IdentityLowered: Identity is an e-mail address in lower case.
	IdentityLowered bool
	Time            string // a template; "": none of the columns is when it happened
	TimeUnsure      bool   // whether Time can be read is not known, or it would be of little use
	Properties      []Property
	Filter          string   // an example of one; "": no column suggests it
	Redact          []string // columns whose cells history and page might better not show
}

// Property is what a column becomes.
type Property struct {
	config.Property        // its value is a template; "" where there is none that is this column
	Column          string // as the operator knows it: its name, or its letter
	Doubt           string // why it is left to the operator; "": nothing is against it
	Note            string // what to know of it all the same; "": nothing
}

// Doubts returns what is left to the operator, a line for each column.
func (s Suggestion) Doubts() []string {
	var all []string
	for _, p := range s.Properties {
		if p.Doubt != "" {
			all = append(all, fmt.Sprintf("column %s: %s", label(p.Column), p.Doubt))
		}
	}
	return all
}

// Notes returns what is to be known of the columns that are mapped, a line for each.
func (s Suggestion) Notes() []string {
	var all []string
	for _, p := range s.Properties {
		if p.Note != "" && p.Doubt == "" {
			all = append(all, fmt.Sprintf("column %s: %s", label(p.Column), p.Note))
		}
	}
	return all
}

// needsCountry is the doubt about phone numbers that have no country code.
const needsCountry = "phone numbers without a country code: which country are they from? Set it, for example country: IN"

// NeedsCountry tells whether a country would settle a doubt.
func (s Suggestion) NeedsCountry() bool {
	for _, p := range s.Properties {
		if p.Doubt == needsCountry {
			return true
		}
	}
	return false
}

// Suggest suggests what the columns of a header become. The rows are some of the worksheet's.
func Suggest(h row.Header, rows []row.Row, o Options) Suggestion {
	s := suggesting{sheet: newSheet(h, rows), Options: o, used: map[string]bool{}}
	s.out.Identity, s.out.IdentityColumn = mapping.ColumnTemplate(h, o.Identity), h.Name(o.Identity)
	if slices.Contains(s.emails(), o.Identity) {
		s.out.Identity, s.out.IdentityLowered = "{{ lower("+mapping.FilterColumn(h, o.Identity)+") }}", true
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
	return s.out
}

// suggesting is a suggestion under way.
type suggesting struct {
	sheet
	Options
	own    map[int]string // CleverTap's own name for a column
	time   int            // the column that is the record's time; -1: none, or it is a property too
	used   map[string]bool
	mapped int // properties without a doubt
	out    Suggestion
}

func (s *suggesting) event() bool { return s.Event == config.UploadEvent }

// longestName is the longest column name that is worth writing into a file, in bytes.
const longestName = 500

// add suggests what a column becomes.
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

// keep adds a property, as one in doubt where CleverTap takes no more.
func (s *suggesting) keep(p Property) {
	if most := clevertap.MostProperties(s.event()); p.Doubt == "" && s.mapped >= most {
		p.Doubt = fmt.Sprintf("CleverTap accepts at most %d properties", most)
	}
	if p.Doubt == "" {
		s.mapped++
	}
	s.out.Properties = append(s.out.Properties, p)
}

// unique returns a name that no other property has: CleverTap's own name, or base, which gets a number where it is taken or could
// be mistaken for one of CleverTap's own.
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

// cut returns the first characters of a text.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// chooseTime finds the column that says when a row's event happened. Of a profile it is a suggestion only.
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

// chooseFilter makes an example of a filter of the first column that says whether its user agrees.
func (s *suggesting) chooseFilter() {
	for i, c := range s.columns {
		if c.title == "" || len(c.title) > longestName || c.template == "" || !called(c.words, consents) {
			continue
		}
		s.out.Filter = mapping.FilterColumn(s.header, i) + ` == "Yes"`
		if len(c.cells) > 0 && c.cells[0].Kind == row.Bool {
			s.out.Filter = mapping.FilterColumn(s.header, i) + " == true"
		}
		return
	}
}

// unreadable returns how many cells a property fails on.
func (s *suggesting) unreadable(p config.Property, cells []row.Cell) int {
	if p.Name == "" {
		p.Name = "Any"
	}
	return mapping.Unreadable(p, s.Event, cells, s.Zone)
}
