package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// TestSandboxKeyReplacesOnlyItsOwn: Google gives a key out once.
func TestSandboxKeyReplacesOnlyItsOwn(t *testing.T) {
	newSandbox := func() *sandbox.Sandbox {
		s, err := sandbox.New(sandbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	user, err := newSandbox().AuthorizedUserKey("http://127.0.0.1:1/token")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "google.json")
	for range 2 { // the second sandbox replaces the key of the first
		if err := writeKey(newSandbox(), "http://127.0.0.1:1", path); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"type": "service_account", "project_id": "shop", "client_email": "rowtap@shop.iam.gserviceaccount.com", "private_key": "x"}`,
		`{"type": "service_account", "project_id": "rowtap-sandbox", "client_email": "rowtap@shop.iam.gserviceaccount.com"}`,
		string(user), "hunter2", "", "{",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, at := range []string{path, link} {
			err := writeKey(newSandbox(), "http://127.0.0.1:1", at)
			if err == nil || !strings.Contains(err.Error(), "is not the key of a sandbox") || text != "" && strings.Contains(err.Error(), text) {
				t.Errorf("over %q: %v", text, err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("over %q: the file is %q, %v", text, got, err)
		}
	}
}
