package mapping_test

import (
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestGoldenRecordsAreAccepted checks that a strict CleverTap accepts the golden records, except
// those with a warning that it may refuse them. So no rule of CleverTap is missing.
func TestGoldenRecordsAreAccepted(t *testing.T) {
	box, err := lab.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(server.Close)
	endpoint, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	id, passcode := box.Credentials()
	client, err := clevertap.New(clevertap.Options{Name: "sandbox", AccountID: id, Passcode: passcode, Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var records []clevertap.Record
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(section(t, archive, "want"), "\n")
		for i := 0; i < len(lines); i++ {
			line := lines[i]
			switch {
			case strings.HasPrefix(line, "{"):
				records = append(records, clevertap.Record{JSON: []byte(strings.TrimSuffix(line, " once"))})
			case strings.Contains(line, "(code "): // the warning about the record before it predicts a refusal
				records = slices.Delete(records, len(records)-1, len(records))
				for i++; i < len(lines) && strings.HasPrefix(lines[i], "  warning"); i++ {
				}
			}
		}
	}
	answer, err := client.Upload(t.Context(), records, true)
	if err != nil || len(records) < 20 {
		t.Fatalf("%d records: %v", len(records), err)
	}
	for i, r := range answer.Results {
		if r.Verdict != clevertap.Accepted {
			t.Errorf("%s: %v", r.Refusal, string(records[i].JSON))
		}
	}
}
