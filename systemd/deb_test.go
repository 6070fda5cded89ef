package systemd_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// debian is a root directory with a package database of its own: nothing of the machine is changed.
type debian struct{ root string }

// dpkg runs dpkg in the root directory, as root of a user namespace where the user is not.
func (d debian) dpkg(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{
		"dpkg", "--root=" + d.root, "--log=" + d.root + "/dpkg.log", "--force-script-chrootless", "--force-depends", "--force-confold",
	}, args...)
	if os.Geteuid() != 0 {
		args = append([]string{"unshare", "--map-root-user"}, args...)
	}
	said := output(t, args[0], args[1:]...)
	t.Log(said)
	return said
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

// builtVersion is the version of the package under test.
const builtVersion = "1.2.0"

// packageOf returns the package for this machine: $ROWTAP_DEB, which .ci/run builds once, or else
// one that it builds. Its version is builtVersion.
func packageOf(t *testing.T) string {
	t.Helper()
	if built := os.Getenv("ROWTAP_DEB"); built != "" {
		return built
	}
	build, err := filepath.Abs("build-deb")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), build, builtVersion)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build-deb: %v\n%s", err, out)
	}
	built, err := filepath.Glob(filepath.Join(dir, "rowtap_"+builtVersion+"_*.deb"))
	if err != nil || len(built) != 1 {
		t.Fatalf("built %v, %v", built, err)
	}
	return built[0]
}

// TestPackage installs, upgrades, removes and purges the package.
func TestPackage(t *testing.T) {
	need(t, "dpkg-deb")
	if os.Getenv("ROWTAP_CI") == "" {
		t.Skip("it needs the package; ROWTAP_CI=1 runs it")
	}
	packages, built := t.TempDir(), packageOf(t)
	// The next version is the same, with another rowtap.yaml.
	next := filepath.Join(packages, "next")
	output(t, "dpkg-deb", "--raw-extract", built, next)
	n := debian{next}
	control, err := os.ReadFile(next + "/DEBIAN/control")
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "/DEBIAN/control", strings.Replace(string(control), builtVersion, "1.3.0", 1))
	n.write(t, "/etc/rowtap/rowtap.yaml", "# of 1.3.0\n")
	output(t, "dpkg-deb", "--root-owner-group", "--build", next, next+".deb")

	d := debian{t.TempDir()}
	for _, dir := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(d.root, "var/lib/dpkg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.write(t, "/var/lib/dpkg/status", "")

	d.dpkg(t, "--install", built)
	d.exists(t, true, "/usr/lib/systemd/system/rowtap.service", "/usr/lib/systemd/system/rowtap-backup.service",
		"/usr/lib/systemd/system/rowtap-backup.timer", "/etc/rowtap/zaps", "/etc/default/rowtap",
		"/usr/share/doc/rowtap/examples/zaps/webinar-signups.yaml", "/usr/share/doc/rowtap/examples/alerts.yaml", "/usr/share/doc/rowtap/configs/README.md",
		"/usr/share/doc/rowtap/systemd/README.md", "/usr/share/doc/rowtap/systemd/move.md", "/usr/share/doc/rowtap/systemd/two-vms.md",
		"/usr/share/bash-completion/completions/rowtap", "/usr/share/zsh/vendor-completions/_rowtap", "/usr/share/fish/vendor_completions.d/rowtap.fish",
		"/usr/share/man/man1/rowtap.1.gz", "/usr/share/man/man1/rowtap-state-backup.1.gz", "/usr/share/doc/rowtap/changelog.gz", "/usr/share/doc/rowtap/copyright")
	if said := output(t, d.root+"/usr/bin/rowtap", "version"); !regexp.MustCompile(`^rowtap 1\.2\.0 \(commit [0-9a-f]{12}(\+changes)?\)\n$`).MatchString(said) {
		t.Errorf("version says %q", said)
	}
	if said := output(t, "dpkg", "--root="+d.root, "--verify", "rowtap"); said != "" {
		t.Errorf("files differ from md5sums: %s", said)
	}
	if said := output(t, "zcat", d.root+"/usr/share/doc/rowtap/third-party.txt.gz"); !strings.Contains(said, "\ngo.etcd.io/bbolt v") {
		t.Error("third-party.txt.gz has no license of bbolt")
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
	// A first installation enables nothing; the operator does.
	links := []string{"/etc/systemd/system/multi-user.target.wants/rowtap.service", "/etc/systemd/system/timers.target.wants/rowtap-backup.timer"}
	d.exists(t, false, links...)
	output(t, "systemctl", "--root="+d.root, "enable", "rowtap.service", "rowtap-backup.timer")
	d.exists(t, true, links...)
	kept := []string{"/etc/rowtap/zaps/signups.yaml", "/var/lib/rowtap", "/var/lib/private/rowtap/rowtap.db"}

	d.dpkg(t, "--install", next+".deb")
	d.holds(t, "/etc/rowtap/rowtap.yaml", "# mine")
	d.holds(t, "/etc/rowtap/rowtap.yaml.dpkg-dist", "# of 1.3.0")
	d.exists(t, true, kept...)

	d.dpkg(t, "--remove", "rowtap")
	d.exists(t, false, "/usr/bin/rowtap", "/usr/lib/systemd/system/rowtap.service")
	d.holds(t, "/etc/rowtap/rowtap.yaml", "# mine")
	d.exists(t, true, kept...)

	// Back again, it is enabled as it was.
	d.dpkg(t, "--install", next+".deb")
	if said := output(t, "systemctl", "--root="+d.root, "is-enabled", "rowtap.service", "rowtap-backup.timer"); said != "enabled\nenabled\n" {
		t.Errorf("after remove and install: %s", said)
	}
	d.dpkg(t, "--remove", "rowtap")

	if said := d.dpkg(t, "--purge", "rowtap"); !strings.Contains(said, "the backups in /var/lib/private/rowtap-backups are kept") {
		t.Errorf("purge does not say that backups are kept: %s", said)
	}
	d.exists(t, false, links...)
	d.exists(t, false, "/etc/rowtap", "/etc/default/rowtap", "/var/lib/rowtap", "/var/lib/private/rowtap")
	d.exists(t, true, "/var/lib/private/rowtap-backups/rowtap-20261125T031500Z.db")
}

// TestBuildWithoutGit: outside a checkout, build-deb says which version to give.
func TestBuildWithoutGit(t *testing.T) {
	dir := t.TempDir()
	script, err := os.ReadFile("build-deb")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "systemd", "build-deb")
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, script, 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{"", "this is not a git checkout; give the version: systemd/build-deb 1.2.3"},
		{"v1.2.3", "a Debian version begins with a digit, not v1.2.3; for example: systemd/build-deb 1.2.3"},
	} {
		cmd := exec.CommandContext(t.Context(), path, strings.Fields(tt.args)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 || string(out) != "build-deb: "+tt.want+"\n" {
			t.Errorf("build-deb %s: %v, %s", tt.args, err, out)
		}
	}
}

// TestPostinst runs the script with stand-ins for systemd and rowtap, which write down how they are called.
func TestPostinst(t *testing.T) {
	need(t, "unshare")
	stubs, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for name, script := range map[string]string{
		"deb-systemd-helper": `[ "$1" = update-state ]`, // was never installed
		"deb-systemd-invoke": `echo "invoke $*" >>"$LOG"`,
		"systemctl":          `echo "systemctl $*" >>"$LOG"; case "$*" in *is-active*) exit "$INACTIVE" ;; *is-enabled*) exit "$DISABLED" ;; esac`,
		"rowtap":             `echo "rowtap $*" >>"$LOG"; printf 'rowtap.yaml:3:1: shedule: is not a known key\nnext: correct the files\n'; exit "$REFUSED"`,
	} {
		if err := os.WriteFile(filepath.Join(stubs, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const (
		reload  = "systemctl --system daemon-reload\n"
		timer   = "invoke try-restart rowtap-backup.timer\n"
		active  = "systemctl --quiet is-active rowtap.service\n"
		check   = "rowtap check --config /etc/rowtap --files-only\n"
		restart = "invoke try-restart rowtap.service\n"
		off     = "systemctl --quiet is-enabled rowtap.service\nsystemctl --quiet is-enabled rowtap-backup.timer\n"
		on      = "systemctl --quiet is-enabled rowtap.service\nsystemctl --quiet is-active rowtap.service\nsystemctl --quiet is-enabled rowtap-backup.timer\nsystemctl --quiet is-active rowtap-backup.timer\n"
	)
	for _, tt := range []struct {
		name, args, inactive, refused, disabled string
		called, said                            string
	}{
		{"first installation", "configure", "3", "0", "1", reload, "is installed, and not started yet"},
		{"upgrade", "configure 1.1.0", "0", "0", "0", reload + timer + active + check + restart + on, ""},
		{"upgrade of a stopped daemon", "configure 1.1.0", "3", "2", "1", reload + timer + active + restart + off, ""},
		{
			"back after a removal", "configure 1.1.0", "3", "0", "0", reload + timer + active + restart + on,
			"rowtap: enabled, but not running: rowtap.service rowtap-backup.timer\nnext: systemctl start rowtap.service rowtap-backup.timer\n",
		},
		{
			"refused files", "configure 1.1.0", "0", "2", "0", reload + timer + active + check + on,
			"rowtap.yaml:3:1: shedule: is not a known key\nrowtap: the daemon was NOT restarted, because this version refuses the configuration.",
		},
		{"an upgrade that failed", "abort-upgrade 1.3.0", "0", "0", "0", reload, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(log, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			// The directory that tells that systemd runs is on a file system that only this script sees.
			cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", "sh", "-c",
				`mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec sh debian/postinst `+tt.args)
			cmd.Env = append(os.Environ(), "PATH="+stubs+":"+os.Getenv("PATH"), "LOG="+log, "INACTIVE="+tt.inactive, "REFUSED="+tt.refused, "DISABLED="+tt.disabled, "DPKG_ROOT=")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tt.said) || tt.said == "" && len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
			if called, err := os.ReadFile(log); err != nil || string(called) != tt.called {
				t.Errorf("called %v\n%s\nwant\n%s", err, called, tt.called)
			}
		})
	}
}

// TestLintian looks at the package as Debian does. What it finds and is meant so is in lintian-overrides, with the reason.
func TestLintian(t *testing.T) {
	need(t, "lintian")
	if os.Getenv("ROWTAP_CI") == "" {
		t.Skip("it needs the package; ROWTAP_CI=1 runs it")
	}
	built := packageOf(t)
	if said := output(t, "lintian", "--allow-root", "--fail-on=error,warning", "--tag-display-limit", "0", built); said != "" {
		t.Error(said)
	}
}
