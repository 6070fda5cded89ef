package config

import (
	"path/filepath"
	"strconv"
	"strings"
)

// readZap reads the tree of a zap file, with the accounts of c, and reports what checks return for
// it. If rowtap.yaml could not be read, c has no accounts and their names are not checked.
func (f *file) readZap(c *Config, root *node, checks []func(*Zap) error) *Zap {
	z := &Zap{File: f.path}
	f.config, f.zap = c, z
	zapKeys.read(value{node: root, f: f, at: root}, z)
	f.checkZap(z, checks)
	return z
}

// checkZap sets what depends on the file's name and on several keys.
func (s *section) checkZap(z *Zap) {
	z.RedactPos = s.places
	if _, given := s.key("name"); !given {
		base := filepath.Base(s.f.path)
		if z.Name = strings.TrimSuffix(base, filepath.Ext(base)); !accountName.MatchString(z.Name) {
			s.f.reportAt(Pos{File: s.f.path}, "add name: with another name, or rename the file", "%q cannot be a zap's name; %s", z.Name, nameRule)
			z.Name = ""
		}
	}
	count := map[ActionEvent]int{}
	for i := range z.Actions {
		a := &z.Actions[i]
		a.Name = string(a.Event)
		if count[a.Event]++; count[a.Event] > 1 {
			a.Name += "/" + strconv.Itoa(count[a.Event])
		}
	}
}

// scheduleKind is a cron line.
var scheduleKind = custom("cron line", filledString, func(v value, to *Schedule) {
	text, ok := v.filled()
	if !ok {
		return
	}
	parsed, err := ParseSchedule(text)
	if err != nil {
		v.wrong("", "%v", err)
	}
	*to = Schedule{Text: text, Pos: v.pos(), Cron: parsed}
}, func(s Schedule) any { return s.Text })

// filterKind is an expression.
var filterKind = custom("expression", shaped(filled, "string", "boolean"), func(v value, to **Template) {
	text, ok := v.filled()
	switch {
	case !ok:
	case strings.HasPrefix(text, "{{"):
		v.wrong(`remove the {{ }}, for example: Consent == "Yes"`, "must be an expression without {{ }} around it")
	default:
		*to = &Template{Text: v.text, Pos: v.pos()}
	}
}, func(t *Template) any { return t.Text })
