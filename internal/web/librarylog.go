package web

import (
	stdlog "log"
	"regexp"
	"strings"

	"go.uber.org/zap"
)

// quotedBytes are what net/http quotes from requests and answers, with %q; a quote that does not end reaches to the end of the line.
var quotedBytes = regexp.MustCompile(`"(?:[^"\\]|\\.)*(?:"|$)|(malformed MIME header[^:]*:).*`)

// LibraryLog returns a logger for what the standard library logs by itself, such as "Unsolicited response received on idle HTTP
// channel", which quotes the answer's bytes. It writes a warning to log, without the bytes that are quoted. The stack of a panic is kept.
func LibraryLog(log *zap.Logger) *stdlog.Logger {
	return stdlog.New(libraryLines{log}, "", 0)
}

type libraryLines struct{ log *zap.Logger }

// Write writes one message.
func (l libraryLines) Write(message []byte) (int, error) {
	const longest = 500
	first, stack, panicked := strings.Cut(strings.TrimSpace(string(message)), "\ngoroutine ")
	first, _, _ = strings.Cut(first, "\n")
	text := quotedBytes.ReplaceAllString(first, `$1"…"`)
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' && r != '…' {
			return -1
		}
		return r
	}, text[:min(len(text), longest)])
	if panicked {
		l.log.Error("panic in a request", zap.String("detail", text), zap.String("stack", "goroutine "+stack))
	} else {
		l.log.Warn("message of the standard library", zap.String("detail", text))
	}
	return len(message), nil
}
