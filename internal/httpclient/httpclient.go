// Package httpclient holds what the clients of other services share: the limits of connections, the
// redirect policy, the Retry-After header, and error texts from outside made fit for a log line.
package httpclient

import (
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// NewTransport returns a transport that limits connection setup and detects dead connections. It
// does not limit a request: its caller does.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 20 * time.Second, PingTimeout: 10 * time.Second},
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    16, // CleverTap accepts 15 concurrent uploads
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// NoRedirect is a redirect policy for [http.Client]: return the redirect itself, because secrets
// must not reach another host.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// RetryAfter returns how long the Retry-After header of a response asks to wait from now, in either
// of its forms (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3): at most a day; 0 if it is
// missing or invalid.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longest)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longest)
	}
	return 0
}

// maxText bounds the texts of [ErrorText], in bytes.
const maxText = 1 << 10

// ErrorText makes a text from a response, or of a connection error, fit for a log line: one line of
// valid UTF-8, at most 1 KiB. redact removes secrets; it sees the text after unprintable characters
// are removed, which could hide a secret from it, and before truncation, which could leave a part
// of one.
//
// The parts that differ each time the same connection error occurs are removed, because an error is
// logged once for as long as its text stays the same.
func ErrorText(s string, redact func(string) string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(withoutVarying(redact(s)))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText-len("…")], "") + "…"
	}
	return s
}

// The parts that vary: the local port, and the current time in certificate errors.
var (
	ownAddress = regexp.MustCompile(`\b(tcp|udp)([46]?) \S+->`)
	clockTime  = regexp.MustCompile(`\bcurrent time \S+ is (after|before)\b`)
)

func withoutVarying(s string) string {
	return clockTime.ReplaceAllString(ownAddress.ReplaceAllString(s, "$1$2 "), "the current time is $1")
}
