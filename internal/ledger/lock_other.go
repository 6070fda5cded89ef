//go:build !unix || solaris || illumos || aix || android

package ledger

import (
	"os"
	"time"
)

// lockFile leaves locking to bbolt, which takes its lock a moment later.
func lockFile(*os.File, bool, time.Duration) error { return nil }
