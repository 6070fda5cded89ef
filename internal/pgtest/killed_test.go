//go:build unix

package pgtest_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rowtap/rowtap/internal/pgtest"
)

// TestKilledTest checks that what a killed test leaves behind is ended and removed, even a frozen
// server.
func TestKilledTest(t *testing.T) {
	const inside = "PGTEST_INSIDE"
	if os.Getenv(inside) != "" {
		s := pgtest.Start(t)
		fmt.Println("directory", s.Exec(t, "show data_directory"))
		s.Pause(t)
		fmt.Println("frozen")
		<-t.Context().Done() // never: the process is killed
	}
	if pgtest.Shared(t) == "" { // skips if PostgreSQL is not installed
		t.Fatal("no database")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledTest$")
	cmd.Env = append(os.Environ(), inside+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	var dir, text string
	lines := bufio.NewScanner(out)
	for text != "frozen" && lines.Scan() {
		text = lines.Text()
		if found, is := strings.CutPrefix(text, "directory "); is {
			dir = filepath.Dir(found)
		}
	}
	ok(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)) // the group, like a terminal
	_ = cmd.Wait()                                         // it was killed
	if dir == "" || text != "frozen" {
		t.Fatalf("the inner test started no server: directory %q, last line %q", dir, text)
	}
	await(t, "the guard removes "+dir, func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	})
	processes, err := filepath.Glob("/proc/[0-9]*/cwd")
	ok(t, err)
	for _, p := range processes {
		if cwd, err := os.Readlink(p); err == nil && strings.HasPrefix(cwd, dir) {
			t.Errorf("%s is still in %s", p, cwd)
		}
	}
}
