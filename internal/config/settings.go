package config

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	defaultStateDir = "/var/lib/rowtap" // unless systemd sets STATE_DIRECTORY
	// maxSocketPath is the maximum length of a unix socket's path on Linux, in bytes
	// (https://man7.org/linux/man-pages/man7/unix.7.html).
	maxSocketPath = 107
)

// checkState sets what depends on the environment and on other keys.
func (s *section) checkState(state *State) {
	if state.Path == "" {
		state.Path = filepath.Join(defaultStateDir, "rowtap.db")
		// systemd separates several directories by colons:
		// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
		if dirs, _ := s.f.expand.lookup("STATE_DIRECTORY"); dirs != "" {
			first, _, _ := strings.Cut(dirs, ":")
			state.Path = resolvePath(s.f.expand.dir, filepath.Join(first, "rowtap.db"))
		}
	}
	if _, given := s.key("postgres"); given && state.Lease == "" {
		state.Lease = defaultLease
	}
}

// checkHTTP rejects auth: off if other machines can reach the listener.
func (s *section) checkHTTP(h *HTTP) {
	if auth, _ := s.key("auth"); h.AuthOff && !isLocal(h.Listen) {
		auth.wrong("use auth: token, or listen on 127.0.0.1 or a unix socket",
			"off is allowed only if other machines cannot reach the listener, unlike %s", s.shownListen(h.Listen))
	}
}

// listenKind is an address to listen on.
var listenKind = exact("address", shaped(`^\s*(unix:/.*|.*:\d+)?\s*$`, "string"), func(_ value, text string) (string, string, string) {
	text = strings.TrimSpace(text)
	return text, checkListen(text), `for example 127.0.0.1:8321, unix:/run/rowtap/api.sock, or "" for none`
})

// authKind is token or off; the value is true for off.
var authKind = func() kind[bool] {
	k := choice("token", "off")
	return kind[bool]{shape: k.shape, read: func(v value, to *bool) {
		var auth string
		k.read(v, &auth)
		*to = auth == "off"
	}, print: func(off bool) any { return map[bool]string{false: "token", true: "off"}[off] }}
}()

// shownListen returns the address of http.listen as a message may quote it.
func (s *section) shownListen(listen string) string {
	if v, given := s.key("listen"); given {
		return v.shown()
	}
	return listen
}

// checkListen returns what is wrong with an address to listen on, or "".
func checkListen(listen string) string {
	if path, isUnix := strings.CutPrefix(listen, "unix:"); isUnix {
		switch {
		case !filepath.IsAbs(path):
			return "the path of a unix socket must begin with /"
		case len(path) > maxSocketPath:
			return "the path of a unix socket must have at most " + strconv.Itoa(maxSocketPath) + " bytes"
		}
		return ""
	}
	if listen == "" {
		return ""
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "is not HOST:PORT"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "the port must be a number from 0 to 65535"
	} else if strconv.FormatUint(n, 10) != port {
		return "the port must be a number without sign and leading zeros"
	}
	return ""
}

// isLocal reports whether only this machine can reach an address of http.listen.
func isLocal(listen string) bool {
	if listen == "" || strings.HasPrefix(listen, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(listen)
	return err != nil || isLoopback(host) // an invalid address is reported elsewhere
}

// hostsKind is a list of host names without scheme and port, in lower case.
var hostsKind = listOf(parsed("", shaped(`^\s*[^/:@ *]+\s*$`, scalars...), func(_ value, text string) (string, string, string) {
	if strings.ContainsAny(text, "/:@ *") {
		return "", "a host name must not contain a scheme, port or *", "for example rowtap.example.com"
	}
	return strings.ToLower(text), "", ""
}), listing{name: "list of host names", want: "a list of host names"})
