// Package keyfile tells when a file that holds a secret was replaced, so that its user reads it again, and where that cannot be
// seen: systemd gives a service copies of its credentials, made when the service starts
// (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#LoadCredential=ID:PATH).
package keyfile

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Stamp tells a file from the one that replaced it. The zero value is no file, or one that cannot be looked at.
type Stamp struct {
	modified int64 // nanoseconds since 1970
	size     int64
}

// Of returns the stamp of the file that a path names now; symbolic links are followed, as Kubernetes needs that replaces its secrets by
// a link.
func Of(path string) Stamp {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{}
	}
	return Stamp{info.ModTime().UnixNano(), info.Size()}
}

// settle is how long a file must not have changed before it counts as written whole.
const settle = time.Second

// Replaced tells whether the file that a path names is another than the one of a stamp, written whole as far as can be told: some
// editors and scripts empty a file and then write it. A file that is gone replaces none.
func (s Stamp) Replaced(path string, now time.Time) bool {
	is := Of(path)
	if is == s || is == (Stamp{}) {
		return false
	}
	age := now.Sub(time.Unix(0, is.modified))
	return age < 0 || age >= settle // the clock of a file server may be ahead
}

// Frozen tells whether a path is of a copy that systemd made when the service was started: what is written to the original counts after a
// restart.
func Frozen(path string) bool {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" || path == "" {
		return false
	}
	within, err := filepath.Rel(dir, path)
	return err == nil && within != ".." && !strings.HasPrefix(within, ".."+string(filepath.Separator))
}

// Hint returns what an operator does to replace a secret that is kept at a path, as the end of a sentence.
func Hint(path string) string {
	if Frozen(path) {
		return "replace the file that LoadCredential= names in the unit, then systemctl restart rowtap: systemd copied it when the service started"
	}
	return "write it to " + path + ", which is read again automatically"
}
