//go:build unix

package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/rowtap/rowtap/internal/config"
)

// TestUnreadable: check warns of files that the service's user cannot read.
func TestUnreadable(t *testing.T) {
	dynamic, static := account{uid: -1}, account{uid: 990, gids: []int{990, 33}}
	file := func(mode fs.FileMode, uid, gid uint32) *fstest.MapFile {
		return &fstest.MapFile{Mode: mode, Sys: &syscall.Stat_t{Uid: uid, Gid: gid}}
	}
	dir := func(mode fs.FileMode, uid, gid uint32) *fstest.MapFile { return file(fs.ModeDir|mode, uid, gid) }
	const zapFile = "etc/rowtap/zaps/a.yaml"
	tests := []struct {
		name    string
		path    string // that differs from a good installation
		is      *fstest.MapFile
		account account
		want    string // the file and the advice of the only warning
	}{
		{"all can read", "", nil, dynamic, ""},
		{"a private zap file", zapFile, file(0o600, 0, 0), dynamic, "/etc/rowtap/zaps/a.yaml: chmod o+r /etc/rowtap/zaps/a.yaml"},
		{"a zap file of root's group", zapFile, file(0o640, 0, 0), dynamic, "/etc/rowtap/zaps/a.yaml: chmod o+r /etc/rowtap/zaps/a.yaml"},
		{"a zap file of another group", zapFile, file(0o640, 0, 990), dynamic, ""},
		{"a zap file of the user's group", zapFile, file(0o640, 0, 33), static, ""},
		{"a zap file of a foreign group", zapFile, file(0o640, 0, 34), static, "/etc/rowtap/zaps/a.yaml: chmod o+r /etc/rowtap/zaps/a.yaml"},
		{"the user's own file", zapFile, file(0o400, 990, 0), static, ""},
		{"a private rowtap.yaml", "etc/rowtap/rowtap.yaml", file(0o600, 0, 0), dynamic, "/etc/rowtap/rowtap.yaml: chmod o+r /etc/rowtap/rowtap.yaml"},
		{"a closed directory, once", "etc/rowtap", dir(0o700, 0, 0), dynamic, "/etc/rowtap: chmod o+rx /etc/rowtap"},
		{"zaps/ that cannot be listed", "etc/rowtap/zaps", dir(0o711, 0, 0), dynamic, "/etc/rowtap/zaps: chmod o+rx /etc/rowtap/zaps"},
		{"credentials", "etc/rowtap/credentials/key", file(0o600, 0, 0), dynamic, ""},
		{"a secret elsewhere", "srv/passcode", file(0o600, 0, 0), dynamic, "/srv/passcode: move it to /etc/rowtap/credentials, add a line LoadCredential= for it (systemctl edit rowtap), and write ${CREDENTIALS_DIRECTORY}/passcode"},
	}
	c := &config.Config{
		Zaps:              []*config.Zap{{File: "/etc/rowtap/zaps/a.yaml"}},
		GoogleAccounts:    map[string]*config.GoogleAccount{"a": {CredentialsFile: "/etc/rowtap/credentials/key"}, "b": {}},
		CleverTapAccounts: map[string]*config.CleverTapAccount{"a": {PasscodeFile: "/srv/passcode"}},
	}
	for _, tt := range tests {
		files := fstest.MapFS{
			"lib/systemd/system/rowtap.service": file(0o644, 0, 0),
			"etc":                               dir(0o755, 0, 0),
			"etc/rowtap":                        dir(0o755, 0, 0),
			"etc/rowtap/rowtap.yaml":            file(0o644, 0, 0),
			"etc/rowtap/zaps":                   dir(0o755, 0, 0),
			zapFile:                             file(0o644, 0, 0),
			"etc/rowtap/credentials":            dir(0o700, 0, 0),
			"etc/rowtap/credentials/key":        file(0o600, 0, 0),
			"srv":                               dir(0o755, 0, 0),
			"srv/passcode":                      file(0o644, 0, 0),
		}
		if tt.path != "" {
			files[tt.path] = tt.is
		}
		e := environment{"/etc/rowtap", files, 0, nil}
		var got []string
		for _, d := range e.unreadable(c, tt.account) {
			got = append(got, d.File+": "+d.Suggestion)
		}
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		e.uid = 1000
		if found := e.unreadable(c, tt.account); found != nil {
			t.Errorf("%s: another user than root gets %v", tt.name, found)
		}
		e.uid = 0
		delete(files, "lib/systemd/system/rowtap.service")
		if found := e.unreadable(c, tt.account); found != nil {
			t.Errorf("%s: a machine without the service gets %v", tt.name, found)
		}
	}
}

// TestNewFileRights: what root writes can be read by the daemon's user, whatever the umask.
func TestNewFileRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files to groups")
	}
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	for _, tt := range []struct {
		group     int
		dir, file fs.FileMode
	}{{0, 0o755, 0o644}, {nobody, 0o750, 0o640}} {
		conf := t.TempDir()
		if err := os.Chown(conf, 0, tt.group); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(conf, "zaps", "a.yaml")
		for _, force := range []bool{false, true} {
			if err := writeZapFile(path, []byte("x\n"), force); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]fs.FileMode{filepath.Dir(path): tt.dir, path: tt.file} {
				info, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				if _, gid, _ := ownerOf(info); gid != tt.group || info.Mode().Perm() != want {
					t.Errorf("%s has group %d and mode %04o, want %d and %04o", name, gid, info.Mode().Perm(), tt.group, want)
				}
			}
		}
	}
}
