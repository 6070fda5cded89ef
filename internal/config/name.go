package config

import (
	"fmt"
	"regexp"
	"strings"
)

// CheckZapName returns an error that describes why a zap cannot have a name, or nil if it can.
func CheckZapName(name string) error {
	if !accountName.MatchString(name) {
		return fmt.Errorf("%q cannot be a zap's name; %s", name, nameRule)
	}
	return nil
}

// maxName is the maximum length of a zap's name in bytes, see accountName.
const maxName = 64

// notInNames matches what [ZapName] replaces.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9]+`)

// ZapName derives a zap's name from a title. It returns "" if the title has no character that a
// name can have.
func ZapName(title string) string {
	name := strings.ToLower(strings.Trim(notInNames.ReplaceAllString(title, "-"), "-"))
	return strings.TrimRight(name[:min(len(name), maxName)], "-")
}
