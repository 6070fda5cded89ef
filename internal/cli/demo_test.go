package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Excel and CRMs write CSV with a byte order mark, quotes and CRLF.
func TestCSVZapIdentity(t *testing.T) {
	for text, want := range map[string]string{
		"\ufeff\"Email\",\"First name\"\r\n\"asha@example.com\",\"Asha\"\r\n": `identity: "{{Email}}"`,
		"\ufeffName,\"User ID\"\n":              `identity: "{{User ID}}"`,
		"Name,Mobile\n":                         `identity: "{{Mobile}}"`,
		"A":                                     `identity: "{{A}}"`,
		"Name,Contact\nAsha,asha@example.com\n": `identity: "{{Contact}}"`, // as rowtap new does
		"\ufeff\"Full name\",\"E-mail address\"\r\nA,a@b.co": `identity: "{{E-mail address}}"`,
		"10%,2024-01-01\nx,y\n":                              `identity: "{{10%}}"`,
		"\"Name \"\"x\"\"\",Customer ID\n":                   `identity: "{{Customer ID}}"`,
	} {
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		recipe, err := csvZap(path)
		if err != nil || !strings.Contains(recipe, want) {
			t.Errorf("%q: %v, want %s in\n%s", text, err, want, recipe)
		}
	}
}
