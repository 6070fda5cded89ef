package config

import (
	"errors"
	"io/fs"
	"strings"
)

// credentialHint returns what to do about a missing file in the directory in which systemd passes
// credentials to a service; "" for other errors and files.
func (v value) credentialHint(err error) string {
	name, ok := strings.CutPrefix(strings.TrimSpace(v.shown()), "${CREDENTIALS_DIRECTORY}/")
	if !ok || !errors.Is(err, fs.ErrNotExist) || strings.Contains(name, "$") {
		return ""
	}
	return "create /etc/rowtap/credentials/" + name + ", see that the unit has a line LoadCredential=" + name + ":… for it, then: systemctl restart rowtap"
}
