// Package web is the daemon's HTTP side: the page, the API, health and metrics.
//
// Who may ask what: health and metrics answer everybody who reaches the listener; everything else wants the token, the page perhaps as a
// session that was begun with it (session.go), the API perhaps as a MAC under a key derived from it (package proof, as the CLI does), but
// where `auth: off` says otherwise. Before that, a request for a foreign Host is refused with 421 (DNS rebinding) and one from a
// foreign Origin with 403 (cross-site requests). Errors are RFC 9457 problems, each with a hint where one is known.
//
// The handlers decide nothing about rows: they call the engine and show what it answers.
package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/web/proof"
)

// Options are what the handler is made of.
type Options struct {
	Engine *engine.Engine
	Token  config.Secret // asked for by everything but health and metrics; the empty secret asks for none
	Hosts  []string      // Host names that are not foreign, besides loopback names and IP literals
	Listen string        // http.listen, one of the addresses at which the daemon proves itself (package proof)
	Log    *zap.Logger
	// HandOver gives the lease up to a standby, and returns once it is free; nil: the state is a file alone.
	HandOver func(context.Context) error
	// SheetPage is where a browser sees the spreadsheets of an emulator; "": they are Google's.
	SheetPage string
}

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

type server struct {
	Options
	page  *page
	proof *proof.Daemon // nil: auth: off
	boot  string        // differs from one start of the daemon to the next
}

// New returns the handler of the daemon's listener.
func New(o Options) http.Handler { return newServer(o).handler() }

func newServer(o Options) *server {
	s := &server{Options: o, page: newPage(), boot: strings.ToLower(rand.Text())}
	if !s.open() {
		s.proof = proof.NewDaemon(o.Token)
	}
	return s
}

func (s *server) handler() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /api/v1/status", s.status)
	api.HandleFunc("GET /api/v1/deliveries", s.deliveries)
	api.HandleFunc("GET /api/v1/deliveries/{zap}/{number}", s.delivery)
	api.HandleFunc("POST /api/v1/deliveries/{action}", s.act)
	api.HandleFunc("GET /api/v1/zaps/{zap}/rows/{row}", s.why)
	api.HandleFunc("POST /api/v1/zaps/{zap}/pause", s.pause)
	api.HandleFunc("POST /api/v1/zaps/{zap}/resume", s.resume)
	api.HandleFunc("POST /api/v1/zaps/{zap}/poll", s.poll)
	api.HandleFunc("POST /api/v1/zaps/{zap}/backfill", s.backfill)
	api.HandleFunc("POST /api/v1/reload", s.reload)
	api.HandleFunc("GET /api/v1/events", s.events)
	api.HandleFunc("GET /api/v1/state/backup", s.backup)
	api.HandleFunc("GET /api/v1/state/check", s.checkState)
	api.HandleFunc("POST /api/v1/state/rename", s.rename)
	api.HandleFunc("POST /api/v1/state/handover", s.handOver)
	api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { nothing(w, r, api) })

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.Engine.Registry(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET "+proof.Path, s.prove)
	mux.Handle("/api/", s.authorized(api))
	s.pageRoutes(mux)
	return limited(patient(s.sameSite(s.changing(mux))))
}

// nothing answers a request that no handler is for, with 405 where one is for another method.
func nothing(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		problem(w, http.StatusNotFound, "there is nothing at "+r.URL.Path, "the API is under /api/v1")
		return
	}
	methods := strings.Join(allowed, ", ")
	w.Header().Set("Allow", methods)
	problem(w, http.StatusMethodNotAllowed, r.URL.Path+" does not take "+quoted(r.Method), "it takes "+methods)
}

// sameSite refuses what a browser was made to send by a foreign page. Where a browser tells no Origin, [http.CrossOriginProtection]
// goes by its Sec-Fetch-Site.
func (s *server) sameSite(next http.Handler) http.Handler {
	fetched := http.NewCrossOriginProtection()
	fetched.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusForbidden, "a cross-site request is refused", "")
	}))
	guarded := fetched.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.known(r.Host) {
			problem(w, http.StatusMisdirectedRequest, "this is not the rowtap of host "+quoted(r.Host),
				"use a loopback name or the IP address, or add the name to http.hosts in rowtap.yaml")
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			u, err := url.Parse(origin)
			if err != nil || u.Host == "" || u.Host != r.Host && !s.named(u.Hostname(), u.Host) {
				problem(w, http.StatusForbidden, "a request from the foreign origin "+quoted(origin)+" is refused", "")
				return
			}
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if r.Header.Get("Origin") != "" {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// known tells whether a Host is this daemon's own: IP literals and loopback names always are, since no DNS answer
// stands behind them.
func (s *server) known(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return s.named(host, hostport)
}

// named tells whether http.hosts has a name, with or without its port.
func (s *server) named(host, hostport string) bool {
	return slices.ContainsFunc(s.Hosts, func(h string) bool { return strings.EqualFold(h, host) || strings.EqualFold(h, hostport) })
}

func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// Problem is the body of an error (https://www.rfc-editor.org/rfc/rfc9457).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"` // what to do next
}

func problem(w http.ResponseWriter, status int, detail, hint string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Problem{Title: http.StatusText(status), Status: status, Detail: detail, Hint: hint}) // the client is gone if it cannot be written
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone if it cannot be written
}

// read decodes a request's JSON body, one value and nothing after it; an empty one leaves v as it is.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) { // also where the length of an empty body was not told
		return true
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = cmp.Or(more, errors.New("something follows the JSON value"))
		}
	}
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		problem(w, http.StatusRequestEntityTooLarge, tooBig.Error(), "")
		return false
	}
	if err != nil {
		problem(w, http.StatusBadRequest, "the body is not the JSON expected: "+err.Error(), "")
		return false
	}
	return true
}

func quoted(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}

func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	if err := s.Engine.Healthy(r.Context()); err != nil {
		problem(w, http.StatusServiceUnavailable, err.Error(), "see the log; if it lasts, restart rowtap")
		return
	}
	body := map[string]any{"status": "ok"}
	if s.Engine.Refused() != nil {
		body["degraded"] = []string{engine.ConfigurationRefused}
	}
	answer(w, body)
}

func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	blocked, err := s.Engine.Degraded(r.Context())
	if err != nil {
		problem(w, http.StatusServiceUnavailable, err.Error(), "")
		return
	}
	body := map[string]any{"status": "ready"}
	if len(blocked) > 0 {
		body["degraded"] = blocked
	}
	answer(w, body)
}
