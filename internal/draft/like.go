package draft

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/rowtap/rowtap/internal/config"
)

// Like returns a copy of a zap file for f's worksheet. Of the file at path, which must be valid, it
// replaces the name (if there is one), the spreadsheet, the worksheet and start, and what else f
// has: account, header row, schedule and CleverTap account. Empty fields of f keep the file's
// values. The copy is disabled and has no tests. Everything else stays as it is, including comments
// and layout. If an alias uses an anchor that is not copied, the error is [config.Diagnostics].
func (f File) Like(path string, file []byte) ([]byte, error) {
	e, err := newEditing(path, file)
	if err != nil {
		return nil, err
	}
	_, trigger := entry(e.root, "trigger")
	if merge, _ := entry(e.root, "<<"); merge != nil || trigger == nil {
		return nil, config.Diagnostics{{Pos: config.Pos{File: path}, Message: "a file whose own keys come from << cannot be copied", Suggestion: "write them out"}}
	}
	e.mention(f)
	if name, _ := entry(e.root, "name"); name != nil {
		e.set(e.root, "name", text(f.Name), "")
	}
	e.set(e.root, "enabled", "false", "", "name", "schedule")
	if f.Schedule != "" {
		e.set(e.root, "schedule", quoted(f.Schedule), "")
	}
	if f.GoogleAccount != "" {
		e.set(trigger, "account", text(f.GoogleAccount), "")
	}
	if f.Spreadsheet != "" {
		e.set(trigger, "spreadsheet", plainOrQuoted(f.Spreadsheet), "")
	}
	worksheet, title := f.worksheet()
	e.set(trigger, "worksheet", worksheet, title, "spreadsheet")
	if f.HeaderRow > 0 {
		e.set(trigger, "header_row", strconv.Itoa(f.HeaderRow), "", "worksheet", "spreadsheet")
	}
	e.set(trigger, "start", f.Start, "", "header_row", "worksheet", "spreadsheet")
	if f.CleverTapAccount != "" {
		_, action := entry(e.root, "action")
		all := []*yaml.Node{action}
		if _, actions := entry(e.root, "actions"); actions != nil {
			all = append(all, resolved(actions).Content...)
		}
		for _, a := range all {
			if key, _ := entry(a, "account"); key != nil { // otherwise an anchor has it
				e.set(a, "account", text(f.CleverTapAccount), "")
			}
		}
	}
	e.remove(e.root, "tests")
	return e.result()
}

// WorksheetValue returns the value of the key worksheet, with the title of a gid as a comment.
func (f File) WorksheetValue() string {
	value, title := f.worksheet()
	if title != "" {
		value += " # " + title
	}
	return value
}

// worksheet returns the value of the key worksheet, and a title to show in a comment; "" for none.
func (f File) worksheet() (value, title string) {
	if f.ByGID || strings.TrimSpace(f.Worksheet) == "" {
		return fmt.Sprintf("{gid: %d}", f.GID), label(f.Worksheet)
	}
	return plainOrQuoted(f.Worksheet), ""
}

var (
	aboutSheet = regexp.MustCompile(`(?m)^# Each new row of (worksheet .* of spreadsheet .*) (?:uploads a CleverTap event|creates or updates a CleverTap profile)\.\r?$`)
	aboutTests = regexp.MustCompile(`(?m)^# (rowtap test trigger \S+, rowtap test action \S+)\. Then set enabled: true, and run: rowtap reload\.\r?$`)
)

// mention updates the names in the comments of a file that [File.YAML] wrote.
func (e *editing) mention(f File) {
	for _, m := range []struct {
		old *regexp.Regexp
		new string
	}{
		{aboutSheet, fmt.Sprintf("worksheet %s of spreadsheet %s", label(f.Worksheet), label(f.SpreadsheetTitle))},
		{aboutTests, fmt.Sprintf("rowtap test trigger %s, rowtap test action %s", f.Name, f.Name)},
	} {
		if at := m.old.FindStringSubmatchIndex(e.text); at != nil {
			e.replace(at[2], at[3], m.new)
		}
	}
}

// orphaned reports each alias of an anchor in gone, nodes of the entry key that are not copied.
func (e *editing) orphaned(key string, gone ...*yaml.Node) {
	lost := map[*yaml.Node]bool{}
	for _, n := range gone {
		walk(n, func(n *yaml.Node) { lost[n] = true })
	}
	walk(e.root, func(n *yaml.Node) {
		if n.Kind != yaml.AliasNode || lost[n] || !lost[n.Alias] {
			return
		}
		e.wrong = append(e.wrong, config.Diagnostic{
			Pos:        config.Pos{File: e.path, Line: n.Line, Column: n.Column},
			Message:    fmt.Sprintf("*%s stands for a part of %s (line %d), which the copy does not have", n.Value, key, n.Alias.Line),
			Suggestion: fmt.Sprintf("write the value itself in place of *%s", n.Value),
		})
	})
}

func walk(n *yaml.Node, visit func(*yaml.Node)) {
	visit(n)
	for _, c := range n.Content {
		walk(c, visit)
	}
}
