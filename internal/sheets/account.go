// Package sheets reads Google Sheets: accounts and their quota, the worksheets of a spreadsheet,
// ranges of rows ([Account.Ranges]), whole worksheets in pages ([Account.Pages]), and which numbers
// are dates ([Account.Show]) (https://developers.google.com/workspace/sheets/api/reference/rest).
//
// One request reads one state of a spreadsheet. Several requests may read several states: pages
// overlap so that a change in between is noticed and refused ([ErrTorn]), as far as the API shows
// it. The requests of an account stay within its quota, the urgent ones first ([Urgency]).
// Temporary errors are retried a few times; longer waits are left to the caller. The package never
// writes, follows no redirect, requests no scope beyond reading, and puts no cell and no secret
// into an error.
package sheets

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/auth/httptransport"

	"github.com/rowtap/rowtap/internal/httpclient"
	"github.com/rowtap/rowtap/internal/keyfile"
)

// Options configure an account.
type Options struct {
	Name string // as errors name it
	// CredentialsFile is the key of a service account or an authorized user; "": Application
	// Default Credentials.
	CredentialsFile string
	ReadsPerMinute  int               // quota; 0: 60, Google's own for one account
	Endpoint        *url.URL          // nil: Google's
	UserAgent       string            // " (gzip)" is appended
	Transport       http.RoundTripper // below authentication, for tests; nil: a new one
}

// Account reads spreadsheets as one Google account. It is safe for concurrent use.
type Account struct {
	opts Options
	base http.RoundTripper
	pace *pace

	results results

	mu      sync.Mutex
	conn    *connection
	pages   map[target]int // rows a page, from the last complete read
	headers map[headerRow]shownHeader
}

// connection is an HTTP client and the credentials it was made from.
type connection struct {
	client   *http.Client
	endpoint string   // with a trailing slash
	agent    string   // User-Agent
	email    string   // "": unknown
	tokens   string   // the host that issues tokens, as errors name it
	key      [32]byte // hash of the credentials file; zero: no file
	path     string   // of the credentials file; "": no file
	stamp    keyfile.Stamp
	open     bool // requests are not authenticated
}

// keyHint says where to put a new key, as the end of a hint.
func (c *connection) keyHint() string {
	if c.path == "" {
		return "set credentials_file to it"
	}
	return keyfile.Hint(c.path)
}

// Open opens an account. It reads the credentials and checks their type, and makes no request
// unless finding Application Default Credentials takes one. The error is an *Error of the kind
// Unauthorized, or Bad for an invalid endpoint.
func Open(o Options) (*Account, error) {
	if o.ReadsPerMinute <= 0 {
		o.ReadsPerMinute = defaultReadsPerMinute
	}
	a := &Account{
		opts: o, base: capped{base: o.Transport}, pace: newPace(o.ReadsPerMinute),
		pages: make(map[target]int), headers: make(map[headerRow]shownHeader),
	}
	if o.Transport == nil {
		a.base = capped{base: httpclient.NewTransport()}
	}
	if u := o.Endpoint; u != nil && (u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return nil, &Error{Account: o.Name, Kind: Bad, Message: "the endpoint is not an http or https URL with a host"}
	}
	conn, err := a.connect()
	if err != nil {
		return nil, err
	}
	a.conn = conn
	return a, nil
}

// Email returns the address to share spreadsheets with; "" if the credentials do not contain it.
func (a *Account) Email() string { return a.connection().email }

// Usage returns the share of the quota that the reads of the last minute used, from 0 to 1, and the
// number of reads since the account was opened. As with Google, retries and failed requests count.
func (a *Account) Usage() (used float64, reads int64) { return a.pace.usage() }

// Results returns the number of reads since the account was opened, by result: "ok", or the [Kind]
// of the error in words. Retries count.
func (a *Account) Results() map[string]int64 { return a.results.all() }

// results counts reads by result. The zero value is ready to use.
type results struct {
	mu    sync.Mutex
	reads map[string]int64
}

func (r *results) count(result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reads == nil {
		r.reads = map[string]int64{}
	}
	r.reads[result]++
}

func (r *results) all() map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.reads)
}

// Crowded reports whether reads of the account have to wait, or soon will: some wait now, Google
// asked rowtap to pause, or the reads of the last minute used at least 80% of the quota. Reads
// that are not urgent should then be postponed.
func (a *Account) Crowded() bool { return a.pace.crowded() }

// CloseIdleConnections closes the connections that no read uses. Call it when done with the
// account.
func (a *Account) CloseIdleConnections() {
	client := http.Client{Transport: a.base}
	client.CloseIdleConnections()
}

func (a *Account) connection() *connection {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn
}

// current returns the connection, replaced if the credentials file was. A file that cannot be used,
// perhaps because it is half written, is ignored: the credentials read before stay in use.
func (a *Account) current() *connection {
	conn := a.connection()
	if conn.path == "" || !conn.stamp.Replaced(conn.path, time.Now()) {
		return conn
	}
	fresh, err := a.connect()
	if err != nil || fresh.open {
		return conn
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.conn != conn: // another request replaced it first
	case fresh.key == conn.key: // keep its token
		same := *conn
		same.stamp = fresh.stamp
		a.conn = &same
	default:
		a.conn = fresh
	}
	return a.conn
}

// keyPath returns the path of the credentials file; "" if they come from elsewhere.
func (a *Account) keyPath() string {
	if a.opts.CredentialsFile != "" {
		return a.opts.CredentialsFile
	}
	return os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
}

// connect makes a connection from the current credentials.
func (a *Account) connect() (*connection, error) {
	path := a.keyPath()
	stamp := keyfile.Of(path) // before the read, so that a later write is noticed
	found, err := a.credentials()
	if err != nil {
		return nil, err
	}
	conn := &connection{
		endpoint: a.endpoint(),
		// Google compresses only for clients whose User-Agent says gzip.
		agent: strings.TrimSpace(a.opts.UserAgent + " (gzip)"),
		email: found.email, tokens: found.tokenHost, open: found.creds == nil,
		path: path, stamp: stamp,
	}
	if found.creds != nil {
		found.creds.TokenProvider = signIn{found.creds.TokenProvider}
	}
	if len(found.json) > 0 {
		conn.key = sha256.Sum256(found.json)
	}
	client, err := httptransport.NewClient(&httptransport.Options{
		DisableTelemetry:      true,
		DisableAuthentication: found.creds == nil,
		Credentials:           found.creds,
		BaseRoundTripper:      a.base,
		// A nil header would drop the quota project.
		Headers: make(http.Header),
		// With the default logger an environment variable can make the library log tokens.
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, a.credentialsError("cannot make an HTTP client from the credentials", err)
	}
	client.CheckRedirect = httpclient.NoRedirect
	conn.client = client
	return conn, nil
}

// endpoint returns the base URL. Without a trailing slash the library would drop its path.
func (a *Account) endpoint() string {
	if a.opts.Endpoint == nil {
		return "https://sheets.googleapis.com/"
	}
	return strings.TrimRight(a.opts.Endpoint.String(), "/") + "/"
}

// renew replaces a connection that Google refused by one made from the current credentials. It
// reports whether a retry makes sense: force means that a new token may help; otherwise only
// different credentials do.
func (a *Account) renew(refused *connection, force bool) bool {
	fresh, err := a.connect()
	if err != nil || fresh.open {
		return false // the caller's error says more than this one
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != refused {
		return true // another request renewed it
	}
	if !force && fresh.key == refused.key {
		return false
	}
	a.conn = fresh
	return true
}

// credentialsError returns the error for credentials that cannot be used.
func (a *Account) credentialsError(message string, err error) *Error {
	hint := fmt.Sprintf("set credentials_file of google account %s to the JSON key of a service account, readable by rowtap's user", a.opts.Name)
	if path := a.keyPath(); keyfile.Frozen(path) {
		hint += "; " + keyfile.Hint(path)
	}
	return &Error{Account: a.opts.Name, Kind: Unauthorized, Message: message, Err: err, Hint: hint}
}
