// Docs writes what a release says of itself: a man page for each command, the notes and the Debian
// changelog from CHANGELOG.md, and the licenses of all that is linked. systemd/build-deb and
// systemd/release call it. It is a program of its own so that rowtap does not contain the library
// that makes man pages.
//
//	go run ./systemd/docs VERSION BINARY DIR
//
// The working directory is the repository's root. The same commit gives the same files: dates are
// those of $SOURCE_DATE_EPOCH.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run ./systemd/docs VERSION BINARY DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3], os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		fmt.Fprintln(os.Stderr, "docs: "+err.Error())
		os.Exit(1)
	}
}

// write writes man/*.1, notes.md, changelog and licenses.txt into a directory. epoch is the date in
// seconds since 1970.
func write(version, binary, dir, epoch string) error {
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	date := time.Unix(seconds, 0).UTC()
	man := filepath.Join(dir, "man")
	if err := os.MkdirAll(man, 0o755); err != nil {
		return err
	}
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	notes, err := section(string(changes), version)
	if err != nil {
		return err
	}
	licenses, err := licensesOf(binary)
	if err != nil {
		return err
	}
	return errors.Join(
		writePages(man, date),
		os.WriteFile(filepath.Join(dir, "notes.md"), []byte(notes), 0o644),
		os.WriteFile(filepath.Join(dir, "changelog"), []byte(debianChangelog(version, notes, date)), 0o644),
		os.WriteFile(filepath.Join(dir, "licenses.txt"), []byte(licenses), 0o644),
	)
}
