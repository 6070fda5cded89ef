package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestTailTellsOfAGap: tail prints the outcomes of a stream, and reports how many the daemon
// dropped and how many it missed while disconnected.
func TestTailTellsOfAGap(t *testing.T) {
	delivery := func(id string, n int) string {
		return fmt.Sprintf("id: %s\nevent: delivery\ndata: {\"id\":\"a/%d\",\"zap\":\"a\",\"state\":\"sent\",\"at\":\"2026-11-24T10:00:00Z\"}\n\n", id, n)
	}
	streams := []struct{ stream, said string }{
		{": rowtap\n\n" + delivery("x-7", 1) + "id: x-12\nevent: missed\ndata: {\"missed\":5}\n\n: still here\n\n" + delivery("x-13", 9), "missed 5 outcomes"},
		{delivery("x-14", 10), ""},
		{delivery("x-16", 12) + delivery("x-17", 13), "missed 1 outcome"},
		{"id: x-30\nevent: missed\ndata: {\"missed\":3}\n\n", "missed 13 outcomes"},
		{delivery("y-4", 2), ""},                             // the daemon was restarted
		{"event: missed\ndata: {}\n\n", "missed 0 outcomes"}, // older daemons do not count them
	}
	var last seen
	for _, tt := range streams {
		var out, said bytes.Buffer
		err := tail{clock: clock{time.UTC}, out: &out, stderr: &said}.print(strings.NewReader(tt.stream), &last)
		if !errors.Is(err, io.EOF) || strings.Count(out.String(), "\n") != strings.Count(tt.stream, "event: delivery") {
			t.Errorf("%v, printed:\n%s", err, out.String())
		}
		if !strings.HasPrefix(said.String(), tt.said) || tt.said == "" && said.Len() > 0 || tt.said != "" && !strings.Contains(said.String(), "rowtap history") {
			t.Errorf("said %q, want %q", said.String(), tt.said)
		}
	}
}

// TestTailNoticesARefusedToken: tail does not wait for a daemon whose token has changed.
func TestTailNoticesARefusedToken(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked > 1 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"title":"Unauthorized","status":401,"detail":"the token is wrong","hint":"set ROWTAP_TOKEN"}`)
		}
	}))
	defer srv.Close()
	var out, said bytes.Buffer
	err := tail{clock: clock{time.UTC}, out: &out, stderr: &said}.follow(t.Context(), &client{base: srv.URL, http: srv.Client()})
	if err == nil || err.Error() != "the token is wrong\nnext: set ROWTAP_TOKEN" || asked != 2 || said.Len() > 0 {
		t.Errorf("%v, asked %d times, said %q", err, asked, said.String())
	}
}
