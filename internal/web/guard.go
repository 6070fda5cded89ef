package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web/problem"
	"github.com/rowtap/rowtap/internal/web/proof"
	"github.com/rowtap/rowtap/internal/web/token"
)

// maxBody limits a request's body, in bytes.
const maxBody = 1 << 20

// guard decides which requests are served.
type guard struct {
	token  config.Secret // empty: everyone may do everything
	hosts  []string
	listen string
	proof  *proof.Daemon // nil without a token
}

func newGuard(o Options) *guard {
	g := &guard{token: o.Token, hosts: o.Hosts, listen: o.Listen}
	if o.Token.Reveal() != "" {
		g.proof = proof.NewDaemon(o.Token)
	}
	return g
}

// protect refuses foreign requests, and limits the size of bodies and the time that clients take to
// read.
func (g *guard) protect(next http.Handler) http.Handler {
	next = patient(g.sameSite(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// sameSite refuses requests that a foreign page makes a browser send. Requests without an Origin
// are judged by their Sec-Fetch-Site ([http.CrossOriginProtection]).
func (g *guard) sameSite(next http.Handler) http.Handler {
	fetched := http.NewCrossOriginProtection()
	fetched.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, http.StatusForbidden, "cross-site requests are refused", "")
	}))
	guarded := fetched.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.known(r.Host) {
			problem.Write(w, http.StatusMisdirectedRequest, "host "+problem.Quote(r.Host)+" is not in http.hosts",
				"use a loopback name or the IP address, or add the name to http.hosts in rowtap.yaml")
			return
		}
		origin := r.Header.Get("Origin")
		if origin != "" {
			u, err := url.Parse(origin)
			if err != nil || u.Host == "" || u.Host != r.Host && !g.named(u.Hostname(), u.Host) {
				problem.Write(w, http.StatusForbidden, "requests from the foreign origin "+problem.Quote(origin)+" are refused", "")
				return
			}
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if origin != "" {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// known reports whether a Host is this daemon's. IP literals and loopback names always are: they do
// not depend on DNS.
func (g *guard) known(hostport string) bool {
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
	return g.named(host, hostport)
}

// named reports whether http.hosts has a name, with or without its port.
func (g *guard) named(host, hostport string) bool {
	return slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, host) || strings.EqualFold(h, hostport) })
}

// authorized serves API requests that carry the token, or a MAC that proves it.
func (g *guard) authorized(next http.Handler) http.Handler {
	trusted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trust(r)
		next.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.proof == nil, token.Bearer(r, g.token):
			trusted(w, r)
		case proof.Offered(r):
			if err := g.proof.Serve(w, r, trusted); err != nil {
				unauthorized(w, err.Error(), "run the command again")
			}
		default:
			unauthorized(w, "the token is missing or wrong", "send Authorization: Bearer TOKEN; the token is in http.token_file "+
				"(by default api.token next to the state file), or in ROWTAP_TOKEN for the commands")
		}
	})
}

func unauthorized(w http.ResponseWriter, detail, hint string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="rowtap"`)
	problem.Write(w, http.StatusUnauthorized, detail, hint)
}

// prove proves to a CLI that this is its daemon.
func (g *guard) prove(w http.ResponseWriter, r *http.Request) {
	if g.proof == nil {
		problem.Write(w, http.StatusConflict, "there is no token to prove: http.auth is off", "send the request without a token")
		return
	}
	switch g.proof.Question(w, r, func(address string) bool { return g.own(r, address) }) {
	case http.StatusBadRequest:
		problem.Write(w, http.StatusBadRequest, "nonce and address are missing or malformed",
			"nonce is 16 bytes in hexadecimal, address HOST:PORT or unix:PATH")
	case http.StatusMisdirectedRequest:
		problem.Write(w, http.StatusMisdirectedRequest, "this daemon does not listen at "+problem.Quote(r.URL.Query().Get("address")),
			"use the address of http.listen, or add the name to http.hosts in rowtap.yaml")
	}
}

// own reports whether an address is this daemon's: http.listen, the local address of the request's
// connection, or a name in http.hosts. Any other address may belong to a program that relays the
// question.
func (g *guard) own(r *http.Request, address string) bool {
	if g.listen != "" && address == proof.Address(proof.Base(g.listen)) {
		return true
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && address == proof.AddressOf(local) {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && g.named(host, address)
}
