package draft

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// typed sets the type of a property that its column's name and cells suggest, or a doubt if they
// are ambiguous.
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
	// A few bad cells among many fail their own rows. If more than one in five is bad, the property
	// probably is not what the column is for.
	if bad := s.unreadable(p.Property, c.cells); 5*bad > len(c.cells) {
		p.Doubt = fmt.Sprintf("%d of %d sampled cells would be rejected as %s", bad, len(c.cells), kindOf(p))
	}
}

func kindOf(p *Property) string {
	if p.Type == "" {
		return "CleverTap's own " + p.Name
	}
	return "type " + string(p.Type)
}

// phone makes a property a phone number, or sets a doubt if the country is needed and unknown.
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

// separatorOf returns the separator of the lists in some cells, or "".
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

// looksDated reports whether a column's texts may be dates: each is short and has a digit and
// another character.
func (s *suggesting) looksDated(c *column) bool {
	texts := textsOf(c.cells)
	if len(texts) == 0 {
		return false // date cells need no type
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

// date makes a property a date, with a format if its texts need one. certain is true if the
// column's name implies dates.
func (s *suggesting) date(p *Property, c *column, certain bool) {
	texts := textsOf(c.cells)
	if len(texts) == 0 {
		return // date cells, or no cells
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

// formats returns the formats that fit all of some texts, at most one for each order of day and
// month: a single format, or a format and ISO if no single format fits.
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

// withFormat returns the single formats that fit all of some texts, at most one for each order of
// day and month.
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

// formatsByOrder returns the formats to try: day first, month first, year first.
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
