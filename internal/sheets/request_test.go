package sheets_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sheets"
)

var loopback = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(v)
}

// writeAll sends the fake's whole worksheet in every response, encoded once.
func writeAll(f *fake) http.Handler {
	body, err := json.Marshal(map[string]any{"valueRanges": []any{f.values(1, f.gridRows(), 0, 25, false, false)}})
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
}

func TestSpreadsheet(t *testing.T) {
	var query url.Values
	var path, agent string
	a := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, path, agent = r.URL.Query(), r.URL.EscapedPath(), r.Header.Get("User-Agent")
		_, _ = io.WriteString(w, `{"properties":{"title":"Webinar","timeZone":"Asia/Kolkata"},"sheets":[
			{"properties":{"sheetId":0,"title":"Signups","index":0,"sheetType":"GRID","gridProperties":{"rowCount":1000,"columnCount":26}}},
			{"properties":{"sheetId":77,"title":"Chart","index":1,"sheetType":"OBJECT"}},
			{"properties":{"sheetId":1234567890,"title":"Old","index":2,"sheetType":"GRID","hidden":true,"gridProperties":{"rowCount":5,"columnCount":2}}}]}`)
	}))
	s, err := a.Spreadsheet(t.Context(), "1a/b", sheets.Polling)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != "1a/b" || s.Title != "Webinar" || s.Zone != "Asia/Kolkata" || len(s.Worksheets) != 3 {
		t.Errorf("got %+v", s)
	}
	if w, ok := s.ByGID(0); !ok || w != (sheets.Worksheet{Title: "Signups", Rows: 1000, Columns: 26, Grid: true}) {
		t.Errorf("gid 0: got %+v, %v", w, ok)
	}
	if w, ok := s.ByTitle("Chart"); !ok || w != (sheets.Worksheet{GID: 77, Title: "Chart"}) {
		t.Errorf("Chart: got %+v, %v", w, ok)
	}
	if _, ok := s.ByTitle("chart"); ok {
		t.Error("a title of another case is another worksheet")
	}
	if _, ok := s.ByGID(1); ok {
		t.Error("gid 1 was found")
	}
	if path != "/base/v4/spreadsheets/1a%2Fb" || !strings.Contains(query.Get("fields"), "timeZone") || query.Get("includeGridData") != "" || !strings.Contains(agent, "rowtap/1") {
		t.Errorf("path %s, query %v, user agent %q", path, query, agent)
	}
}

func TestErrors(t *testing.T) {
	disabled := "Google Sheets API has not been used in project 1 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=1 then retry."
	api := func(code int, status, message, reason string) func(writer) {
		return func(w writer) { apiError(w, code, status, message, reason) }
	}
	raw := func(code int, body string) func(writer) {
		return func(w writer) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	tests := []struct {
		name     string
		response func(writer)
		kind     sheets.Kind
		tries    int
		says     string // in the message or hint
	}{
		{"not shared", api(403, "PERMISSION_DENIED", "The caller does not have permission", ""), sheets.NotShared, 1, "share the spreadsheet with"},
		{"no such id", api(404, "NOT_FOUND", "Requested entity was not found.", ""), sheets.NotFound, 1, "URL or ID"},
		{"xlsx", api(400, "FAILED_PRECONDITION", "This operation is not supported for this document", ""), sheets.NotASpreadsheet, 1, "Save as Google Sheets"},
		{"unknown worksheet", api(400, "INVALID_ARGUMENT", "Unable to parse range: NOPE!A5:F15", ""), sheets.UnknownRange, 1, "renamed or deleted"},
		{"past the grid", api(400, "INVALID_ARGUMENT", "Range (T!A9:B) exceeds grid limits. Max rows: 8, max columns: 2", ""), sheets.PastGrid, 1, "header row 1 is past the end"},
		{"another 400", api(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", ""), sheets.Bad, 1, "invalid argument"},
		{"bad token", api(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", ""), sheets.Unauthorized, 1, "credentials_file"},
		{"API not enabled", api(403, "PERMISSION_DENIED", disabled, "SERVICE_DISABLED"), sheets.Disabled, 1, "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=1"},
		{"API not enabled, a foreign link", api(403, "PERMISSION_DENIED", "visit https://evil.example/", "SERVICE_DISABLED"), sheets.Disabled, 1, "https://console.cloud.google.com/apis/library/sheets.googleapis.com"},
		{"scope", api(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), sheets.Disabled, 1, "spreadsheets.readonly"},
		{"quota project", api(403, "PERMISSION_DENIED", "The sheets.googleapis.com API requires a quota project, which is not set by default.", "SERVICE_DISABLED"), sheets.Disabled, 1, "set-quota-project"},
		{"API not enabled, by its message", api(403, "PERMISSION_DENIED", disabled, ""), sheets.Disabled, 1, "enable the Google Sheets API in the credentials' project: https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=1"},
		{"API not enabled, link in the details", raw(403, `{"error":{"code":403,"message":"Google Sheets API has not been used in project 1 before or it is disabled.","status":"PERMISSION_DENIED",`+
			`"details":[{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"d","url":"https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=7575758011"}]}]}}`), sheets.Disabled, 1, "overview?project=7575758011"},
		{"scope, by its message", api(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", ""), sheets.Disabled, 1, "gcloud auth application-default login --scopes="},
		{"scope, by the header", func(w writer) {
			w.Header().Set("Www-Authenticate", `Bearer realm="https://accounts.google.com/", error="insufficient_scope"`)
			apiError(w, 403, "PERMISSION_DENIED", "Insufficient Permission", "")
		}, sheets.Disabled, 1, "grant the scope"},
		{"scope of files", api(403, "PERMISSION_DENIED", "The granted scopes do not give access to all of the requested spreadsheets.", ""), sheets.Disabled, 1, "grant the scope"},
		{"no identity", api(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.", ""), sheets.Unauthorized, 1, "set credentials_file of google account marketing"},
		{"no key", api(403, "PERMISSION_DENIED", "The request is missing a valid API key.", ""), sheets.Unauthorized, 1, "set credentials_file"},
		{"no key, daily limit", raw(403, `{"error":{"code":403,"message":"Daily Limit for Unauthenticated Use Exceeded. Continued use requires signup.","errors":[{"reason":"dailyLimitExceededUnreg"}]}}`), sheets.Unauthorized, 1, "set credentials_file"},
		{"project gone", api(403, "PERMISSION_DENIED", "Project 671397702967 is not found and cannot be used for API calls. If it is recently created, enable Sheets API by visiting https://console.developers.google.com/x then retry.", ""), sheets.Disabled, 1, "deleted or suspended"},
		{"project suspended", api(403, "PERMISSION_DENIED", "Permission denied: Consumer 'project:x' has been suspended.", "CONSUMER_SUSPENDED"), sheets.Disabled, 1, "deleted or suspended"},
		{"domain policy", raw(403, `{"error":{"errors":[{"domain":"global","reason":"domainPolicy","message":"The domain administrators have disabled Drive apps."}],"code":403,"message":"The domain administrators have disabled Drive apps."}}`), sheets.Disabled, 1, "ask the administrator"},
		{"domain policy, by its message", api(403, "PERMISSION_DENIED", "The domain administrators have disabled Drive apps.", ""), sheets.Disabled, 1, "ask the administrator"},
		{"organization's policy", api(403, "PERMISSION_DENIED", "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x", "SECURITY_POLICY_VIOLATED"), sheets.Disabled, 1, "ask the administrator"},
		{"403 of a proxy", raw(403, "<html>no</html>"), sheets.Bad, 1, "proxy"},
		{"404 of a proxy", raw(404, "<html>no</html>"), sheets.Bad, 1, "proxy"},
		{"quota", api(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Read requests'", "RATE_LIMIT_EXCEEDED"), sheets.Quota, 4, "reads_per_minute"},
		{"quota as 403", raw(403, `{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"reason":"rateLimitExceeded"}]}}`), sheets.Quota, 4, "Rate Limit"},
		{"quota as 403, by its message", api(403, "PERMISSION_DENIED", "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user'", ""), sheets.Quota, 4, "reads_per_minute"},
		{"daily quota", raw(403, `{"error":{"code":403,"message":"Daily Limit Exceeded","errors":[{"reason":"dailyLimitExceeded"}]}}`), sheets.Quota, 4, "reads_per_minute"},
		{"aborted", api(409, "ABORTED", "The operation was aborted.", ""), sheets.Temporary, 4, "aborted"},
		{"cancelled", api(499, "CANCELLED", "The operation was cancelled.", ""), sheets.Temporary, 4, "cancelled"},
		{"cancelled, by a proxy", raw(499, "<html>secret cell</html>"), sheets.Temporary, 4, "HTTP 499"},
		{"server", api(503, "UNAVAILABLE", "The service is currently unavailable.", ""), sheets.Temporary, 4, "currently unavailable"},
		{"server, a web page", raw(502, "<html>secret cell</html>"), sheets.Temporary, 4, "Bad Gateway"},
		{"cut response", raw(200, `{"valueRanges":[{"range":"Signups!A1:B2","values":[["secret cell`), sheets.Temporary, 4, "truncated"},
		{"empty response", raw(200, ``), sheets.Temporary, 4, "truncated"},
		{"empty response, compressed", func(w writer) { w.Header().Set("Content-Encoding", "gzip") }, sheets.Temporary, 4, "was cut off"},
		{"a web page", raw(200, `<html>secret cell</html>`), sheets.Temporary, 4, "not a Sheets API response"},
		{"another shape", raw(200, `{"valueRanges":"secret cell"}`), sheets.Temporary, 4, "not a Sheets API response"},
		{"no content", raw(204, ``), sheets.Temporary, 4, "truncated"},
		{"other rows", raw(200, `{"valueRanges":[{"range":"Signups!A7:B9","values":[["secret cell"]]}]}`), sheets.Bad, 1, "not for rows 1"},
		{"more rows than asked for", raw(200, `{"valueRanges":[{"range":"Signups!A1:B1","values":[["A"],["secret cell"]]}]}`), sheets.Bad, 1, "not for rows 1"},
		{"a teapot", raw(418, ``), sheets.Bad, 1, "teapot"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				a := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					tries++
					test.response(w)
				}))
				start := time.Now()
				_, err := read(t.Context(), a, "spreadsheet-id", "Signups", 1)
				e, ok := errors.AsType[*sheets.Error](err)
				text := ""
				if ok {
					text = fmt.Sprintf("%v %+v %s %v", e, e, e.Hint, e.Err)
				}
				if !ok || e.Kind != test.kind || tries != test.tries || !strings.Contains(text, test.says) || !strings.Contains(text, "spreadsheet-id") {
					t.Errorf("got %v after %d tries: %s\nwant %v after %d, %q", e.Kind, tries, text, test.kind, test.tries, test.says)
				}
				if strings.Contains(text, "secret cell") {
					t.Errorf("a cell is in the error: %s", text)
				}
				if waited := time.Since(start); waited > 90*time.Second || (test.tries > 1) != (waited > 0) {
					t.Errorf("waited %v for %d tries", waited, test.tries)
				}
			})
		})
	}
}

func TestRetries(t *testing.T) {
	unavailable := func(w writer) { apiError(w, 503, "UNAVAILABLE", "The service is currently unavailable.", "") }
	busy := func(after string) func(writer) {
		return func(w writer) {
			w.Header().Set("Retry-After", after)
			apiError(w, 429, "RESOURCE_EXHAUSTED", "Quota exceeded", "RATE_LIMIT_EXCEEDED")
		}
	}
	tests := []struct {
		name     string
		fail     []func(writer)
		min, max time.Duration
		kind     sheets.Kind // of the error, if any
		fails    bool
	}{
		{"two faults, then success", []func(writer){unavailable, unavailable}, time.Second, 6 * time.Second, 0, false},
		{"waits as long as requested", []func(writer){busy("17")}, 17 * time.Second, 17 * time.Second, 0, false},
		{"waits on its own if not requested", []func(writer){busy("")}, 5 * time.Second, 5 * time.Second, 0, false},
		{"leaves long waits to the caller", []func(writer){busy("31")}, 0, 0, sheets.Quota, true},
		{"four faults", []func(writer){unavailable, unavailable, unavailable, unavailable}, time.Second, 20 * time.Second, sheets.Temporary, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{title: "Signups", rows: [][]any{{"A"}, {"x"}}, fail: test.fail}
				a := open(t, f)
				start := time.Now()
				_, err := read(t.Context(), a, "id", "Signups", 1)
				e, ok := errors.AsType[*sheets.Error](err)
				if ok != test.fails || ok && e.Kind != test.kind {
					t.Errorf("got %v, want an error: %v (%v)", err, test.fails, test.kind)
				}
				if waited := time.Since(start); waited < test.min || waited > test.max {
					t.Errorf("waited %v, want %v to %v", waited, test.min, test.max)
				}
				if ok && e.Kind == sheets.Quota && e.RetryAfter != 31*time.Second {
					t.Errorf("Retry-After: got %v", e.RetryAfter)
				}
			})
		})
	}
}

// broken is a transport whose connections fail, each from another local port or at another time.
type broken struct{ faults []error }

func (b *broken) RoundTrip(*http.Request) (*http.Response, error) {
	err := b.faults[0]
	b.faults = append(b.faults[1:], err)
	return nil, err
}

// TestSameFaultSameText checks that a lasting fault keeps its text, because it is logged once per
// text.
func TestSameFaultSameText(t *testing.T) {
	reset := func(port int) error {
		own := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		return &net.OpError{Op: "read", Net: "tcp", Source: own, Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}, Err: syscall.ECONNRESET}
	}
	tests := []struct {
		faults []error
		want   string
	}{
		{[]error{reset(45678), reset(45679)}, "read tcp 192.0.2.1:443: connection reset by peer"},
		{[]error{
			errors.New("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-29T10:00:00Z is after 2026-11-28T00:00:00Z"),
			errors.New("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-29T10:00:01Z is after 2026-11-28T00:00:00Z"),
		}, "the current time is after 2026-11-28T00:00:00Z"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			a := open(t, nil, func(o *sheets.Options) { o.Transport = &broken{tt.faults} })
			_, first := read(t.Context(), a, "id", "Signups", 1)
			_, second := read(t.Context(), a, "id", "Signups", 1)
			if failed(t, first).Error() != failed(t, second).Error() || !strings.HasSuffix(first.Error(), tt.want) {
				t.Errorf("got %q, then %q; want both to end in %q", first, second, tt.want)
			}
		})
	}
}

// stuck is a transport that never responds.
type stuck struct{}

func (stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, nil, func(o *sheets.Options) { o.Transport = stuck{} })
		start := time.Now()
		_, err := read(t.Context(), a, "id", "Signups", 1)
		if e, ok := errors.AsType[*sheets.Error](err); !ok || e.Kind != sheets.Temporary || !strings.Contains(e.Message, "1m0s") || time.Since(start) < 4*time.Minute {
			t.Errorf("no response: got %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		_, err = read(ctx, a, "id", "Signups", 1)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("the caller's deadline: got %v after %v", err, time.Since(start))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{title: "Signups", rows: [][]any{{"A"}}}
		for range 9 {
			f.fail = append(f.fail, func(w writer) { apiError(w, 503, "UNAVAILABLE", "", "") })
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		_, err := read(ctx, open(t, f), "id", "Signups", 1)
		if e, ok := errors.AsType[*sheets.Error](err); !ok || !errors.Is(err, context.Canceled) || e.Account != "marketing" {
			t.Errorf("canceled during a pause: got %v", err)
		}
	})
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }))
	defer server.Close()
	endpoint, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, nil, func(o *sheets.Options) { o.Endpoint, o.Transport = endpoint, nil })
	_, err = a.Spreadsheet(t.Context(), "id", sheets.Polling)
	if e, ok := errors.AsType[*sheets.Error](err); !ok || e.Kind != sheets.Bad || e.HTTPStatus != 302 || !strings.Contains(e.Message, "redirect") {
		t.Errorf("got %v", err)
	}
}
