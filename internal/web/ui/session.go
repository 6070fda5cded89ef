package ui

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web/token"
)

// A browser sends the token once, in the login form or as a link made by [Link], and has a cookie
// from then on. Link and cookie do not hold the token: each is an expiry and its HMAC under the
// token. So they become invalid with the token, and remain valid when the daemon restarts.
const (
	sessionDuration = 30 * 24 * time.Hour
	linkDuration    = 10 * time.Minute

	forSession = "session"
	forLink    = "link"
)

// Link returns an address of the page with a login token, which is valid for ten minutes.
func Link(page string, secret config.Secret, now time.Time) string {
	if secret.Reveal() == "" {
		return page
	}
	return page + "?token=" + url.QueryEscape(signPass(secret, forLink, now.Add(linkDuration)))
}

// signPass returns a signed login token valid until the given time.
func signPass(secret config.Secret, purpose string, until time.Time) string {
	expiry := strconv.FormatInt(until.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(purpose + " until " + expiry))
	return expiry + "." + hex.EncodeToString(mac.Sum(nil))
}

// validPass reports whether a login token is valid.
func validPass(secret config.Secret, purpose, pass string, now time.Time) bool {
	expiry, _, _ := strings.Cut(pass, ".")
	until, err := strconv.ParseInt(expiry, 10, 64)
	return err == nil && now.Unix() < until && token.Equal(pass, signPass(secret, purpose, time.Unix(until, 0)))
}

// open reports whether the page requires no login.
func (s *Server) open() bool { return s.Token.Reveal() == "" }

// cookieName differs between daemons with different tokens: a browser shares cookies among all
// ports of a host.
func (s *Server) cookieName() string {
	sum := sha256.Sum256([]byte("cookie of " + s.Token.Reveal()))
	return "rowtap-" + hex.EncodeToString(sum[:4])
}

func (s *Server) setSession(w http.ResponseWriter, r *http.Request, value string, duration time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: int(duration.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

// loggedIn serves requests with a session or the token, and shows others the login page.
func (s *Server) loggedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.open() || token.Bearer(r, s.Token) {
			next.ServeHTTP(w, r)
			return
		}
		cookie, err := r.Cookie(s.cookieName())
		in := err == nil && validPass(s.Token, forSession, cookie.Value, time.Now())
		query := r.URL.Query()
		linked := query.Has("token") && r.Method == http.MethodGet
		switch {
		case linked && (in || s.letIn(w, r, query.Get("token"))):
			http.Redirect(w, r, local(withoutToken(r.URL)), http.StatusSeeOther)
		case in:
			next.ServeHTTP(w, r)
		case linked:
			s.showLogin(w, r, "This link has expired. Get a new one: rowtap open")
		default:
			s.showLogin(w, r, "")
		}
	})
}

// letIn starts a session if given is the token or the login token of a link.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request, given string) bool {
	given = strings.TrimSpace(given)
	now := time.Now()
	if !token.Equal(given, s.Token.Reveal()) && !validPass(s.Token, forLink, given, now) {
		return false
	}
	s.setSession(w, r, signPass(s.Token, forSession, now.Add(sessionDuration)), sessionDuration)
	return true
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if !s.open() && !s.letIn(w, r, r.PostFormValue("token")) {
		s.showLogin(w, r, "Wrong token.")
		return
	}
	http.Redirect(w, r, local(r.PostFormValue("to")), http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	s.setSession(w, r, "", -time.Second)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// showLogin shows the login page, which leads to the requested page.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request, problem string) {
	to := "/"
	if r.Method == http.MethodGet {
		to = withoutToken(r.URL)
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="rowtap"`)
	s.showOnce(w, r, http.StatusUnauthorized, "login", frame{Title: "Log in", Bare: true}, struct{ Problem, To string }{problem, to})
}

func withoutToken(u *url.URL) string {
	query := u.Query()
	query.Del("token")
	return (&url.URL{Path: u.Path, RawQuery: query.Encode()}).String()
}

// local returns a path of this page, or / for any other address.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}
