package config

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/rowtap/rowtap/internal/keyfile"
)

// credentialHint returns what to do about a missing credential of the packaged service; "" for other
// errors, files and directories, such as those of a container.
func (v value) credentialHint(err error) string {
	dir, _ := v.f.expand.lookup("CREDENTIALS_DIRECTORY")
	if !keyfile.OfService(dir) {
		return ""
	}
	name, ok := strings.CutPrefix(strings.TrimSpace(v.shown()), "${CREDENTIALS_DIRECTORY}/")
	if !ok || !errors.Is(err, fs.ErrNotExist) || strings.Contains(name, "$") {
		return ""
	}
	return "create /etc/rowtap/credentials/" + name + ", see that the unit has a line LoadCredential=" + name + ":… for it, then: systemctl restart rowtap"
}
