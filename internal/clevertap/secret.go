package clevertap

import (
	"strings"
	"sync"
	"time"

	"github.com/rowtap/rowtap/internal/keyfile"
)

// maxPasscode bounds the size of a passcode file, in bytes. A passcode has about 12.
const maxPasscode = 4 << 10

// secret is the passcode of an account. It is read again when its file is replaced. It is safe for
// concurrent use.
type secret struct {
	path string // "": not from a file

	mu       sync.Mutex
	passcode string
	stamp    keyfile.Stamp // of the file as last read
}

// newSecret returns a passcode, and the file that it was read from if path is not "". A later
// change of the file is noticed at the next use.
func newSecret(passcode, path string) *secret {
	s := &secret{path: path, passcode: passcode}
	if text, stamp := s.read(); text == passcode {
		s.stamp = stamp
	}
	return s
}

// read returns the passcode in the file and the stamp of the file; "" if the file has no valid
// passcode, perhaps because it is half written.
func (s *secret) read() (string, keyfile.Stamp) {
	if s.path == "" {
		return "", keyfile.Stamp{}
	}
	stamp := keyfile.Of(s.path) // before reading, so that a later write is noticed
	text, err := keyfile.Read(s.path, maxPasscode)
	if err != nil {
		return "", stamp
	}
	passcode, err := credential("passcode", strings.TrimPrefix(string(text), "\ufeff"))
	if err != nil {
		return "", stamp
	}
	return passcode, stamp
}

// current returns the passcode, after reading the file again if it was replaced.
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

// replacing returns the passcode that replaces a refused one; false if there is none. It reads the
// file even if its stamp is unchanged.
func (s *secret) replacing(refused string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passcode != refused {
		return s.passcode, true // another upload read it
	}
	passcode, stamp := s.read()
	if passcode == "" || passcode == refused {
		return "", false
	}
	s.passcode, s.stamp = passcode, stamp
	return passcode, true
}
