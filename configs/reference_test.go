package configs_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/configs"
	"github.com/rowtap/rowtap/internal/config"
)

var update = flag.Bool("update", false, "write the tables of keys into README.md")

// TestReferenceHasEveryKey: the tables of keys in README.md match the declared keys.
func TestReferenceHasEveryKey(t *testing.T) {
	text := configs.Reference
	for kind, title := range map[string]string{"rowtap": "rowtap.yaml", "zap": "a zap file"} {
		begin, end := "<!-- keys of "+title+" -->\n", "<!-- end -->\n"
		before, rest, ok := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("README.md has no lines %q and %q", begin, end)
		}
		text = before + begin + "\n" + reference(kind) + end + after
	}
	switch {
	case text == configs.Reference:
	case *update:
		if err := os.WriteFile("README.md", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md has other keys than the program\nnext: go test ./configs -run Reference -update")
	}
}

// TestReferenceExamples: each YAML example of README.md, completed to a minimal configuration,
// passes check without a warning, and its test cases pass.
func TestReferenceExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^ *```yaml\n(.*?)^ *```$").FindAllStringSubmatch(configs.Reference, -1)
	if len(blocks) < 10 {
		t.Fatalf("%d examples", len(blocks))
	}
	settings, zap := blocks[0][1], blocks[5][1]
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
				"ROWTAP_POSTGRES": "host=h", "NOTIFY_WEBHOOK": "https://hooks.example.com/x", "SMTP_PASSWORD": "p",
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

// overlaid returns a file in which the sections of another file replace its own. The order of their
// keys stays.
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

// TestReference: the tables have five columns and a row for each key.
func TestReference(t *testing.T) {
	for _, file := range []string{"rowtap", "zap"} {
		text := reference(file)
		rows := 0
		for line := range strings.SplitSeq(text, "\n") {
			if !strings.HasPrefix(line, "|") {
				continue
			}
			if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 6 {
				t.Errorf("%d columns: %s", n-1, line)
			}
			if strings.HasPrefix(line, "| `") {
				rows++
			}
		}
		if want := len(config.Keys(file)); rows != want {
			t.Errorf("%s: %d rows, want %d", file, rows, want)
		}
		for _, want := range map[string][]string{
			"rowtap": {
				"#### `rowtap.yaml`\n", "#### `google_accounts.NAME`\n",
				"| `history` | duration | `30d` | How long finished deliveries can be read and replayed. | `90d` |\n",
			},
			"zap": {
				"| `schedule` | cron line | required |", "Only with `type: phone`.", `row["Any name"]`,
				"| `unsure` | `hold`, `send`, `skip` | `hold` |",
			},
		}[file] {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", file, want, text)
			}
		}
	}
}

// reference returns the keys of rowtap.yaml ("rowtap") or of a zap file ("zap") as Markdown tables,
// one per section.
func reference(kind string) string {
	file := map[string]string{"rowtap": "rowtap.yaml", "zap": "zaps/NAME.yaml"}[kind]
	var sections []string
	rows := map[string][]string{}
	for _, k := range config.Keys(kind) {
		section, name := file, k.Path
		if i := strings.LastIndexByte(k.Path, '.'); i >= 0 {
			section, name = k.Path[:i], k.Path[i+1:]
		}
		if rows[section] == nil {
			sections = append(sections, section)
		}
		rows[section] = append(rows[section], tableRow(k, name))
	}
	var b strings.Builder
	for _, section := range sections {
		fmt.Fprintf(&b, "#### `%s`\n\n| key | kind | default | description | example |\n| --- | --- | --- | --- | --- |\n%s\n",
			section, strings.Join(rows[section], ""))
	}
	return b.String()
}

// tableRow returns a key as a table row.
func tableRow(k config.Key, name string) string {
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	standard, about := k.Absent, k.About
	switch {
	case k.Must != "":
		standard = "required"
	case k.Default != "":
		standard = code(k.Default)
	}
	if k.With != "" {
		about += " Only with " + code(k.With) + "."
	}
	cells := []string{code(name), k.Kind, standard, about, code(k.Example)}
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}
