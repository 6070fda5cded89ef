package lab

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// newSandbox returns a sandbox with only the spreadsheet "book", which has a worksheet T with the
// rows.
func newSandbox(t testing.TB, rows ...[]sandbox.Value) *Sandbox {
	t.Helper()
	s, err := New(sandbox.Options{})
	must(t, err)
	must(t, s.Sheets().AddSpreadsheet("book", "Book", "Europe/Paris"))
	must(t, s.Sheets().AddWorksheet("book", "T", 0, rows...))
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cellsOf parses rows in a small notation: cells are typed by sandbox.Parse, "-" is an empty cell.
func cellsOf(lines ...string) [][]sandbox.Value {
	rows := make([][]sandbox.Value, len(lines))
	for i, line := range lines {
		for field := range strings.FieldsSeq(line) {
			rows[i] = append(rows[i], sandbox.Parse(strings.Trim(field, "-")))
		}
	}
	return rows
}

// shown returns the rows of T in the notation of cellsOf.
func shown(t testing.TB, s *Sandbox) string {
	t.Helper()
	rows, err := s.Sheets().Rows("book", "T")
	must(t, err)
	lines := make([]string, len(rows))
	for i, cells := range rows {
		fields := make([]string, len(cells))
		for k, v := range cells {
			if fields[k] = v.Shown(); fields[k] == "" {
				fields[k] = "-"
			}
		}
		lines[i] = strings.Join(fields, " ")
	}
	return strings.Join(lines, "|")
}

// serve starts a server on loopback.
func serve(t testing.TB, s *Sandbox) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	return server
}

// ask sends a request to the sandbox and returns the status and the body of the response as compact
// JSON.
func ask(t testing.TB, s *Sandbox, r *http.Request) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	var v json.RawMessage
	if json.Unmarshal(w.Body.Bytes(), &v) != nil {
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	b, err := json.Marshal(v)
	must(t, err)
	return w.Code, string(b)
}

// bearer requests an access token of the user.
func bearer(t testing.TB, s *Sandbox) string {
	t.Helper()
	file, err := s.AuthorizedUserKey("http://127.0.0.1/token")
	must(t, err)
	var key map[string]string
	must(t, json.Unmarshal(file, &key))
	form := url.Values{"grant_type": {"refresh_token"}}
	for _, name := range []string{"client_id", "client_secret", "refresh_token"} {
		form.Set(name, key[name])
	}
	code, body := token(t, s, form)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("an access token: got %d %s", code, body)
	}
	return answer.AccessToken
}

func token(t testing.TB, s *Sandbox, form url.Values) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(t, s, r)
}

// read reads a path of the Sheets API with an access token.
func read(t testing.TB, s *Sandbox, path, token string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	return ask(t, s, r)
}

const oneProfile = `{"type":"profile","identity":"a","profileData":{"Name":"Asha"}}`

// uploadOf returns a request that uploads records to a sandbox at base.
func uploadOf(t testing.TB, s *Sandbox, base, query string, records ...string) *http.Request {
	t.Helper()
	body := `{"d":[` + strings.Join(records, ",") + `]}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/1/upload"+query, strings.NewReader(body))
	must(t, err)
	id, passcode := s.Credentials()
	r.Header.Set("X-CleverTap-Account-Id", id)
	r.Header.Set("X-CleverTap-Passcode", passcode)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// send uploads one profile over a real connection. It returns the status, and the body followed by
// the Location header.
func send(t testing.TB, s *Sandbox, server *httptest.Server) (status int, body string, err error) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(uploadOf(t, s, server.URL, "", oneProfile))
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(b) + answer.Header.Get("Location"), err
}
