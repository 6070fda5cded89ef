package sheets_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rowtap/rowtap/internal/sheets"
)

// nonsense lists the bodies of useless responses with status 200.
var nonsense = []string{``, ` `, `null`, `{}`, `[]`, `[null]`, `[{}]`, `12`, `-1e400`, `true`, `""`, `"text"`, `{"error":null}`, "\x00"}

// always returns a host that sends the same body in every response.
func always(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
}

// TestNonsense checks that a useless body with status 200 is a temporary error at each endpoint,
// with a message that describes what failed.
func TestNonsense(t *testing.T) {
	api := map[string]struct {
		read func(*testing.T, *sheets.Account) error
		more []string // bodies that are almost valid
	}{
		"spreadsheets.get": {
			func(t *testing.T, a *sheets.Account) error {
				_, err := a.Spreadsheet(t.Context(), "book", sheets.Polling)
				return err
			},
			[]string{
				`{"properties":null,"sheets":null}`, `{"properties":{},"sheets":[]}`, `{"properties":{},"sheets":{}}`, `{"properties":[],"sheets":[{}]}`,
				`{"properties":{},"sheets":[1]}`, `{"properties":{"title":1},"sheets":[{}]}`, `{"properties":{},"sheets":[{"properties":{"sheetId":"x"}}]}`,
				`{"properties":{},"sheets":[{}]}{}`, `{"sheets":[null]}`, `{"properties":{"title":"Book","timeZone":"UTC"},"sheets":[{"properties":null}]}`,
				`{"properties":{"title":"Book","timeZone":"UTC"},"sheets":[{"properties":{"sheetId":7,"title":""}}]}`,
				`{"properties":null,"sheets":[{"properties":{"title":"Signups","gridProperties":{"rowCount":9,"columnCount":2}}}]}`,
			},
		},
		"values:batchGet": {
			func(t *testing.T, a *sheets.Account) error {
				_, err := a.Ranges(t.Context(), "book", []sheets.Range{{Title: "Signups", First: 1, Last: 9}}, sheets.Serials, sheets.Polling)
				return err
			},
			[]string{
				`{"valueRanges":null}`, `{"valueRanges":[]}`, `{"valueRanges":[null]}`, `{"valueRanges":[{}]}`, `{"valueRanges":[[]]}`,
				`{"valueRanges":[{"range":null,"values":null}]}`, `{"valueRanges":[{"range":"Signups!A1:B9","values":7}]}`, `{"valueRanges":[{"range":"Signups!A1:B9","values":[7]}]}`,
			},
		},
	}
	for name, endpoint := range api {
		for _, body := range append(nonsense, endpoint.more...) {
			synctest.Test(t, func(t *testing.T) {
				err := endpoint.read(t, open(t, always(body)))
				e, ok := errors.AsType[*sheets.Error](err)
				if !ok || e.Kind != sheets.Temporary || !strings.Contains(e.Message, "not a Sheets API response") || !strings.Contains(e.Message, "spreadsheet book") {
					t.Errorf("%s sends %q: got %v, want a temporary error", name, body, err)
				}
			})
		}
	}
}

// TestNonsenseToken does the same for the token host.
func TestNonsenseToken(t *testing.T) {
	g := newGoogle(t)
	keys := map[string]string{"a service account": write(t, "", g.serviceAccount(t, "k1")), "a user": write(t, "", g.user())}
	for who, key := range keys {
		for _, body := range append(nonsense, `{"access_token":null}`, `{"access_token":""}`, `{"access_token":7}`, `{"access_token":[]}`) {
			synctest.Test(t, func(t *testing.T) {
				a := open(t, always(body), func(o *sheets.Options) { o.CredentialsFile = key })
				_, err := a.Spreadsheet(t.Context(), "book", sheets.Polling)
				if e := failed(t, err); e.Kind != sheets.Temporary || !strings.Contains(e.Message, "the token host 127.0.0.1") || e.Hint == "" {
					t.Errorf("%s, %q: got %v: %v, want a temporary error of the token host", who, body, e.Kind, e)
				}
			})
		}
	}
}

// TestTokenHostBusy checks that a transient status of the token host is retried and not blamed on
// the key.
func TestTokenHostBusy(t *testing.T) {
	g := newGoogle(t)
	key := write(t, "", g.serviceAccount(t, "k1"))
	for _, status := range []int{409, 499, 503} {
		for _, body := range []string{`{"error":"aborted","error_description":"x"}`, `<html>SECRET</html>`, ``} {
			synctest.Test(t, func(t *testing.T) {
				a := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					_, _ = io.WriteString(w, body)
				}), func(o *sheets.Options) { o.CredentialsFile = key })
				_, err := a.Spreadsheet(t.Context(), "book", sheets.Polling)
				if e := failed(t, err); e.Kind != sheets.Temporary || strings.Contains(e.Hint, "credentials_file") {
					t.Errorf("HTTP %d, %q: got %v: %v; hint %q, want a temporary error", status, body, e.Kind, e, e.Hint)
				}
			})
		}
	}
}

// TestManyElements checks that a response of many small elements takes memory in proportion to its
// bounded size.
func TestManyElements(t *testing.T) {
	const size, most = 30 << 20, 400 << 20 // bytes
	for name, body := range map[string]string{
		"worksheets": `{"properties":{},"sheets":[` + strings.Repeat(`{"properties":{"title":"x"}},`, size/29) + `{}]}`,
		"ranges":     `{"valueRanges":[` + strings.Repeat(`{},`, size/3) + `{}]}`,
		"details":    `{"error":{"code":403,"message":"no","details":[` + strings.Repeat(`{},`, size/3) + `{}]}}`,
		"rows":       `{"valueRanges":[{"range":"Signups!A1:B9","values":[` + strings.Repeat(`[],`, size/3) + `[]]}]}`,
	} {
		a, want := open(t, always(body)), sheets.ErrTooBig
		if name == "details" {
			want = nil
			a = open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				always(body).ServeHTTP(w, r)
			}))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var err error
		if name == "worksheets" {
			_, err = a.Spreadsheet(t.Context(), "book", sheets.Polling)
		} else {
			_, err = a.Ranges(t.Context(), "book", []sheets.Range{{Title: "Signups", First: 1, Last: 9}}, sheets.Serials, sheets.Polling)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; want != nil && !errors.Is(err, want) || err == nil || took > most {
			t.Errorf("%s: %v, and it took %d MB", name, err, took>>20)
		}
	}
}
