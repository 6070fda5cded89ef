package web

import (
	"fmt"
	"net/http"
	"time"
)

// streamBeat is how often something is sent on a quiet stream, which keeps proxies from closing it.
const streamBeat = 20 * time.Second

// eventStream begins a stream of server-sent events, and returns what sends on it: false once nobody reads.
func eventStream(w http.ResponseWriter) (send func(format string, args ...any) bool) {
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	return func(format string, args ...any) bool {
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
}
