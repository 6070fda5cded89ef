package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// errMissing means that a program of a Debian package is not installed.
var errMissing = errors.New("not installed")

// workshop holds the servers of a test process.
type workshop struct {
	bin   string       // directory of PostgreSQL's programs
	dir   string       // of all files; removed at the end of the process
	alive io.Closer    // pipe whose end tells the guard that this process has ended
	as    *identity    // user to run programs as; nil for that of this process
	made  atomic.Int64 // number of directories made

	template func() (string, error) // data directory to copy
}

// theWorkshop returns the workshop of this process.
var theWorkshop = sync.OnceValues(func() (*workshop, error) {
	bin, err := newestPostgres("/usr/lib/postgresql")
	if err != nil {
		return nil, err
	}
	w := &workshop{bin: bin}
	if os.Geteuid() == 0 { // refused by PostgreSQL and PgBouncer
		if w.as, err = identityOf("postgres"); err != nil {
			return nil, err
		}
	}
	// Not os.TempDir, to which the user postgres may have no access.
	if w.dir, err = os.MkdirTemp("/tmp", "rowtap-pgtest-"); err != nil {
		return nil, err
	}
	if w.as != nil {
		if err := os.Chown(w.dir, int(w.as.uid), int(w.as.gid)); err != nil {
			return nil, err
		}
	}
	if err := w.guard(); err != nil {
		return nil, err
	}
	w.template = sync.OnceValues(func() (string, error) {
		dir := filepath.Join(w.dir, "template")
		return dir, w.do(w.postgres("initdb"), "-D", dir, "-U", "postgres", "-A", "trust",
			"-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	})
	return w, nil
})

// newestPostgres returns the program directory of the newest version installed under root.
func newestPostgres(root string) (string, error) {
	found, _ := filepath.Glob(filepath.Join(root, "*", "bin", "postgres")) // the pattern is valid
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL is %w (Debian: apt install postgresql)", errMissing)
	}
	version := func(path string) float64 {
		n, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(path))), 64)
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int {
		return int(100 * (version(a) - version(b)))
	})), nil
}

// identity is a user and its group.
type identity struct{ uid, gid uint32 }

func identityOf(name string) (*identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &identity{uint32(uid), uint32(gid)}, nil
}

// guard starts a process that waits for the end of this one, kills everything that runs in the
// workshop, frozen or not, and removes the workshop. It has its own session, so a signal from a
// terminal or CI that ends this process does not reach it.
func (w *workshop) guard() error {
	const script = `
cat >/dev/null
while
  found=
  for process in /proc/[0-9]*; do
    case $(readlink "$process/cwd") in "$1"/*) kill -KILL "${process#/proc/}"; found=yes ;; esac
  done
  [ "$found" ]
do sleep 0.05; done
rm -rf "$1"`
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", script, "pgtest-guard", w.dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = inSession()
	var err error
	if w.alive, err = cmd.StdinPipe(); err != nil {
		return err
	}
	return cmd.Start()
}

// postgres returns the path of one of PostgreSQL's programs.
func (w *workshop) postgres(program string) string { return filepath.Join(w.bin, program) }

// command returns a command that runs in dir as the workshop's user.
func (w *workshop) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = inGroup(w.as)
	return cmd
}

// do runs a program and waits for it.
func (w *workshop) do(name string, args ...string) error {
	if out, err := w.command(w.dir, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, out)
	}
	return nil
}

// process is a server's process and all processes it started: those with the working directory dir.
type process struct {
	cmd   *exec.Cmd
	dir   string
	ended chan struct{} // closed once all of them have ended
}

// run starts the command of a server and returns once it has logged ready.
func run(cmd *exec.Cmd, log *log, ready string) (*process, error) {
	p := &process{cmd: cmd, dir: cmd.Dir, ended: make(chan struct{})}
	isReady := log.expect(ready)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // kill waits for it
		_ = p.cmd.Wait() // returns once the children have closed the log
		close(p.ended)
	}()
	select {
	case <-isReady:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("%s exited on startup:\n%s", filepath.Base(cmd.Path), log)
	case <-time.After(patience):
		return nil, errors.Join(fmt.Errorf("%s has not started:\n%s", filepath.Base(cmd.Path), log), p.kill())
	}
}

// kill kills all processes at once.
func (p *process) kill() error {
	// The first one must not start others. On an error it has ended.
	_ = p.cmd.Process.Kill()
	if err := p.signalAll(syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("process %d was killed but has not ended", p.cmd.Process.Pid)
	}
}

// freeze stops all processes and returns once they are stopped.
func (p *process) freeze() error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := p.signalAll(freezes); err != nil {
			return err
		}
		pids, err := p.pids()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(pids, func(pid int) bool { return !isStopped(pid) }) {
			return nil
		}
	}
	return fmt.Errorf("process %d has not frozen", p.cmd.Process.Pid)
}

func isStopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, fields, _ := bytes.Cut(stat, []byte(") "))
	return err != nil || bytes.HasPrefix(fields, []byte("T")) // on an error it has ended
}

func (p *process) signalAll(signal syscall.Signal) error {
	pids, err := p.pids()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		process, err := os.FindProcess(pid) // pins the process, so that its PID is not reused
		if err != nil {
			return err
		}
		if p.has(pid) {
			if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return err
			}
		}
		_ = process.Release() // best effort
	}
	return nil
}

func (p *process) pids() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && p.has(pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func (p *process) has(pid int) bool {
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && dir == p.dir
}

// log keeps what a server writes and reports when it is ready.
type log struct {
	mu      sync.Mutex
	text    []byte
	waiting string        // text to wait for; empty if none
	from    int           // offset in text from which to look for it
	seen    chan struct{} // closed once it was written
}

// expect returns a channel that is closed once text is written from now on.
func (l *log) expect(text string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting, l.from, l.seen = text, len(l.text), make(chan struct{})
	return l.seen
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	if l.waiting != "" && bytes.Contains(l.text[l.from:], []byte(l.waiting)) {
		close(l.seen)
		l.waiting = ""
	}
	return len(b), nil
}

// String returns the end of the log.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 8 << 10
	return strings.ToValidUTF8(string(l.text[max(0, len(l.text)-most):]), "")
}

// freePort returns an unused port of 127.0.0.1. It is below the ports that Linux uses for outgoing
// connections, so it is still free when a stopped server restarts.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + rand.IntN(12000)
		l, err := listen(port)
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port between 20000 and 32000 on 127.0.0.1")
}

func listen(port int) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(context.Background(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}
