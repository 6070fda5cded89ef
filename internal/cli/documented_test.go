package cli

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestDocumentedCommands parses each command in the documentation: the command and its flags exist,
// and the number of arguments is valid. Commands in sentences may omit their arguments. Scripts
// test what the commands do.
func TestDocumentedCommands(t *testing.T) {
	var (
		line   = regexp.MustCompile(`(?m)^\s*(?:sudo )?(?:go run \./cmd/)?rowtap (.*)$`)
		fenced = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$")
		inline = regexp.MustCompile("`(?:sudo )?(?:go run \\./cmd/)?rowtap ([^`]*)`")
		remark = regexp.MustCompile(`(?:-- rowtap|rowtap-[ab] rowtap|Next: rowtap) ([^,"\n]*?)(?:[,"\n]| says)`)
		label  = regexp.MustCompile(`\{\{.*?\}\}`)
	)
	for path, least := range map[string]int{
		"../../README.md": 25, "../../configs/README.md": 10, "../../systemd/README.md": 40, "../../systemd/two-vms.md": 15, "../../systemd/move.md": 15,
		"../../configs/alerts.yaml": 8, "../../configs/compose-standby.yaml": 2, "../../configs/kubernetes-standby.yaml": 3,
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		check := func(command string, whole bool) {
			found++
			if err := parsed(command, whole); err != nil {
				t.Errorf("%s: rowtap %s: %v", path, command, err)
			}
		}
		if strings.HasSuffix(path, ".yaml") {
			for _, m := range remark.FindAllStringSubmatch(label.ReplaceAllString(string(text), "LABEL"), -1) {
				check(m[1], false)
			}
		} else {
			for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
				for _, m := range line.FindAllStringSubmatch(block[1], -1) {
					check(m[1], true)
				}
			}
			for _, m := range inline.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
				check(m[1], false)
			}
		}
		if found < least {
			t.Errorf("%s: found %d commands, want at least %d", path, found, least)
		}
	}
}

// parsed parses a command as the shell and rowtap do. Unless it is complete, it may lack arguments.
func parsed(command string, whole bool) error {
	for _, end := range []string{" #", " && ", " > "} {
		command, _, _ = strings.Cut(command, end)
	}
	words := regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(command, -1)
	for i, word := range words {
		if word == "N" { // placeholder for a number
			words[i] = "1"
		}
	}
	root := Command()
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	switch err := cmd.ParseFlags(rest); {
	case errors.Is(err, pflag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	args := cmd.Flags().Args()
	if cmd.Name() == "help" && !slices.Contains(cmd.ValidArgs, strings.Join(args, " ")) { // help accepts any words
		if below, _, err := root.Find(args); err != nil || below == root && len(args) > 0 {
			return fmt.Errorf("there is no help for %q", args)
		}
	}
	switch {
	case cmd.HasSubCommands() && len(args) > 0:
		return fmt.Errorf("%s has no command %s", cmd.CommandPath(), args[0])
	case len(args) > 0 || whole:
		return cmd.ValidateArgs(args)
	}
	return nil
}

// TestParsed: what cannot be run is not parsed as a command.
func TestParsed(t *testing.T) {
	for _, tt := range []struct {
		command string
		whole   bool
		good    bool
	}{
		{"status", true, true},
		{"statu", false, false},
		{"state", false, true},
		{"state migrat", false, false},
		{"state backup", false, true},
		{"state backup", true, false},
		{"state backup FILE   # and so on", true, true},
		{"state backup FILE && rowtap nothing", true, true},
		{"sandbox --key google.json > rowtap.yaml", true, true},
		{"status --nothing", false, false},
		{"why ZAP ROW OTHER", false, false},
		{"test action ZAP --row N", true, true},
		{"test action ZAP --row X", true, false},
		{"completion --help", true, true},
		{"help operate", true, true},
		{"help state backup", true, true},
		{"help nothing", true, false},
	} {
		if err := parsed(tt.command, tt.whole); (err == nil) != tt.good {
			t.Errorf("rowtap %s, whole: %t: %v", tt.command, tt.whole, err)
		}
	}
}
