package main

import (
	"os"
	"strings"
	"testing"
)

// TestLicenses checks the licenses of this test, which links cobra.
func TestLicenses(t *testing.T) {
	text, err := licensesOf(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nGo go1.", "\ngithub.com/spf13/cobra v", "\ngithub.com/cpuguy83/go-md2man/v2 v", "Apache License", "The Go Authors"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if n := strings.Count(text, "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"); n > 12 {
		t.Errorf("the Apache license is there %d times", n)
	}
}
