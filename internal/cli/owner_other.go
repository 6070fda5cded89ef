//go:build !unix

package cli

import "io/fs"

// deviceOf knows no devices here.
func deviceOf(fs.FileInfo) (device, inode uint64, ok bool) { return 0, 0, false }

// ownerOf knows no owners here.
func ownerOf(fs.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }
