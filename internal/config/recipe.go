package config

import (
	"path/filepath"
	"strings"
)

// readZap reads the tree of a zap file against the accounts of c. Without accounts (rowtap.yaml could not be read) their
// names are not checked.
func (f *file) readZap(c *Config, root *node) *Zap {
	s := f.section(root, root, "")
	z := &Zap{
		File:    f.path,
		Enabled: s.boolean("enabled", false),
		Shadow:  s.boolean("shadow", false),
	}
	z.Name = s.zapName()
	z.Schedule = s.schedule()
	if n := s.require("trigger", ""); n != nil {
		inner := f.section(s.key("trigger"), n, "trigger")
		z.Trigger = inner.trigger(c)
		inner.done()
	}
	z.Filter = s.filter()
	z.Actions = s.actions(c)
	z.RedactPos = make(map[string]Pos)
	z.Redact = s.columns("redact", z.RedactPos)
	z.Tests = s.tests(z.Actions)
	s.done()
	return z
}

// zapName returns name, which is the file's by default.
func (s *section) zapName() string {
	if n := s.get("name"); n != nil {
		name, ok := s.f.filled(n, "name")
		switch {
		case !ok:
			return ""
		case !accountName.MatchString(name):
			s.f.report(n, "", "name: %q cannot be a zap's; %s", n.shown(), nameRule)
			return ""
		}
		return name
	}
	base := filepath.Base(s.f.path)
	name := strings.TrimSuffix(base, filepath.Ext(base))
	if !accountName.MatchString(name) {
		s.f.reportAt(Pos{File: s.f.path}, "give the zap a name: of its own, or rename the file", "%q cannot be a zap's name; %s", name, nameRule)
		return ""
	}
	return name
}

// schedule reads schedule.
func (s *section) schedule() Schedule {
	n := s.require("schedule", `five cron fields, such as "*/5 * * * *", or "@every 30s"`)
	if n == nil {
		return Schedule{}
	}
	text, ok := s.f.filled(n, "schedule")
	if !ok {
		return Schedule{}
	}
	parsed, err := ParseSchedule(text)
	if err != nil {
		s.f.report(n, "", "schedule: %v", err)
	}
	return Schedule{Text: text, Pos: s.f.pos(n.textAt.line, n.textAt.column), Cron: parsed}
}

// filter reads filter.
func (s *section) filter() *Template {
	n := s.get("filter")
	if n == nil {
		return nil
	}
	text, ok := s.f.filled(n, "filter")
	if !ok {
		return nil
	}
	if strings.HasPrefix(text, "{{") {
		s.f.report(n, `write the expression alone, such as Consent == "Yes"`, "filter: has no braces around it")
		return nil
	}
	return &Template{Text: n.text, Pos: s.f.pos(n.textAt.line, n.textAt.column)}
}

// account returns the account that a zap's section names, or nil after reporting why there is none.
func account[A any](s *section, kind string, accounts map[string]*A) *A {
	n := s.require("account", "a name of "+kind+" in rowtap.yaml")
	if n == nil {
		return nil
	}
	name, ok := s.f.filled(n, s.path("account"))
	if !ok || accounts == nil {
		return nil
	}
	if a := accounts[name]; a != nil {
		return a
	}
	names := sortedKeys(accounts)
	suggestion := didYouMean(name, names)
	if len(names) == 0 {
		suggestion = "rowtap.yaml has no " + kind
	}
	s.f.report(n, suggestion, "%s: %q is none of %s", s.path("account"), n.shown(), kind)
	return nil
}
