// Package sheets is the read side of Google Sheets: accounts, their quota, a spreadsheet's worksheets, ranges of their rows
// ([Account.Ranges]), whole worksheets in pages ([Account.Pages]), and which numbers are dates ([Account.Show])
// (https://developers.google.com/workspace/sheets/api/reference/rest).
//
// One request reads one state of a spreadsheet. What several read is one state as far as the API lets that be seen:
// pages overlap, rows read twice are compared, and what the sheet changed under is refused ([ErrTorn]). An account's
// requests keep within its quota, the urgent ones first ([Urgency]). It retries what is worth it a few times, and leaves
// all longer waiting to its caller. It never writes, follows no redirect, asks for no scope beyond reading, and puts no
// cell and no secret into an error.
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

	"github.com/rowtap/rowtap/internal/keyfile"
)

// Options are what an account needs to know.
type Options struct {
	Name            string            // the account's, for errors
	CredentialsFile string            // a service account's or an authorized user's key; "": Application Default Credentials
	ReadsPerMinute  int               // the quota to keep within; 0: 60, Google's own for one account
	Endpoint        *url.URL          // nil: Google's
	UserAgent       string            // by which Google knows the program; " (gzip)" is added
	Transport       http.RoundTripper // below authentication, for tests; nil: a new one
}

// Account reads spreadsheets as one Google account. It may be used from several goroutines at once.
type Account struct {
	opts Options
	base http.RoundTripper
	pace *pace

	results results

	mu      sync.Mutex
	conn    *connection
	pages   map[target]int // rows a page, as the last whole read found them right
	headers map[headerRow]shownHeader
}

// connection is a client with the credentials it was made of.
type connection struct {
	client   *http.Client
	endpoint string   // with a trailing slash
	agent    string   // the user agent
	email    string   // "": unknown
	tokens   string   // the host that gives tokens, for errors
	key      [32]byte // hash of the credentials file; zero: there is none
	path     string   // of that file; "": there is none
	stamp    keyfile.Stamp
	open     bool // it asks without authentication
}

// newKey returns what an operator does with a new key, as the end of a sentence.
func (c *connection) keyHint() string {
	if c.path == "" {
		return "put it into credentials_file"
	}
	return keyfile.Hint(c.path)
}

// Open makes the client of an account. It reads the credentials and checks that they are of a type it takes, but asks
// nothing of Google, except what finding Application Default Credentials needs. The error is an *Error of the kind
// Unauthorized, or Bad for an endpoint that cannot be.
func Open(o Options) (*Account, error) {
	if o.ReadsPerMinute <= 0 {
		o.ReadsPerMinute = defaultReadsPerMinute
	}
	a := &Account{
		opts: o, base: capped{base: o.Transport}, pace: newPace(o.ReadsPerMinute),
		pages: make(map[target]int), headers: make(map[headerRow]shownHeader),
	}
	if o.Transport == nil {
		a.base = capped{base: newTransport()}
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

// Email returns the address to share spreadsheets with; "" where the credentials do not tell it.
func (a *Account) Email() string { return a.connection().email }

// Usage returns how much of the quota the last minute's reads took, from 0 to 1, and how many reads there were since
// the account was opened. Retries and requests that failed count, as they do with Google.
func (a *Account) Usage() (used float64, reads int64) { return a.pace.usage() }

// Results returns how many reads came to what since the account was opened: "ok", or a [Kind] in words. Retries count.
func (a *Account) Results() map[string]int64 { return a.results.all() }

// results counts reads by what they came to. The zero value has counted none.
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

// Crowded tells whether reads of the account have to wait, or soon will: some do right now, Google has asked to wait, or
// the last minute's took at least 80 % of the quota. What is not urgent is better left for later then.
func (a *Account) Crowded() bool { return a.pace.crowded() }

// CloseIdleConnections closes the connections that no read uses, as an account that is done with should.
func (a *Account) CloseIdleConnections() {
	client := http.Client{Transport: a.base}
	client.CloseIdleConnections()
}

func (a *Account) connection() *connection {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn
}

// current returns the connection, made again where the file of the credentials was replaced. A file that cannot be used, for it is
// half written perhaps, is passed over: the credentials that were read before go on.
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
	case a.conn != conn: // another request was faster
	case fresh.key == conn.key: // its token goes on
		same := *conn
		same.stamp = fresh.stamp
		a.conn = &same
	default:
		a.conn = fresh
	}
	return a.conn
}

// keyPath returns the file that the credentials are read from; "" where they come from elsewhere.
func (a *Account) keyPath() string {
	if a.opts.CredentialsFile != "" {
		return a.opts.CredentialsFile
	}
	return os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
}

// connect makes a connection of the credentials as they are now.
func (a *Account) connect() (*connection, error) {
	path := a.keyPath()
	stamp := keyfile.Of(path) // before it is read: what is written meanwhile is read again
	found, err := a.credentials()
	if err != nil {
		return nil, err
	}
	conn := &connection{
		endpoint: a.endpoint(),
		agent:    strings.TrimSpace(a.opts.UserAgent + " (gzip)"), // Google compresses for those whose name says so
		email:    found.email, tokens: found.tokenHost, open: found.creds == nil,
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
		Headers:               make(http.Header),             // must not be nil for a quota project to be sent
		Logger:                slog.New(slog.DiscardHandler), // an environment variable could make the library log tokens
	})
	if err != nil {
		return nil, a.credentialsError("the credentials make no client", err)
	}
	client.CheckRedirect = noRedirect
	conn.client = client
	return conn, nil
}

// endpoint returns the base URL; without its trailing slash the library would drop the path.
func (a *Account) endpoint() string {
	if a.opts.Endpoint == nil {
		return "https://sheets.googleapis.com/"
	}
	return strings.TrimRight(a.opts.Endpoint.String(), "/") + "/"
}

// renew replaces a connection that Google did not accept by one of the credentials as they are now. It returns whether
// trying again makes sense: force says that a new token may help, else only other credentials do.
func (a *Account) renew(refused *connection, force bool) bool {
	fresh, err := a.connect()
	if err != nil || fresh.open {
		return false // the refusal, which the caller has, says more than what is wrong with the new credentials
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != refused {
		return true // another request has renewed it
	}
	if !force && fresh.key == refused.key {
		return false
	}
	a.conn = fresh
	return true
}

// credentialsError is the error of credentials that cannot be used.
func (a *Account) credentialsError(message string, err error) *Error {
	hint := fmt.Sprintf("set credentials_file of google account %s to the JSON key of a service account, readable by rowtap's user", a.opts.Name)
	if path := a.keyPath(); keyfile.Frozen(path) {
		hint += "; " + keyfile.Hint(path)
	}
	return &Error{Account: a.opts.Name, Kind: Unauthorized, Message: message, Err: err, Hint: hint}
}
