// Package systemd_test checks the systemd units and the Debian package. Tests are skipped if a tool
// that they need is missing; with ROWTAP_CI=1, which .ci/run sets, a missing tool is a failure.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// need skips a test if a program that it needs is missing.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("ROWTAP_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// output runs a program and returns its output.
func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestUnits: systemd accepts the units without warnings.
func TestUnits(t *testing.T) {
	need(t, "systemd-analyze")
	dir := t.TempDir()
	units, err := filepath.Glob("rowtap*")
	if err != nil || len(units) != 3 {
		t.Fatalf("units %v, %v", units, err)
	}
	for i, name := range units {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// rowtap may not be installed.
		units[i] = filepath.Join(dir, name)
		if err := os.WriteFile(units[i], []byte(strings.ReplaceAll(string(text), "/usr/bin/rowtap", "/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said := output(t, "systemd-analyze", append([]string{"verify"}, units...)...); said != "" {
		t.Error(said)
	}
}

// TestMissingCredentialRestarts: systemd tries again after status 243, which it reports for a missing
// file of LoadCredential=, since the file may come late. The guide says so.
func TestMissingCredentialRestarts(t *testing.T) {
	for file, want := range map[string]string{
		"rowtap.service": "\nRestartPreventExitStatus=78\n",
		"README.md":      "status=243/CREDENTIALS",
	} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has no %q (%v)", file, want, err)
		}
	}
}

// TestExposure: an exposure of 0 means that the service can do nothing to the machine, 10 that it
// can do everything.
func TestExposure(t *testing.T) {
	need(t, "systemd-analyze")
	const most = 1.3
	for _, unit := range []string{"rowtap.service", "rowtap-backup.service"} {
		said := output(t, "systemd-analyze", "security", "--offline=true", "--no-pager", unit)
		found := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(said)
		if found == nil {
			t.Fatalf("no level of %s in:\n%s", unit, said)
		}
		level, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.1f", unit, level)
		if level > most {
			t.Errorf("%s has an exposure level of %.1f, more than %.1f:\n%s", unit, level, most, said)
		}
	}
}
