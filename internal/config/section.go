package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// section reads the keys of one mapping, and in the end reports those that nobody asked for.
type section struct {
	f     *file
	name  string // the keys on the way here, such as trigger; "" at the top
	at    *node  // where a missing key is reported
	list  []pair // in the order of the file
	pairs map[string]pair
	asked []string
	// absent are the required keys that are not there.
	absent []absentKey
	void   bool // it could not be read, and that was reported
}

// absentKey is a required key that is not there, and what to do about it.
type absentKey struct{ key, suggestion string }

// section opens a mapping. at is its key. What is not a mapping is reported; nothing at all is an empty one.
func (f *file) section(at, n *node, name string) *section {
	s := &section{f: f, name: name, at: at, list: n.pairs, pairs: make(map[string]pair, len(n.pairs))}
	switch {
	case n.kind == broken:
		s.void = true
	case n.kind != mapping && !n.null():
		f.wrongKind(n, name, "a mapping (KEY: VALUE lines, indented)")
		s.void = true
	}
	for _, p := range n.pairs {
		s.pairs[p.key.text] = p
	}
	return s
}

// wrongKind reports a node of the wrong kind. Its text stays hidden: with its key misplaced it may be a secret.
func (f *file) wrongKind(n *node, path, want string) {
	if n.kind == broken {
		return
	}
	f.hide(n)
	have := map[kind]string{scalar: "text", sequence: "a list", mapping: "a mapping"}[n.kind]
	if n.null() {
		have = "empty"
	}
	subject := path + ": must be "
	if path == "" {
		subject = "the file must be "
	}
	f.report(n, "", "%s%s, but is %s", subject, want, have)
}

// path returns a key with the keys on the way to it.
func (s *section) path(key string) string {
	if s.name == "" {
		return key
	}
	return s.name + "." + key
}

// get returns the value of a key, or nil if it is not there.
func (s *section) get(key string) *node {
	if !slices.Contains(s.asked, key) {
		s.asked = append(s.asked, key)
	}
	return s.pairs[key].value
}

// key returns the node of a key that get found.
func (s *section) key(key string) *node { return s.pairs[key].key }

// require returns the value of a key, or nil after reporting that it is not there.
func (s *section) require(key, suggestion string) *node {
	n := s.get(key)
	if n == nil {
		s.missing(key, suggestion)
	}
	return n
}

// missing notes that a key is not there.
func (s *section) missing(key, suggestion string) {
	s.absent = append(s.absent, absentKey{key, suggestion})
}

// done reports the keys that nobody asked for, and those that were required and are not there. Where one of them is a
// misspelling of the other, one report is enough.
func (s *section) done() {
	if s.void {
		return
	}
	var unknown []string
	for _, p := range s.list {
		key := p.key.text
		if slices.Contains(s.asked, key) {
			continue
		}
		unknown = append(unknown, key)
		s.f.hide(p.value)
		suggestion := didYouMean(key, s.asked)
		if strings.HasPrefix(suggestion, "one of") {
			suggestion = "the keys here are " + strings.Join(s.asked, ", ")
		}
		s.f.report(p.key, suggestion, "%s: is not a known key", s.path(s.f.keyName(p.key)))
	}
	for _, a := range s.absent {
		if Nearest(a.key, unknown) == "" {
			s.f.report(s.at, a.suggestion, "%s: is missing", s.path(a.key))
		}
	}
}

// text returns the text of a scalar; null and anything else but a scalar is reported.
func (f *file) text(n *node, path string) (string, bool) {
	switch {
	case n.kind != scalar:
		f.wrongKind(n, path, "text")
		return "", false
	case n.null():
		f.report(n, "give it a value, or leave the key out", "%s: is empty", path)
		return "", false
	}
	return n.text, true
}

// filled returns the text of a scalar, trimmed; blank text is reported.
func (f *file) filled(n *node, path string) (string, bool) {
	text, ok := f.text(n, path)
	if !ok {
		return "", false
	}
	if text = strings.TrimSpace(text); text == "" {
		f.report(n, "give it a value", "%s: is empty", path)
		return "", false
	}
	return text, true
}

// text returns a key's text, or fallback where it is not there or was reported.
func (s *section) text(key, fallback string) string {
	if n := s.get(key); n != nil {
		if text, ok := s.f.filled(n, s.path(key)); ok {
			return text
		}
	}
	return fallback
}

// texts returns the texts of a key, one or a list of them, or nil where it is not there or was reported. want describes them.
func (s *section) texts(key, want string, most int) []string {
	n := s.get(key)
	if n == nil {
		return nil
	}
	items := []*node{n}
	switch {
	case n.kind == sequence && len(n.items) == 0:
		s.f.report(n, want, "%s: is empty", s.path(key))
		return nil
	case n.kind == sequence:
		items = n.items
	case n.kind == mapping:
		s.f.wrongKind(n, s.path(key), want)
		return nil
	}
	if len(items) > most {
		s.f.report(n, "", "%s: %d given, at most %d allowed", s.path(key), len(items), most)
		return nil
	}
	var texts []string
	for _, item := range items {
		text, ok := s.f.filled(item, s.path(key))
		switch {
		case !ok:
		case slices.Contains(texts, text):
			s.f.report(item, "remove one of them", "%s: %q is listed twice", s.path(key), item.shown())
		default:
			texts = append(texts, text)
		}
	}
	return texts
}

// boolean returns a key's truth value, or fallback.
func (s *section) boolean(key string, fallback bool) bool {
	n := s.get(key)
	if n == nil || n.kind == broken {
		return fallback
	}
	if n.kind == scalar && (n.tag == "!!bool" || n.expanded || n.textAt == (place{n.line, n.column})) {
		switch strings.ToLower(n.text) {
		case "true", "yes", "on":
			return true
		case "false", "no", "off":
			return false
		}
	}
	s.f.wrongValue(n, s.path(key), "true or false")
	return fallback
}

// wrongValue reports a scalar of the wrong type or value, or what is not a scalar.
func (f *file) wrongValue(n *node, path, want string) {
	switch {
	case n.kind != scalar:
		f.wrongKind(n, path, want)
	case n.null():
		f.report(n, "give it a value, or leave the key out", "%s: is empty", path)
	default:
		suggestion := ""
		if n.textAt != (place{n.line, n.column}) {
			suggestion = "without quotes"
		}
		f.report(n, suggestion, "%s: must be %s, not %q", path, want, n.shown())
	}
}

// integer returns a key's whole number of lo to hi, or fallback.
func (s *section) integer(key string, fallback, lo, hi int) int {
	n := s.get(key)
	if n == nil || n.kind == broken {
		return fallback
	}
	want := "a whole number, " + strconv.Itoa(lo) + " to " + strconv.Itoa(hi)
	if hi == math.MaxInt32 {
		want = "a whole number, " + strconv.Itoa(lo) + " or more"
	}
	if v, ok := whole(n); ok && v >= int64(lo) && v <= int64(hi) {
		return int(v)
	}
	s.f.wrongValue(n, s.path(key), want)
	return fallback
}

// whole returns the whole number of a scalar written in plain decimals without quotes. A ${…} may have quotes: inside
// { } and [ ] it needs them.
func whole(n *node) (int64, bool) {
	if n.kind != scalar || n.tag != "!!int" && !n.expanded || !wholeNumber.MatchString(n.text) {
		return 0, false
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	return v, err == nil
}

// duration returns a key's duration, least or longer, or fallback.
func (s *section) duration(key string, fallback, least time.Duration) time.Duration {
	n := s.get(key)
	if n == nil {
		return fallback
	}
	text, ok := s.f.filled(n, s.path(key))
	if !ok {
		return fallback
	}
	d, problem := parseDuration(text)
	switch {
	case problem != "":
		s.f.report(n, "such as 30s, 5m, 12h or 30d", "%s: %s", s.path(key), problem)
	case d < least:
		s.f.report(n, "", "%s: must be %s or longer", s.path(key), least)
	default:
		return d
	}
	return fallback
}

// maxDays is a century.
const maxDays = 36500

// parseDuration returns Go's durations and those with days before them, such as 30d or 1d12h.
func parseDuration(text string) (d time.Duration, problem string) {
	rest := text
	if days, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 {
			return 0, "is not a duration"
		}
		if n > maxDays {
			return 0, "is longer than a century"
		}
		d, rest = time.Duration(n)*24*time.Hour, after
		if rest == "" {
			return d, ""
		}
	}
	more, err := time.ParseDuration(rest)
	switch _, numeric := strconv.Atoi(rest); {
	case err != nil && numeric == nil:
		return 0, "lacks its unit"
	case err != nil:
		return 0, "is not a duration"
	case more < 0:
		return 0, "must not be negative"
	case more > maxDays*24*time.Hour-d:
		return 0, "is longer than a century"
	}
	return d + more, ""
}

// choice returns a key's value, one of allowed, or fallback.
func choice[T ~string](s *section, key string, fallback T, allowed ...T) T {
	n := s.get(key)
	if n == nil {
		return fallback
	}
	text, ok := s.f.filled(n, s.path(key))
	if !ok {
		return fallback
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		if words[i] = string(a); words[i] == text {
			return a
		}
	}
	s.f.report(n, didYouMean(text, words), "%s: %q is not known", s.path(key), n.shown())
	return fallback
}

// columns returns the tidy column names of a key, a text or a list of them, and adds their places to places. It is nil
// where the key is not there.
func (s *section) columns(key string, places map[string]Pos) []string {
	n := s.get(key)
	if n == nil || n.kind == broken {
		return nil
	}
	items := []*node{n}
	switch {
	case n.kind == sequence:
		items = n.items
	case n.kind == mapping || n.null():
		s.f.wrongValue(n, s.path(key), "a column name or a list of them")
		return nil
	}
	names := make([]string, 0, len(items))
	listed := make(map[string]bool, len(items))
	for _, item := range items {
		text, ok := s.f.filled(item, s.path(key))
		if !ok {
			continue
		}
		name := row.TidyName(text)
		if name == "" {
			s.f.report(item, "give it a value", "%s: is empty", s.path(key))
			continue
		}
		if listed[name] {
			s.f.report(item, "remove one of them", "%s: %q is listed twice", s.path(key), item.shown())
			continue
		}
		listed[name] = true
		places[name] = s.f.pos(item.textAt.line, item.textAt.column)
		names = append(names, name)
	}
	return names
}
