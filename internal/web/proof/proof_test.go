package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/config"
)

var secret = config.NewSecret("0123456789abcdef")

// handler serves the requests of a daemon, as package web does: its own address is the one of the
// connection.
func handler(d *Daemon, next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, r *http.Request) {
		status := d.Question(w, r, func(address string) bool {
			local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
			return ok && address == AddressOf(local)
		})
		if status != http.StatusOK {
			w.WriteHeader(status)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if err := d.Serve(w, r, next); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	})
	return mux
}

// echo responds with the request.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusTeapot)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), body)
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func clientOf(base string) *Client { return NewClient(base, Address(base), secret, &http.Client{}) }

func TestRequestAndAnswer(t *testing.T) {
	base := serve(t, handler(NewDaemon(secret), http.HandlerFunc(echo)))
	long := strings.Repeat("x", 3*maxFrame+7)
	for _, tt := range []struct{ method, path, body string }{
		{"GET", "/api/v1/status", ""},
		{"GET", "/api/v1/deliveries?zap=a%20b&limit=1", ""},
		{"POST", "/api/v1/zaps/a%2Fb/pause", `{"reason":"why"}`},
		{"POST", "/api/v1/deliveries/replay", long},
	} {
		resp, err := clientOf(base).Do(t.Context(), tt.method, tt.path, []byte(tt.body), nil)
		if err != nil {
			t.Errorf("%s %s: %v", tt.method, tt.path, err)
			continue
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := tt.method + " " + tt.path + " " + tt.body; string(got) != want || resp.StatusCode != http.StatusTeapot || err != nil {
			t.Errorf("%s %s: %d %.60q %v, want %.60q", tt.method, tt.path, resp.StatusCode, got, err, want)
		}
	}
}

// A stream is read while it is written.
func TestStream(t *testing.T) {
	goOn := make(chan bool)
	base := serve(t, handler(NewDaemon(secret), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "event %d\n", i)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			<-goOn
		}
		panic(http.ErrAbortHandler)
	})))
	resp, err := clientOf(base).Do(t.Context(), "GET", "/api/v1/events", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b := make([]byte, 100)
	for i := range 3 {
		n, err := resp.Body.Read(b)
		if want := fmt.Sprintf("event %d\n", i); string(b[:n]) != want || err != nil {
			t.Fatalf("read %q %v, want %q", b[:n], err, want)
		}
		goOn <- true
	}
	if _, err := resp.Body.Read(b); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a truncated response ends with %v", err)
	}
}

// Programs that hold the port get one question, and neither the token nor a request.
func TestImpostors(t *testing.T) {
	real := serve(t, handler(NewDaemon(secret), http.HandlerFunc(echo)))
	target, err := url.Parse(real)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	for name, tt := range map[string]struct {
		http.Handler
		want error
	}{
		"200":                  {answer(200, `{}`), ErrUnproven},
		"200 and not JSON":     {answer(200, `hello`), ErrUnproven},
		"200 and much":         {answer(200, strings.Repeat("x", 1<<20)), ErrUnproven},
		"empty proof":          {answer(200, `{"nonce":"","proof":""}`), ErrUnproven},
		"404":                  {answer(404, ``), ErrOlder},
		"401, an older rowtap": {answer(401, ``), ErrOlder},
		"500":                  {answer(500, ``), ErrUnproven},
		"auth: off":            {answer(409, ``), ErrAuthOff},
		"redirect":             {http.RedirectHandler(real+Path, http.StatusFound), ErrUnproven},
		"relay":                {httputil.NewSingleHostReverseProxy(target), ErrAddress},
		"another token":        {handler(NewDaemon(config.NewSecret("another")), http.HandlerFunc(echo)), ErrUnproven},
		"echo": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			nonce := r.URL.Query().Get("nonce")
			fmt.Fprintf(w, `{"nonce":%q,"proof":%q}`, nonce, nonce)
		}), ErrUnproven},
		"relay with the daemon's address": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			query.Set("address", target.Host)
			r.URL.RawQuery = query.Encode()
			httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
		}), ErrUnproven},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				dump, err := httputil.DumpRequest(r, true)
				if err != nil {
					t.Error(err)
				}
				got = append(got, string(dump))
				tt.ServeHTTP(w, r)
			}))
			c := clientOf(base)
			c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			resp, err := c.Do(t.Context(), "POST", "/api/v1/reload", []byte("body"), nil)
			if err == nil {
				resp.Body.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], "GET "+Path) || strings.Contains(got[0], secret.Reveal()) || strings.Contains(got[0], "Authorization") {
				t.Errorf("it was sent %q, want the question alone", got)
			}
		})
	}
}

// takeover is a port at which the daemon gets the question, and another program the request.
type takeover struct {
	daemon, other http.Handler
	request       *http.Request // what the other program was sent
}

func (s *takeover) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == Path {
		s.daemon.ServeHTTP(w, r)
		return
	}
	s.request = r.Clone(context.WithoutCancel(r.Context()))
	body, _ := io.ReadAll(r.Body)
	s.request.Body, r.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	s.other.ServeHTTP(w, r)
}

func TestTakeoverBetweenProofAndRequest(t *testing.T) {
	daemon := handler(NewDaemon(secret), http.HandlerFunc(echo))
	var recorded bytes.Buffer // a valid response to another request
	func() {
		s := &takeover{daemon: daemon, other: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			daemon.ServeHTTP(rec, r)
			recorded.Write(rec.Body.Bytes())
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
		})}
		resp, err := clientOf(serve(t, s)).Do(t.Context(), "GET", "/api/v1/status", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}()
	for name, body := range map[string][]byte{
		"nothing": nil, "plain": []byte(`{"zaps":[]}`), "a response to another request": recorded.Bytes(), "a frame without end": {0, 0, 0, 0, 9, 1},
		"a huge frame": append([]byte{0, 0xff, 0xff, 0xff, 0xff}, make([]byte, 1<<20)...),
	} {
		s := &takeover{daemon: daemon, other: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write(body)
		})}
		resp, err := clientOf(serve(t, s)).Do(t.Context(), "POST", "/api/v1/reload", []byte("body"), nil)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s: accepted as the daemon's response", name)
		}
		if sent := fmt.Sprint(s.request.Header); strings.Contains(sent, secret.Reveal()) {
			t.Errorf("%s: the token was sent: %s", name, sent)
		}
		// Another daemon with the same token does not accept the request that the program saw.
		w := httptest.NewRecorder()
		handler(NewDaemon(secret), http.HandlerFunc(echo)).ServeHTTP(w, s.request)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: another daemon responds to the request with %d", name, w.Code)
		}
	}
}

// exchange is one request of a CLI, and the daemon that made its nonce.
func exchange(t *testing.T, d *Daemon) *http.Request {
	t.Helper()
	nonce, hash := newNonce(), hashOf([]byte("body"))
	ticket := d.ticket(nonce)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/reload?a=1", strings.NewReader("body"))
	r.Header.Set("Authorization", scheme+nonce+"."+ticket+"."+hash+"."+requestMAC(newKeys(secret), nonce, ticket, hash, "POST", "/api/v1/reload?a=1"))
	return r
}

func TestRequestsThatAreRefused(t *testing.T) {
	d := NewDaemon(secret)
	served := 0
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })
	ask := func(r *http.Request) error { return d.Serve(httptest.NewRecorder(), r, next) }

	replayed := exchange(t, d)
	if err := ask(replayed.Clone(t.Context())); err != nil || served != 1 {
		t.Fatalf("a valid request: %v, served %d times", err, served)
	}
	other := exchange(t, NewDaemon(secret))
	for name, tt := range map[string]struct {
		change func(*http.Request)
		want   error
	}{
		"replayed":              {func(r *http.Request) { *r = *replayed }, errUsed},
		"of another process":    {func(r *http.Request) { *r = *other }, errExpired},
		"another path":          {func(r *http.Request) { r.URL.Path = "/api/v1/status" }, errWrong},
		"another query":         {func(r *http.Request) { r.URL.RawQuery = "a=2" }, errWrong},
		"another method":        {func(r *http.Request) { r.Method = "GET" }, errWrong},
		"another body":          {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("ydob")) }, errBody},
		"no MAC":                {func(r *http.Request) { r.Header.Set("Authorization", scheme) }, errMalformed},
		"no nonces":             {func(r *http.Request) { r.Header.Set("Authorization", scheme+"...") }, errExpired},
		"MAC of the other role": {func(r *http.Request) { r.Header.Set("Authorization", withMAC(r, newKeys(secret).daemon)) }, errWrong},
		"MAC of another token": {func(r *http.Request) {
			r.Header.Set("Authorization", withMAC(r, newKeys(config.NewSecret("another")).request))
		}, errWrong},
	} {
		served = 0
		r := exchange(t, d)
		tt.change(r)
		if err := ask(r); !errors.Is(err, tt.want) || served != 0 {
			t.Errorf("%s: %v, served %d times; want %v", name, err, served, tt.want)
		}
	}
}

// withMAC returns the header of a request with a MAC under another key.
func withMAC(r *http.Request, key []byte) string {
	header := r.Header.Get("Authorization")
	f := strings.Split(strings.TrimPrefix(header, scheme), ".")
	return header[:strings.LastIndex(header, ".")+1] + requestMAC(keys{request: key}, f[0], f[1], f[2], r.Method, r.URL.RequestURI())
}

func TestNoncesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDaemon(secret)
		next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		for range 3 {
			first, late := exchange(t, d), exchange(t, d)
			again := first.Clone(t.Context())
			<-time.After(nonceLasts - 1)
			if err := d.Serve(httptest.NewRecorder(), first, next); err != nil {
				t.Errorf("just before it expires: %v", err)
			}
			if err := d.Serve(httptest.NewRecorder(), again, next); !errors.Is(err, errUsed) {
				t.Errorf("used again just before it expires: %v", err)
			}
			<-time.After(1)
			if err := d.Serve(httptest.NewRecorder(), late, next); !errors.Is(err, errExpired) {
				t.Errorf("expired: %v", err)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // used at the end of one period, and again in the next
		d := NewDaemon(secret)
		next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		<-time.After(nonceLasts - time.Second)
		first := exchange(t, d)
		again := first.Clone(t.Context())
		_ = d.Serve(httptest.NewRecorder(), first, next)
		<-time.After(2 * time.Second)
		if err := d.Serve(httptest.NewRecorder(), exchange(t, d), next); err != nil {
			t.Error(err)
		}
		if err := d.Serve(httptest.NewRecorder(), again, next); !errors.Is(err, errUsed) {
			t.Errorf("used again in the next generation: %v", err)
		}
	})
}

// Neither questions nor requests without the token are remembered; those with it, up to a bound.
func TestFlood(t *testing.T) {
	d := NewDaemon(secret)
	own := func(string) bool { return true }
	forged := exchange(t, NewDaemon(config.NewSecret("another")))
	for range 3 * maxUsed {
		r := httptest.NewRequestWithContext(t.Context(), "GET", Path+"?address=x&nonce="+newNonce(), nil)
		if status := d.Question(httptest.NewRecorder(), r, own); status != http.StatusOK {
			t.Fatalf("the response to a question is %d", status)
		}
		_ = d.Serve(httptest.NewRecorder(), forged, http.NotFoundHandler())
	}
	if n := len(d.used) + len(d.earlier); n != 0 {
		t.Errorf("%d nonces are remembered after a flood of questions", n)
	}
	var err error
	for range maxUsed + 1 {
		err = d.Serve(httptest.NewRecorder(), exchange(t, d), http.NotFoundHandler())
	}
	if !errors.Is(err, errBusy) || len(d.used) != maxUsed {
		t.Errorf("%d nonces are remembered, %v; want %d and then %v", len(d.used), err, maxUsed, errBusy)
	}
}

// Any change of a response is an error.
func TestAnswersThatAreChanged(t *testing.T) {
	k := newKeys(secret)
	w := httptest.NewRecorder()
	framed := newFrameWriter(w, k, "c", "d")
	framed.WriteHeader(http.StatusAccepted)
	for _, text := range []string{"one ", "two ", "three"} {
		if _, err := io.WriteString(framed, text); err != nil {
			t.Fatal(err)
		}
	}
	framed.end()
	whole := w.Body.Bytes()
	read := func(b []byte, nonce string, status int) (string, error) {
		r, err := newFrameReader(io.NopCloser(bytes.NewReader(b)), newFrames(k, nonce, "d", status))
		if err != nil {
			return "", err
		}
		got, err := io.ReadAll(r)
		return string(got), err
	}
	const want = "one two three"
	if got, err := read(whole, "c", http.StatusAccepted); got != want || err != nil {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := read(whole, "c", http.StatusOK); !errors.Is(err, ErrUnproven) {
		t.Errorf("another status: %v", err)
	}
	if _, err := read(whole, "C", http.StatusAccepted); !errors.Is(err, ErrUnproven) {
		t.Errorf("another request: %v", err)
	}
	if _, err := read(append(bytes.Clone(whole), 'x'), "c", http.StatusAccepted); err == nil {
		t.Error("more after the end is no error")
	}
	first, second := whole[:frameHead+4+32], whole[frameHead+4+32:2*(frameHead+4+32)]
	swapped := bytes.Join([][]byte{second, first, whole[2*len(first):]}, nil)
	if _, err := read(swapped, "c", http.StatusAccepted); !errors.Is(err, ErrUnproven) {
		t.Errorf("frames that changed places: %v", err)
	}
	for i := range whole {
		if got, err := read(whole[:i], "c", http.StatusAccepted); err == nil || !strings.HasPrefix(want, got) {
			t.Errorf("cut after %d bytes: %q %v", i, got, err)
		}
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		if got, err := read(changed, "c", http.StatusAccepted); err == nil || !strings.HasPrefix(want, got) {
			t.Errorf("byte %d changed: %q %v", i, got, err)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	base := serve(t, handler(NewDaemon(secret), http.HandlerFunc(echo)))
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			path := fmt.Sprintf("/api/v1/%d", i)
			resp, err := clientOf(base).Do(t.Context(), "GET", path, nil, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); string(b) != "GET "+path+" " || err != nil {
				t.Errorf("%s: %q %v", path, b, err)
			}
		})
	}
	all.Wait()
}

func TestAddress(t *testing.T) {
	for base, want := range map[string]string{
		"http://127.0.0.1:8321": "127.0.0.1:8321", "https://Ops.Example.com/rowtap": "ops.example.com:443", "http://host": "host:80",
		"http://[::1]:8321": "[::1]:8321", "http://[::ffff:127.0.0.1]:8321": "127.0.0.1:8321", "unix:/run//rowtap/api.sock": "unix:/run/rowtap/api.sock",
	} {
		if got := Address(base); got != want {
			t.Errorf("Address(%q) = %q, want %q", base, got, want)
		}
	}
}
