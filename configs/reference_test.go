package configs_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/configs"
	"github.com/rowtap/rowtap/internal/config"
)

var update = flag.Bool("update", false, "write the tables of keys into README.md")

// TestReferenceHasEveryKey: the tables of keys in README.md are those that the program's own table
// of keys gives.
func TestReferenceHasEveryKey(t *testing.T) {
	text := configs.Reference
	for kind, title := range map[string]string{"rowtap": "rowtap.yaml", "zap": "a zap file"} {
		begin, end := "<!-- keys of "+title+" -->\n", "<!-- end -->\n"
		before, rest, ok := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("README.md has no lines %q and %q", begin, end)
		}
		text = before + begin + "\n" + config.Reference(kind) + end + after
	}
	switch {
	case text == configs.Reference:
	case *update:
		if err := os.WriteFile("README.md", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md has other keys than the program; next: go test ./configs -run Reference -update")
	}
}

// TestReferenceExamples: each YAML example of README.md, put into the least configuration, passes
// check without a warning, and its test cases pass.
func TestReferenceExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^ *```yaml\n(.*?)^ *```$").FindAllStringSubmatch(configs.Reference, -1)
	if len(blocks) < 10 {
		t.Fatalf("%d examples", len(blocks))
	}
	settings, zap := blocks[0][1], blocks[4][1]
	for _, block := range blocks {
		title, _, _ := strings.Cut(block[1], "\n")
		t.Run(strings.TrimPrefix(title, "# "), func(t *testing.T) {
			files := map[string]string{"rowtap.yaml": settings, "zaps/webinar-signups.yaml": zap}
			switch {
			case strings.HasPrefix(title, "# rowtap.yaml: "):
				files["rowtap.yaml"] = overlaid(t, settings, block[1])
			case strings.HasPrefix(title, "# zaps/"):
				files["zaps/webinar-signups.yaml"] = overlaid(t, zap, block[1])
			default:
				t.Fatal("the first line of an example names its file")
			}
			dir, credentials := t.TempDir(), t.TempDir()
			for path, text := range files {
				write(t, filepath.Join(dir, path), text)
			}
			write(t, filepath.Join(credentials, "google.json"), googleKey)
			write(t, filepath.Join(credentials, "clevertap_passcode"), "passcode")
			environment := map[string]string{
				"CREDENTIALS_DIRECTORY": credentials, "CLEVERTAP_ACCOUNT_ID": "A", "CLEVERTAP_PASSCODE": "p",
				"ROWTAP_POSTGRES": "host=h", "NOTIFY_WEBHOOK": "https://hooks.example.com/x",
			}
			loaded := loadPlan(t, dir, environment)
			if len(loaded.Config.Warnings) > 0 || len(loaded.Recipes) != 1 {
				t.Fatalf("%d zaps, warnings %v", len(loaded.Recipes), loaded.Config.Warnings)
			}
			for _, c := range loaded.Recipes[0].Tests {
				if result := loaded.Recipes[0].Mapping.Check(c); len(result.Differences) > 0 {
					t.Errorf("%s: %+v", c.Pos, result.Differences)
				}
			}
		})
	}
}

// overlaid is a file with the sections of another one in the place of its own. The order of keys
// in them stays.
func overlaid(t *testing.T, base, over string) string {
	t.Helper()
	section := regexp.MustCompile(`(?m)^([a-z_]+):.*\n(?:[ #].*\n)*`)
	there := map[string]bool{}
	for _, m := range section.FindAllStringSubmatch(over, -1) {
		there[m[1]] = true
	}
	there["action"] = there["action"] || there["actions"]
	return section.ReplaceAllStringFunc(base, func(text string) string {
		if name, _, _ := strings.Cut(text, ":"); there[name] {
			return ""
		}
		return text
	}) + over
}
