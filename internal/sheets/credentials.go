package sheets

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"

	"github.com/rowtap/rowtap/internal/httpclient"
	"github.com/rowtap/rowtap/internal/keyfile"
)

// readScope is the OAuth scope requested
// (https://developers.google.com/workspace/sheets/api/scopes).
const readScope = "https://www.googleapis.com/auth/spreadsheets.readonly"

// maxKey bounds a credentials file, in bytes; that of a service account has about 2.3 kB.
const maxKey = 1 << 20

// found is a set of credentials and what the file says about them.
type found struct {
	creds *auth.Credentials // nil: no authentication
	email string
	// tokenHost is the host that issues tokens, as errors name it.
	tokenHost string
	json      []byte // content of the file; nil: no file
}

// keyJSON has the fields of interest of a credentials file of any type.
type keyJSON struct {
	Type             string          `json:"type"`
	ClientEmail      string          `json:"client_email"`
	PrivateKey       string          `json:"private_key"`
	TokenURI         string          `json:"token_uri"`
	ImpersonationURL string          `json:"service_account_impersonation_url"`
	Web              json.RawMessage `json:"web"`
	Installed        json.RawMessage `json:"installed"`
}

// credentials finds the account's credentials. The error is an *Error of the kind Unauthorized.
func (a *Account) credentials() (found, error) {
	detect := &credentials.DetectOptions{
		Scopes: []string{readScope},
		// Token requests bypass the API's own transport. The key's assertion follows no redirect
		// either.
		Client: &http.Client{Transport: a.base, Timeout: 30 * time.Second, CheckRedirect: httpclient.NoRedirect},
		Logger: slog.New(slog.DiscardHandler),
	}
	if a.opts.CredentialsFile == "" {
		return a.defaultCredentials(detect)
	}
	body, err := keyfile.Read(a.opts.CredentialsFile, maxKey)
	if err != nil {
		return found{}, a.credentialsError(fmt.Sprintf("credentials file %s: %s", a.opts.CredentialsFile, err), err)
	}
	f, err := keyCredentials(body, detect)
	if err != nil {
		return found{}, a.credentialsError(fmt.Sprintf("credentials file %s: %s", a.opts.CredentialsFile, err), err)
	}
	return f, nil
}

// defaultCredentials finds Application Default Credentials
// (https://cloud.google.com/docs/authentication/application-default-credentials). An emulator on
// loopback gets none unless GOOGLE_APPLICATION_CREDENTIALS is set: those of gcloud or of the
// machine are not meant for it.
func (a *Account) defaultCredentials(detect *credentials.DetectOptions) (found, error) {
	if u := a.opts.Endpoint; u != nil && u.Scheme == "http" && loopback(u) && os.Getenv("GOOGLE_APPLICATION_CREDENTIALS") == "" {
		return found{}, nil
	}
	creds, err := credentials.DetectDefault(detect)
	if err != nil {
		return found{}, a.credentialsError("credentials_file is not set, and no Application Default Credentials were found", err)
	}
	f := found{creds: creds, tokenHost: "the metadata server", json: creds.JSON()}
	var key keyJSON
	if json.Unmarshal(f.json, &key) == nil { // Google's own machines have no JSON
		f.email, f.tokenHost = key.email(), key.tokenHost()
	}
	return f, nil
}

// keyCredentials makes credentials from the content of a key file. Only keys of service accounts
// and authorized users are accepted: files of other types can name commands to run and hosts to
// contact.
func keyCredentials(body []byte, detect *credentials.DetectOptions) (found, error) {
	var key keyJSON
	if err := json.Unmarshal(body, &key); err != nil {
		return found{}, errors.New("not JSON: download the key again")
	}
	switch credentials.CredType(key.Type) {
	case credentials.ServiceAccount:
		if key.ClientEmail == "" {
			return found{}, errors.New("the service account key has no client_email: download it again")
		}
		if !privateKey(key.PrivateKey) {
			return found{}, errors.New("the service account key's private_key is damaged: download the key again")
		}
	case credentials.AuthorizedUser:
		detect.TokenURL = key.TokenURI // the library would ignore it
	default:
		switch {
		case key.Type != "":
			return found{}, fmt.Errorf("key type %q is not accepted; use service_account or authorized_user", key.Type)
		case key.Web != nil || key.Installed != nil:
			return found{}, errors.New("an OAuth client, not a key: use a service account key")
		}
		return found{}, errors.New("not a Google key: it has no type")
	}
	if u, err := url.Parse(key.TokenURI); key.TokenURI != "" && (err != nil || !safe(u)) {
		return found{}, errors.New("token_uri must be https, or http on loopback")
	}
	creds, err := credentials.NewCredentialsFromJSON(credentials.CredType(key.Type), body, detect)
	if err != nil {
		return found{}, fmt.Errorf("the key cannot be used: %w", err)
	}
	return found{creds: creds, email: key.email(), tokenHost: key.tokenHost(), json: body}, nil
}

// errNoToken is a response of the token host that is neither a token nor a refusal.
var errNoToken = errors.New("the token host sent neither a token nor a reason")

// signIn turns responses that contain no token into errNoToken: the library takes {} for an empty
// token of a service account.
type signIn struct{ auth.TokenProvider }

// Token returns a token.
func (s signIn) Token(ctx context.Context) (*auth.Token, error) {
	token, err := s.TokenProvider.Token(ctx)
	_, refused := errors.AsType[*auth.Error](err)
	_, unreached := errors.AsType[*url.Error](err)
	switch {
	case err == nil && (token == nil || token.Value == ""):
		return nil, errNoToken
	case err != nil && !refused && !unreached && ctx.Err() == nil:
		return nil, errNoToken // the library's error may quote the response
	}
	return token, err
}

// email returns the address of the key's account; "" if the key does not contain it.
func (k keyJSON) email() string {
	if k.ClientEmail != "" {
		return k.ClientEmail
	}
	_, account, _ := strings.Cut(k.ImpersonationURL, "/serviceAccounts/")
	account, _, _ = strings.Cut(account, ":")
	return account
}

// tokenHost returns the host that issues tokens for the key, as errors name it.
func (k keyJSON) tokenHost() string {
	host := "oauth2.googleapis.com" // the library's default
	if u, err := url.Parse(k.TokenURI); err == nil && u.Host != "" {
		host = u.Host
	}
	return "the token host " + clean(host)
}

// privateKey reports whether text is a PEM key that the library can sign with.
func privateKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return true
	}
	_, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	return err == nil
}

// safe reports whether secrets may be sent to a URL.
func safe(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u))
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
