package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/web/webtest"
)

// Text is compressed for clients that accept gzip; backups, streams and small responses never are.
func TestCompression(t *testing.T) {
	h, _ := open(t)
	page := get(t, h, "/", "").Body.String()
	asset := func(name string) string {
		_, after, _ := strings.Cut(page, "/assets/"+name)
		version, _, _ := strings.Cut(after, `"`)
		return "/assets/" + name + version
	}
	const backup = "/api/v1/state/backup"
	for path, want := range map[string]bool{
		"/":                        true,
		"/zaps/old":                true,
		asset("page.css"):          true,
		asset("page.js"):           true,
		asset("icon.svg"):          false,
		"/api/v1/deliveries/old/1": false, // less than a packet
		"/api/v1/nope/" + strings.Repeat("long", 500): false, // a problem
		backup: false,
	} {
		for _, encoding := range []string{"", "br", "gzip", "gzip;q=0", "deflate, gzip, zstd"} {
			plain, got := get(t, h, path, ""), get(t, h, path, encoding)
			accepted := strings.Contains(encoding, "gzip") && encoding != "gzip;q=0"
			header := got.Result().Header
			if zipped := header.Get("Content-Encoding") == "gzip"; zipped != (want && accepted) {
				t.Errorf("%s with Accept-Encoding %q: compressed %t", path, encoding, zipped)
				continue
			}
			if want && !strings.Contains(strings.Join(header.Values("Vary"), ","), "Accept-Encoding") {
				t.Errorf("%s: Vary %q", path, header.Values("Vary"))
			}
			if path == backup {
				continue // no two are equal
			}
			body := io.Reader(got.Body)
			if want && accepted {
				var err error
				if body, err = gzip.NewReader(body); err != nil {
					t.Fatal(err)
				}
			}
			text, err := io.ReadAll(body)
			if err != nil || string(text) != plain.Body.String() {
				t.Errorf("%s with Accept-Encoding %q: %d bytes, %v, want %d", path, encoding, len(text), err, plain.Body.Len())
			}
		}
	}
}

// A long list in JSON is compressed.
func TestCompressedList(t *testing.T) {
	h, e := open(t)
	e.Fill(t, 100)
	if w := get(t, h, "/api/v1/deliveries?limit=0", "gzip"); w.Header().Get("Content-Encoding") != "gzip" || w.Code != http.StatusOK {
		t.Errorf("%d, Content-Encoding %q", w.Code, w.Header().Get("Content-Encoding"))
	}
}

func get(t *testing.T, h http.Handler, path, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	r := webtest.Request(t, http.MethodGet, path, "")
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
