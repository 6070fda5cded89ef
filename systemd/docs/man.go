package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/rowtap/rowtap/internal/cli"
)

// writePages writes a man page for each command into a directory.
func writePages(dir string, date time.Time) error {
	root := cli.Command()
	root.DisableAutoGenTag = true
	prepare(root)
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "rowtap", Manual: "rowtap"}, dir)
}

// prepare gives the long texts of a command, and of those below it, the form that [doc.GenManTree]
// needs, which takes them for Markdown.
func prepare(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		prepare(c)
	}
	cmd.Long = markdown(cmd.Long)
}

// markdown keeps the lines of indented lists as they are, and escapes what has a meaning in
// Markdown.
func markdown(text string) string {
	escape := strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", "&lt;", "`", "\\`", "#", `\#`)
	var lines []string
	block := false // a block of code, which is what keeps its lines
	for line := range strings.SplitSeq(text, "\n") {
		indented := strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t")
		if indented && !block {
			lines = append(lines, "")
		}
		if block = indented; block {
			lines = append(lines, "\t"+strings.TrimSpace(line))
			continue
		}
		lines = append(lines, escape.Replace(line))
	}
	return strings.Join(lines, "\n")
}
