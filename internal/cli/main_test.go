package cli

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rowtap/rowtap/internal/cli/hangup"
)

// asRowtap makes the test binary run the real program: tests start it as a child process, and
// signal and kill it.
const asRowtap = "ROWTAP_TEST_AS_PROGRAM"

// hungUp is true in a child process that sent itself SIGHUP while its packages were initialized.
var hungUp = hangUpOnItself()

const asHungUp = "ROWTAP_TEST_HANG_UP"

func hangUpOnItself() bool {
	if os.Getenv(asHungUp) == "" {
		return false
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil || self.Signal(syscall.SIGHUP) != nil {
		return false
	}
	<-hangup.Caught
	return true
}

// TestAHangupBeforeMain: a daemon survives SIGHUP from the very beginning of its start.
func TestAHangupBeforeMain(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "run")
	child.Env = append(os.Environ(), asHungUp+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestMain(m *testing.M) {
	if hungUp {
		os.Exit(0)
	}
	if os.Getenv(asRowtap) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"rowtap": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}
