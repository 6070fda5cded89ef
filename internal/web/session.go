package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
)

// A browser gets in by the token once, in a form or by a link that [Link] made, and by a cookie from then on. Neither the link nor the
// cookie holds the token: both are an expiry and its HMAC under the token, so that they end with it, and outlive the daemon.
const (
	sessionLasts = 30 * 24 * time.Hour
	linkLasts    = 10 * time.Minute

	forSession = "session"
	forLink    = "link"
)

// Link returns the address of the page at base for a browser that is not logged in: it is good for ten minutes.
func Link(base string, token config.Secret, now time.Time) string {
	base = strings.TrimSuffix(base, "/") + "/"
	if token.Reveal() == "" {
		return base
	}
	return base + "?token=" + url.QueryEscape(pass(token, forLink, now.Add(linkLasts)))
}

// pass returns what lets in until a time.
func pass(token config.Secret, purpose string, until time.Time) string {
	expiry := strconv.FormatInt(until.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(token.Reveal()))
	mac.Write([]byte(purpose + " until " + expiry))
	return expiry + "." + hex.EncodeToString(mac.Sum(nil))
}

// passes tells whether a pass is good.
func passes(token config.Secret, purpose, given string, now time.Time) bool {
	expiry, _, _ := strings.Cut(given, ".")
	until, err := strconv.ParseInt(expiry, 10, 64)
	return err == nil && now.Unix() < until && same(given, pass(token, purpose, time.Unix(until, 0)))
}

// same compares in a time that does not tell how much of it is right.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// bearer tells whether a request brings the token, as the API wants it.
func (s *server) bearer(r *http.Request) bool {
	got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && same(strings.TrimSpace(got), s.Token.Reveal())
}

// open tells whether everybody may ask everything.
func (s *server) open() bool { return s.Token.Reveal() == "" }

// cookieName differs between daemons with tokens of their own: a browser keeps one jar for all ports of a host.
func (s *server) cookieName() string {
	sum := sha256.Sum256([]byte("cookie of " + s.Token.Reveal()))
	return "rowtap-" + hex.EncodeToString(sum[:4])
}

func (s *server) setSession(w http.ResponseWriter, r *http.Request, value string, lasts time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: int(lasts.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

// loggedIn lets browsers in that have a session, or bring the token.
func (s *server) loggedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.open() || s.bearer(r) {
			next.ServeHTTP(w, r)
			return
		}
		cookie, err := r.Cookie(s.cookieName())
		in := err == nil && passes(s.Token, forSession, cookie.Value, time.Now())
		query := r.URL.Query()
		linked := query.Has("token") && r.Method == http.MethodGet
		switch {
		case linked && (in || s.letIn(w, r, query.Get("token"))):
			http.Redirect(w, r, local(withoutToken(r.URL)), http.StatusSeeOther)
		case in:
			next.ServeHTTP(w, r)
		case linked:
			s.showLogin(w, r, "This link has expired. Ask for a new one: rowtap open")
		default:
			s.showLogin(w, r, "")
		}
	})
}

// letIn begins a session for who brings the token, or a link's pass.
func (s *server) letIn(w http.ResponseWriter, r *http.Request, given string) bool {
	given = strings.TrimSpace(given)
	now := time.Now()
	if !same(given, s.Token.Reveal()) && !passes(s.Token, forLink, given, now) {
		return false
	}
	s.setSession(w, r, pass(s.Token, forSession, now.Add(sessionLasts)), sessionLasts)
	return true
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	if !s.open() && !s.letIn(w, r, r.PostFormValue("token")) {
		s.showLogin(w, r, "That is not the token.")
		return
	}
	http.Redirect(w, r, local(r.PostFormValue("to")), http.StatusSeeOther)
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	s.setSession(w, r, "", -time.Second)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// showLogin asks for the token, and then goes on to where the browser wanted to go.
func (s *server) showLogin(w http.ResponseWriter, r *http.Request, problem string) {
	to := "/"
	if r.Method == http.MethodGet {
		to = withoutToken(r.URL)
	}
	s.render(w, r, http.StatusUnauthorized, "login", frame{Title: "Log in", Bare: true}, struct{ Problem, To string }{problem, to})
}

func withoutToken(u *url.URL) string {
	query := u.Query()
	query.Del("token")
	return (&url.URL{Path: u.Path, RawQuery: query.Encode()}).String()
}

// local returns a path of this page, / for everything else.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}
