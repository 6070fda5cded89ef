package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/auth/credentials"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"
)

// service returns Google's client library for the sandbox.
func service(t *testing.T, server *httptest.Server, kind credentials.CredType, key []byte, scopes ...string) *sheets.Service {
	t.Helper()
	creds, err := credentials.NewCredentialsFromJSON(kind, key, &credentials.DetectOptions{Scopes: scopes, TokenURL: server.URL + "/token"})
	must(t, err)
	svc, err := sheets.NewService(t.Context(), option.WithAuthCredentials(creds), option.WithEndpoint(server.URL+"/"), option.WithTelemetryDisabled())
	must(t, err)
	return svc
}

func TestGooglesOwnClient(t *testing.T) {
	s, err := New(Options{})
	must(t, err)
	must(t, s.SeedDemo())
	server := serve(t, s)
	key, err := s.ServiceAccountKey(server.URL + "/token")
	must(t, err)
	svc := service(t, server, credentials.ServiceAccount, key, readonly)

	file, err := svc.Spreadsheets.Get("demo-signups").Fields("properties(title,timeZone)", "sheets.properties(sheetId,title)").Context(t.Context()).Do()
	must(t, err)
	if file.Properties.Title != "Webinar sign-ups (demo)" || file.Properties.TimeZone != "Asia/Kolkata" || file.Sheets[0].Properties.Title != "Signups" {
		t.Errorf("the spreadsheet: got %+v, %+v", file.Properties, file.Sheets[0].Properties)
	}
	read, err := svc.Spreadsheets.Values.BatchGet("demo-signups").Ranges("'Signups'!1:1", "'Signups'!A2:H6").
		ValueRenderOption("UNFORMATTED_VALUE").DateTimeRenderOption("SERIAL_NUMBER").Context(t.Context()).Do()
	must(t, err)
	if got := len(read.ValueRanges[1].Values); got != 5 || read.ValueRanges[1].Values[1][6] != 67.5 {
		t.Errorf("the rows: got %d: %v", got, read.ValueRanges[1].Values)
	}
	shown, err := svc.Spreadsheets.Values.Get("demo-signups", "'Signups'!A2").Context(t.Context()).Do()
	must(t, err)
	if got := shown.Values[0][0]; got != "21/11/2026 09:12:05" {
		t.Errorf("a formatted date: got %v", got)
	}

	refuse := func(with *GoogleError) error {
		return s.Sheets().EditFile("demo-signups", "", func(file *Spreadsheet) error {
			file.Refused = with
			return nil
		})
	}
	must(t, refuse(&GoogleError{Code: http.StatusForbidden, Status: "PERMISSION_DENIED", Reason: "forbidden", Message: "The caller does not have permission"}))
	_, err = svc.Spreadsheets.Get("demo-signups").Context(t.Context()).Do()
	if got, want := err.Error(), "googleapi: Error 403: The caller does not have permission, forbidden"; got != want {
		t.Errorf("not shared: got %q, want %q", got, want)
	}
	must(t, refuse(nil))
	s.ExpireTokens()
	_, err = svc.Spreadsheets.Get("demo-signups").Context(t.Context()).Do()
	if e, ok := errors.AsType[*googleapi.Error](err); !ok || e.Code != http.StatusUnauthorized {
		t.Errorf("an expired token: got %v, want a 401", err)
	}
}

func TestAuthorizedUser(t *testing.T) {
	s := newSandbox(t, Options{}, cellsOf("a")...)
	server := serve(t, s)
	key, err := s.AuthorizedUserKey(server.URL + "/token")
	must(t, err)
	svc := service(t, server, credentials.AuthorizedUser, key)
	got, err := svc.Spreadsheets.Values.Get("book", "T!A1").Context(t.Context()).Do()
	if err != nil || got.Values[0][0] != "a" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestScopeInsufficientThroughGooglesClient(t *testing.T) {
	s := newSandbox(t, Options{})
	server := serve(t, s)
	key, err := s.ServiceAccountKey(server.URL + "/token")
	must(t, err)
	svc := service(t, server, credentials.ServiceAccount, key, "https://www.googleapis.com/auth/calendar")
	_, err = svc.Spreadsheets.Get("book").Context(t.Context()).Do()
	if e, ok := errors.AsType[*googleapi.Error](err); !ok || e.Code != 403 || e.Errors[0].Reason != "insufficientPermissions" ||
		!strings.Contains(e.Header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("got %v", err)
	}
}

// forge signs claims with the sandbox's key.
func forge(t *testing.T, s *Sandbox, head string, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	must(t, err)
	signed := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(signed))
	key, err := s.tokens.key()
	must(t, err)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	must(t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestTokenRefusals(t *testing.T) {
	const own = "http://127.0.0.1:9400/token"
	s := newSandbox(t, Options{})
	now := time.Now().Unix()
	good := func() map[string]any {
		return map[string]any{"iss": serviceEmail, "aud": own, "scope": readonly, "iat": now - 10, "exp": now + 3590}
	}
	with := func(name string, v any) string {
		claims := good()
		claims[name] = v
		return forge(t, s, `{"alg":"RS256"}`, claims)
	}
	whole := forge(t, s, `{"alg":"RS256"}`, good())
	const frame = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
	tests := []struct{ name, assertion, want string }{
		{"good", whole, ""},
		{"Google's own audience", with("aud", googleToken), ""},
		{"another audience", with("aud", "https://example.com/"), "invalid_grant: Invalid JWT: Failed audience check. The right audience is " + googleToken},
		{"unknown account", with("iss", "x@y"), "invalid_grant: Invalid grant: account not found"},
		{"clock behind", with("exp", now-1), "invalid_grant: " + frame},
		{"clock ahead", with("iat", now+3000), "invalid_grant: " + frame},
		{"too long", with("exp", now+7200), "invalid_grant: " + frame},
		{"impersonation", with("sub", "boss@example.com"), "unauthorized_client: Client is unauthorized to retrieve access tokens using this method, " +
			"or client not authorized for any of the scopes requested."},
		{"no scope", with("scope", ""), "invalid_scope: Invalid OAuth scope or ID token audience provided."},
		{"bad scope", with("scope", "spreadsheets"), "invalid_scope: Invalid OAuth scope or ID token audience provided."},
		{"another key", whole[:len(whole)-8] + "AAAAAAAA", "invalid_grant: Invalid JWT Signature."},
		{"HS256", forge(t, s, `{"alg":"HS256"}`, good()), "invalid_grant: Invalid JWT: Only RS256 is supported."},
		{"not a JWT", "abc", "invalid_grant: Bad Request"},
		{"not base64", "a.b.!", "invalid_grant: Bad Request"},
	}
	for _, tt := range tests {
		form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {tt.assertion}}
		code, got := postForm(t, s, form)
		if tt.want == "" && (code != 200 || got["access_token"] == nil || got["token_type"] != "Bearer" || got["expires_in"] != 3599.0) {
			t.Errorf("%s: got %d %v", tt.name, code, got)
		}
		if text := str(got["error"]) + ": " + str(got["error_description"]); tt.want != "" && (code != 400 || text != tt.want) {
			t.Errorf("%s: got %d %q, want %q", tt.name, code, text, tt.want)
		}
	}
	user := url.Values{"grant_type": {"refresh_token"}, "client_id": {s.tokens.clientID}, "client_secret": {s.tokens.clientSecret}, "refresh_token": {s.tokens.refreshTok}}
	for _, tt := range []struct{ name, value, want string }{
		{"", "", ""},
		{"client_id", "x", "invalid_client"},
		{"client_secret", "x", "invalid_client"},
		{"refresh_token", "x", "invalid_grant"},
		{"scope", "https://www.googleapis.com/auth/drive", "invalid_scope"},
		{"grant_type", "password", "unsupported_grant_type"},
		{"grant_type", "", "invalid_request"},
	} {
		form := maps.Clone(user)
		if tt.name != "" {
			form.Set(tt.name, tt.value)
		}
		if code, got := postForm(t, s, form); str(got["error"]) != tt.want {
			t.Errorf("refresh with %s=%q: got %d %v, want %q", tt.name, tt.value, code, got, tt.want)
		}
	}
}

func str(v any) string { s, _ := v.(string); return s }

func postForm(t *testing.T, s *Sandbox, form url.Values) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:9400/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	var got map[string]any
	must(t, json.Unmarshal(w.Body.Bytes(), &got))
	return w.Code, got
}
