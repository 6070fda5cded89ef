package cli

import (
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rowtap/rowtap/internal/config"
)

// TestServiceEnvironment: root finds the service's variables for the service's configuration, and nobody finds them for another.
func TestServiceEnvironment(t *testing.T) {
	files := fstest.MapFS{
		"etc/default/rowtap":     {Data: []byte("# CLEVERTAP_ACCOUNT_ID=commented\n; X=y\nCLEVERTAP_ACCOUNT_ID=first\n  CLEVERTAP_ACCOUNT_ID = \"AAA-BBB-CCCZ\" \nEMPTY=\nWEBHOOK='https://x/?a=b'\n")},
		"etc/rowtap/credentials": {Mode: fs.ModeDir | 0o700},
	}
	files["etc/default/rowtap"].Data = append(files["etc/default/rowtap"].Data, `ESCAPED=a\ b\"c
QUOTED="a\"b\\c\d" # text
SINGLE='a\b'"c d"
LONG=one\
two
SPACES=  a b  
LAST=x`...)
	own := map[string]string{"WEBHOOK": "of the shell"}
	bare := fstest.MapFS{"etc/rowtap/credentials": files["etc/rowtap/credentials"]}
	tests := []struct {
		name, dir, variable, want string
		uid                       int
		files                     fs.FS
		set                       bool
	}{
		{"the file's last line", "/etc/rowtap", "CLEVERTAP_ACCOUNT_ID", "AAA-BBB-CCCZ", 0, files, true},
		{"a path with a slash", "/etc/rowtap/", "CLEVERTAP_ACCOUNT_ID", "AAA-BBB-CCCZ", 0, files, true},
		{"one that is empty", "/etc/rowtap", "EMPTY", "", 0, files, true},
		{"the shell's comes first", "/etc/rowtap", "WEBHOOK", "of the shell", 0, files, true},
		{"the credentials", "/etc/rowtap", "CREDENTIALS_DIRECTORY", "/etc/rowtap/credentials", 0, files, true},
		{"none of that name", "/etc/rowtap", "X", "", 0, files, false},
		{"not root", "/etc/rowtap", "CLEVERTAP_ACCOUNT_ID", "", 1000, files, false},
		{"another configuration", "/srv/rowtap", "CLEVERTAP_ACCOUNT_ID", "", 0, files, false},
		{"a relative path", "../../../../../../../../etc/rowtap", "CLEVERTAP_ACCOUNT_ID", "AAA-BBB-CCCZ", 0, files, true},
		{"escapes", "/etc/rowtap", "ESCAPED", `a b"c`, 0, files, true},
		{"double quotes", "/etc/rowtap", "QUOTED", `a"b\c\d# text`, 0, files, true},
		{"single quotes", "/etc/rowtap", "SINGLE", `a\bc d`, 0, files, true},
		{"a continued line", "/etc/rowtap", "LONG", "onetwo", 0, files, true},
		{"white space", "/etc/rowtap", "SPACES", "a b", 0, files, true},
		{"no line break at the end", "/etc/rowtap", "LAST", "x", 0, files, true},
		{"the optional file is missing", "/etc/rowtap", "CREDENTIALS_DIRECTORY", "/etc/rowtap/credentials", 0, bare, true},
		{"no package", "/etc/rowtap", "CREDENTIALS_DIRECTORY", "", 0, fstest.MapFS{}, false},
	}
	for _, tt := range tests {
		e := environment{tt.dir, tt.files, tt.uid, func(name string) (string, bool) { v, ok := own[name]; return v, ok }}
		if got, ok := e.find(tt.variable); got != tt.want || ok != tt.set {
			t.Errorf("%s: %q %v, want %q %v", tt.name, got, ok, tt.want, tt.set)
		}
	}
}

// TestAdoptEnvironment: libraries that read variables get the service's, but for those that the shell has.
// TestStart: on a machine with the package, systemd starts the daemon.
func TestStart(t *testing.T) {
	packaged := fstest.MapFS{"usr/lib/systemd/system/rowtap.service": {}}
	for _, tt := range []struct {
		dir   string
		files fs.FS
		want  string
	}{
		{"/etc/rowtap", packaged, "systemctl start rowtap"},
		{"/etc/rowtap", fstest.MapFS{}, "systemctl start rowtap, or: rowtap run"},
		{"/srv/conf", packaged, "systemctl start rowtap, or: rowtap run"},
	} {
		if got := (environment{dir: tt.dir, root: tt.files}).start(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.dir, got, tt.want)
		}
	}
}

func TestAdoptEnvironment(t *testing.T) {
	files := fstest.MapFS{
		"etc/default/rowtap":     {Data: []byte("HTTPS_PROXY=http://proxy:3128\nPATH=/x\n")},
		"etc/rowtap/credentials": {Mode: fs.ModeDir | 0o700},
	}
	e := environment{"/etc/rowtap", files, 0, func(name string) (string, bool) { return "/bin", name == "PATH" }}
	for daemon, want := range map[bool]map[string]string{
		false: {"HTTPS_PROXY": "http://proxy:3128", "CREDENTIALS_DIRECTORY": "/etc/rowtap/credentials", "CONFIGURATION_DIRECTORY": "/etc/rowtap"},
		true:  {"HTTPS_PROXY": "http://proxy:3128"}, // nothing says that systemd has started it
	} {
		got := map[string]string{}
		if err := e.adopt(daemon, func(name, value string) error { got[name] = value; return nil }); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, want) {
			t.Errorf("daemon %v: adopted %v, want %v", daemon, got, want)
		}
	}
}

// TestLackingEnvironment: where all that is wrong are variables of the service, it is said in one line.
func TestLackingEnvironment(t *testing.T) {
	files := fstest.MapFS{"etc/default/rowtap": {}}
	unset := func(file, name string) config.Diagnostic {
		return config.Diagnostic{Pos: config.Pos{File: file, Line: 3}, Message: "the environment variable " + name + " is not set", Variable: name}
	}
	a, b := unset("/etc/rowtap/rowtap.yaml", "CREDENTIALS_DIRECTORY"), unset("/etc/rowtap/rowtap.yaml", "CLEVERTAP_ACCOUNT_ID")
	tests := []struct {
		name  string
		wrong config.Diagnostics
		uid   int
		files fs.FS
		want  string
	}{
		{"variables alone", config.Diagnostics{a, b, a}, 1000, files, "CREDENTIALS_DIRECTORY, CLEVERTAP_ACCOUNT_ID: set for the service only"},
		{"another mistake", config.Diagnostics{a, {Message: "is not a known key"}}, 1000, files, ""},
		{"another directory", config.Diagnostics{unset("/srv/rowtap.yaml", "X")}, 1000, files, ""},
		{"no package", config.Diagnostics{a}, 1000, fstest.MapFS{}, ""},
		{"root, who has what the service has", config.Diagnostics{a}, 0, files, ""},
		{"nothing", nil, 1000, files, ""},
	}
	for _, tt := range tests {
		err := environment{"", tt.files, tt.uid, nil}.lacking(tt.wrong)
		if (err == nil) != (tt.want == "") || err != nil && (!strings.HasPrefix(err.Error(), tt.want) || !strings.HasSuffix(err.Error(), "\nnext: run the same command with sudo")) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
