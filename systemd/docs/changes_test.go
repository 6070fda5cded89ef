package main

import (
	"strings"
	"testing"
	"time"
)

const changes = `# Changelog

Newest first.

## Unreleased

- Not yet.

## 1.2.0 (2026-12-01)

### Changed

State

- The first line of an item, which is long enough to be broken, and
  its second line.
- Short.

## 1.1.0

- Old.
`

func TestSection(t *testing.T) {
	for version, want := range map[string]string{"1.1.0": "- Old.\n", "1.3.0": "- Not yet.\n"} {
		if got, err := section(changes, version); err != nil || got != want {
			t.Errorf("section(%s) = %q, %v; want %q", version, got, err, want)
		}
	}
	if _, err := section("# Changelog\n", "1.0.0"); err == nil {
		t.Error("a changelog without sections has notes")
	}
}

func TestDebianChangelog(t *testing.T) {
	notes, err := section(changes, "1.2.0")
	if err != nil {
		t.Fatal(err)
	}
	const want = `rowtap (1.2.0) unstable; urgency=medium

  [ Changed ]

  State
  * The first line of an item, which is long enough to be broken, and its second
    line.
  * Short.

 -- The rowtap maintainers <maintainers@rowtap.invalid>  Tue, 14 Nov 2023 22:13:20 +0000
`
	if got := debianChangelog("1.2.0", notes, time.Unix(1700000000, 0).UTC()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(want, maintainer) {
		t.Error("another maintainer")
	}
}
