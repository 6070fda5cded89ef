// Package systemd holds the units and the Debian package's sources, and the operator's guides,
// which are part of the program.
package systemd

import _ "embed"

// Guide describes how rowtap is installed and operated, in Markdown.
//
//go:embed README.md
var Guide string

// Move describes how rowtap is moved to another VM, in Markdown.
//
//go:embed move.md
var Move string

// TwoVMs describes how a second VM takes over when the first one fails, in Markdown.
//
//go:embed two-vms.md
var TwoVMs string
