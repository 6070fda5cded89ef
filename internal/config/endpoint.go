package config

import (
	"net"
	"net/url"
	"strings"
)

// urlText matches what parseEndpoint accepts.
var urlText = shaped(`^\s*[Hh][Tt][Tt][Pp][Ss]?://.`, "string")

// endpointKind is the URL of an API. User and password are rejected, because errors show the
// endpoint.
var endpointKind = func() kind[*url.URL] {
	k := parsed("URL", urlText, func(v value, text string) (*url.URL, string, string) {
		u, problem, hint := parseEndpoint(text)
		if problem == "" && (u.RawQuery != "" || u.Fragment != "") {
			problem = "must not contain ? or #"
		}
		if problem != "" {
			v.f.hide(v.node)
		}
		return u, problem, hint
	})
	k.print = func(u *url.URL) any { return u.String() }
	return k
}()

// parseEndpoint parses an https URL, or an http URL of this machine. Its messages quote nothing of
// the text.
func parseEndpoint(text string) (u *url.URL, problem, suggestion string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, "is not a URL", "for example https://example.com/path"
	case u.User != nil:
		return nil, "must not contain a user or password", ""
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, "", ""
	case u.Scheme == "http":
		return nil, "must begin with https://", "http is allowed only for this machine (127.0.0.1, localhost)"
	}
	return nil, "must begin with https://", ""
}

// isLoopback reports whether a host is this machine without asking a resolver.
func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
