// Package problem writes errors of the HTTP API as problem details (RFC 9457).
package problem

import (
	"encoding/json"
	"net/http"
)

// Details is the body of an error response.
type Details struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"` // what to do next
}

// New returns a problem whose title is the text of the HTTP status.
func New(status int, detail, hint string) Details {
	return Details{Title: http.StatusText(status), Status: status, Detail: detail, Hint: hint}
}

// Write sends a problem.
func Write(w http.ResponseWriter, status int, detail, hint string) {
	New(status, detail, hint).Send(w)
}

// Send sends the problem.
func (d Details) Send(w http.ResponseWriter) { Send(w, d.Status, d) }

// Send sends a problem that has more fields than Details: body embeds it.
func Send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the client is gone
}

// Quote quotes a part of a request for a message, and truncates it to 100 bytes.
func Quote(s string) string {
	const longest = 100
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}
