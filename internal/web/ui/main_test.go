package ui_test

import (
	"os"
	"testing"

	"github.com/rowtap/rowtap/internal/cli"
)

// asRowtap makes the test binary the real program, which browser tests run as a child process.
const asRowtap = "ROWTAP_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asRowtap) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	code := m.Run()
	stopBrowser()
	os.Exit(code)
}
