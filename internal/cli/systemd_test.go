package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/mirror"
	"github.com/rowtap/rowtap/internal/notify/notifytest"
	"github.com/rowtap/rowtap/internal/pgtest"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestNotify runs the real program with a notification socket of the test in place of systemd's.
func TestNotify(t *testing.T) {
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	srv := httptest.NewServer(box.Handler())
	defer srv.Close()
	dir := killConfig(t, box, srv.URL)
	if err := box.Sheets().AddWorksheet("book", "Signups", 0, cells([]string{"Email", "Score"})); err != nil {
		t.Fatal(err)
	}
	notified := newNotified(t)

	var said bytes.Buffer
	cmd := program(dir, srv.URL, "run")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+notified.path, "WATCHDOG_USEC=200000")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Log(said.String())
		}
	}()

	hears := func(want string) { t.Helper(); notified.hears(t, want) }
	hears(`^READY=1\nSTATUS=2 zaps; 0 rows queued$`)
	for range 3 {
		hears(`^WATCHDOG=1$`)
	}
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGHUP)
	hears(`^RELOADING=1\nMONOTONIC_USEC=\d+\n$`)
	hears(`^READY=1\nSTATUS=2 zaps; `)

	bad := filepath.Join(dir, "zaps", "bad.yaml")
	if err := os.WriteFile(bad, []byte("enabled: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	signal(syscall.SIGHUP)
	hears(`^RELOADING=1\n`)
	hears(`^READY=1\nSTATUS=configuration refused, the previous one is in force \(rowtap status\); 2 zaps; `)
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	// By the API, as systemctl reload does it: at once, not with the next regular update.
	if out, err := program(dir, srv.URL, "reload").CombinedOutput(); err != nil {
		t.Errorf("reload: %v\n%s", err, out)
	}
	hears(`^STATUS=2 zaps; `)
	if err := os.WriteFile(bad, []byte("enabled: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := program(dir, srv.URL, "reload").CombinedOutput(); err == nil {
		t.Errorf("a bad configuration was reloaded: %s", out)
	}
	hears(`^STATUS=configuration refused, `)
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}

	// ExecReload=rowtap reload of a daemon that does not listen where the file now says.
	settings := strings.Replace(scriptConfig, `"unix:${WORK}/api.sock"`, `""`, 1)
	if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	reload := program(dir, srv.URL, "reload")
	if out, err := reload.CombinedOutput(); err == nil {
		t.Errorf("reload without a daemon, and without MAINPID, ends well:\n%s", out)
	}
	reload = program(dir, srv.URL, "reload")
	reload.Env = append(reload.Env, "MAINPID="+strconv.Itoa(cmd.Process.Pid))
	if out, err := reload.CombinedOutput(); err != nil {
		t.Errorf("reload by SIGHUP: %v\n%s", err, out)
	}
	hears(`^RELOADING=1\n`)
	hears(`^READY=1\n`)
	signal(syscall.SIGTERM)
	hears(`^STOPPING=1\nSTATUS=stopping`)
	ended = true
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// TestNotifyUnready: a daemon that waits for valid files says so to systemd, which keeps it, and to
// the targets of notices, once, and again when the files are valid. A mail server that hangs delays
// nothing.
func TestNotifyUnready(t *testing.T) {
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	srv := httptest.NewServer(box.Handler())
	defer srv.Close()
	notices := make(chan engine.Notice, 8)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n engine.Notice
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		notices <- n
	}))
	defer hook.Close()
	dir := killConfig(t, box, srv.URL)
	mails, hangs := notifytest.New(t, notifytest.Plain, ""), notifytest.New(t, notifytest.Plain, "")
	release := make(chan struct{})
	defer close(release)
	hangs.Fail = func(string, *smtp.Conn) error {
		<-release
		return nil
	}
	targets := fmt.Sprintf("notify: [{email: {to: [a@example.com], from: b@example.com, server: %q}}, {email: {to: [a@example.com], from: b@example.com, server: %q}}, {webhook: %q}, {webhook: %q, events: [blocked]}]\n",
		hangs.Address, mails.Address, hook.URL, hook.URL+"/blocked")
	for name, text := range map[string]string{"rowtap.yaml": scriptConfig + targets, "zaps/bad.yaml": "enabled: true\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := box.Sheets().AddWorksheet("book", "Signups", 0, cells([]string{"Email", "Score"})); err != nil {
		t.Fatal(err)
	}
	systemd := newNotified(t)
	cmd := program(dir, srv.URL, "run", "--watch")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+systemd.path, "WATCHDOG_USEC=400000")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("%v\n%s", err, said.String())
		}
	}()
	const refused = `READY=1\nSTATUS=configuration refused, nothing is polled or sent: .*bad.yaml`
	systemd.hears(t, "^"+refused)
	for range 3 {
		systemd.hears(t, `^WATCHDOG=1$`)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	systemd.hears(t, `^RELOADING=1\n`)
	systemd.hears(t, "^"+refused)
	if err := os.Remove(filepath.Join(dir, "zaps", "bad.yaml")); err != nil {
		t.Fatal(err)
	}
	systemd.hears(t, `^READY=1\nSTATUS=2 zaps; 0 rows queued$`)
	for _, want := range []string{"attention", "recovered"} {
		select {
		case n := <-notices:
			if n.Kind != want || n.Trouble != engine.TroubleRefused {
				t.Errorf("notice %+v, want %s", n, want)
			}
		case <-time.After(patience):
			t.Fatalf("no notice that is %s", want)
		}
	}
	for _, want := range []string{"rowtap: the configuration needs attention", "rowtap: the configuration is valid again and in force"} {
		if m := mails.Await(t, patience); m.Subject != want {
			t.Errorf("mail %q, want %q", m.Subject, want)
		}
	}
	select {
	case n := <-notices:
		t.Errorf("one notice too many: %+v", n)
	default:
	}
}

// notified is where the daemon tells a systemd of the test's own how it is.
type notified struct {
	path   string
	socket *net.UnixConn
}

func newNotified(t *testing.T) *notified {
	t.Helper()
	n := &notified{path: filepath.Join(t.TempDir(), "notify")}
	var err error
	if n.socket, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.socket.Close() }) // the test has ended
	return n
}

// hears reads until a message matches, skipping pings and other status lines.
func (n *notified) hears(t *testing.T, want string) {
	t.Helper()
	pattern := regexp.MustCompile(want)
	if err := n.socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		size, err := n.socket.Read(buf)
		if err != nil {
			t.Fatalf("systemd was not told %s: %v", want, err)
		}
		if pattern.Match(buf[:size]) {
			return
		}
		if got := string(buf[:size]); got != "WATCHDOG=1" && !strings.HasPrefix(got, "STATUS=") {
			t.Fatalf("systemd was told %q, want %s", got, want)
		}
	}
}

// TestNotifyStandby: a standby has started, is alive, and says who is active, until it is itself.
func TestNotifyStandby(t *testing.T) {
	dsn := pgtest.Shared(t)
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	srv := httptest.NewServer(box.Handler())
	defer srv.Close()
	dir := killConfig(t, box, srv.URL)
	settings := strings.Replace(scriptConfig, "path: state/rowtap.db", "path: state/rowtap.db, postgres: \""+dsn+"\"", 1)
	if err := os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := box.Sheets().AddWorksheet("book", "Signups", 0, cells([]string{"Email", "Score"})); err != nil {
		t.Fatal(err)
	}
	m, err := mirror.Open(mirror.Options{DSN: dsn, Lease: "rowtap", Self: mirror.Member{Host: "host-x"}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	term, err := m.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	systemd := newNotified(t)
	cmd := program(dir, srv.URL, "run")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+systemd.path, "WATCHDOG_USEC=200000")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("%v\n%s", err, said.String())
		}
	}()
	systemd.hears(t, `^READY=1\nSTATUS=standing by: the active machine is unknown$`)
	systemd.hears(t, `^READY=1\nSTATUS=standing by: active is host-x$`)
	for range 2 {
		systemd.hears(t, `^WATCHDOG=1$`)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	systemd.hears(t, `^RELOADING=1\nMONOTONIC_USEC=\d+\n$`)
	systemd.hears(t, `^READY=1\nSTATUS=standing by: active is host-x$`)

	// Its configuration files are refused, also once it is active.
	bad := filepath.Join(dir, "zaps", "bad.yaml")
	if err := os.WriteFile(bad, []byte("enabled: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	systemd.hears(t, `^RELOADING=1\n`)
	systemd.hears(t, `^READY=1\nSTATUS=standing by: active is host-x; configuration refused$`)
	if err := term.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	systemd.hears(t, `^READY=1\nSTATUS=configuration refused, the previous one is in force \(rowtap status\); 2 zaps; 0 rows queued$`)
}

func TestStatusLine(t *testing.T) {
	tests := []struct {
		zaps []engine.ZapStatus
		want string
	}{
		{nil, "0 zaps; 0 rows queued"},
		{[]engine.ZapStatus{{State: engine.Running, Queued: 1}}, "1 zap; 1 row queued"},
		{
			[]engine.ZapStatus{{State: engine.NeedsHand, Queued: 3, Failed: 2}, {State: engine.Paused, Held: 4}, {State: engine.Running}},
			"3 zaps, 1 blocked, 1 paused; 3 rows queued, 2 failed, 4 held",
		},
	}
	for _, tt := range tests {
		if got := statusLine(tt.zaps); got != tt.want {
			t.Errorf("statusLine(%+v) = %q, want %q", tt.zaps, got, tt.want)
		}
	}
}
