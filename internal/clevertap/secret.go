package clevertap

import (
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rowtap/rowtap/internal/keyfile"
)

// maxPasscode bounds what is read of a passcode file, in bytes; a passcode has about 12.
const maxPasscode = 4 << 10

// secret is an account's passcode, which is read again when its file was replaced. It may be used from several goroutines at once.
type secret struct {
	path string // "": it is not from a file

	mu       sync.Mutex
	passcode string
	stamp    keyfile.Stamp // of the file that was last read
}

// newSecret returns a passcode that was read from a file, if a path is given. What was written to the file since is seen at the next use.
func newSecret(passcode, path string) *secret {
	s := &secret{path: path, passcode: passcode}
	if text, stamp := s.read(); text == passcode {
		s.stamp = stamp
	}
	return s
}

// read returns the passcode in the file, and the stamp of the file; "" where it holds none, half written perhaps.
func (s *secret) read() (string, keyfile.Stamp) {
	if s.path == "" {
		return "", keyfile.Stamp{}
	}
	stamp := keyfile.Of(s.path) // before it is read: what is written meanwhile is read again
	file, err := os.Open(s.path)
	if err != nil {
		return "", stamp
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxPasscode+1))
	if err != nil || len(text) > maxPasscode {
		return "", stamp
	}
	passcode, err := credential("passcode", strings.TrimPrefix(string(text), "\ufeff"))
	if err != nil {
		return "", stamp
	}
	return passcode, stamp
}

// current returns the passcode, from the file if that was replaced.
func (s *secret) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path != "" && s.stamp.Replaced(s.path, time.Now()) {
		if passcode, stamp := s.read(); passcode != "" {
			s.passcode, s.stamp = passcode, stamp
		}
	}
	return s.passcode
}

// replacing returns the passcode in place of one that was refused; false if there is no other. It reads the file whatever its time says.
func (s *secret) replacing(refused string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passcode != refused {
		return s.passcode, true // another upload has read it
	}
	passcode, stamp := s.read()
	if passcode == "" || passcode == refused {
		return "", false
	}
	s.passcode, s.stamp = passcode, stamp
	return passcode, true
}
