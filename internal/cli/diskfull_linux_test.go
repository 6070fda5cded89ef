package cli

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// sizeLimit limits the size of files that a process can write, in bytes, to emulate a full disk.
func sizeLimit(t *testing.T, pid int, bytes uint64) {
	t.Helper()
	const hard = ^uint64(0)
	limit := [2]uint64{bytes, hard}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit[0])), 0, 0, 0)
	if errno != 0 {
		t.Skipf("the file size of a process cannot be limited here: %v", errno)
	}
}

// said is the output of a program so far.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestFullDisk runs out of disk space while rows are found and sent. The daemon reports it with a
// hint, loses nothing, sends nothing twice, and resumes automatically once there is space.
// ROWTAP_DISKS sets the number of rounds.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits until the daemon tries again")
	}
	const rowsEach = 1000
	rounds := 1
	if s := os.Getenv("ROWTAP_DISKS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	box, err := lab.New(sandbox.Options{ReadsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(box.Handler())
	defer srv.Close()
	defer box.Close()
	dir := killConfig(t, box, srv.URL)
	s := box.Sheets()
	if err := s.AddWorksheet("book", "Signups", 0, cells([]string{"Email", "Score"})); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "rowtap.yaml")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	// At debug level the log has repeated errors, too.
	text = bytes.Replace(text, []byte("log: {"), []byte("log: {level: debug, "), 1)
	if err := os.WriteFile(settings, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var log said
	began := time.Now()
	cmd := program(dir, srv.URL, "run")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }() // usually ended already
	await := func(what string, holds func() bool) {
		t.Helper()
		deadline := time.Now().Add(patience)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for !holds() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within %s; the daemon said:\n%s", what, patience, log.String())
			}
			<-tick.C
		}
	}
	rows := int64(0)
	add := func() {
		batch := make([][]sandbox.Value, rowsEach)
		for i := range batch {
			rows++
			batch[i] = cells([]string{fmt.Sprintf("user-%d-%s@example.com", rows, strings.Repeat("x", int(rows%40))), fmt.Sprint(rows)})
		}
		if _, err := s.Append("book", "Signups", batch...); err != nil {
			t.Fatal(err)
		}
	}
	add()
	await("the first rows", func() bool { return box.CleverTap().Counts().Accepted == int64(len(killZaps))*rows })
	path := filepath.Join(dir, "state", "rowtap.db")
	for round := range rounds {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		// The limit applies within the file, too. The step at which space runs out differs between
		// rounds.
		sizeLimit(t, cmd.Process.Pid, uint64(info.Size())*uint64(round)/4+uint64(2*os.Getpagesize()))
		before := strings.Count(log.String(), "no room")
		for strings.Count(log.String(), "no room") == before {
			add()
			if rows > 100_000 {
				t.Fatalf("the room did not end:\n%s", log.String())
			}
			full := time.Now().Add(1500 * time.Millisecond) // a poll and its uploads
			await("a poll", func() bool { return strings.Count(log.String(), "no room") > before || time.Now().After(full) })
		}
		if round == 0 {
			wantFullDisk(t, dir)
		}
		sizeLimit(t, cmd.Process.Pid, 1<<40)
		await("all rows", func() bool { return box.CleverTap().Counts().Accepted >= int64(len(killZaps))*rows })
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the daemon: %v\n%s", err, log.String())
	}
	if got := box.CleverTap().Counts().Accepted; got != int64(len(killZaps))*rows {
		t.Errorf("%d records arrived of %d rows, want one of each kind, once", got, rows)
	}
	errorLines, most := regexp.MustCompile(`\tERROR\t.*no room`).FindAllString(log.String(), -1), 1+int(time.Since(began)/time.Minute)
	if len(errorLines) == 0 || len(errorLines) > most {
		t.Errorf("it said %d times that there is no room, want once a minute:\n%s", len(errorLines), strings.Join(errorLines, "\n"))
	}
	if !strings.Contains(log.String(), "free some space on the disk") {
		t.Errorf("the log does not say what to do:\n%s", log.String())
	}
	if out, err := program(dir, srv.URL, "state", "check").CombinedOutput(); err != nil {
		t.Errorf("state check: %v\n%s", err, out)
	}
	t.Logf("%d rows, %d times the disk was full", rows, rounds)
}

// wantFullDisk checks what a daemon with a full disk reports.
func wantFullDisk(t *testing.T, dir string) {
	t.Helper()
	c, err := dialer("unix:" + filepath.Join(dir, "api.sock"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(dir, "state", "api.token"))
	if err != nil {
		t.Fatal(err)
	}
	c.token = secret(token)
	var st engine.Status
	if err := c.get(t.Context(), "/api/v1/status", &st); err != nil {
		t.Errorf("a daemon whose disk is full answers: %v", err)
	}
	if !slices.ContainsFunc(st.Zaps, func(z engine.ZapStatus) bool {
		return z.State == engine.NeedsHand && strings.Contains(z.Reason, "no room") && strings.Contains(z.Hint, "free some space")
	}) {
		t.Errorf("status tells nothing of the full disk: %+v", st.Zaps)
	}
}
