package systemd_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// debian is a root directory with a package database of its own: nothing of the machine is changed.
type debian struct{ root string }

// dpkg runs dpkg in the root directory, as root of a user namespace where the user is not.
func (d debian) dpkg(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{
		"dpkg", "--root=" + d.root, "--log=" + d.root + "/dpkg.log", "--force-script-chrootless", "--force-depends", "--force-confold",
	}, args...)
	if os.Geteuid() != 0 {
		args = append([]string{"unshare", "--map-root-user"}, args...)
	}
	t.Log(output(t, args[0], args[1:]...))
}

func (d debian) exists(t *testing.T, want bool, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if _, err := os.Lstat(d.root + path); (err == nil) != want || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: is there: %t, want %t (%v)", path, !want, want, err)
		}
	}
}

func (d debian) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(d.root+path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.root+path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d debian) holds(t *testing.T, path, want string) {
	t.Helper()
	if text, err := os.ReadFile(d.root + path); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s holds %q (%v), want %q", path, text, err, want)
	}
}

// TestPackage builds the package, and installs, upgrades, removes and purges it.
func TestPackage(t *testing.T) {
	need(t, "dpkg-deb")
	if os.Getenv("ROWTAP_CI") == "" {
		t.Skip("it builds the program anew; ROWTAP_CI=1 runs it")
	}
	build, err := filepath.Abs("build-deb")
	if err != nil {
		t.Fatal(err)
	}
	packages := t.TempDir()
	cmd := exec.CommandContext(t.Context(), build, "1.2.0")
	cmd.Dir = packages
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build-deb: %v\n%s", err, out)
	}
	built, err := filepath.Glob(packages + "/rowtap_1.2.0_*.deb")
	if err != nil || len(built) != 1 {
		t.Fatalf("built %v, %v", built, err)
	}
	// The next version is the same, with another rowtap.yaml.
	next := filepath.Join(packages, "next")
	output(t, "dpkg-deb", "--raw-extract", built[0], next)
	n := debian{next}
	control, err := os.ReadFile(next + "/DEBIAN/control")
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "/DEBIAN/control", strings.Replace(string(control), "1.2.0", "1.3.0", 1))
	n.write(t, "/etc/rowtap/rowtap.yaml", "# of 1.3.0\n")
	output(t, "dpkg-deb", "--root-owner-group", "--build", next, next+".deb")

	d := debian{t.TempDir()}
	for _, dir := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(d.root, "var/lib/dpkg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.write(t, "/var/lib/dpkg/status", "")

	d.dpkg(t, "--install", built[0])
	d.exists(t, true, "/usr/lib/systemd/system/rowtap.service", "/usr/lib/systemd/system/rowtap-backup.service",
		"/usr/lib/systemd/system/rowtap-backup.timer", "/etc/rowtap/zaps", "/etc/default/rowtap",
		"/usr/share/doc/rowtap/examples/zaps/webinar-signups.yaml", "/usr/share/doc/rowtap/examples/alerts.yaml", "/usr/share/doc/rowtap/configs/README.md",
		"/usr/share/doc/rowtap/systemd/README.md", "/usr/share/doc/rowtap/systemd/two-vms.md",
		"/usr/share/bash-completion/completions/rowtap", "/usr/share/zsh/vendor-completions/_rowtap", "/usr/share/fish/vendor_completions.d/rowtap.fish")
	if said := output(t, d.root+"/usr/bin/rowtap", "version"); said != "rowtap 1.2.0\n" {
		t.Errorf("version says %q", said)
	}
	d.holds(t, "/var/lib/dpkg/status", "\nConffiles:\n /etc/rowtap/rowtap.yaml ")
	for path, want := range map[string]fs.FileMode{"/etc/rowtap/credentials": 0o700, "/etc/default/rowtap": 0o600} {
		if info, err := os.Stat(d.root + path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", path, info, err, want)
		}
	}

	// An operator, and the daemon.
	d.write(t, "/etc/rowtap/rowtap.yaml", "# mine\n")
	d.write(t, "/etc/rowtap/zaps/signups.yaml", "# mine\n")
	d.write(t, "/var/lib/private/rowtap/rowtap.db", "state")
	d.write(t, "/var/lib/private/rowtap-backups/rowtap-20261125T031500Z.db", "state")
	if err := os.Symlink("private/rowtap", d.root+"/var/lib/rowtap"); err != nil {
		t.Fatal(err)
	}
	kept := []string{"/etc/rowtap/zaps/signups.yaml", "/var/lib/rowtap", "/var/lib/private/rowtap/rowtap.db"}

	d.dpkg(t, "--install", next+".deb")
	d.holds(t, "/etc/rowtap/rowtap.yaml", "# mine")
	d.holds(t, "/etc/rowtap/rowtap.yaml.dpkg-dist", "# of 1.3.0")
	d.exists(t, true, kept...)

	d.dpkg(t, "--remove", "rowtap")
	d.exists(t, false, "/usr/bin/rowtap", "/usr/lib/systemd/system/rowtap.service")
	d.holds(t, "/etc/rowtap/rowtap.yaml", "# mine")
	d.exists(t, true, kept...)

	d.dpkg(t, "--purge", "rowtap")
	d.exists(t, false, "/etc/rowtap", "/etc/default/rowtap", "/var/lib/rowtap", "/var/lib/private/rowtap")
	d.exists(t, true, "/var/lib/private/rowtap-backups/rowtap-20261125T031500Z.db")
}
