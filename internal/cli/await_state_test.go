//go:build linux

package cli

import (
	"bufio"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestRunWaitsForTheStateFile: a daemon that starts while another program has the state file open
// reports that program, extends systemd's timeout, and starts once the file is free, or stops
// cleanly on a signal.
func TestRunWaitsForTheStateFile(t *testing.T) {
	for _, stop := range []bool{false, true} {
		t.Run(strconv.FormatBool(stop), func(t *testing.T) {
			box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer box.Close()
			srv := httptest.NewServer(box.Handler())
			defer srv.Close()
			dir := killConfig(t, box, srv.URL)
			state := filepath.Join(dir, "state", "rowtap.db")
			l, err := ledger.Open(ledger.Options{Path: state})
			if err == nil {
				err = l.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			reader, err := ledger.Open(ledger.Options{Path: state, ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			told := filepath.Join(t.TempDir(), "notify")
			socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: told, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = socket.Close() }() // the test has ended
			if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}

			cmd := program(dir, srv.URL, "run")
			cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+told)
			log, err := cmd.StderrPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
			defer late.Stop()
			lines := bufio.NewScanner(log)
			awaitLine := func(want string) {
				t.Helper()
				for lines.Scan() {
					if strings.Contains(lines.Text(), want) {
						return
					}
				}
				t.Errorf("the daemon did not say %q", want)
			}
			awaitLine(`waiting for another process that has the state file open	{"process": "process ` + strconv.Itoa(os.Getpid()) + " (")
			buf := make([]byte, 4096)
			n, err := socket.Read(buf)
			if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=waiting for the state file, which process ") {
				t.Errorf("systemd was told %q, %v", got, err)
			}
			if !stop {
				if err := reader.Close(); err != nil {
					t.Fatal(err)
				}
				awaitLine("state file is free")
				awaitLine("rowtap is starting")
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() { // until it ends
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it was told to stop: %v", err)
			}
			if stop {
				if err := reader.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
