package config_test

import (
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rowtap/rowtap/internal/config"
)

// environment returns a lookup of more variables than the test files use.
func environment(t testing.TB, more map[string]string) func(string) (string, bool) {
	t.Helper()
	credentials, err := filepath.Abs("testdata/credentials")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"CREDENTIALS_DIRECTORY": credentials,
		"CLEVERTAP_ACCOUNT_ID":  "WWW-YYY-ZZZZ",
		"CLEVERTAP_PASSCODE":    " envSecret-1 \n",
		"EMPTY":                 "",
		"WORDS":                 "two words",
		"SIXTY":                 "60",
		"ROWTAP_VAR_SHEET":      "1AbC",
	}
	maps.Copy(values, more)
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

// directory writes files to a new configuration directory and returns its path.
func directory(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var update = flag.Bool("update", false, "write the .err files of testdata/bad")

// TestMistakes loads testdata/bad: rowtap-*.yaml without zaps, zap-*.yaml with
// testdata/rowtap.yaml, and directories as *.txtar. The expected errors are in the .err files.
func TestMistakes(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		base := filepath.Base(path)
		if filepath.Ext(base) == ".err" {
			continue
		}
		t.Run(base, func(t *testing.T) {
			text := readFile(t, path)
			files := make(map[string]string)
			switch {
			case filepath.Ext(base) == ".txtar":
				for _, f := range txtar.Parse([]byte(text)).Files {
					files[f.Name] = string(f.Data)
				}
			case strings.HasPrefix(base, "rowtap-"):
				files["rowtap.yaml"] = text
			default:
				files["rowtap.yaml"] = readFile(t, "testdata/rowtap.yaml")
				files["zaps/demo.yaml"] = text
			}
			dir := directory(t, files)
			_, err := config.Load(dir, environment(t, nil))
			if err == nil {
				t.Fatalf("Load(%s) found no mistake", base)
			}
			if _, ok := errors.AsType[config.Diagnostics](err); !ok {
				t.Errorf("Load(%s) = %T, want Diagnostics", base, err)
			}
			got := strings.ReplaceAll(err.Error(), dir+"/", "") + "\n"
			golden := strings.TrimSuffix(path, filepath.Ext(path)) + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(readFile(t, golden), got); diff != "" {
				t.Errorf("Load(%s) (-want +got):\n%s", base, diff)
			}
			for _, secret := range []string{"SAV-ABC-1234", "envSecret", "hunter2", "/testdata/credentials"} {
				if strings.Contains(got, secret) {
					t.Errorf("Load(%s) shows %s:\n%s", base, secret, got)
				}
			}
		})
	}
}
