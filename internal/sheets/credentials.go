package sheets

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

// readonly is the scope that is asked for (https://developers.google.com/workspace/sheets/api/scopes).
const readScope = "https://www.googleapis.com/auth/spreadsheets.readonly"

// maxKey bounds a credentials file, in bytes; a service account's is about 2.3 kB.
const maxKey = 1 << 20

// found are credentials and what is known of them.
type found struct {
	creds *auth.Credentials // nil: no authentication
	email string
	// tokenHost is the host that gives their tokens, as errors name it.
	tokenHost string
	json      []byte // the file; nil: they came from elsewhere
}

// keyJSON is what is looked at in a credentials file, of whatever type.
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
		// Tokens are asked for below the API's own transport; the key's assertion goes to no redirect either.
		Client: &http.Client{Transport: a.base, Timeout: 30 * time.Second, CheckRedirect: noRedirect},
		Logger: slog.New(slog.DiscardHandler),
	}
	if a.opts.CredentialsFile == "" {
		return a.defaultCredentials(detect)
	}
	body, err := readKey(a.opts.CredentialsFile)
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
// (https://cloud.google.com/docs/authentication/application-default-credentials). An emulator on loopback is asked
// without any, unless the environment names some: what gcloud or the machine has is not for it.
func (a *Account) defaultCredentials(detect *credentials.DetectOptions) (found, error) {
	if u := a.opts.Endpoint; u != nil && u.Scheme == "http" && loopback(u) && os.Getenv("GOOGLE_APPLICATION_CREDENTIALS") == "" {
		return found{}, nil
	}
	creds, err := credentials.DetectDefault(detect)
	if err != nil {
		return found{}, a.credentialsError("no credentials_file is set, and there are no Application Default Credentials to use instead", err)
	}
	f := found{creds: creds, tokenHost: "the metadata server", json: creds.JSON()}
	var key keyJSON
	if json.Unmarshal(f.json, &key) == nil { // there is no JSON on Google's own machines
		f.email, f.tokenHost = key.email(), key.tokenHost()
	}
	return f, nil
}

// readKey reads a credentials file.
func readKey(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, pathErr.Err // the caller names the file
		}
		return nil, err
	}
	defer func() { _ = file.Close() }()
	body, err := io.ReadAll(io.LimitReader(file, maxKey+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxKey:
		return nil, errors.New("larger than any key")
	}
	return body, nil
}

// keyCredentials makes credentials of a key file's content. Other types than a service account's and an authorized
// user's are refused, for their files can name commands to run and hosts to ask.
func keyCredentials(body []byte, detect *credentials.DetectOptions) (found, error) {
	var key keyJSON
	if err := json.Unmarshal(body, &key); err != nil {
		return found{}, errors.New("not JSON: download the key again")
	}
	switch credentials.CredType(key.Type) {
	case credentials.ServiceAccount:
		if key.ClientEmail == "" {
			return found{}, errors.New("the service account's key has no client_email: download the key again")
		}
		if !privateKey(key.PrivateKey) {
			return found{}, errors.New("the service account's private_key is damaged: download the key again")
		}
	case credentials.AuthorizedUser:
		detect.TokenURL = key.TokenURI // the library would ignore it
	default:
		switch {
		case key.Type != "":
			return found{}, fmt.Errorf("a key of the type %q is not taken, only service_account and authorized_user", key.Type)
		case key.Web != nil || key.Installed != nil:
			return found{}, errors.New("this is an OAuth client, not a key: use a service account's key")
		}
		return found{}, errors.New("not a Google key: it has no type")
	}
	if u, err := url.Parse(key.TokenURI); key.TokenURI != "" && (err != nil || !safe(u)) {
		return found{}, errors.New("its token_uri is neither https nor http to loopback")
	}
	creds, err := credentials.NewCredentialsFromJSON(credentials.CredType(key.Type), body, detect)
	if err != nil {
		return found{}, fmt.Errorf("the key cannot be used: %w", err)
	}
	return found{creds: creds, email: key.email(), tokenHost: key.tokenHost(), json: body}, nil
}

// errNoToken is an answer of the token's host that is neither a token nor a refusal.
var errNoToken = errors.New("the token's host gives neither a token nor a reason")

// signIn gets tokens, and errNoToken for answers that are none: the library takes {} for an empty token of a service account.
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
		return nil, errNoToken // what the library says of it may quote the answer
	}
	return token, err
}

// email returns the address of the account that a key is of; "" where it does not tell.
func (k keyJSON) email() string {
	if k.ClientEmail != "" {
		return k.ClientEmail
	}
	_, account, _ := strings.Cut(k.ImpersonationURL, "/serviceAccounts/")
	account, _, _ = strings.Cut(account, ":")
	return account
}

// tokenHost returns the host that gives the key's tokens, as errors name it.
func (k keyJSON) tokenHost() string {
	host := "oauth2.googleapis.com" // what the library asks where the key names none
	if u, err := url.Parse(k.TokenURI); err == nil && u.Host != "" {
		host = u.Host
	}
	return "the token host " + clean(host)
}

// privateKey tells whether a PEM text is a key that the library can sign with.
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

// safe tells whether secrets may be sent to a URL.
func safe(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u))
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
