// Package systemd holds the units and the Debian package's sources, and the operator's guide, which
// is part of the program.
package systemd

import _ "embed"

// Guide describes how rowtap is installed and operated, in Markdown.
//
//go:embed README.md
var Guide string
