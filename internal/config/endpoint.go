package config

import (
	"net"
	"net/url"
	"strings"
)

// endpoint returns the URL of a key, or nil where it is not there or was reported. It may hold no user and password:
// an endpoint is shown in errors.
func (s *section) endpoint(key string) *url.URL {
	n := s.get(key)
	if n == nil {
		return nil
	}
	text, ok := s.f.filled(n, s.path(key))
	if !ok {
		return nil
	}
	u, problem, suggestion := parseEndpoint(text)
	if problem == "" && (u.RawQuery != "" || u.Fragment != "") {
		problem = "must end with its path; no ? and no #"
	}
	if problem != "" {
		s.f.hide(n)
		s.f.report(n, suggestion, "%s: %s", s.path(key), problem)
		return nil
	}
	return u
}

// parseEndpoint parses an https URL, or an http one to this machine. It quotes nothing of the text.
func parseEndpoint(text string) (u *url.URL, problem, suggestion string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, "is not a URL", "such as https://example.com/path"
	case u.User != nil:
		return nil, "must hold no user and password", ""
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, "", ""
	case u.Scheme == "http":
		return nil, "must begin with https://", "http is for this machine alone (127.0.0.1, localhost)"
	}
	return nil, "must begin with https://", ""
}

// isLoopback tells whether a host is this machine whatever the resolver says.
func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
