package draft

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// entryOf is an entry of a mapping: a text in any notation, or what follows the colon.
type entryOf struct {
	key, text, raw string
	optional       bool
}

// layout draws how a zap file is written.
type layout struct {
	*rapid.T
	anchors int
}

func (l *layout) one(of ...string) string { return rapid.SampledFrom(of).Draw(l.T, "one") }

// value writes a text after its colon, in a mapping with that indent; -1 inside braces. The line may
// be followed by a remark unless ends.
func (l *layout) value(text string, indent int) (written string, ends bool) {
	mark := l.one("", "", "", "!!str ", "&")
	if mark == "&" {
		l.anchors++
		mark = fmt.Sprintf("&a%d ", l.anchors)
	}
	quoted := []string{"'" + text + "'", `"` + text + `"`, fmt.Sprintf(`"\u%04x%s"`, text[0], text[1:])}
	notation := l.one(append(quoted, text)...)
	if strings.ContainsAny(text, "*{") {
		notation = l.one(quoted...)
	}
	if indent < 0 || rapid.Bool().Draw(l.T, "on the line") {
		return " " + mark + notation, false
	}
	below := "\n" + strings.Repeat(" ", indent+rapid.IntRange(1, 3).Draw(l.T, "deeper"))
	switch l.one("below", "literal", "folded", "wrapped") {
	case "literal":
		return " " + mark + "|-" + l.one("", " # below") + below + text + "\n", true
	case "folded":
		return " " + mark + ">-" + below + text + "\n\n", true
	case "wrapped":
		return " " + mark + strings.ReplaceAll(notation, " ", below), false
	}
	return " " + mark + below + notation, false
}

// block writes entries one below the other.
func (l *layout) block(indent int, entries []entryOf) string {
	var b strings.Builder
	for _, e := range entries {
		written, ends := e.raw, strings.HasSuffix(e.raw, "\n")
		if e.text != "" {
			written, ends = l.value(e.text, indent)
		}
		b.WriteString(strings.Repeat(" ", indent) + e.key + ":" + written)
		if !ends {
			b.WriteString(l.one("\n", "\n", " # it's {x}: [y]\n", "    # \"here\n", "  \n\n", "\n# and, so on\n"))
		}
	}
	return b.String()
}

// braces writes entries in braces.
func (l *layout) braces(entries []entryOf) string {
	items := make([]string, len(entries))
	for i, e := range entries {
		written := e.raw
		if e.text != "" {
			written, _ = l.value(e.text, -1)
		}
		items[i] = l.one(e.key, `"`+e.key+`"`) + ":" + written
	}
	return " {" + l.one("", " ", " # first, {\n    ") + strings.Join(items, l.one(", ", ",\n    ", " , # so, }\n      ")) + l.one("", " ", ",\n  ") + "}"
}

// section writes a mapping after its colon.
func (l *layout) section(inside bool, entries []entryOf) string {
	if inside || rapid.Bool().Draw(l.T, "braces") {
		return l.braces(entries)
	}
	return "\n" + l.block(rapid.IntRange(1, 4).Draw(l.T, "indent"), entries)
}

// some returns entries in any order, without some of the optional ones.
func (l *layout) some(entries ...entryOf) []entryOf {
	var all []entryOf
	for _, e := range rapid.Permutation(entries).Draw(l.T, "order") {
		if !e.optional || rapid.Bool().Draw(l.T, e.key) {
			all = append(all, e)
		}
	}
	return all
}

// file writes a zap file.
func (l *layout) file() string {
	inside := rapid.Bool().Draw(l.T, "all in braces")
	worksheet := entryOf{key: "worksheet", raw: l.one("", " {gid: 7}", " { gid : 7 , } ")}
	if worksheet.raw == "" {
		worksheet.text = l.one("Signups", "of the form")
	}
	trigger := l.some(
		worksheet, entryOf{key: "app", text: "google_sheets"}, entryOf{key: "event", text: "new_spreadsheet_row"}, entryOf{key: "account", text: "marketing"},
		entryOf{key: "spreadsheet", text: l.one("book", "https://docs.google.com/spreadsheets/d/book/edit#gid=7")}, entryOf{key: "header_row", raw: " 1", optional: true},
		entryOf{key: "start", text: "beginning", optional: true}, entryOf{key: "require", raw: ` [Email, "Plan"]`, optional: true},
	)
	action := l.some(
		entryOf{key: "app", text: "clevertap"}, entryOf{key: "event", text: "create_update_user_profile"}, entryOf{key: "account", text: "production"},
		entryOf{key: "identity", text: "{{Email}}"}, entryOf{key: "properties", raw: ` {Plan: "{{Plan}}", Note: 'tests: [#]'}`, optional: true},
	)
	tests := l.one(` [{row: {Email: "a, b"}, record: {identity: x}}, {row: {Email: 'it''s'}, error: y}]`, " [ ]", " [{row: {A: b}, record: {identity: x, profileData: {A: []}}}]")
	if !inside {
		tests = l.one(tests, "\n- row: {Email: &e }\n  record: {identity: x, profileData: {A: []}}\n", "\n- row: {Email: a}\n  record: &n\n", "\n- row: {Email: a}\n  record: {identity: x} # }\n", "\n  - row:\n      Email: |\n        a\n\n        b\n    error: >\n      y\n  # - row: z\n",
			"\n  [{row: {Email: a},\n record: null}]\n")
	}
	root := l.some(
		entryOf{key: "name", text: "signups", optional: true}, entryOf{key: "enabled", raw: l.one(" true", " yes", " !!bool true"), optional: true}, entryOf{key: "schedule", text: "*/5 * * * *"},
		entryOf{key: "trigger", raw: l.section(inside, trigger)}, entryOf{key: "action", raw: l.section(inside, action)}, entryOf{key: "tests", raw: tests, optional: true},
		entryOf{key: "redact", raw: " [Mobile]", optional: true},
	)
	if inside {
		return strings.TrimPrefix(l.braces(root), " ") + l.one("", "\n", " # end")
	}
	return l.one("", "\ufeff", "# top\n", "---\n") + l.block(0, root)
}

// TestLikeAnyLayout: a copy is right, however the file is written.
func TestLikeAnyLayout(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := &layout{T: r}
		file := l.file()
		if rapid.Bool().Draw(r, "CRLF") {
			file = strings.ReplaceAll(file, "\n", "\r\n")
		}
		f := orders()
		f.Worksheet, f.ByGID = l.one("Orders", "no: # such", "it's"), rapid.Bool().Draw(r, "by gid")
		if _, err := zapOf("zaps/signups.yaml", file); err != nil {
			r.Fatalf("%v in\n%s", err, file)
		}
		got, err := f.Like("zaps/signups.yaml", []byte(file))
		if err != nil {
			r.Fatalf("%v in\n%s", err, file)
		}
		likeness(r, f, file, string(got))
	})
}
