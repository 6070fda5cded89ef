package cli

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asRowtap makes the test binary the real program: tests run it as a child process, to be signalled and killed.
const asRowtap = "ROWTAP_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asRowtap) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"rowtap": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}
