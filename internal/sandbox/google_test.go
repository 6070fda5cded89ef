package sandbox

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSpreadsheetMasks(t *testing.T) {
	s := newSandbox(t, Options{})
	must(t, s.Sheets().AddWorksheet("book", "Second", 42))
	tests := []struct{ fields, want string }{
		{"spreadsheetId", `{"spreadsheetId":"book"}`},
		{"properties.title,properties.timeZone", `{"properties":{"title":"Book","timeZone":"Europe/Paris"}}`},
		{"properties/title", `{"properties":{"title":"Book"}}`},
		{"properties(title,timeZone),sheets.properties(sheetId,title)", `{"properties":{"title":"Book","timeZone":"Europe/Paris"},` +
			`"sheets":[{"properties":{"sheetId":0,"title":"T"}},{"properties":{"sheetId":42,"title":"Second"}}]}`},
		{"sheets(properties(index,gridProperties.rowCount))", `{"sheets":[{"properties":{"index":0,"gridProperties":{"rowCount":1000}}},` +
			`{"properties":{"index":1,"gridProperties":{"rowCount":1000}}}]}`},
		{"sheets.properties.sheetId,sheets.properties.index", `{"sheets":[{"properties":{"sheetId":0,"index":0}},{"properties":{"sheetId":42,"index":1}}]}`},
		{"sheets/*/title", `{"sheets":[{"properties":{"title":"T"}},{"properties":{"title":"Second"}}]}`},
		{"namedRanges", `{}`},
		{"*", `{"spreadsheetId":"book","properties":{"title":"Book","locale":"en_US","autoRecalc":"ON_CHANGE","timeZone":"Europe/Paris"},` +
			`"sheets":[{"properties":{"sheetId":0,"title":"T","index":0,"sheetType":"GRID","gridProperties":{"rowCount":1000,"columnCount":26}}},` +
			`{"properties":{"sheetId":42,"title":"Second","index":1,"sheetType":"GRID","gridProperties":{"rowCount":1000,"columnCount":26}}}],` +
			`"spreadsheetUrl":"https://docs.google.com/spreadsheets/d/book/edit"}`},
		{"nope", `err nope`},
		{"properties.nope", `err properties.nope`},
		{"sheets(properties(title)", `err a parenthesis is not closed`},
		{"properties..title", `err a field name is missing`},
		{"properties)", `err unexpected`},
		{strings.Repeat("sheets(", 50) + "a", `err nested deeper`},
	}
	for _, tt := range tests {
		code, got := get(t, s, "/v4/spreadsheets/book?fields="+tt.fields)
		if text, isErr := strings.CutPrefix(tt.want, "err "); isErr {
			if code != 400 || !strings.Contains(got, "fieldViolations") || !strings.Contains(got, text) {
				t.Errorf("%s: got %d %s, want a field violation with %q", tt.fields, code, got, text)
			}
			continue
		}
		if code != 200 || got != tt.want {
			t.Errorf("%s:\ngot  %d %s\nwant %s", tt.fields, code, got, tt.want)
		}
	}
	if _, whole := get(t, s, "/v4/spreadsheets/book?includeGridData=false"); whole != tests[8].want {
		t.Errorf("without a mask: got %s, want %s", whole, tests[8].want)
	}
	if _, got := get(t, s, "/v4/spreadsheets/book?fields=sheets.properties.title&ranges=Second!A1"); got != `{"sheets":[{"properties":{"title":"Second"}}]}` {
		t.Errorf("with ranges: got %s", got)
	}
}

func TestSheetsRefusals(t *testing.T) {
	const book = "/v4/spreadsheets/book"
	tests := []struct {
		name, method, path, scope string
		prepare                   func(*Sandbox)
		code                      int
		want                      string // part of the response
	}{
		{"unknown id", "GET", "/v4/spreadsheets/nope", readonly, nil, 404, `"status":"NOT_FOUND"`},
		{"unknown id, values", "GET", "/v4/spreadsheets/nope/values/A1", readonly, nil, 404, "Requested entity was not found."},
		{"no such worksheet", "GET", book + "/values/U!A1", readonly, nil, 400, "Unable to parse range: U!A1"},
		{"past the grid", "GET", book + "/values/T!A1001:B", readonly, nil, 400, "Range (T!A1001:B) exceeds grid limits. Max rows: 1000, max columns: 26"},
		{"bad option", "GET", book + "/values/T?valueRenderOption=RAW", readonly, nil, 400, "ValueRenderOption"},
		{"bad dimension", "GET", book + "/values/T?majorDimension=rows", readonly, nil, 400, "Invalid value at 'major_dimension'"},
		{"bad date option", "GET", book + "/values/T?dateTimeRenderOption=x", readonly, nil, 400, "DateTimeRenderOption"},
		{"unknown parameter", "GET", book + "/values/T?range=A1", readonly, nil, 400, `Unknown name \"range\"`},
		{"unknown field", "GET", book + "/values/T?fields=rows", readonly, nil, 400, "Cannot find matching fields for path 'rows'"},
		{"grid data", "GET", book + "?includeGridData=true", readonly, nil, 501, "grid data"},
		{"grid data by mask", "GET", book + "?fields=sheets.data", readonly, nil, 501, "grid data"},
		{"wrong scope", "GET", book, "https://www.googleapis.com/auth/calendar", nil, 403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
		{"by data filter", "POST", book + "/values:batchGetByDataFilter", readonly, nil, 403, "Request had insufficient authentication scopes."},
		{"by data filter, may write", "POST", book + "/values:batchGetByDataFilter", writeScopes[0], nil, 501, "does not emulate"},
		{"update", "PUT", book + "/values/A1", readonly, nil, 403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
		{"batch update", "POST", book + ":batchUpdate", readonly, nil, 403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
		{"no token", "GET", book, "", nil, 403, "unregistered callers"},
		{"expired token", "GET", book, readonly, (*Sandbox).ExpireTokens, 401, `"status":"UNAUTHENTICATED"`},
		{"no such method", "GET", book + "/nope", readonly, nil, 404, "<title>Error 404 (Not Found)!!1</title>"},
	}
	for _, tt := range tests {
		s := newSandbox(t, Options{})
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, http.NoBody)
		if tt.scope != "" {
			r.Header.Set("Authorization", "Bearer "+bearer(s, tt.scope))
		}
		if tt.prepare != nil {
			tt.prepare(s)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		got := compact(w.Body.String())
		if w.Code != tt.code || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %d %s\nwant %d with %q", tt.name, w.Code, got, tt.code, tt.want)
		}
	}
}

func TestErrorEnvelope(t *testing.T) {
	s := newSandbox(t, Options{})
	_, plain := get(t, s, "/v4/spreadsheets/nope")
	_, discovery := get(t, s, "/v4/spreadsheets/nope?alt=json")
	_, asked := get(t, s, "/v4/spreadsheets/nope?alt=json&$.xgafv=2")
	const legacy = `"errors":[{"message":"Requested entity was not found.","domain":"global","reason":"notFound"}],`
	want := `{"error":{"code":404,"message":"Requested entity was not found.",` + legacy + `"status":"NOT_FOUND"}}`
	if without := strings.Replace(want, legacy, "", 1); plain != without || asked != without {
		t.Errorf("without the legacy errors: got %s and %s, want %s", plain, asked, without)
	}
	if discovery != want {
		t.Errorf("a client made from the discovery document: got %s, want %s", discovery, want)
	}
}

func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, Options{ReadsPerMinute: 3}, cellsOf("a")...)
		for i := range 3 {
			if code, got := get(t, s, values("Gone!A1", "")); code != 400 { // an error counts as a read
				t.Fatalf("read %d: got %d %s", i+1, code, got)
			}
		}
		code, got := get(t, s, values("T", ""))
		var answer struct {
			Error struct {
				Message, Status string
				Details         []struct {
					Reason   string
					Metadata map[string]string
				}
			}
		}
		must(t, json.Unmarshal([]byte(got), &answer))
		if code != 429 || answer.Error.Status != "RESOURCE_EXHAUSTED" || answer.Error.Details[0].Reason != "RATE_LIMIT_EXCEEDED" ||
			answer.Error.Details[0].Metadata["quota_limit_value"] != "3" {
			t.Errorf("read 4: got %d %s", code, got)
		}
		if reads := s.Reads(); reads != 3 {
			t.Errorf("reads within the quota: got %d, want 3", reads)
		}
		<-time.After(time.Minute)
		if code, got := get(t, s, values("T", "")); code != 200 {
			t.Errorf("a minute later: got %d %s", code, got)
		}
		unlimited := newSandbox(t, Options{ReadsPerMinute: -1})
		for range 200 {
			if code, got := get(t, unlimited, values("T", "")); code != 200 {
				t.Fatalf("without a quota: got %d %s", code, got)
			}
		}
	})
}

func TestAnswersLookLikeGoogles(t *testing.T) {
	s := newSandbox(t, Options{}, cellsOf("a")...)
	answer := func(accept, query string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, values("T!A1", query), http.NoBody)
		r.Header.Set("Authorization", "Bearer "+bearer(s, readonly))
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	plain := answer("", "")
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=UTF-8", "Cache-Control": "private", "Server": "ESF",
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "Content-Encoding": "", "Etag": "", "Retry-After": "",
	} {
		if got := plain.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	pretty, _ := io.ReadAll(plain.Body)
	want := "{\n  \"range\": \"T!A1\",\n  \"majorDimension\": \"ROWS\",\n  \"values\": [\n    [\n      \"a\"\n    ]\n  ]\n}\n"
	if string(pretty) != want {
		t.Errorf("pretty: got %q, want %q", pretty, want)
	}
	zipped := answer("gzip", "prettyPrint=false")
	z, err := gzip.NewReader(zipped.Body)
	must(t, err)
	body, err := io.ReadAll(z)
	if want := `{"range":"T!A1","majorDimension":"ROWS","values":[["a"]]}` + "\n"; err != nil || string(body) != want {
		t.Errorf("gzip: got %q, %v, want %q", body, err, want)
	}
}
