package draft

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// typed gives a property the type that its column's name and cells ask for, or says what they leave in doubt.
func (s *suggesting) typed(p *Property, c *column) {
	own := ""
	if !s.event() {
		own = p.Name
	}
	switch {
	case own == "Phone", !s.event() && called(c.words, phones) && (len(c.cells) == 0 || c.holdsPhones()):
		s.phone(p, c)
	case own == "DOB" || s.looksDated(c):
		s.date(p, c, own == "DOB" || c.dated())
	case !s.event() && own != "Name" && called(c.words, lists):
		p.Separator = separatorOf(c.cells)
		if p.Separator != "" {
			p.Type = config.List
		}
	}
	if p.Doubt != "" {
		return
	}
	// One bad cell among many is for its row to say; where it is one of five, the property is hardly what the column is for.
	if bad := s.unreadable(p.Property, c.cells); 5*bad > len(c.cells) {
		p.Doubt = fmt.Sprintf("%d of %d sampled cells would fail their rows as %s", bad, len(c.cells), kindOf(p))
	}
}

func kindOf(p *Property) string {
	if p.Type == "" {
		return "CleverTap's own " + p.Name
	}
	return "type " + string(p.Type)
}

// phone makes a property a phone number, if it is known of which country.
func (s *suggesting) phone(p *Property, c *column) {
	p.Type, p.Country = config.Phone, s.Country
	if s.Country != "" {
		return
	}
	for _, cell := range c.cells {
		if dialled(cell) && !strings.Contains(cell.String(), "+") {
			p.Doubt = needsCountry
			return
		}
	}
}

// separatorOf returns what separates the values of lists; "" where nothing does.
func separatorOf(cells []row.Cell) string {
	for _, separator := range []string{",", ";", "|"} {
		for _, cell := range cells {
			if cell.Kind == row.Text && strings.Contains(cell.Text, separator) {
				return separator
			}
		}
	}
	return ""
}

// looksDated tells whether a column's texts may be dates: each has a number and something beside it, and none is long.
func (s *suggesting) looksDated(c *column) bool {
	texts := textsOf(c.cells)
	if len(texts) == 0 {
		return false // date cells are dates by themselves
	}
	const longest = 40
	for _, cell := range texts {
		text := strings.TrimSpace(cell.Text)
		digits := strings.IndexFunc(text, unicode.IsDigit) >= 0
		others := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsDigit(r) }) >= 0
		if len(text) > longest || !digits || !others {
			return false
		}
	}
	return c.dated() || len(s.formats(texts)) > 0 || s.unreadable(config.Property{Type: config.Date}, texts) == 0
}

func textsOf(cells []row.Cell) []row.Cell {
	var texts []row.Cell
	for _, cell := range cells {
		if cell.Kind == row.Text {
			texts = append(texts, cell)
		}
	}
	return texts
}

// date makes a property a date, in a format where its texts need one. certain says that the column's
// name tells of dates.
func (s *suggesting) date(p *Property, c *column, certain bool) {
	texts := textsOf(c.cells)
	if len(texts) == 0 {
		return // date cells, or none
	}
	if p.Type = config.Date; s.unreadable(p.Property, texts) == 0 {
		return
	}
	formats := s.formats(texts)
	switch {
	case len(formats) == 0 && certain:
		p.Doubt = "its dates have no common format; set one, such as format: dd/MM/yyyy"
		return
	case len(formats) == 0:
		p.Type = ""
		return
	}
	p.Formats = formats[0]
	if len(formats) > 1 {
		texts := make([]string, len(formats))
		for i, f := range formats {
			texts[i] = formatsText(f)
		}
		p.Doubt = fmt.Sprintf("its dates could be %s: no day in the sampled rows is above 12. Which one is it?", strings.Join(texts, " or "))
	}
}

// formats returns the formats in which all of some texts are dates, at most one for each order of day and month: a format each, or
// where none is enough one with ISO.
func (s *suggesting) formats(texts []row.Cell) [][]string {
	fit := s.withFormat(texts)
	if len(fit) > 0 {
		return fit
	}
	others := slices.DeleteFunc(slices.Clone(texts), func(cell row.Cell) bool {
		return s.unreadable(config.Property{Type: config.Date, Formats: []string{"ISO"}}, []row.Cell{cell}) == 0
	})
	if len(others) == 0 || len(others) == len(texts) {
		return nil
	}
	fit = s.withFormat(others)
	for i := range fit {
		fit[i] = append(fit[i], "ISO")
	}
	return fit
}

// withFormat returns the formats in which all of some texts are dates, at most one for each order of day and month.
func (s *suggesting) withFormat(texts []row.Cell) [][]string {
	var fit [][]string
	for _, order := range formatsByOrder() {
		for _, format := range order {
			p := config.Property{Type: config.Date, Formats: []string{format}}
			if s.unreadable(p, texts[:1]) == 0 && s.unreadable(p, texts) == 0 {
				fit = append(fit, p.Formats)
				break
			}
		}
	}
	return fit
}

// formatsByOrder returns the formats that are tried: day first, month first, year first.
func formatsByOrder() [3][]string {
	days := [3][]string{
		{"dd/MM/yyyy", "dd-MM-yyyy", "dd.MM.yyyy", "dd MMM yyyy", "dd-MMM-yyyy", "dd MMMM yyyy", "dd MMM, yyyy", "EEE, dd MMM yyyy"},
		{"MM/dd/yyyy", "MM-dd-yyyy", "MM.dd.yyyy", "MMM dd, yyyy", "MMM dd yyyy", "MMMM dd, yyyy", "MMMM dd yyyy"},
		{"yyyy/MM/dd", "yyyy.MM.dd"},
	}
	var all [3][]string
	for order, formats := range days {
		for _, day := range formats {
			for _, clock := range []string{"", " HH:mm:ss", " HH:mm", " hh:mm:ss a", " hh:mm a", ", HH:mm:ss", ", HH:mm"} {
				all[order] = append(all[order], day+clock)
			}
		}
	}
	return all
}
