package web

import (
	"net"
	"net/http"

	"github.com/rowtap/rowtap/internal/web/proof"
)

// authorized lets API requests in that bring the token, or a MAC that proves it.
func (s *server) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.open(), s.bearer(r):
			trust(r)
			next.ServeHTTP(w, r)
		case proof.Offered(r):
			err := s.proof.Serve(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				trust(r)
				next.ServeHTTP(w, r)
			}))
			if err != nil {
				unauthorized(w, err.Error(), "run the command again")
			}
		default:
			unauthorized(w, "the token is missing or wrong",
				"send Authorization: Bearer TOKEN; the token is in http.token_file (api.token beside the state file), or in ROWTAP_TOKEN for the commands")
		}
	})
}

func unauthorized(w http.ResponseWriter, detail, hint string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="rowtap"`)
	problem(w, http.StatusUnauthorized, detail, hint)
}

// prove answers the question of a CLI that wants to know whether this is its daemon.
func (s *server) prove(w http.ResponseWriter, r *http.Request) {
	if s.proof == nil {
		problem(w, http.StatusConflict, "there is no token to prove: http.auth is off", "leave the token out")
		return
	}
	switch s.proof.Question(w, r, func(address string) bool { return s.own(r, address) }) {
	case http.StatusBadRequest:
		problem(w, http.StatusBadRequest, "nonce and address are missing or malformed", "nonce is 16 bytes in hexadecimal, address HOST:PORT or unix:PATH")
	case http.StatusMisdirectedRequest:
		problem(w, http.StatusMisdirectedRequest, "this daemon is not the one at "+quoted(r.URL.Query().Get("address")),
			"ask at the address of http.listen, or add the name to http.hosts in rowtap.yaml")
	}
}

// own tells whether an address is this daemon's: the one that http.listen names, the one that the request's connection has here, or one
// whose name http.hosts has. Any other may be that of a program that passes the question on.
func (s *server) own(r *http.Request, address string) bool {
	if s.Listen != "" && address == proof.Address(proof.Base(s.Listen)) {
		return true
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && address == proof.AddressOf(local) {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && s.named(host, address)
}
