package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestListsAreReadAsTheyCome: a reader gets the first element of a list while the handler still
// produces the rest.
func TestListsAreReadAsTheyCome(t *testing.T) {
	read := make(chan bool, 1)
	c := &client{base: "http://localhost", http: &http.Client{Transport: handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"n":1}`)
		<-read // blocks forever if the response is buffered
		_, _ = io.WriteString(w, `,{"n":2}]`)
	})}}}
	var got []int
	err := each(t.Context(), c, "/", func(v struct{ N int }) error {
		if got = append(got, v.N); len(got) == 1 {
			read <- true
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAHandlerInThisProcess: status, header, an interrupted response, and a reader that stops early
// behave as over a network.
func TestAHandlerInThisProcess(t *testing.T) {
	ended := make(chan bool, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/none", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"title":"Not Found","status":404,"detail":"there is none","hint":"look elsewhere"}`)
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `["first"`)
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, `["first"`)
		for err == nil {
			_, err = io.WriteString(w, `,"more"`)
		}
		ended <- true
	})
	c := &client{base: "http://localhost", http: &http.Client{Transport: handlerTransport{mux}}}
	enough := errors.New("enough")
	tests := []struct {
		path, want string
		fn         error
	}{
		{"/none", "there is none\nnext: look elsewhere", nil},
		{"/broken", "incomplete response: unexpected EOF", nil},
		{"/long", "enough", enough},
	}
	for _, tt := range tests {
		err := each(t.Context(), c, tt.path, func(string) error { return tt.fn })
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", tt.path, err, tt.want)
		}
	}
	select {
	case <-ended:
	default:
		t.Error("the handler goes on though its response is closed")
	}
	if b, err := c.call(context.Background(), http.MethodGet, "/empty", nil); err != nil || len(b) > 0 {
		t.Errorf("an empty response: %q, %v", b, err)
	}
}
