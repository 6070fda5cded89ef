package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// rightsError is a lack of permission for a path, with its owner and mode and with the user of this
// process.
type rightsError struct {
	message string // with the next step
	err     error
}

func (e *rightsError) Error() string { return e.message }
func (e *rightsError) Unwrap() error { return e.err }

// denied returns what denies the access to path: the path itself, or the first directory that may
// not be entered, with its owner and mode; and who asks. That directory may be on the way of a
// symbolic link: /var/lib/rowtap is one into /var/lib/private.
func denied(path string) (at string, owner int, text string) {
	info, err := os.Stat(path)
	for at = path; err != nil && at != filepath.Dir(at); info, err = os.Stat(at) {
		if target, linked := os.Readlink(at); linked == nil && errors.Is(err, fs.ErrPermission) {
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(at), target)
			}
			at = target
			continue
		}
		at = filepath.Dir(at)
	}
	if err != nil {
		return at, -1, "this command runs as " + userName(os.Geteuid())
	}
	uid, gid, ok := ownerOf(info)
	if !ok {
		return at, -1, at + " denies it"
	}
	return at, uid, fmt.Sprintf("%s belongs to %s and %s, mode %04o, and this command runs as %s",
		at, userName(uid), groupName(gid), info.Mode().Perm(), userName(os.Geteuid()))
}

// userName returns a user for a message, with the number: of a dynamic user there is no name.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("user %s (uid %d)", u.Username, uid)
	}
	return fmt.Sprintf("uid %d", uid)
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return "group " + g.Name
	}
	return fmt.Sprintf("gid %d", gid)
}

// unreadable explains an error of permission for a file that a command needs; other errors are
// returned as they are.
func unreadable(what, path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_, _, why := denied(path)
	return &rightsError{fmt.Sprintf("%s %s: permission denied: %s\nnext: run the same command with sudo", what, path, why), err}
}

// foreignState explains why the daemon may not write its state, if the directory or a file in it
// belongs to another user; other errors are returned as they are.
func foreignState(path string, err error) error {
	at, owner, why := denied(path)
	me := os.Geteuid()
	dir := filepath.Dir(path)
	if !errors.Is(err, fs.ErrPermission) || owner < 0 || owner == me || at != path && at != dir {
		return err
	}
	message, _, _ := strings.Cut(err.Error(), "\nnext: ")
	return &rightsError{fmt.Sprintf("%s: %s\nnext: chown -R %d:%d %s, or correct state.path in rowtap.yaml",
		message, strings.Replace(why, "this command runs", "rowtap runs", 1), me, os.Getegid(), dir), err}
}
