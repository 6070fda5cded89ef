// Package keyfile reads files with secrets, and detects that one was replaced and must be read
// again. It also detects when a replacement cannot be seen: systemd gives a service copies of its credentials,
// made when the service starts
// (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#LoadCredential=ID:PATH).
package keyfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Stamp identifies a version of a file. The zero value means no file, or one that cannot be
// examined.
type Stamp struct {
	modified int64 // nanoseconds since 1970; size is in bytes
	size     int64
}

// Of returns the stamp of the file at path. It follows symbolic links, because Kubernetes replaces
// secrets by changing a link.
func Of(path string) Stamp {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{}
	}
	return Stamp{info.ModTime().UnixNano(), info.Size()}
}

// Read returns the content of the file at path, which may have at most limit bytes. The error does
// not repeat the path.
func Read(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, pathErr.Err
		}
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, errors.New("larger than any key")
	}
	return text, nil
}

// settle is how long a file must be unchanged before it counts as completely written.
const settle = time.Second

// Replaced reports whether the file at path differs from the stamp and looks completely written:
// some editors and scripts truncate a file and then write it. A missing file is not a replacement.
func (s Stamp) Replaced(path string, now time.Time) bool {
	is := Of(path)
	if is == s || is == (Stamp{}) {
		return false
	}
	age := now.Sub(time.Unix(0, is.modified))
	return age < 0 || age >= settle // the clock of a file server may be ahead
}

// OfService reports whether dir, a $CREDENTIALS_DIRECTORY, has the secrets of the packaged service:
// the copies that systemd makes for a unit, such as /run/credentials/rowtap.service, or their
// originals, which root's commands read. A directory of a container or of a shell has neither.
func OfService(dir string) bool {
	dir = filepath.Clean(dir)
	return dir == "/etc/rowtap/credentials" || filepath.Ext(dir) == ".service"
}

// Frozen reports whether path is a copy that systemd made when the service started. A change of the
// original takes effect after a restart.
func Frozen(path string) bool {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if !OfService(dir) || path == "" {
		return false
	}
	within, err := filepath.Rel(dir, path)
	return err == nil && within != ".." && !strings.HasPrefix(within, ".."+string(filepath.Separator))
}

// Hint says how to replace the secret at path, as the end of a sentence.
func Hint(path string) string {
	if Frozen(path) {
		return "replace the file that LoadCredential= names in the unit, then systemctl restart rowtap: systemd copied it when the service started"
	}
	return "write it to " + path + ", which is read again automatically"
}
