package web

import (
	stdlog "log"
	"regexp"
	"strings"

	"go.uber.org/zap"
)

// quotedBytes matches what net/http quotes from requests and responses with %q. An unterminated
// quote extends to the end of the line.
var quotedBytes = regexp.MustCompile(`"(?:[^"\\]|\\.)*(?:"|$)|(malformed MIME header[^:]*:).*`)

// LibraryLog returns a logger for messages of the standard library, such as "Unsolicited response
// received on idle HTTP channel". It logs them as warnings, without the bytes that they quote. The
// stack of a panic is kept.
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
