package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	projectNumber = "123456789012"
	projectID     = "rowtap-sandbox"
	serviceEmail  = "reader@rowtap-sandbox.iam.gserviceaccount.com"
	userEmail     = "user@rowtap-sandbox.example"
	googleToken   = "https://oauth2.googleapis.com/token" // the audience that some clients hard-code
	tokenLife     = 3599 * time.Second
	clockSkew     = 5 * time.Minute
)

// readScopes are the scopes that allow reading spreadsheets; one is enough.
var readScopes = []string{
	"https://www.googleapis.com/auth/spreadsheets.readonly",
	"https://www.googleapis.com/auth/spreadsheets",
	"https://www.googleapis.com/auth/drive.readonly",
	"https://www.googleapis.com/auth/drive",
	"https://www.googleapis.com/auth/drive.file",
}

// writeScopes are those that also allow methods with a body.
var writeScopes = []string{
	"https://www.googleapis.com/auth/spreadsheets",
	"https://www.googleapis.com/auth/drive",
	"https://www.googleapis.com/auth/drive.file",
}

// tokenServer is Google's token endpoint
// (https://developers.google.com/identity/protocols/oauth2/service-account#httprest) for one
// service account and one user.
type tokenServer struct {
	key                                func() (*rsa.PrivateKey, error) // slow: made at first use
	keyID                              string
	clientID, clientSecret, refreshTok string // of the user

	mu     sync.Mutex
	issued map[string]grant // by access token
}

type grant struct {
	principal string
	scopes    []string
	expires   time.Time
}

func newTokenServer() *tokenServer {
	return &tokenServer{
		key:          sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
		keyID:        randomHex(20),
		clientID:     projectNumber + "-sandbox.apps.googleusercontent.com",
		clientSecret: "SBX-" + randomHex(12),
		refreshTok:   "1//" + randomHex(24),
		issued:       map[string]grant{},
	}
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never returns an error
	return hex.EncodeToString(b)
}

// serviceAccountKey returns the key file of the service account.
func (t *tokenServer) serviceAccountKey(tokenURL string) ([]byte, error) {
	key, err := t.key()
	if err != nil {
		return nil, fmt.Errorf("make the sandbox's service account key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write the sandbox's service account key: %w", err)
	}
	return json.MarshalIndent(object{
		{"type", "service_account"},
		{"project_id", projectID},
		{"private_key_id", t.keyID},
		{"private_key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))},
		{"client_email", serviceEmail},
		{"client_id", "100000000000000000001"},
		{"auth_uri", "https://accounts.google.com/o/oauth2/auth"},
		{"token_uri", tokenURL},
		{"universe_domain", "googleapis.com"},
	}, "", "  ")
}

// IsKey reports whether a file contains the service account key of any sandbox.
func IsKey(content []byte) bool {
	var key struct {
		Project string `json:"project_id"`
		Email   string `json:"client_email"`
	}
	return json.Unmarshal(content, &key) == nil && key.Project == projectID && key.Email == serviceEmail
}

// authorizedUser returns the key file of the user.
func (t *tokenServer) authorizedUser(tokenURL string) ([]byte, error) {
	return json.MarshalIndent(object{
		{"type", "authorized_user"},
		{"client_id", t.clientID},
		{"client_secret", t.clientSecret},
		{"refresh_token", t.refreshTok},
		{"token_uri", tokenURL},
	}, "", "  ")
}

// tokenError is an error of the endpoint (https://www.rfc-editor.org/rfc/rfc6749#section-5.2).
type tokenError struct{ code, description string }

func (e *tokenError) Error() string { return e.code + ": " + e.description }

func (t *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	g, err := t.grant(w, r, now)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate")
	if err != nil {
		var refused *tokenError
		if !errors.As(err, &refused) {
			refused = &tokenError{"invalid_request", err.Error()}
		}
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(object{{"error", refused.code}, {"error_description", refused.description}})
		return
	}
	answer := object{
		{"access_token", t.issue(g, now)},
		{"expires_in", int(tokenLife.Seconds())},
		{"token_type", "Bearer"},
	}
	if g.principal == userEmail {
		answer = append(answer, member{"scope", strings.Join(g.scopes, " ")})
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (t *tokenServer) grant(w http.ResponseWriter, r *http.Request, now time.Time) (grant, error) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return grant{}, &tokenError{"invalid_request", "Bad Request"}
	}
	switch kind := r.PostForm.Get("grant_type"); kind {
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		return t.assertion(r.PostForm.Get("assertion"), "http://"+r.Host+r.URL.Path, now)
	case "refresh_token":
		id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
		if basicID, basicSecret, ok := r.BasicAuth(); ok {
			id, secret = basicID, basicSecret
		}
		switch {
		case id != t.clientID:
			return grant{}, &tokenError{"invalid_client", "The OAuth client was not found."}
		case secret != t.clientSecret:
			return grant{}, &tokenError{"invalid_client", "The provided client secret is invalid."}
		case r.PostForm.Get("refresh_token") != t.refreshTok:
			return grant{}, &tokenError{"invalid_grant", "Token has been expired or revoked."}
		}
		// The user granted read access to spreadsheets; a request cannot ask for more.
		scopes := strings.Fields(r.PostForm.Get("scope"))
		if slices.ContainsFunc(scopes, func(s string) bool { return s != readScopes[0] }) {
			return grant{}, &tokenError{"invalid_scope", "Some requested scopes were invalid."}
		}
		return grant{principal: userEmail, scopes: readScopes[:1], expires: now.Add(tokenLife)}, nil
	case "":
		return grant{}, &tokenError{"invalid_request", "Required parameter is missing: grant_type"}
	default:
		return grant{}, &tokenError{"unsupported_grant_type", "Invalid grant_type: " + kind}
	}
}

// assertion verifies a JWT of the service account.
func (t *tokenServer) assertion(jwt, ownURL string, now time.Time) (grant, error) {
	invalid := func(description string) (grant, error) {
		return grant{}, &tokenError{"invalid_grant", description}
	}
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return invalid("Bad Request")
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Iss   string `json:"iss"`
		Aud   string `json:"aud"`
		Scope string `json:"scope"`
		Sub   string `json:"sub"`
		Iat   int64  `json:"iat"`
		Exp   int64  `json:"exp"`
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || decodePart(parts[0], &head) != nil || decodePart(parts[1], &claims) != nil {
		return invalid("Bad Request")
	}
	if head.Alg != "RS256" {
		return invalid("Invalid JWT: Only RS256 is supported.")
	}
	if claims.Iss != serviceEmail {
		return invalid("Invalid grant: account not found")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	key, err := t.key()
	if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return invalid("Invalid JWT Signature.")
	}
	if claims.Aud != ownURL && claims.Aud != googleToken {
		return invalid("Invalid JWT: Failed audience check. The right audience is " + googleToken)
	}
	issued, expires := time.Unix(claims.Iat, 0), time.Unix(claims.Exp, 0)
	if issued.After(now.Add(clockSkew)) || expires.Before(now) || expires.Sub(issued) > time.Hour+time.Minute || !expires.After(issued) {
		return invalid("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. " +
			"Check your iat and exp values in the JWT claim.")
	}
	if claims.Sub != "" && claims.Sub != serviceEmail {
		return grant{}, &tokenError{
			"unauthorized_client",
			"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
		}
	}
	scopes := strings.Fields(claims.Scope)
	if len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !strings.HasPrefix(s, "https://www.googleapis.com/auth/") }) {
		return grant{}, &tokenError{"invalid_scope", "Invalid OAuth scope or ID token audience provided."}
	}
	return grant{principal: claims.Iss, scopes: scopes, expires: now.Add(tokenLife)}, nil
}

func decodePart(s string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func (t *tokenServer) issue(g grant, now time.Time) string {
	token := "ya29.sbx-" + randomHex(24)
	t.mu.Lock()
	defer t.mu.Unlock()
	for old, g := range t.issued {
		if now.After(g.expires) {
			delete(t.issued, old)
		}
	}
	t.issued[token] = g
	return token
}

// expireAll invalidates all issued tokens.
func (t *tokenServer) expireAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.issued)
}

// authorize returns the principal of a request, or Google's refusal. One of the scopes is enough.
func (t *tokenServer) authorize(r *http.Request, scopes []string, method string) (principal string, refused *GoogleError) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", Anonymous()
	}
	token, ok := strings.CutPrefix(header, "Bearer ")
	t.mu.Lock()
	g, known := t.issued[token]
	t.mu.Unlock()
	if !ok || !known || time.Now().After(g.expires) {
		return "", BadToken()
	}
	if !slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(g.scopes, s) }) {
		return "", ScopeInsufficient(method)
	}
	return g.principal, nil
}
