package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// The package's service gets its variables and secrets from systemd. For the service's own
// configuration, root finds them where systemd does; other users may not read them, and the error
// says so.
const (
	serviceDir         = "/etc/rowtap"
	serviceVariables   = "/etc/default/rowtap"     // EnvironmentFile= of systemd/rowtap.service
	serviceCredentials = "/etc/rowtap/credentials" // the files of its LoadCredential=
)

// serviceDirectories are the directories that systemd makes for the service, by variable.
var serviceDirectories = map[string]string{
	"CREDENTIALS_DIRECTORY":   serviceCredentials,
	"CONFIGURATION_DIRECTORY": serviceDir,
	"STATE_DIRECTORY":         "/var/lib/rowtap",
	"RUNTIME_DIRECTORY":       "/run/rowtap",
}

// serviceUnits are the places of the service's unit.
var serviceUnits = []string{"/etc/systemd/system/rowtap.service", "/lib/systemd/system/rowtap.service", "/usr/lib/systemd/system/rowtap.service"}

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

// find returns a variable of this process, or else of the service.
func (e environment) find(name string) (string, bool) {
	if value, ok := e.lookup(name); ok {
		return value, true
	}
	value, ok := e.service()[name]
	return value, ok
}

// adopt sets the variables of the service that this process does not have, for libraries that read
// them: proxies, and Application Default Credentials. A daemon does not get the directories: they
// mean that systemd has started it.
func (e environment) adopt(daemon bool, set func(name, value string) error) error {
	for name, value := range e.service() {
		_, directory := serviceDirectories[name]
		if _, ok := e.lookup(name); ok || daemon && directory {
			continue
		}
		if err := set(name, value); err != nil {
			return fmt.Errorf("%s: %s: %w", serviceVariables, name, err)
		}
	}
	return nil
}

// service returns the variables of the service; nil if this process is not root's, or uses another
// configuration.
func (e environment) service() map[string]string {
	if e.uid != 0 || !isServiceDir(e.dir) {
		return nil
	}
	variables := map[string]string{}
	for name, dir := range serviceDirectories {
		if info, err := fs.Stat(e.root, strings.TrimPrefix(dir, "/")); err == nil && info.IsDir() {
			variables[name] = dir
		}
	}
	if text, err := fs.ReadFile(e.root, strings.TrimPrefix(serviceVariables, "/")); err == nil {
		parseEnvironmentFile(string(text), variables)
	}
	return variables
}

// isPackaged reports whether the configuration is that of a service of systemd.
func (e environment) isPackaged() bool {
	return isServiceDir(e.dir) && slices.ContainsFunc(serviceUnits, func(unit string) bool {
		_, err := fs.Stat(e.root, strings.TrimPrefix(unit, "/"))
		return err == nil
	})
}

// start returns the command that starts the daemon, for a next step.
func (e environment) start() string {
	if e.isPackaged() {
		return "systemctl start rowtap"
	}
	return "systemctl start rowtap, or: rowtap run"
}

func isServiceDir(dir string) bool {
	absolute, err := filepath.Abs(dir)
	return err == nil && absolute == serviceDir
}

// parseEnvironmentFile adds the variables of a file for systemd's EnvironmentFile=: NAME=VALUE, one
// per line, with quotes, escapes and continued lines
// (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=).
func parseEnvironmentFile(text string, variables map[string]string) {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		name, _, found := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !found || strings.HasPrefix(name, "#") || strings.HasPrefix(name, ";") {
			text = rest
			continue
		}
		variables[name], text = environmentValue(text[strings.Index(text, "=")+1:])
	}
}

// environmentValue returns the value at the beginning of text, and the lines after it.
func environmentValue(text string) (value, rest string) {
	var b strings.Builder
	solid := 0 // length of the value without white space at its end
	quote, begun := byte(0), false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && c == '\n':
			return b.String()[:solid], text[i+1:]
		case quote == 0 && !begun && (c == ' ' || c == '\t'):
			continue
		case quote == 0 && !begun && (c == '"' || c == '\''):
			quote = c
			continue
		case quote != 0 && c == quote:
			quote, begun, solid = 0, false, b.Len()
			continue
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			if c = text[i]; c == '\n' {
				continue
			}
			if quote == '"' && !strings.ContainsRune("\"\\`$", rune(c)) {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(c)
		begun = true
		if quote != 0 || c != ' ' && c != '\t' && c != '\r' {
			solid = b.Len()
		}
	}
	return b.String()[:solid], ""
}

// lacking returns an error of one line if a configuration's only mistakes are variables that the
// service has; otherwise nil.
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
	return fmt.Errorf("%s: set for the service only, by systemd and %s, which only root can read\nnext: run the same command with sudo", strings.Join(names, ", "), serviceVariables)
}
