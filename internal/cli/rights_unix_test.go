//go:build unix

package cli

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

const nobody = 65534

// asNobody runs the program as another user, who may run the test binary and see dir.
func asNobody(t *testing.T, dir, url string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run a program as another user")
	}
	cmd := program(dir, url, args...)
	exe := filepath.Join(reachable(t), "rowtap")
	program, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(exe, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args[0] = exe, exe
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// reachable returns a directory that other users can enter.
func reachable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, closed := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(closed, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestRights: a socket, a token and a state that this user may not use are reported with owner,
// mode and user; the state directory of another owner with the uid to chown to. Healthcheck needs no token.
func TestRights(t *testing.T) {
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	srv := httptest.NewServer(box.Handler())
	defer srv.Close()
	if err := box.Sheets().AddSpreadsheet("book", "Book", "Etc/UTC"); err != nil {
		t.Fatal(err)
	}
	if err := box.Sheets().AddWorksheet("book", "Signups", 0, cells([]string{"Email", "Score"})); err != nil {
		t.Fatal(err)
	}
	dir := reachable(t)
	configure(t, box, srv.URL, dir, scriptConfig)
	open := func(mode os.FileMode, names ...string) {
		t.Helper()
		for _, name := range names {
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(0o644, "rowtap.yaml", "google.json", "passcode", "zaps/both.yaml", "zaps/events.yaml")
	open(0o755, "zaps")
	state := filepath.Join(dir, "state")
	fails := func(code int, want string, args ...string) {
		t.Helper()
		out, err := asNobody(t, dir, srv.URL, args...).CombinedOutput()
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.ExitCode() != code || !regexp.MustCompile(want).Match(out) {
			t.Errorf("rowtap %s: %v, want exit code %d and %s\n%s", strings.Join(args, " "), err, code, want, out)
		}
	}
	const me = `, and this command runs as user nobody \(uid 65534\)\nnext: run the same command with sudo`

	// The state directory of another owner, before and after there is a state file.
	if err := os.Mkdir(state, 0o755); err != nil {
		t.Fatal(err)
	}
	chown := fmt.Sprintf(`permission denied: %[1]s belongs to user root \(uid 0\) and group root, mode 0755, and rowtap runs as user nobody \(uid 65534\)\nnext: chown -R 65534:65534 %[1]s, or correct state.path`, state)
	fails(1, chown, "run")

	daemon := program(dir, srv.URL, "run")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		if err := daemon.Wait(); err != nil {
			t.Error(err)
		}
	}
	up := program(dir, srv.URL, "healthcheck")
	for up.Run() != nil {
		up = program(dir, srv.URL, "healthcheck")
	}
	fails(1, `the daemon's socket .*/api.sock: permission denied: .*/api.sock belongs to user root \(uid 0\) and group root, mode 0660`+me, "status")
	open(0o666, "api.sock")
	fails(1, `the daemon's token .*/api.token: permission denied: .*/api.token belongs to user root \(uid 0\) and group root, mode 0600`+me, "status")
	open(0o700, "state")
	fails(1, `the daemon's token .*: permission denied: .*/state belongs to user root \(uid 0\) and group root, mode 0700`+me, "status")
	if out, err := asNobody(t, dir, srv.URL, "healthcheck").CombinedOutput(); err != nil {
		t.Errorf("healthcheck without the token: %v\n%s", err, out)
	}
	stop()
	open(0o755, "state")
	fails(1, `the daemon is not running, so this command opens the state file .*/rowtap.db: permission denied: .*/rowtap.db belongs to user root \(uid 0\) and group root, mode 0600`+me, "status")
	fails(1, `mode 0600, and rowtap runs as user nobody \(uid 65534\)\nnext: chown -R 65534:65534 `+state, "run")
}

// TestDeniedBehindLink: the closed directory is named, not the one with the link to it, as on a
// machine with the package: /var/lib/rowtap is a link into /var/lib/private.
func TestDeniedBehindLink(t *testing.T) {
	dir := reachable(t)
	private := filepath.Join(dir, "private")
	for _, sub := range []string{private, filepath.Join(private, "rowtap")} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"rowtap": "private/rowtap", "absolute": private + "/rowtap", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	settings := "google_accounts: {}\nclevertap_accounts: {}\nhttp: {listen: \"\"}\nstate: {path: %s/rowtap.db}\n"
	for link, want := range map[string]string{
		"rowtap":   private + " belongs to user root (uid 0) and group root, mode 0700, and this command runs as user nobody (uid 65534)\nnext: run the same command with sudo",
		"absolute": private + " belongs to user root",
		"loop":     "too many levels of symbolic links",
	} {
		if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), fmt.Appendf(nil, settings, filepath.Join(dir, link)), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := asNobody(t, dir, "", "status").CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, want %s\n%s", link, err, want, out)
		}
	}
}

// TestPermanentFaults: the daemon exits with 78 if a restart cannot help: a state outside of what
// systemd provides, or an address that it may not listen at. Faults inside it exit with 1.
func TestPermanentFaults(t *testing.T) {
	dir := reachable(t)
	const settings = "google_accounts: {}\nclevertap_accounts: {}\nstate: {path: %s}\nhttp: {listen: \"%s\"}\n"
	foreign := filepath.Join(dir, "state")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "own")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(foreign, link); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(own, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, state, listen, env string
		code                     int
		want                     string
	}{
		{"outside of the state directory", foreign + "/rowtap.db", "", "STATE_DIRECTORY=" + own, exitConfig, "permission denied"},
		{"inside of it", foreign + "/rowtap.db", "", "STATE_DIRECTORY=" + foreign, exitFailed, "permission denied"},
		{"inside of it by a link", foreign + "/rowtap.db", "", "STATE_DIRECTORY=" + link, exitFailed, "permission denied"},
		{"inside of one of two", foreign + "/x/rowtap.db", "", "STATE_DIRECTORY=" + own + ":" + foreign, exitFailed, "permission denied"},
		{"without systemd", foreign + "/rowtap.db", "", "STATE_DIRECTORY=", exitFailed, "permission denied"},
		{"a port that is not allowed", own + "/rowtap.db", "127.0.0.1:80", "STATE_DIRECTORY=" + own, exitConfig, "127.0.0.1:80"},
		{"a socket outside of the runtime directory", own + "/rowtap.db", "unix:" + foreign + "/a.sock", "RUNTIME_DIRECTORY=" + own, exitConfig, "a.sock"},
		{"a socket inside of it", own + "/rowtap.db", "unix:" + foreign + "/a.sock", "RUNTIME_DIRECTORY=" + foreign, exitFailed, "a.sock"},
		{"an invalid configuration", "1 2", "nowhere", "STATE_DIRECTORY=" + own, exitConfig, "http.listen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.listen == "127.0.0.1:80" {
				if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err != nil || strings.TrimSpace(string(b)) != "1024" {
					t.Skip("every user may listen at port 80 here")
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), fmt.Appendf(nil, settings, tt.state, tt.listen), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := asNobody(t, dir, "", "run")
			cmd.Env = append(cmd.Env, tt.env)
			out, err := cmd.CombinedOutput()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != tt.code || !strings.Contains(string(out), tt.want) {
				t.Errorf("%v, want exit code %d and %s\n%s", err, tt.code, tt.want, out)
			}
		})
	}
}
