package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestBodies: an empty body is one however it is sent, and a body is one JSON value.
func TestBodies(t *testing.T) {
	h, _ := open(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	tests := []struct {
		name, body string
		chunked    bool
		want       int
	}{
		{"no body", "", false, 404}, // there is no such zap: the body was taken
		{"an empty body in chunks", "", true, 404},
		{"white space in chunks", " \n", true, 404},
		{"a value", `{"reason":"x"}`, false, 404},
		{"a value in chunks", `{"reason":"x"}` + "\n", true, 404},
		{"half a value in chunks", `{"reason":`, true, 400},
		{"text after the value", `{"reason":"x"} and more`, false, 400},
		{"a second value", `{"reason":"x"}{"reason":"y"}`, true, 400},
		{"a bracket too many", `{"reason":"x"}}`, false, 400},
		{"nothing but text", "pause it", false, 400},
		{"an unknown key", `{"raeson":"x"}`, false, 400},
		{"too long, after the value", `{"reason":"x"}` + strings.Repeat(" ", maxBody), false, 413},
	}
	for _, tt := range tests {
		var body io.Reader = strings.NewReader(tt.body)
		if tt.chunked {
			body = io.MultiReader(body) // of a length that the client does not know
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/api/v1/zaps/nope/pause", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testToken)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d: %s (%v)", tt.name, resp.StatusCode, tt.want, answer, err)
		}
	}
}
