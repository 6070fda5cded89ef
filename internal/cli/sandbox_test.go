package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// Google allows a key to be downloaded only once, so only a sandbox's own key is replaced.
func TestSandboxKeyReplacesOnlyItsOwn(t *testing.T) {
	s, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Google's": `{"type":"service_account","project_id":"shop","client_email":"reader@shop.iam.gserviceaccount.com"}`,
		"empty":    "", "text": "the only copy", "a user's": `{"type":"authorized_user","project_id":"rowtap-sandbox"}`,
	} {
		path := filepath.Join(t.TempDir(), "google.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := writeKey(s, "http://127.0.0.1:9400", path)
		if b, _ := os.ReadFile(path); err == nil || !strings.Contains(err.Error(), "\nnext: ") || string(b) != text {
			t.Errorf("%s: %v, and the file is now %q", name, err, b)
		}
	}
	path := filepath.Join(t.TempDir(), "new", "google.json")
	for _, base := range []string{"http://127.0.0.1:9400-a-longer-one", "http://127.0.0.1:9401"} {
		if err := writeKey(s, base, path); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), base+"/token") || !sandbox.IsKey(b) {
			t.Errorf("%s: %s %v", base, b, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v, want mode 600", info, err)
	}
}

// TestWhatTheSandboxPrints: the output is a rowtap.yaml with one account of each kind, with or
// without a key file.
func TestWhatTheSandboxPrints(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		s, err := sandbox.New(sandbox.Options{Passcode: "0123-#x"})
		if err != nil {
			t.Fatal(err)
		}
		dir, key := t.TempDir(), ""
		if keyed {
			key = filepath.Join(dir, "keys of mine", "google.json")
		} else if err := writeKey(s, "http://127.0.0.1:9400", filepath.Join(dir, "google.json")); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop() // it prints before it stops
		var out bytes.Buffer
		if err := serveSandbox(ctx, s, "127.0.0.1:0", key, &out); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(dir, os.LookupEnv)
		if err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		g, ct := c.GoogleAccounts["sandbox"], c.CleverTapAccounts["sandbox"]
		if g == nil || ct == nil || g.CredentialsFile == "" || g.Endpoint == nil || ct.Endpoint == nil || ct.Passcode.Reveal() != "0123-#x" {
			t.Errorf("accounts %+v, %+v of\n%s", g, ct, out.String())
		}
	}
}
