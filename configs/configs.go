// Package configs holds the example files, and their reference, which is part of the program.
package configs

import _ "embed"

// Reference describes rowtap.yaml and zap files, in Markdown.
//
//go:embed README.md
var Reference string
