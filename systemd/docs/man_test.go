package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPages checks that every command has a page, and that no page is part of the program.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	if err := writePages(dir, time.Unix(1700000000, 0).UTC()); err != nil {
		t.Fatal(err)
	}
	for page, want := range map[string]string{
		"rowtap.1":              `.TH "ROWTAP" "1" "Nov 2023" "rowtap" "rowtap"`,
		"rowtap-check.1":        "--files-only",
		"rowtap-state-backup.1": "rowtap state backup",
	} {
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(text), `\-`, "-"), want) {
			t.Errorf("%s: %v, want %s in\n%s", page, err, want, text)
		}
	}
	linked, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../cmd/rowtap").CombinedOutput()
	if err != nil || strings.Contains(string(linked), "md2man") {
		t.Errorf("rowtap links the library that makes man pages: %v\n%s", err, linked)
	}
}

func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"one\ntwo":                        "one\ntwo",
		"a *b* _c_ <d> `e` # \\":          "a \\*b\\* \\_c\\_ &lt;d> \\`e\\` \\# \\\\",
		"Guides:\n  one  * 1\n  two\nend": "Guides:\n\n\tone  * 1\n\ttwo\nend",
		"once:\n\n\tsource <(x)\n":        "once:\n\n\n\tsource <(x)\n",
	} {
		if got := markdown(text); got != want {
			t.Errorf("markdown(%q) = %q, want %q", text, got, want)
		}
	}
}
