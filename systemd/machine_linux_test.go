package systemd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bootScript becomes PID 1 of a machine: it is started in new mount, PID, UTS and IPC namespaces,
// enters the control group $2, makes it the root of a namespace, and boots what is in $1. /proc/sys
// is read-only, so that the booted systemd changes no setting of the kernel.
const bootScript = `set -eu
echo 0 >"$2/cgroup.procs"
exec unshare --cgroup sh -euc '
cd "$0"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 tmpfs run
pivot_root . .
umount -l .
mount --make-rshared /
exec env -i container=rowtap-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init' "$1"`

// machine is a Debian system whose PID 1 is systemd, in namespaces of its own. What it writes is in
// memory.
type machine struct {
	t     *testing.T
	root  string // as seen from outside
	group string // control group

	init    *exec.Cmd
	console *bytes.Buffer
	ended   chan struct{} // closed once init is gone
}

// newMachine returns a machine that has not been booted, on top of a root that stays as it is. dir
// is a directory in memory.
func newMachine(t *testing.T, lower, dir, group string) *machine {
	t.Helper()
	m := &machine{t: t, root: filepath.Join(dir, "root"), group: group}
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{m.root, upper, work, group} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	output(t, "mount", "-t", "overlay", "-o", "lowerdir="+lower+",upperdir="+upper+",workdir="+work, "overlay", m.root)
	t.Cleanup(func() {
		if m.init != nil {
			if t.Failed() {
				m.tell()
			}
			m.powerOff()
		}
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "umount", "--lazy", m.root).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return m
}

// boot starts systemd and waits until it has started everything.
func (m *machine) boot() {
	m.t.Helper()
	ctx := context.WithoutCancel(m.t.Context()) // it ends in the cleanup, which tells its journal first
	m.console = new(bytes.Buffer)
	m.init = exec.CommandContext(ctx, "sh", "-c", bootScript, "boot", m.root, m.group)
	m.init.Stdout, m.init.Stderr = m.console, m.console
	m.init.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	if err := m.init.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.ended = make(chan struct{})
	go func(init *exec.Cmd, ended chan struct{}) {
		_ = init.Wait()
		close(ended)
	}(m.init, m.ended)
	var state string
	await(m.t, "boot", time.Minute, func() bool {
		select {
		case <-m.ended:
			m.t.Fatalf("systemd ended while it booted: %s", m.console)
		default:
		}
		state, _ = m.try("systemctl", "is-system-running")
		return state == "running" || state == "degraded" // without the modules of a kernel it is degraded
	})
}

// enter returns a command that runs in the machine. It has its root, its processes and its systemd.
func (m *machine) enter(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{
		"--target", fmt.Sprint(m.init.Process.Pid), "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--",
		"/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=",
	}, args...)
	return exec.CommandContext(ctx, "nsenter", args...)
}

// try runs a command in the machine for at most three minutes and returns all that it printed.
func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.t.Context()), 3*time.Minute)
	defer cancel()
	cmd := m.enter(ctx, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// run is try for a command that has to succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// show returns properties of a unit, one per line.
func (m *machine) show(unit string, properties ...string) string {
	m.t.Helper()
	return m.run("systemctl", "show", "--value", "--property="+strings.Join(properties, ","), unit)
}

// write writes a file of the machine.
func (m *machine) write(path, text string, mode fs.FileMode) {
	m.t.Helper()
	path = m.root + path
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), mode)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// exists reports whether a file of the machine is there; links are not followed.
func (m *machine) exists(path string) bool {
	m.t.Helper()
	_, err := os.Lstat(m.root + path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	return err == nil
}

// reboot shuts the machine down as an operator does, and calls meanwhile before it boots it again.
func (m *machine) reboot(meanwhile func()) {
	m.t.Helper()
	_, _ = m.try("systemctl", "--no-block", "reboot") // it ends with the machine, perhaps before its response
	m.wait()
	meanwhile()
	m.boot()
}

// powerOff kills PID 1, and with it all processes of the machine.
func (m *machine) powerOff() {
	m.t.Helper()
	_ = m.init.Process.Kill()
	m.wait()
}

func (m *machine) wait() {
	m.t.Helper()
	select {
	case <-m.ended:
		m.init = nil
	case <-time.After(2 * time.Minute):
		m.t.Fatalf("the machine has not ended: %s", m.console)
	}
}

// tell logs what helps after a failure.
func (m *machine) tell() {
	for _, args := range [][]string{
		{"systemctl", "--no-pager", "--full", "status", "rowtap.service"},
		{"journalctl", "--no-pager", "--boot", "--lines=100"},
	} {
		out, err := m.try(args...)
		m.t.Logf("%s (%v):\n%s", strings.Join(args, " "), err, out)
	}
}

// await waits until something is so.
func await(t *testing.T, what string, within time.Duration, so func() bool) {
	t.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within %s", what, within)
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		case <-tick.C:
		}
	}
}
