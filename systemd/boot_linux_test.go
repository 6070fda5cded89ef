package systemd_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// suites are the releases of Debian that are booted, by the names that debootstrap knows: 12 and 13.
var suites = []string{"bookworm", "trixie"}

const (
	// bootDir names, to the test inside of the namespaces, the directory that it shares with the
	// one outside.
	bootDir = "ROWTAP_BOOT_DIR"

	// rootPackages is all that a root has besides the required packages.
	rootPackages = "systemd-sysv,dbus,libnss-systemd,ca-certificates"
)

// checks are run one after the other, each on a machine of its own.
var checks = []struct {
	name string
	long bool // only with ROWTAP_BOOT=all
	run  func(*service)
}{
	{"package", false, packageLife},
	{"move", false, move},
	{"watchdog", true, watchdog},
	{"restarts", true, restarts},
	{"fulldisk", true, fullDisk},
	{"upgrade", true, upgrade},
	{"reboot", true, reboot},
	{"container", true, container},
}

// TestBoot boots Debian with systemd as PID 1, installs the package and operates the service as its
// guide says, against the sandbox. It runs in namespaces that end with it: its processes, mounts
// and network, which is loopback only, are gone afterwards. It needs root, and the Debian mirror
// for a root that is not in the cache yet (rowtap-ci in the user's cache directory). Where the
// machine does not allow it, the test is skipped and says why.
//
//	ROWTAP_BOOT=1    package, as .ci/run does: install, start, deliver, reload, kill, back up,
//	                 remove, purge; and move.md between two machines. A minute with cached roots
//	ROWTAP_BOOT=all  the long checks as well, 6 minutes, or 11 on a busy machine:
//	  watchdog       the daemon is stopped with SIGSTOP, and systemd restarts it
//	  restarts       100 restarts and 10 kills while rows arrive
//	  fulldisk       the state's file system, a tmpfs, is full, also over a restart
//	  upgrade        the next version is installed while 5,000 rows are queued
//	  reboot         rows arrive while the machine reboots, and after a power cut
//	  container      run --watch as user 65532 on a read-only root without a shell, as in the
//	                 image; 100 swaps of the ConfigMap's ..data, good and bad
//	ROWTAP_DEB       the package to install; without it, build-deb builds one
//
// One check on one release: go test -v -run TestBoot/trixie/watchdog ./systemd
func TestBoot(t *testing.T) {
	what := os.Getenv("ROWTAP_BOOT")
	if what == "" {
		t.Skip("it boots systemd in namespaces, as root; ROWTAP_BOOT=1 runs it")
	}
	if dir := os.Getenv(bootDir); dir != "" {
		bootInside(t, dir, what == "all")
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("not booted: only root can boot systemd in namespaces")
	}
	for _, program := range []string{"unshare", "nsenter", "ip", "debootstrap", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("not booted: %v", err)
		}
	}
	const allowed = `
ip link set lo up
mount -t tmpfs tmpfs "$1"
mkdir "$1/cgroup" "$1/lower" "$1/upper" "$1/work" "$1/root"
mount -t cgroup2 cgroup2 "$1/cgroup"
mkdir "$1/cgroup/$2"
rmdir "$1/cgroup/$2"
mount -t overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"`
	group := fmt.Sprintf("rowtap-boot-%d", os.Getpid())
	probe := exec.CommandContext(t.Context(), "unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--mount-proc",
		"sh", "-euc", allowed, "probe", t.TempDir(), group)
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("not booted: this machine does not allow it: %v: %s", err, out)
	}
	packages := buildPackages(t)
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			bootOutside(t, suite, packages, group+"-"+suite)
		})
	}
}

// buildPackages returns a directory with old.deb, and with next.deb, which is the same under a
// later version.
func buildPackages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	built := packageOf(t)
	next := filepath.Join(dir, "next")
	output(t, "dpkg-deb", "--raw-extract", built, next)
	output(t, "sed", "-i", "s/^Version: .*/&+next/", next+"/DEBIAN/control")
	output(t, "dpkg-deb", "--root-owner-group", "-Znone", "--build", next, next+".deb")
	output(t, "cp", built, filepath.Join(dir, "old.deb"))
	return dir
}

// bootOutside runs this test again in namespaces, and removes the control groups that it leaves.
func bootOutside(t *testing.T, suite, packages, group string) {
	lower := cachedRoot(t, suite)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	defer func() {
		// And those of runs that were killed.
		const remove = `mount -t cgroup2 cgroup2 "$1"
cd "$1"
for group in rowtap-boot-*; do
  pid=${group#rowtap-boot-}
  if [ -d "$group" ] && { [ "$group" = "$2" ] || [ ! -d "/proc/${pid%-*}" ]; }; then
    find "$group" -depth -type d -exec rmdir {} +
  fi
done
[ ! -d "$2" ]`
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "unshare", "--mount", "sh", "-euc", remove, "remove", dir, group).CombinedOutput(); err != nil {
			t.Errorf("the control group %s stays: %v: %s", group, err, out)
		}
	}()
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc",
		self, "-test.run="+only(suite), "-test.v", "-test.timeout=30m")
	cmd.Env = append(os.Environ(), bootDir+"="+dir, "ROWTAP_BOOT_SUITE="+suite, "ROWTAP_BOOT_ROOT="+lower, "ROWTAP_BOOT_PACKAGES="+packages, "ROWTAP_BOOT_GROUP="+group)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := runHeld(cmd); err != nil {
		t.Errorf("in the namespaces: %v", err)
	}
}

// runHeld runs unshare --kill-child. What ends this test, also a timeout or a kill, ends unshare,
// which ends PID 1 of the namespaces, which ends all in them.
func runHeld(cmd *exec.Cmd) error {
	runtime.LockOSThread() // the signal is sent when the thread ends
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// only returns the pattern of -run for the test in the namespaces: the check that was asked for, of
// this release only.
func only(suite string) string {
	asked := strings.SplitN(flag.Lookup("test.run").Value.String(), "/", 3)
	pattern := "^TestBoot$/^" + suite + "$"
	if len(asked) == 3 {
		pattern += "/" + asked[2]
	}
	return pattern
}

// cachedRoot returns the root directory of a release, which debootstrap makes where there is none.
func cachedRoot(t *testing.T, suite string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("not booted: %v", err)
	}
	root := filepath.Join(cache, "rowtap-ci", "root-"+suite)
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	// One run at a time makes it, and what an interrupted one left is made again.
	lock, err := os.Create(root + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err == nil {
		return root
	}
	made := root + ".new"
	if err := os.RemoveAll(made); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"debootstrap", "--variant=minbase", "--include="+rootPackages, suite, made)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := runHeld(cmd); err != nil {
		t.Skipf("not booted: debootstrap could not make a root: %v: %s", err, out.Bytes()[max(0, out.Len()-2000):])
	}
	if err := os.Rename(made, root); err != nil {
		t.Fatal(err)
	}
	t.Logf("debootstrap made %s in %s", root, time.Since(began).Round(time.Second))
	return root
}

// bootInside runs the checks in the namespaces.
func bootInside(t *testing.T, dir string, all bool) {
	output(t, "ip", "link", "set", "lo", "up")
	output(t, "mount", "-t", "tmpfs", "tmpfs", dir)
	groups := filepath.Join(dir, "cgroup")
	if err := os.Mkdir(groups, 0o755); err != nil {
		t.Fatal(err)
	}
	output(t, "mount", "-t", "cgroup2", "cgroup2", groups)
	t.Run(os.Getenv("ROWTAP_BOOT_SUITE"), func(t *testing.T) {
		for _, c := range checks {
			t.Run(c.name, func(t *testing.T) {
				if c.long && !all {
					t.Skip("ROWTAP_BOOT=all runs it")
				}
				own := filepath.Join(dir, c.name)
				s := newService(t, newMachine(t, os.Getenv("ROWTAP_BOOT_ROOT"), own, filepath.Join(groups, os.Getenv("ROWTAP_BOOT_GROUP"), c.name)))
				c.run(s)
			})
		}
	})
}

// service is a machine with the package, and the sandbox that it works against.
type service struct {
	*machine
	box   *lab.Sandbox
	added int // rows r1 … of the sheet
}

const (
	bootConfig = `google_accounts: {marketing: {credentials_file: "${CREDENTIALS_DIRECTORY}/google.json", endpoint: http://127.0.0.1:9400/, reads_per_minute: 6000}}
clevertap_accounts: {production: {account_id: "${CLEVERTAP_ACCOUNT_ID}", passcode_file: "${CREDENTIALS_DIRECTORY}/clevertap_passcode", endpoint: http://127.0.0.1:9400}}
`
	bootZap = `enabled: true
schedule: "@every 1s"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: %s, max_new_rows: 0}
action: {app: clevertap, event: upload_event, event_name: %[1]s, account: production, identity: "{{Email}}"}
`
)

// newService starts the sandbox and copies the packages to the machine.
func newService(t *testing.T, m *machine) *service {
	t.Helper()
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	s := &service{machine: m, box: box}
	if err := box.Sheets().AddSpreadsheet("book", "Book", "Etc/UTC"); err != nil {
		t.Fatal(err)
	}
	for gid, title := range []string{"Signups", "Orders"} {
		if err := box.Sheets().AddWorksheet("book", title, int64(gid), []sandbox.Value{sandbox.Text("Email"), sandbox.Text("Score")}); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:9400")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: box.Handler(), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		box.Close()
		_ = server.Close()
		<-served
	})
	for _, name := range []string{"old.deb", "next.deb"} {
		output(t, "cp", filepath.Join(os.Getenv("ROWTAP_BOOT_PACKAGES"), name), m.root+"/root/"+name)
	}
	return s
}

// install boots the machine, installs the package and configures it with one zap, as postinst
// tells.
func (s *service) install() {
	s.t.Helper()
	s.boot()
	s.t.Log(s.run("apt-get", "install", "-qqy", "-o", "Dpkg::Use-Pty=0", "/root/old.deb"))
	key, err := s.box.ServiceAccountKey("http://127.0.0.1:9400/token")
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("/etc/rowtap/credentials/google.json", string(key), 0o600)
	s.write("/etc/rowtap/credentials/clevertap_passcode", "SBX-PASS-0000\n", 0o600)
	s.write("/etc/default/rowtap", "CLEVERTAP_ACCOUNT_ID=TEST-000-000-000Z\n", 0o600)
	s.write("/etc/rowtap/rowtap.yaml", bootConfig, 0o644)
	s.write("/etc/rowtap/zaps/signups.yaml", fmt.Sprintf(bootZap, "Signups"), 0o644)
}

// start enables the service and has its first row delivered, so that its baseline is known.
func (s *service) start() {
	s.t.Helper()
	s.run("systemctl", "enable", "--now", "rowtap.service")
	s.baseline()
	s.add(1)
	s.delivered()
}

// baseline waits until the zap has read its worksheet: later rows are new.
func (s *service) baseline() {
	s.t.Helper()
	await(s.t, "first poll", 30*time.Second, func() bool {
		status, err := s.try("rowtap", "status", "--json")
		return err == nil && strings.Contains(status, `"last_poll":"2`)
	})
}

// add appends rows with the next identities to the sheet.
func (s *service) add(rows int) {
	s.t.Helper()
	cells := make([][]sandbox.Value, 0, rows)
	for range rows {
		s.added++
		cells = append(cells, []sandbox.Value{sandbox.Text(fmt.Sprintf("r%d@example.com", s.added)), sandbox.Number(float64(s.added))})
	}
	if _, err := s.box.Sheets().Append("book", "Signups", cells...); err != nil {
		s.t.Fatal(err)
	}
}

// sent counts the events of each identity at CleverTap.
func (s *service) sent(event string) map[string]int {
	n := map[string]int{}
	for _, r := range s.box.CleverTap().Records(sandbox.RecordQuery{Type: "event"}) {
		if r.Event == event {
			n[r.Identity]++
		}
	}
	return n
}

// delivered waits until every row is at CleverTap, and checks that those that are there more than
// once are marked 'maybe twice'. It returns their number.
func (s *service) delivered() int {
	s.t.Helper()
	await(s.t, fmt.Sprintf("delivery of %d rows", s.added), 90*time.Second, func() bool { return len(s.sent("Signups")) >= s.added })
	twice := s.twice()
	if twice > 0 {
		marked := strings.Count(s.run("rowtap", "history", "signups", "--limit", "0", "--json"), `"maybe_twice":true`)
		if marked < twice {
			s.t.Errorf("%d rows were sent twice, %d are marked 'maybe twice'", twice, marked)
		}
	}
	return twice
}

// twice returns the number of rows that are at CleverTap more than once.
func (s *service) twice() int {
	twice := 0
	for _, n := range s.sent("Signups") {
		if n > 1 {
			twice++
		}
	}
	return twice
}

// mainPID returns the PID of the daemon in the machine.
func (s *service) mainPID() int {
	s.t.Helper()
	pid, err := strconv.Atoi(s.show("rowtap.service", "MainPID"))
	if err != nil || pid == 0 {
		s.t.Fatalf("MainPID %d, %v", pid, err)
	}
	return pid
}

// signal sends a signal to a process of the machine.
func (s *service) signal(name string, pid int) {
	s.t.Helper()
	s.run("sh", "-c", fmt.Sprintf("kill -%s %d", name, pid))
}

// active waits until the service is active with another process than before.
func (s *service) active(before int, within time.Duration) {
	s.t.Helper()
	await(s.t, "restart of the service", within, func() bool {
		state := strings.Fields(s.show("rowtap.service", "MainPID", "ActiveState"))
		return len(state) == 2 && state[1] == "active" && state[0] != strconv.Itoa(before)
	})
}

// packageLife is the life of the package: install, start, deliver, reload, kill, remove, purge.
func packageLife(s *service) {
	t := s.t
	s.install()
	t.Log(strings.SplitN(s.run("systemctl", "--version"), "\n", 2)[0])
	if state, _ := s.try("systemctl", "is-active", "rowtap.service"); state != "inactive" {
		t.Errorf("after the installation the service is %s", state)
	}
	s.start()
	if state := s.run("systemctl", "is-enabled", "rowtap.service"); state != "enabled" {
		t.Errorf("the service is %s", state)
	}
	t.Logf("STATUS: %s", s.show("rowtap.service", "StatusText"))
	daemon := s.mainPID()

	s.write("/etc/rowtap/zaps/orders.yaml", fmt.Sprintf(bootZap, "Orders"), 0o644)
	t.Log(s.run("systemctl", "reload", "rowtap.service"))
	await(t, "first poll of the new zap", 30*time.Second, func() bool {
		return strings.Count(s.run("rowtap", "status", "--json"), `"last_poll":"2`) == 2
	})
	if _, err := s.box.Sheets().Append("book", "Orders", []sandbox.Value{sandbox.Text("asha@example.com")}); err != nil {
		t.Fatal(err)
	}
	await(t, "delivery by the new zap", 30*time.Second, func() bool { return s.sent("Orders")["asha@example.com"] == 1 })

	s.write("/etc/rowtap/zaps/orders.yaml", fmt.Sprintf(bootZap, "Orders")+"filtre: true\n", 0o644)
	if out, err := s.try("systemctl", "reload", "rowtap.service"); err == nil {
		t.Errorf("a bad configuration was reloaded: %s", out)
	}
	if log := s.run("journalctl", "--unit=rowtap.service", "--output=cat"); !strings.Contains(log, "orders.yaml:5") || !strings.Contains(log, "did you mean") {
		t.Errorf("the journal does not name the mistake:\n%s", log)
	}
	s.add(1)
	s.delivered()
	if now := s.mainPID(); now != daemon {
		t.Errorf("the reloads replaced process %d by %d", daemon, now)
	}
	await(t, "STATUS of the refused configuration", 30*time.Second, func() bool {
		return strings.Contains(s.show("rowtap.service", "StatusText"), "configuration refused")
	})
	if errors := s.run("journalctl", "--unit=rowtap.service", "--priority=err", "--output=cat"); !strings.Contains(errors, "orders.yaml:5") {
		t.Errorf("the mistake has not the priority of an error; these lines have:\n%s", errors)
	}
	if out, err := s.try("systemctl", "restart", "rowtap.service"); err == nil {
		t.Errorf("the daemon started on a bad configuration: %s", out)
	}
	if state := strings.Fields(s.show("rowtap.service", "ActiveState", "ExecMainStatus")); !slices.Equal(state, []string{"78", "failed"}) {
		t.Errorf("after a start on a bad configuration: %v", state)
	}
	s.write("/etc/rowtap/zaps/orders.yaml", fmt.Sprintf(bootZap, "Orders"), 0o644)
	s.run("systemctl", "start", "rowtap.service")
	daemon = s.mainPID()

	t.Logf("kill -9: %s", s.kill(daemon))

	s.run("systemctl", "start", "rowtap-backup.service")
	backups, err := filepath.Glob(s.root + "/var/lib/private/rowtap-backups/*.db")
	if err != nil || len(backups) != 1 {
		t.Errorf("backups %v, %v, want one", backups, err)
	}

	s.run("apt-get", "remove", "-qqy", "-o", "Dpkg::Use-Pty=0", "rowtap")
	for _, gone := range []string{"/usr/bin/rowtap", "/usr/lib/systemd/system/rowtap.service", "/run/rowtap"} {
		if s.exists(gone) {
			t.Errorf("after the removal %s is there", gone)
		}
	}
	if state, _ := s.try("systemctl", "is-active", "rowtap.service"); state == "active" {
		t.Error("after the removal the service is active")
	}
	for _, kept := range []string{"/etc/rowtap/zaps/signups.yaml", "/etc/rowtap/credentials/google.json", "/var/lib/private/rowtap/rowtap.db"} {
		if !s.exists(kept) {
			t.Errorf("the removal took %s", kept)
		}
	}

	s.add(1)
	said := s.run("apt-get", "install", "-qqy", "-o", "Dpkg::Use-Pty=0", "/root/old.deb")
	t.Log(said)
	if state := s.run("systemctl", "is-enabled", "rowtap.service"); state != "enabled" {
		t.Errorf("after the reinstallation the service is %s", state)
	}
	if !strings.Contains(said, "next: systemctl start rowtap.service") {
		t.Error("the reinstallation does not say how to start the service")
	}
	s.run("systemctl", "start", "rowtap.service")
	s.delivered()

	t.Log(s.run("apt-get", "purge", "-qqy", "-o", "Dpkg::Use-Pty=0", "rowtap"))
	for _, gone := range []string{"/etc/rowtap", "/etc/default/rowtap", "/var/lib/rowtap", "/var/lib/private/rowtap", "/etc/systemd/system/multi-user.target.wants/rowtap.service"} {
		if s.exists(gone) {
			t.Errorf("after the purge %s is there", gone)
		}
	}
	for _, backup := range backups {
		if _, err := os.Stat(backup); err != nil {
			t.Errorf("the purge took a backup: %v", err)
		}
	}
	if failed := s.run("systemctl", "list-units", "--failed", "--no-legend", "rowtap*"); failed != "" {
		t.Errorf("failed units are left: %s", failed)
	}
}

// kill kills the daemon in the middle of uploads. systemd restarts it, and all rows are delivered.
func (s *service) kill(daemon int) string {
	s.t.Helper()
	before := s.box.CleverTap().Counts().Requests
	if err := s.box.Fault(lab.Fault{API: "clevertap", Delay: "300ms", Times: 20}); err != nil {
		s.t.Fatal(err)
	}
	s.add(2500)
	await(s.t, "uploads", 30*time.Second, func() bool { return s.box.CleverTap().Counts().Requests > before })
	s.signal("KILL", daemon)
	began := time.Now()
	s.active(daemon, 30*time.Second)
	back := time.Since(began)
	s.box.Heal("clevertap")
	twice := s.delivered()
	return fmt.Sprintf("active again after %s, NRestarts %s, %d rows, 0 lost, %d sent twice and marked",
		back.Round(100*time.Millisecond), s.show("rowtap.service", "NRestarts"), s.added, twice)
}

// watchdog stops the daemon in place, as a hang would. systemd notices it after WatchdogSec, kills
// the daemon and restarts it.
func watchdog(s *service) {
	s.install()
	s.start()
	daemon := s.mainPID()
	s.signal("STOP", daemon)
	began := time.Now()
	s.add(10)
	s.active(daemon, 4*time.Minute)
	back := time.Since(began)
	if log := s.run("journalctl", "--unit=rowtap.service", "--output=cat"); !strings.Contains(log, "Watchdog timeout") {
		s.t.Errorf("no watchdog in the journal:\n%s", log)
	}
	twice := s.delivered()
	s.t.Logf("stopped: active again after %s, %d rows, 0 lost, %d sent twice", back.Round(time.Second), s.added, twice)
}

// restarts restarts the daemon 100 times, and kills it 10 times, while rows arrive and uploads are
// slow.
func restarts(s *service) {
	s.install()
	s.start()
	if err := s.box.Fault(lab.Fault{API: "clevertap", Delay: "50ms"}); err != nil {
		s.t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				s.add(1)
			}
		}
	}()
	began := time.Now()
	for range 100 {
		s.run("systemctl", "restart", "rowtap.service")
	}
	took := time.Since(began)
	if twice := s.twice(); twice > 0 {
		s.t.Errorf("%d rows were sent twice, though each restart lets uploads finish", twice)
	}
	for range 10 {
		daemon := s.mainPID()
		s.signal("KILL", daemon)
		s.active(daemon, time.Minute)
	}
	close(stop)
	<-stopped
	s.box.Heal("clevertap")
	twice := s.delivered()
	s.t.Logf("100 restarts in %s, 10 kills: %d rows, 0 lost, %d sent twice and marked", took.Round(time.Second), s.added, twice)
}

// fullDisk fills the file system of the state, which is a tmpfs, while rows arrive.
func fullDisk(s *service) {
	s.install()
	s.run("mkdir", "-p", "-m", "700", "/var/lib/private/rowtap")
	s.run("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", "/var/lib/private/rowtap")
	s.start()
	daemon := s.mainPID()
	_, _ = s.try("dd", "if=/dev/zero", "of=/var/lib/private/rowtap/ballast", "bs=4k") // until there is no room
	s.add(5000)
	var status string
	await(s.t, "report of the full disk", time.Minute, func() bool {
		status, _ = s.try("rowtap", "status")
		return strings.Contains(status, "no room for the state file to grow")
	})
	s.t.Logf("status:\n%s\nSTATUS: %s", status, s.show("rowtap.service", "StatusText"))
	if now := s.mainPID(); now != daemon {
		s.t.Errorf("the full disk ended process %d; now %d runs", daemon, now)
	}
	// A restart on the full disk loses nothing either.
	out, err := s.try("systemctl", "restart", "rowtap.service")
	s.t.Logf("restart on the full disk: %v %s", err, out)
	s.run("rm", "/var/lib/private/rowtap/ballast")
	began := time.Now()
	twice := s.delivered()
	s.t.Logf("room again: all sent after %s, %d rows, 0 lost, %d sent twice", time.Since(began).Round(100*time.Millisecond), s.added, twice)
}

// upgrade installs the next version while rows are queued and more arrive.
func upgrade(s *service) {
	s.install()
	s.start()
	daemon := s.mainPID()
	if err := s.box.Fault(lab.Fault{API: "clevertap", Status: http.StatusTooManyRequests}); err != nil {
		s.t.Fatal(err)
	}
	s.add(5000)
	await(s.t, "queue", time.Minute, func() bool {
		status, err := s.try("rowtap", "status", "--json")
		return err == nil && strings.Contains(status, `"queued":5000`)
	})
	s.t.Log(s.run("apt-get", "install", "-qqy", "-o", "Dpkg::Use-Pty=0", "/root/next.deb"))
	s.add(100)
	s.active(daemon, 30*time.Second)
	if version := s.run("dpkg-query", "--show", "--showformat=${Version}", "rowtap"); !strings.HasSuffix(version, "+next") {
		s.t.Errorf("version %s is installed", version)
	}
	if state := s.run("systemctl", "is-enabled", "rowtap.service"); state != "enabled" {
		s.t.Errorf("after the upgrade the service is %s", state)
	}
	// A configuration that the next version refuses keeps the old one running.
	daemon = s.mainPID()
	s.write("/etc/rowtap/zaps/orders.yaml", fmt.Sprintf(bootZap, "Orders")+"filtre: true\n", 0o644)
	out := s.run("apt-get", "install", "-qqy", "--allow-downgrades", "-o", "Dpkg::Use-Pty=0", "/root/old.deb")
	if !strings.Contains(out, "orders.yaml:5") || s.mainPID() != daemon {
		s.t.Errorf("process %d was replaced by %d:\n%s", daemon, s.mainPID(), out)
	}
	s.t.Log(out)
	s.write("/etc/rowtap/zaps/orders.yaml", fmt.Sprintf(bootZap, "Orders"), 0o644)
	s.run("systemctl", "restart", "rowtap.service")

	s.box.Heal("clevertap")
	twice := s.delivered()
	s.t.Logf("%d rows, 0 lost, %d sent twice", s.added, twice)
	if twice > 0 {
		s.t.Errorf("%d rows were sent twice, though each upload had a response", twice)
	}
}

// reboot reboots the machine, and then cuts its power. Rows arrive while it is down.
func reboot(s *service) {
	s.install()
	s.start()
	s.reboot(func() { s.add(10) })
	twice := s.delivered()
	s.t.Logf("after a reboot: %d rows, 0 lost, %d sent twice", s.added, twice)
	if err := s.box.Fault(lab.Fault{API: "clevertap", Delay: "300ms", Times: 20}); err != nil {
		s.t.Fatal(err)
	}
	before := s.box.CleverTap().Counts().Requests
	s.add(2500)
	await(s.t, "uploads", 30*time.Second, func() bool { return s.box.CleverTap().Counts().Requests > before })
	s.powerOff()
	s.box.Heal("clevertap")
	s.add(10)
	s.boot()
	twice = s.delivered()
	s.t.Logf("after a power cut: %d rows, 0 lost, %d sent twice and marked", s.added, twice)
}

// containerScript runs rowtap as in a container: all is read-only but the state $2, the zaps $3 are
// mounted as a ConfigMap is, and the user is the image's.
const containerScript = `set -eu
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --bind "$2" "$1/var/lib/rowtap"
mount --bind "$3" "$1/etc/rowtap/zaps"
mount -o remount,bind,ro "$1/etc/rowtap/zaps"
mount -o remount,bind,ro "$1"
cd /
exec setpriv --no-new-privs chroot --userspec=65532:65532 "$1" /usr/bin/rowtap run --watch`

// container runs rowtap on a read-only root without a shell, as user 65532, and swaps its ConfigMap.
func container(s *service) {
	t := s.t
	image, state, zaps := s.root+"/image", s.root+"/state", s.root+"/zaps"
	output(t, "dpkg-deb", "--extract", s.root+"/root/old.deb", image)
	output(t, "mkdir", "-p", image+"/proc", image+"/var/lib/rowtap", image+"/run/credentials", state, zaps)
	key, err := s.box.ServiceAccountKey("http://127.0.0.1:9400/token")
	if err != nil {
		t.Fatal(err)
	}
	s.write("/image/run/credentials/google.json", string(key), 0o644)
	s.write("/image/run/credentials/clevertap_passcode", "SBX-PASS-0000", 0o644)
	s.write("/image/etc/rowtap/rowtap.yaml", bootConfig, 0o644)
	output(t, "chown", "65532:65532", state)

	// A kubelet writes a new directory, and renames a link to it.
	swaps := 0
	swap := func(files map[string]string) {
		t.Helper()
		swaps++
		data := fmt.Sprintf("..2026_%d", swaps)
		for name, text := range files {
			s.write("/zaps/"+data+"/"+name, text, 0o644)
		}
		old, _ := os.Readlink(zaps + "/..data")
		err := os.Symlink(data, zaps+"/..data_tmp")
		if err == nil {
			err = os.Rename(zaps+"/..data_tmp", zaps+"/..data")
		}
		for name := range files {
			if link := zaps + "/" + name; err == nil && !s.exists("/zaps/"+name) {
				err = os.Symlink("..data/"+name, link)
			}
		}
		if err == nil && old != "" {
			err = os.RemoveAll(filepath.Join(zaps, old))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	signups, orders := fmt.Sprintf(bootZap, "Signups"), fmt.Sprintf(bootZap, "Orders")
	swap(map[string]string{"signups.yaml": signups})

	log, err := os.Create(s.root + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	said := func() string {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	defer func() {
		if t.Failed() {
			t.Log(said())
		}
	}()
	get := func(path string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8321"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return 0, err.Error()
		}
		return r.StatusCode, string(body)
	}
	start := func() *exec.Cmd {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-c", containerScript, "container", image, state, zaps)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "CREDENTIALS_DIRECTORY=/run/credentials", "CLEVERTAP_ACCOUNT_ID=TEST-000-000-000Z"}
		cmd.Stdout, cmd.Stderr = log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "readiness", 30*time.Second, func() bool {
			code, _ := get("/readyz")
			return code == http.StatusOK
		})
		return cmd
	}
	baselines := func(n int) {
		t.Helper()
		await(t, "baseline", 30*time.Second, func() bool { return strings.Count(said(), "first read of the worksheet") >= n })
	}
	order := func(identity string) {
		t.Helper()
		if _, err := s.box.Sheets().Append("book", "Orders", []sandbox.Value{sandbox.Text(identity)}); err != nil {
			t.Fatal(err)
		}
		await(t, "delivery of an order", 30*time.Second, func() bool { return s.sent("Orders")[identity] == 1 })
	}
	arrived := func() {
		t.Helper()
		await(t, "delivery", 30*time.Second, func() bool { return len(s.sent("Signups")) == s.added })
	}

	daemon := start()
	baselines(1)
	s.add(1)
	arrived()
	swap(map[string]string{"signups.yaml": signups, "orders.yaml": orders})
	baselines(2)
	order("o1@example.com")
	swap(map[string]string{"signups.yaml": signups, "orders.yaml": orders + "filtre: true\n"})
	await(t, "refusal", 30*time.Second, func() bool { return strings.Contains(said(), "orders.yaml:5") })
	s.add(1)
	arrived()
	order("o2@example.com")
	began := time.Now()
	for range 50 {
		swap(map[string]string{"signups.yaml": signups, "orders.yaml": strings.Replace(orders, "1s", "2s", 1)})
		swap(map[string]string{"signups.yaml": signups, "orders.yaml": strings.Replace(orders, "event_name: Orders", "event_name: Bought", 1)})
	}
	t.Logf("100 swaps in %s", time.Since(began).Round(time.Millisecond))
	await(t, "the last of many swaps", 60*time.Second, func() bool {
		identity := fmt.Sprintf("o%d@example.com", time.Now().UnixNano())
		_, err := s.box.Sheets().Append("book", "Orders", []sandbox.Value{sandbox.Text(identity)})
		return err == nil && len(s.sent("Bought")) > 0
	})
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait()
	s.add(100)
	daemon = start()
	arrived()
	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}

	// A pod that starts on a refused configuration stays up, and loads the next valid one.
	swap(map[string]string{"signups.yaml": signups, "orders.yaml": orders + "filtre: true\n"})
	daemon = start()
	if _, body := get("/readyz"); !strings.Contains(body, "configuration refused") {
		t.Errorf("with a refused configuration /readyz says %s", body)
	}
	s.add(1)
	swap(map[string]string{"signups.yaml": signups, "orders.yaml": orders})
	arrived()
	await(t, "recovery", 30*time.Second, func() bool {
		_, body := get("/readyz")
		return !strings.Contains(body, "configuration refused")
	})
	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	for identity, n := range s.sent("Signups") {
		if n != 1 {
			t.Errorf("%s was sent %d times", identity, n)
		}
	}
	t.Logf("%d swaps, %d rows, 0 lost", swaps, s.added)
}
