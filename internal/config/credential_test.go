package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMissingCredential: a missing file of LoadCredential= is named, with where to create it.
func TestMissingCredential(t *testing.T) {
	const hint = "create /etc/rowtap/credentials/passcode, see that the unit has a line LoadCredential=passcode:… for it, then: systemctl restart rowtap"
	for _, tt := range []struct{ credentials, path, want string }{
		{"/run/credentials/none.service", "${CREDENTIALS_DIRECTORY}/passcode", hint},
		{"/etc/rowtap/credentials", "${CREDENTIALS_DIRECTORY}/passcode", hint},
		{"/run/credentials/none.service", "passcode", ""},
		{t.TempDir(), "${CREDENTIALS_DIRECTORY}/passcode", ""},
	} {
		lookup := func(name string) (string, bool) { return tt.credentials, name == "CREDENTIALS_DIRECTORY" }
		path, want := tt.path, tt.want
		dir := t.TempDir()
		text := "clevertap_accounts: {a: {account_id: X, region: in1, passcode_file: \"" + path + "\"}}\n"
		if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir, lookup)
		wrong, _ := errors.AsType[Diagnostics](err)
		if len(wrong) != 1 || !strings.Contains(wrong[0].Message, path+" cannot be read: ") || wrong[0].Suggestion != want {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
