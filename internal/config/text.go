package config

import "strings"

// Text returns the mistake on one line, without the offending line of the file.
func (d Diagnostic) Text() string {
	d.Source = ""
	return strings.ReplaceAll(d.String(), "\n", " ")
}
