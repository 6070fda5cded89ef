package cli

import (
	"fmt"
	"io/fs"
	"os/user"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// account is the user of the service.
type account struct {
	uid  int // -1: exists only while the service runs, or is unknown
	gids []int
}

// serviceAccount returns the user of the service. The one of DynamicUser= is not in /etc/passwd: it
// has no other groups, so it can read what everybody can.
func serviceAccount() account {
	u, err := user.Lookup("rowtap")
	if err != nil {
		return account{uid: -1}
	}
	a := account{uid: -1}
	if uid, err := strconv.Atoi(u.Uid); err == nil {
		a.uid = uid
	}
	ids, err := u.GroupIds()
	if err != nil {
		ids = []string{u.Gid}
	}
	for _, id := range ids {
		if gid, err := strconv.Atoi(id); err == nil {
			a.gids = append(a.gids, gid)
		}
	}
	return a
}

// can reports whether the account has the given permissions of a file: 4 to read, 1 to enter a
// directory. If the account is unknown, a group or an owner other than root counts as its own.
func (a account) can(want fs.FileMode, info fs.FileInfo) bool {
	uid, gid, ok := ownerOf(info)
	mode := info.Mode().Perm()
	switch {
	case !ok, mode&want == want:
		return true
	case a.uid == -1:
		return gid != 0 && mode>>3&want == want || uid != 0 && mode>>6&want == want
	case uid == a.uid:
		return mode>>6&want == want
	}
	return slices.Contains(a.gids, gid) && mode>>3&want == want
}

// unreadable returns a warning for each file of the configuration that the service's user cannot
// read. Root, who can read all files, would not notice.
func (e environment) unreadable(c *config.Config, a account) config.Diagnostics {
	if e.uid != 0 || !e.isPackaged() {
		return nil
	}
	files := []string{serviceDir + "/rowtap.yaml"}
	for _, z := range c.Zaps {
		files = append(files, path.Join(serviceDir, "zaps", filepath.Base(z.File)))
	}
	secrets := map[string]bool{}
	for _, google := range c.GoogleAccounts {
		secrets[google.CredentialsFile] = true
	}
	for _, cleverTap := range c.CleverTapAccounts {
		secrets[cleverTap.PasscodeFile] = true
	}
	for file := range secrets {
		if file != "" && !strings.HasPrefix(file, serviceCredentials+"/") { // systemd passes these on
			files = append(files, file)
		}
	}
	slices.Sort(files)
	var found config.Diagnostics
	warned := map[string]bool{}
	for _, file := range files {
		at, info := e.closed(file, a)
		if at == "" || warned[at] {
			continue
		}
		warned[at] = true
		uid, gid, _ := ownerOf(info)
		next := "chmod o+r " + at
		switch {
		case info.IsDir():
			next = "chmod o+rx " + at
		case secrets[file]:
			next = "move it to " + serviceCredentials + ", add a line LoadCredential= for it (systemctl edit rowtap), and write ${CREDENTIALS_DIRECTORY}/" + path.Base(at)
		}
		found = append(found, config.Diagnostic{
			Pos: config.Pos{File: at}, Warning: true,
			Message:    fmt.Sprintf("the service's user cannot read it: it belongs to %s and %s, mode %04o", userName(uid), groupName(gid), info.Mode().Perm()),
			Suggestion: next,
		})
	}
	return found
}

// closed returns the file, or a directory that leads to it, that the account may not use; "" if it
// may read the file.
func (e environment) closed(file string, a account) (at string, info fs.FileInfo) {
	for i, c := range file + "/" {
		if c != '/' || i == 0 {
			continue
		}
		at := file[:i]
		info, err := fs.Stat(e.root, strings.TrimPrefix(at, "/"))
		if err != nil {
			return "", nil // check reports it
		}
		want := fs.FileMode(4)
		if info.IsDir() {
			want = 1
		}
		if at == path.Join(serviceDir, "zaps") {
			want = 4 | 1
		}
		if !a.can(want, info) {
			return at, info
		}
	}
	return "", nil
}
