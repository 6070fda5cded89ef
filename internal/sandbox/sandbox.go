// Package sandbox emulates the read side of the Google Sheets API and CleverTap's upload API over HTTP on loopback, for
// the demo, for end-to-end tests of the real binary, and for operators who try a config.
//
// It is strict: what the real services refuse it refuses, in their words where those are on record, and where it is not
// known what they do it refuses rather than forgives. It never calls out, keeps everything in memory, and forgets it.
//
// One handler serves all:
//
//	GET  /v4/spreadsheets/{id}                    spreadsheets.get: fields masks, no grid data
//	GET  /v4/spreadsheets/{id}/values/{range}     values.get
//	GET  /v4/spreadsheets/{id}/values:batchGet    values.batchGet
//	POST /token                                   Google's token endpoint: JWT bearer and refresh_token grants
//	POST /1/upload, /1/upload?dryRun=1            CleverTap upload: profiles and events
//	GET  /1/profile.json?identity=|objectId=|email=   one CleverTap profile
//	GET  /                                        the demo page (Options.Page)
//
// # Admin
//
// JSON in and out. Requests from a browser must come from the sandbox's own origin, and the Host must be a loopback name or
// an IP literal. Worksheets are named by title; without "worksheet" the first one is meant. Rows are lists of cells; a cell
// is a string as a person would type it, a number, a boolean, null, {"text"}, {"date": serial, "pattern"}, {"error"} or
// {"formula"}. Rows and columns count from 1; a column may also be its letters.
//
//	GET  /admin/sheets                            spreadsheets with their worksheets
//	GET  /admin/sheets/{id}?worksheet=&tail=      the cells: of row 1 and of the last tail rows (0 or absent: all)
//	POST /admin/sheets/{id}/append                {"worksheet","rows"}; answers {"row": number of the first}
//	POST /admin/sheets/{id}/insert                {"worksheet","row","rows"}: before that row
//	POST /admin/sheets/{id}/delete                {"worksheet","from","to"}: rows, both included
//	POST /admin/sheets/{id}/set                   {"worksheet","row","column","value"}
//	POST /admin/sheets/{id}/sort                  {"worksheet","column","descending"}: the rows below row 1
//
//	GET  /admin/clevertap/records?type=profile|event&identity=&since=&limit=   accepted records, oldest first: those with a
//	                                              seq above since; limit keeps the newest
//	GET  /admin/clevertap/counts                  see Counts, and "reads", those of spreadsheets
//
//	GET  /admin/key?type=service_account|authorized_user   a Google key file for this server
//	GET  /admin/events                            server-sent events: sheet, read, upload. A reader that is slow misses some,
//	                                              but always gets one after the last change it has not seen
//
// Faults, and edits that only tests make, are in package lab.
package sandbox

import (
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// Sandbox is one emulated Google and one emulated CleverTap, sharing nothing but the process.
type Sandbox struct {
	opts      Options
	page      *template.Template
	sheets    *Sheets
	clevertap *CleverTap
	tokens    *tokenServer
	google    *googleAPI
	events    *events
	reads     atomic.Int64 // of spreadsheets, within the quota
}

// Options are what a Sandbox is made with. The zero value is a sandbox as strict as the real services.
type Options struct {
	AccountID, Passcode string // CleverTap credentials; default TEST-000-000-000Z and SBX-PASS-0000
	ReadsPerMinute      int    // the Sheets quota of each principal; 0: 60; < 0: none
	MaxConcurrent       int    // CleverTap uploads at once; 0: 15
	KeepRecords         int    // accepted records kept whole, the newest; 0: 200,000. Counts are of all
	Page                bool   // serve the demo page at /
	Link                string // the address of rowtap's own page, which the demo page links to; "": no link
	Notes               Notes  // what the demo page shows below rows; nil: nothing
	Hooks               Hooks
}

// Hooks disturb a sandbox, see package lab. The zero value disturbs nothing.
type Hooks struct {
	// Wrap returns a handler that adds faults to h, which serves an API: sheets, token or clevertap.
	// A CleverTap request is inside the limit of concurrent requests. nil: no faults.
	Wrap func(api string, h http.Handler) http.Handler

	// Refuse returns the code and text with which CleverTap refuses a valid record; event is "" for
	// a profile. Code 0 accepts the record; text "" is the usual text of the code. Refuse is called
	// for one record at a time, and not in dry runs. nil: all valid records are accepted.
	Refuse func(identity, event string) (code int, text string)
}

// New makes a sandbox without spreadsheets.
func New(o Options) (*Sandbox, error) {
	if o.AccountID == "" {
		o.AccountID = "TEST-000-000-000Z"
	}
	if o.Passcode == "" {
		o.Passcode = "SBX-PASS-0000"
	}
	if o.ReadsPerMinute == 0 {
		o.ReadsPerMinute = defaultReads
	}
	if o.MaxConcurrent <= 0 {
		o.MaxConcurrent = 15
	}
	if o.KeepRecords <= 0 {
		o.KeepRecords = 200_000
	}
	if o.Hooks.Wrap == nil {
		o.Hooks.Wrap = func(_ string, h http.Handler) http.Handler { return h }
	}
	page, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, fmt.Errorf("read the demo page: %w", err)
	}
	tokens := newTokenServer()
	s := &Sandbox{opts: o, page: page, tokens: tokens, events: newEvents()}
	s.sheets = newSheets(func(id, worksheet string) {
		s.events.publish("sheet", object{{"spreadsheet", id}, {"worksheet", worksheet}})
	})
	s.clevertap = newCleverTap(o, s.events.publish)
	s.google = &googleAPI{
		sheets: s.sheets, tokens: tokens,
		quota: quota{limit: o.ReadsPerMinute, windows: map[string]window{}},
		read: func(path string) {
			s.events.publish("read", object{{"path", path}, {"reads", s.reads.Add(1)}})
		},
	}
	return s, nil
}

// Credentials returns the account id and passcode that the emulated CleverTap takes.
func (s *Sandbox) Credentials() (accountID, passcode string) {
	return s.opts.AccountID, s.opts.Passcode
}

// Sheets returns the emulated Google Sheets, to edit.
func (s *Sandbox) Sheets() *Sheets { return s.sheets }

// CleverTap returns the emulated CleverTap, to inspect.
func (s *Sandbox) CleverTap() *CleverTap { return s.clevertap }

// ServiceAccountKey returns a service account key file, JSON, whose token_uri is tokenURL: this sandbox's /token.
func (s *Sandbox) ServiceAccountKey(tokenURL string) ([]byte, error) {
	return s.tokens.serviceAccountKey(tokenURL)
}

// AuthorizedUserKey returns the key file of a user who agreed to reading spreadsheets, as gcloud writes it.
func (s *Sandbox) AuthorizedUserKey(tokenURL string) ([]byte, error) {
	return s.tokens.authorizedUser(tokenURL)
}

// Reads returns how many reads the emulated Sheets API has taken; those refused for the quota or the token are not among them.
func (s *Sandbox) Reads() int64 { return s.reads.Load() }

// ExpireTokens makes every Google access token that was issued invalid.
func (s *Sandbox) ExpireTokens() { s.tokens.expireAll() }

// Close ends the event streams that are open, which a server's Shutdown would wait for; give it to
// [http.Server.RegisterOnShutdown].
func (s *Sandbox) Close() { s.events.close() }

// Handler serves everything, see the package's doc.
func (s *Sandbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v4/", s.opts.Hooks.Wrap("sheets", s.google.handler()))
	mux.Handle("POST /token", s.opts.Hooks.Wrap("token", s.tokens))
	mux.Handle("/1/", s.clevertap.handler())
	own := http.NewServeMux()
	s.adminRoutes(own)
	s.pageRoutes(own)
	guarded := ownHost(http.NewCrossOriginProtection().Handler(own))
	mux.Handle("/admin/", guarded)
	mux.Handle("/", guarded)
	return mux
}

// ownHost refuses a Host that a foreign page could have pointed at loopback.
func ownHost(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
		if host != "localhost" && !strings.HasSuffix(host, ".localhost") && net.ParseIP(host) == nil {
			http.Error(w, "the sandbox answers to loopback names and IP addresses only", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
