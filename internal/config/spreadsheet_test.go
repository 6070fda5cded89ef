package config_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
)

func TestParseSpreadsheet(t *testing.T) {
	const none = -1
	tests := []struct {
		text, id string
		gid      int64
	}{
		{"1AbC-_9", "1AbC-_9", none},
		{" 1AbC\n", "1AbC", none},
		{"https://docs.google.com/spreadsheets/d/1AbC", "1AbC", none},
		{"https://docs.google.com/spreadsheets/d/1AbC/edit", "1AbC", none},
		{"docs.google.com/spreadsheets/d/1AbC/edit?usp=sharing", "1AbC", none},
		{"https://docs.google.com/spreadsheets/d/1AbC/edit#gid=0", "1AbC", 0},
		{"https://docs.google.com/spreadsheets/d/1AbC/edit?gid=5#gid=6", "1AbC", 6},
		{"https://docs.google.com/spreadsheets/d/1AbC/edit?gid=5", "1AbC", 5},
		{"https://docs.google.com/spreadsheets/d/1AbC/edit#gid=1&range=A2", "1AbC", 1},
		{"https://docs.google.com/spreadsheets/d/1AbC/edit#gid=x", "1AbC", none},
		{"https://docs.google.com/spreadsheets/u/0/d/1AbC/edit", "1AbC", none},
		{"https://docs.google.com/a/example.com/spreadsheets/d/1AbC/edit", "1AbC", none},
	}
	for _, test := range tests {
		id, gid, err := config.ParseSpreadsheet(test.text)
		got := int64(none)
		if gid != nil {
			got = *gid
		}
		if err != nil || id != test.id || got != test.gid {
			t.Errorf("ParseSpreadsheet(%q) = %q, gid %d, %v, want %q, gid %d", test.text, id, got, err, test.id, test.gid)
		}
	}
}

func TestParseSpreadsheetRefuses(t *testing.T) {
	tests := []struct{ text, hint string }{
		{"", "not the URL or ID of a spreadsheet"},
		{"two words", "not the URL or ID of a spreadsheet"},
		{"Signups.XLSX", "import"},
		{"https://drive.google.com/open?id=1AbC", "Save as Google Sheets"},
		{"https://docs.google.com/spreadsheets/d/1AbC/edit?rtpof=true", "Save as Google Sheets"},
		{"https://contoso.sharepoint.com/x.xlsx", "Excel"},
		{"https://docs.google.com/document/d/1AbC/edit", "another Google Docs file"},
		{"https://docs.google.com/", "another Google Docs file"},
		{"https://docs.google.com/a/b", "another Google Docs file"},
		{"https://docs.google.com/spreadsheets/u/0/", "no spreadsheet ID; open"},
		{"https://docs.google.com/spreadsheets/d/", "no spreadsheet ID; open"},
		{"https://docs.google.com/spreadsheets/d/e/2PACX/pubhtml", "published"},
		{"https://docs.google.com/spreadsheets/d/1A%62%20C/edit", "no spreadsheet ID after /d/"},
		{"https://example.com/spreadsheets/d/1AbC", "not the URL of a spreadsheet"},
		{"https://docs.google.com.example.com/spreadsheets/d/1AbC", "not the URL of a spreadsheet"},
		{strings.Repeat("a", 201), "not the URL or ID of a spreadsheet"},
	}
	for _, test := range tests {
		_, _, err := config.ParseSpreadsheet(test.text)
		if err == nil || !strings.Contains(err.Error(), test.hint) {
			t.Errorf("ParseSpreadsheet(%q) = %v, want %q in it", test.text, err, test.hint)
		}
	}
}

func FuzzParseSpreadsheet(f *testing.F) {
	for _, seed := range []string{
		"1AbC", "https://docs.google.com/spreadsheets/u/0/d/1AbC/edit?gid=5#gid=6", "docs.google.com/a/b/spreadsheets/d/x",
		"https://drive.google.com/file/d/1/view", "http://[::1", "//docs.google.com/spreadsheets/d/a",
	} {
		f.Add(seed)
	}
	plain := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	f.Fuzz(func(t *testing.T, text string) {
		id, gid, err := config.ParseSpreadsheet(text)
		switch {
		case err != nil && (id != "" || gid != nil):
			t.Errorf("ParseSpreadsheet(%q) = %q, %v and an error", text, id, gid)
		case err == nil && !plain.MatchString(id):
			t.Errorf("ParseSpreadsheet(%q) = %q, which no id is", text, id)
		case gid != nil && *gid < 0:
			t.Errorf("ParseSpreadsheet(%q) has gid %d", text, *gid)
		}
	})
}
