//go:build unix && !solaris && !illumos && !aix && !android

package ledger

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockPoll is how often a lock held by another process is retried.
const lockPoll = 50 * time.Millisecond

// lockFile takes the lock that bbolt takes, on the open file that bbolt will get. Taking it again
// there is no conflict (https://man7.org/linux/man-pages/man2/flock.2.html). It returns ErrInUse if
// the lock is not free within the timeout.
func lockFile(f *os.File, exclusive bool, timeout time.Duration) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(lockPoll) {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("lock: %w\nnext: put the file on a local file system", err)
		case time.Now().After(deadline):
			return fmt.Errorf("%w%s", ErrInUse, adviceInUse)
		}
	}
}

// unlockFile drops the lock of lockFile, which outlasts Close while the file is mapped into memory.
func unlockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
