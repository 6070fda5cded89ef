package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// The package's service gets its variables from systemd, which an operator's shell does not have. Root, who alone may read them, gets them
// from where systemd has them, for the service's own configuration; others are told.
const (
	serviceDir         = "/etc/rowtap"
	serviceVariables   = "/etc/default/rowtap"     // EnvironmentFile= of systemd/rowtap.service
	serviceCredentials = "/etc/rowtap/credentials" // of its LoadCredential=
)

// environment finds the variables of a configuration.
type environment struct {
	dir    string // of the configuration
	root   fs.FS  // the file system
	uid    int    // effective
	lookup func(string) (string, bool)
}

func environmentOf(dir string) environment {
	return environment{dir, os.DirFS("/"), os.Geteuid(), os.LookupEnv}
}

// find returns a variable: the process's, else the service's where that is asked for.
func (e environment) find(name string) (string, bool) {
	if value, ok := e.lookup(name); ok || e.uid != 0 || path.Clean(e.dir) != serviceDir {
		return value, ok
	}
	text, err := fs.ReadFile(e.root, strings.TrimPrefix(serviceVariables, "/"))
	if err != nil {
		return "", false // no package is installed here
	}
	if value, ok := serviceVariable(text, name); ok {
		return value, true
	}
	if info, err := fs.Stat(e.root, strings.TrimPrefix(serviceCredentials, "/")); name == "CREDENTIALS_DIRECTORY" && err == nil && info.IsDir() {
		return serviceCredentials, true
	}
	return "", false
}

// serviceVariable returns a variable of a file for systemd's EnvironmentFile=: NAME=VALUE a line, the value in quotes or not, the last
// one counting (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=).
func serviceVariable(text []byte, name string) (value string, ok bool) {
	for line := range bytes.Lines(text) {
		left, right, found := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !found || strings.TrimSpace(left) != name { // a comment's name is none
			continue
		}
		value, ok = strings.TrimSpace(right), true
		for _, quote := range []string{`"`, `'`} {
			if len(value) > 1 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
				value = value[1 : len(value)-1]
				break
			}
		}
	}
	return value, ok
}

// lacking says in a line that a configuration's only mistakes are variables which the service has; nil where it is otherwise.
func (e environment) lacking(wrong config.Diagnostics) error {
	_, missing := fs.Stat(e.root, strings.TrimPrefix(serviceVariables, "/"))
	if missing != nil || e.uid == 0 {
		return nil //nolint:nilerr // no package is installed here
	}
	var names []string
	for _, d := range wrong {
		switch {
		case d.Variable == "" || !strings.HasPrefix(d.File, serviceDir+"/"):
			return nil
		case !slices.Contains(names, d.Variable):
			names = append(names, d.Variable)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s: set for the service alone, by systemd and %s, which only root can read\nnext: the same command with sudo", strings.Join(names, ", "), serviceVariables)
}
