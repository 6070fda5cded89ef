package systemd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowtap/rowtap/internal/config"
)

// block returns the only code block of a language in two-vms.md.
func block(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("two-vms.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	if len(found) != 1 {
		t.Fatalf("%d blocks of %q, want 1", len(found), language)
	}
	return found[0][1]
}

// TestTwoVMsState loads the page's rowtap.yaml with the page's password file, as a command and as
// the daemon.
func TestTwoVMsState(t *testing.T) {
	t.Setenv("PGPASSWORD", "") // would override the file
	dir, credentials := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{
		filepath.Join(dir, "rowtap.yaml"):    block(t, "yaml"),
		filepath.Join(credentials, "pgpass"): block(t, "text"),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	local, err := config.LoadLocal(dir, func(name string) (string, bool) { return credentials, name == "CREDENTIALS_DIRECTORY" })
	if err != nil {
		t.Fatal(err)
	}
	if local.PostgresUnknown != nil || local.State.Lease != "production" {
		t.Fatalf("lease %q: %v", local.State.Lease, local.PostgresUnknown)
	}
	c, err := pgconn.ParseConfig(local.State.Postgres.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if c.Host != "db.example.com" || c.User != "rowtap" || c.Database != "rowtap" || c.Password != "PASSWORD" {
		t.Errorf("it connects to %s/%s as %s, password %q", c.Host, c.Database, c.User, c.Password)
	}
	if c.TLSConfig == nil || c.TLSConfig.ServerName != c.Host || len(c.Fallbacks) > 0 {
		t.Errorf("the server is not verified: %+v, fallbacks %v", c.TLSConfig, c.Fallbacks)
	}
}

// TestTwoVMsUnit: systemd accepts the page's drop-in without warnings, and the drop-in names the
// credential that rowtap.yaml reads.
func TestTwoVMsUnit(t *testing.T) {
	dropIn := block(t, "ini")
	const credential = "LoadCredential=pgpass:/etc/rowtap/credentials/pgpass\n"
	if !strings.Contains(dropIn, credential) || !strings.Contains(block(t, "yaml"), "${CREDENTIALS_DIRECTORY}/pgpass") {
		t.Errorf("the drop-in has no %q, or rowtap.yaml does not read it", credential)
	}
	need(t, "systemd-analyze")
	dir := t.TempDir()
	unit := filepath.Join(dir, "rowtap.service")
	text, err := os.ReadFile("rowtap.service")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(unit+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		unit:                      strings.ReplaceAll(string(text), "/usr/bin/rowtap", "/bin/true"),
		unit + ".d/postgres.conf": dropIn,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said := output(t, "systemd-analyze", "verify", unit); said != "" {
		t.Error(said)
	}
}
