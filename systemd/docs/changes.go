package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// section returns the text of a version's section in CHANGELOG.md, or that of Unreleased if the
// version has none.
func section(changes, version string) (string, error) {
	for _, title := range []string{version, "Unreleased"} {
		for part := range strings.SplitSeq("\n"+changes, "\n## ") {
			heading, text, _ := strings.Cut(part, "\n")
			if name, _, _ := strings.Cut(heading, " "); name == title { // a date may follow
				return strings.TrimSpace(text) + "\n", nil
			}
		}
	}
	return "", fmt.Errorf("CHANGELOG.md has no section %q or Unreleased", version)
}

// debianChangelog returns the notes of a version as a Debian changelog, which has one entry
// (https://manpages.debian.org/deb-changelog.5).
func debianChangelog(version, notes string, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "rowtap (%s) unstable; urgency=medium\n", version)
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(notes), "\n- ", "\n\n- "), "\n\n") {
		text := strings.Join(strings.Fields(paragraph), " ")
		item, isItem := strings.CutPrefix(text, "- ")
		heading, isHeading := strings.CutPrefix(text, "### ")
		switch {
		case isHeading:
			fmt.Fprintf(&b, "\n  [ %s ]\n", heading)
		case isItem:
			b.WriteString(wrapped("  * ", item))
		case text != "":
			b.WriteString("\n" + wrapped("  ", text))
		}
	}
	fmt.Fprintf(&b, "\n -- %s  %s\n", maintainer, date.Format(time.RFC1123Z))
	return b.String()
}

// wrapped breaks a text into lines of at most 80 columns. The first one begins with lead, the others
// with as many blanks.
func wrapped(lead, text string) string {
	const columns = 80
	var b strings.Builder
	line := lead
	for word := range strings.FieldsSeq(text) {
		switch next := strings.TrimRight(line, " ") + " " + word; {
		case strings.TrimSpace(line) == strings.TrimSpace(lead):
			line += word
		case utf8.RuneCountInString(next) <= columns:
			line = next
		default:
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", len(lead)) + word
		}
	}
	return b.String() + line + "\n"
}

// maintainer is that of systemd/build-deb.
const maintainer = "The rowtap maintainers <maintainers@rowtap.invalid>"
