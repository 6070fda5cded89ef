package httpclient

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		header string
		want   time.Duration
	}{
		{"", 0},
		{"17", 17 * time.Second},
		{" 0 ", 0},
		{"-5", 0},
		{"1.5", 0},
		{"9999999", 24 * time.Hour},
		{"99999999999999999999", 0},
		{now.Add(2 * time.Minute).Format(http.TimeFormat), 2 * time.Minute},
		{now.Add(48 * time.Hour).Format(http.TimeFormat), 24 * time.Hour},
		{"Mon, 02 Jan 2006 15:04:05 GMT", 0},
		{"soon", 0},
	}
	for _, test := range tests {
		if got := RetryAfter(http.Header{"Retry-After": {test.header}}, now); got != test.want {
			t.Errorf("%q: got %v, want %v", test.header, got, test.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	redact := func(s string) string { return strings.ReplaceAll(s, "s3cret", "[redacted]") }
	long := strings.Repeat("x", maxText-4)
	tests := []struct{ name, text, want string }{
		{"white space", "\n a\tb\u00a0c ", "a b c"},
		{"unprintable", "a\x00b\u200b\u202ec", "abc"},
		{"invalid UTF-8", "a\xffb", "a\ufffdb"},
		{"secret", "no s3cret", "no [redacted]"},
		{"secret with a hidden character in it", "no s3\u200bcret", "no [redacted]"},
		{"at the limit", long + "abcd", long + "abcd"},
		{"too long", long + "abcde", long + "a…"},
		{"too long, within a character", long[1:] + "a€bcd", long[1:] + "a…"},
		{"secret across the limit", long + "s3cret", long + "[…"},
		{"local port", "read tcp4 10.0.0.2:51234->142.250.1.1:443: connection reset", "read tcp4 142.250.1.1:443: connection reset"},
		{"clock", "expired: current time 2026-11-29T10:00:00Z is after 2026-11-28T00:00:00Z", "expired: the current time is after 2026-11-28T00:00:00Z"},
	}
	for _, test := range tests {
		if got := ErrorText(test.text, redact); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
