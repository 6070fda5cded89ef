package config

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	defaultStateDir = "/var/lib/rowtap" // where systemd does not say
	defaultHistory  = 30 * 24 * time.Hour
	defaultListen   = "127.0.0.1:8321"
	maxSocketPath   = 107 // bytes of a unix socket's path on Linux: https://man7.org/linux/man-pages/man7/unix.7.html
)

// readSettings reads the tree of rowtap.yaml. Accounts that cannot be read become nil: of them, no zap
// can be told that it misspells one.
func (f *file) readSettings(c *Config, root *node) {
	s := f.section(root, root, "")
	google := s.accounts("google_accounts", func(s *section, name string, pos Pos) {
		c.GoogleAccounts[name] = s.googleAccount(name, pos)
	})
	cleverTap := s.accounts("clevertap_accounts", func(s *section, name string, pos Pos) {
		c.CleverTapAccounts[name] = s.cleverTapAccount(name, pos)
	})
	if s.void || !google {
		c.GoogleAccounts = nil
	}
	if s.void || !cleverTap {
		c.CleverTapAccounts = nil
	}
	c.State, c.HTTP = s.local()
	s.within("log", func(s *section) {
		c.Log = Log{
			Level:  choice(s, "level", "info", "debug", "info", "warn", "error"),
			Format: choice(s, "format", "json", "json", "console"),
		}
	})
	s.within("notify", func(s *section) { c.Notify = Notify{Webhook: s.webhook()} })
	s.done()
}

// within reads the mapping of a key; one that is not there is empty, so that defaults are filled.
func (s *section) within(key string, read func(*section)) {
	inner := s.f.section(s.at, &node{kind: mapping}, s.path(key))
	if n := s.get(key); n != nil {
		inner = s.f.section(s.key(key), n, s.path(key))
	}
	read(inner)
	inner.done()
}

// state reads state.
func (s *section) state(dir string) State {
	path := s.text("path", "")
	if path == "" {
		path = filepath.Join(defaultStateDir, "rowtap.db")
		// systemd lists several with colons: https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
		if dirs, _ := s.f.expand.lookup("STATE_DIRECTORY"); dirs != "" {
			first, _, _ := strings.Cut(dirs, ":")
			path = filepath.Join(first, "rowtap.db")
		}
	}
	state := State{
		Path:    resolvePath(dir, path),
		History: s.duration("history", defaultHistory, 0),
	}
	state.Postgres, state.Lease = s.postgres()
	return state
}

// http reads http.
func (s *section) http(dir, statePath string) HTTP {
	h := HTTP{Listen: defaultListen, Hosts: s.hosts()}
	if n := s.get("listen"); n != nil {
		if text, ok := s.f.text(n, s.path("listen")); ok {
			h.Listen = strings.TrimSpace(text)
			if problem := checkListen(h.Listen); problem != "" {
				s.f.report(n, `such as 127.0.0.1:8321, unix:/run/rowtap/api.sock, or "" for none`, "%s: %s", s.path("listen"), problem)
			}
		}
	}
	h.TokenFile = resolvePath(dir, s.text("token_file", filepath.Join(filepath.Dir(statePath), "api.token")))
	if h.AuthOff = choice(s, "auth", "token", "token", "off") == "off"; h.AuthOff && !isLocal(h.Listen) {
		s.f.report(s.pairs["auth"].value, "auth: token, or listen on 127.0.0.1 or a unix socket",
			"%s: off is only for a listener that other machines cannot reach, not for %s", s.path("auth"), s.shownListen(h.Listen))
	}
	return h
}

// shownListen returns the address of http.listen as a message may quote it.
func (s *section) shownListen(listen string) string {
	if n := s.pairs["listen"].value; n != nil {
		return n.shown()
	}
	return listen
}

// checkListen says what is wrong with an address to listen on.
func checkListen(listen string) string {
	if path, isUnix := strings.CutPrefix(listen, "unix:"); isUnix {
		switch {
		case !filepath.IsAbs(path):
			return "the path of a unix socket begins with /"
		case len(path) > maxSocketPath:
			return "the path of a unix socket has at most " + strconv.Itoa(maxSocketPath) + " bytes"
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
		return "the port is a number, 0 to 65535"
	} else if strconv.FormatUint(n, 10) != port {
		return "the port is a number without signs and leading zeros"
	}
	return ""
}

// isLocal tells whether an address of http.listen can be reached from this machine alone.
func isLocal(listen string) bool {
	if listen == "" || strings.HasPrefix(listen, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(listen)
	return err != nil || isLoopback(host) // what cannot be split has been reported
}

// hosts reads http.hosts: names without scheme and port, in lower case.
func (s *section) hosts() []string {
	n := s.get("hosts")
	if n == nil || n.kind == broken {
		return nil
	}
	if n.kind != sequence {
		s.f.wrongKind(n, s.path("hosts"), "a list of host names")
		return nil
	}
	var hosts []string
	for _, item := range n.items {
		host, ok := s.f.filled(item, s.path("hosts"))
		switch {
		case !ok:
		case strings.ContainsAny(host, "/:@ *"):
			s.f.report(item, "such as rowtap.example.com", "%s: a host name has no scheme, port or *", s.path("hosts"))
		default:
			hosts = append(hosts, strings.ToLower(host))
		}
	}
	return hosts
}

// webhook reads notify.webhook, whose path lets anyone post: it is a secret as a whole.
func (s *section) webhook() Secret {
	n := s.get("webhook")
	if n == nil {
		return Secret{}
	}
	text, ok := s.f.filled(n, s.path("webhook"))
	if !ok {
		return Secret{}
	}
	if _, problem, suggestion := parseEndpoint(text); problem != "" {
		s.f.report(n, suggestion, "%s: %s", s.path("webhook"), problem)
		return Secret{}
	}
	return NewSecret(text)
}
