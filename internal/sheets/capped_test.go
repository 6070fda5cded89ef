package sheets

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// repeating is an endless body that repeats a text.
type repeating struct{ text string }

func (r repeating) Read(p []byte) (int, error) { return copy(p, r.text), nil }

func (r repeating) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, ContentLength: -1, Body: io.NopCloser(r), Request: req}, nil
}

// TestCapped checks that a response of unknown length ends at the bound.
func TestCapped(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := capped{base: repeating{strings.Repeat(" ", 1<<16)}}.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	if !errors.Is(err, ErrTooBig) || n > maxBody || n < maxBody-(1<<16) {
		t.Errorf("got %d bytes, %v; want %d and %v", n, err, maxBody, ErrTooBig)
	}
}

// TestUnzipCapped checks that a small response which is large when decompressed ends at the bound.
func TestUnzipCapped(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := io.Copy(w, io.LimitReader(repeating{strings.Repeat(" ", 1<<10)}, 2<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	body, err := unzip("gzip", &zipped, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, body); !errors.Is(err, ErrTooBig) || n > 1<<20 {
		t.Errorf("got %d bytes, %v; want at most 1 MiB and %v", n, err, ErrTooBig)
	}
}
