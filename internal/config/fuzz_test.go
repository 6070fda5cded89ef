package config_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rowtap/rowtap/internal/config"
)

// FuzzZapFile loads any bytes as a zap file: every mistake has a message and a valid position, in
// order.
func FuzzZapFile(f *testing.F) {
	paths, err := filepath.Glob("testdata/bad/zap-*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(paths, "../../configs/zaps/webinar-signups.yaml", "../../configs/zaps/webinar-events.yaml", "../../configs/zaps/purchases.yaml", "../../configs/zaps/trial-started.yaml") {
		f.Add([]byte(readFile(f, path)))
	}
	settings := readFile(f, "testdata/rowtap.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		checkMistakes(t, map[string]string{"rowtap.yaml": settings, "zaps/demo.yaml": string(text)})
	})
}

// FuzzSettingsFile loads any bytes as rowtap.yaml.
func FuzzSettingsFile(f *testing.F) {
	paths, err := filepath.Glob("testdata/bad/rowtap-*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(paths, "../../configs/rowtap.yaml") {
		f.Add([]byte(readFile(f, path)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkMistakes(t, map[string]string{"rowtap.yaml": string(text)})
	})
}

// checkMistakes loads files and checks properties of all mistakes.
func checkMistakes(t *testing.T, files map[string]string) {
	t.Helper()
	dir := directory(t, files)
	c, err := config.Load(dir, environment(t, nil))
	if err == nil {
		if c == nil {
			t.Fatal("Load = nil, nil")
		}
		return
	}
	mistakes, ok := err.(config.Diagnostics) //nolint:errorlint // must not be wrapped
	if !ok || len(mistakes) == 0 || c != nil {
		t.Fatalf("Load = %v, %#v, want Diagnostics alone", c, err)
	}
	for _, m := range mistakes {
		name := strings.TrimPrefix(m.File, dir+"/")
		text, isFile := files[name]
		switch {
		case m.Message == "":
			t.Errorf("%s: a mistake without a message", m.Pos)
		case !isFile:
			t.Errorf("%s is none of the files", m.File)
		case m.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+strings.Count(text, "\u0085")+strings.Count(text, "\u2028")+strings.Count(text, "\u2029")+1:
			t.Errorf("%s is past the end of the file: %s", m.Pos, m.Message)
		case strings.ContainsFunc(m.Source, func(r rune) bool { return r < ' ' }):
			t.Errorf("%s: the line %q is not fit for a terminal", m.Pos, m.Source)
		}
	}
	if !slices.IsSortedFunc(mistakes, func(a, b config.Diagnostic) int {
		switch {
		case a.File != b.File:
			return strings.Compare(a.File, b.File)
		case a.Line != b.Line:
			return a.Line - b.Line
		}
		return a.Column - b.Column
	}) {
		t.Errorf("mistakes are out of order:\n%v", err)
	}
}

// FuzzInterpolation puts any text into a value of rowtap.yaml. Values from the environment never
// appear in mistakes, and are never parsed as YAML.
func FuzzInterpolation(f *testing.F) {
	for _, seed := range []string{"a${A}b", "${A:-x}", "${file:a}", "$$", "$", "${", "${A", "${}", "${A}${B}", "$${A}", "${${A}}", "${A:-${B}}", "${file:}", "${file:/etc/passwd}", "é${A}"} {
		f.Add(seed)
	}
	const value = "q}: {\"\n- #z"
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip()
		}
		quoted, err := json.Marshal(text) // JSON strings are valid YAML
		if err != nil {
			t.Fatal(err)
		}
		dir := directory(t, map[string]string{"a": "x", "rowtap.yaml": "notify: {}\nhttp: {token_file: " + string(quoted) + "}\n"})
		c, err := config.Load(dir, func(name string) (string, bool) { return value, name == "A" })
		switch {
		case err != nil && strings.Contains(err.Error(), value):
			t.Errorf("%q: a value of the environment shows in\n%v", text, err)
		case err == nil && !strings.Contains(text, "$") && c.HTTP.TokenFile != resolved(dir, text):
			t.Errorf("%q became %q", text, c.HTTP.TokenFile)
		case err == nil && text == "a${A}b" && c.HTTP.TokenFile != resolved(dir, "a"+value+"b"):
			t.Errorf("%q became %q", text, c.HTTP.TokenFile)
		}
	})
}

// resolved returns the path that token_file resolves to.
func resolved(dir, path string) string {
	path = strings.TrimSpace(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func TestInterpolation(t *testing.T) {
	tests := []struct{ text, want string }{
		{"plain", "plain"},
		{"${SET}", "value"},
		{"a-${SET}-${SET}", "a-value-value"},
		{"${UNSET:-}x", "x"},
		{"${UNSET:-de fault}", "de fault"},
		{"${BLANK:-default}", "default"},
		{"${SET:-default}", "value"},
		{"${UNSET:-a:-b}", "a:-b"},
		{"x${BLANK}", "x"},
		{"$$", "$"},
		{"$$$${SET}", "$${SET}"},
		{"$$${SET}", "$value"},
		{"$5 $", "$5 $"},
		{"${file:one.txt}", "one"},
		{"${file:two.txt}", "two\n\nx"},
		{"${NESTED}", "${SET}"}, // values are not expanded again
	}
	lookup := func(name string) (string, bool) {
		value, ok := map[string]string{"SET": "value", "BLANK": "", "NESTED": "${SET}"}[name]
		return value, ok
	}
	for _, test := range tests {
		dir := directory(t, map[string]string{
			"one.txt": "one\n", "two.txt": "two\n\nx\n",
			"rowtap.yaml": "http: {token_file: " + fmt.Sprintf("%q", "/t/"+test.text) + "}\n",
		})
		c, err := config.Load(dir, lookup)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		if got := strings.TrimPrefix(c.HTTP.TokenFile, "/t/"); got != test.want {
			t.Errorf("%q = %q, want %q", test.text, got, test.want)
		}
	}
}

// BenchmarkLoad loads a directory of 100 zaps.
func BenchmarkLoad(b *testing.B) {
	zap := readFile(b, "../../configs/zaps/webinar-signups.yaml")
	files := map[string]string{"rowtap.yaml": readFile(b, "testdata/rowtap.yaml")}
	for i := range 100 {
		name := fmt.Sprintf("zap-%d", i)
		files["zaps/"+name+".yaml"] = strings.Replace(zap, "name: webinar-signups", "name: "+name, 1)
	}
	dir, lookup := directory(b, files), environment(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := config.Load(dir, lookup); err != nil {
			b.Fatal(err)
		}
	}
}
