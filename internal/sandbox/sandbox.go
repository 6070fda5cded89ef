// Package sandbox emulates the read methods of the Google Sheets API and CleverTap's upload API
// over HTTP on loopback: for the demo, for end-to-end tests of the real binary, and for trying a
// configuration.
//
// It is strict: it refuses what the real services refuse, with their texts where those are known,
// and where their behaviour is unknown it refuses as well. It makes no outgoing connections, and
// keeps everything in memory only.
//
// One handler serves everything:
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
// Requests and responses are JSON. Requests from a browser must come from the sandbox's own origin,
// and the Host must be a loopback name or an IP literal. Worksheets are named by title; the default
// is the first one. Rows are lists of cells. A cell is a string as typed by a person, a number, a
// boolean, null, {"text"}, {"date": serial, "pattern"}, {"error"} or {"formula"}. Rows and columns
// are 1-based; a column may also be given by its letters.
//
//	GET  /admin/sheets                            spreadsheets with their worksheets
//	GET  /admin/sheets/{id}?worksheet=&tail=      cells of row 1 and of the last tail rows (0 or absent: all)
//	POST /admin/sheets/{id}/append                {"worksheet","rows"}; returns {"row": number of the first}
//	POST /admin/sheets/{id}/insert                {"worksheet","row","rows"}: before that row
//	POST /admin/sheets/{id}/delete                {"worksheet","from","to"}: rows, both included
//	POST /admin/sheets/{id}/set                   {"worksheet","row","column","value"}
//	POST /admin/sheets/{id}/sort                  {"worksheet","column","descending"}: the rows below row 1
//
//	GET  /admin/clevertap/records?type=profile|event&identity=&since=&limit=   accepted records, oldest first:
//	                                              those with a seq above since, at most the newest limit
//	GET  /admin/clevertap/counts                  Counts, and "reads" of spreadsheets
//
//	GET  /admin/key?type=service_account|authorized_user   a Google key file for this server
//	GET  /admin/events                            server-sent events: sheet, read, upload. A slow client misses
//	                                              some, but always gets one after the last change
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

// Sandbox is one emulated Google and one emulated CleverTap. They share no state.
type Sandbox struct {
	opts      Options
	page      *template.Template
	sheets    *Sheets
	clevertap *CleverTap
	tokens    *tokenServer
	google    *googleAPI
	events    *events
	reads     atomic.Int64 // reads of spreadsheets within the quota
}

// Options configure a Sandbox. The zero value is a sandbox as strict as the real services.
type Options struct {
	AccountID, Passcode string // CleverTap credentials; "": TEST-000-000-000Z and SBX-PASS-0000
	ReadsPerMinute      int    // Sheets quota per principal; 0: 60; < 0: unlimited
	MaxConcurrent       int    // concurrent CleverTap uploads; 0: 15
	KeepRecords         int    // newest accepted records to keep; 0: 200,000. Counts cover all
	Page                bool   // serve the demo page at /
	Link                string // address of rowtap's own page for the demo page; "": no link
	Notes               Notes  // shown below rows of the demo page; nil: none
	Hooks               Hooks
}

// Hooks disturb a sandbox, see package lab. The zero value disturbs nothing.
type Hooks struct {
	// Wrap returns a handler that adds faults to h, which serves an API: sheets, token or
	// clevertap. A CleverTap request is inside the limit of concurrent requests. nil: no faults.
	Wrap func(api string, h http.Handler) http.Handler

	// Refuse returns the code and text with which CleverTap refuses a valid record; event is "" for
	// a profile. Code 0 accepts the record; text "" is the usual text of the code. Refuse is called
	// for one record at a time, and not in dry runs. nil: all valid records are accepted.
	Refuse func(identity, event string) (code int, text string)
}

// New returns a sandbox without spreadsheets.
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

// Credentials returns the account ID and passcode that the emulated CleverTap accepts.
func (s *Sandbox) Credentials() (accountID, passcode string) {
	return s.opts.AccountID, s.opts.Passcode
}

// Sheets returns the emulated Google Sheets, for editing.
func (s *Sandbox) Sheets() *Sheets { return s.sheets }

// CleverTap returns the emulated CleverTap, for inspection.
func (s *Sandbox) CleverTap() *CleverTap { return s.clevertap }

// ServiceAccountKey returns a service account key file as JSON. tokenURL, its token_uri, is the URL
// of this sandbox's /token.
func (s *Sandbox) ServiceAccountKey(tokenURL string) ([]byte, error) {
	return s.tokens.serviceAccountKey(tokenURL)
}

// AuthorizedUserKey returns the key file of a user who granted read access to spreadsheets, in
// gcloud's format.
func (s *Sandbox) AuthorizedUserKey(tokenURL string) ([]byte, error) {
	return s.tokens.authorizedUser(tokenURL)
}

// Reads returns the number of reads of the emulated Sheets API, without those refused because of
// the quota or the token.
func (s *Sandbox) Reads() int64 { return s.reads.Load() }

// ExpireTokens invalidates all issued Google access tokens.
func (s *Sandbox) ExpireTokens() { s.tokens.expireAll() }

// Close ends open event streams, which would block a server's Shutdown. Pass it to
// [http.Server.RegisterOnShutdown].
func (s *Sandbox) Close() { s.events.close() }

// Handler returns the handler of all routes, see the package documentation.
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

// ownHost refuses a Host that a foreign page could have resolved to loopback.
func ownHost(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
		if host != "localhost" && !strings.HasSuffix(host, ".localhost") && net.ParseIP(host) == nil {
			http.Error(w, "the sandbox accepts only loopback names and IP addresses as host", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
