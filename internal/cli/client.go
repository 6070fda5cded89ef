package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/quantity"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/problem"
	"github.com/rowtap/rowtap/internal/web/proof"
	"github.com/rowtap/rowtap/internal/web/token"
)

// client calls the daemon's API, or the same handlers in this process. With a token, the daemon
// must prove that it knows it before each request (package proof); the token itself is never sent.
type client struct {
	base    string
	address string // the daemon's configured address, for the proof
	token   config.Secret
	http    *http.Client
	daemon  bool         // requests go to a daemon, not to this process
	socket  string       // path of the daemon's socket; "" if it listens on a port
	close   func() error // of the state, without a daemon
}

// find finds the daemon at ROWTAP_URL, else at the address in the configuration. It returns nil if
// none runs.
func find(ctx context.Context, g *globals) (*client, error) {
	if base := os.Getenv("ROWTAP_URL"); base != "" {
		c, err := dialer(base)
		if err != nil {
			return nil, &exitError{exitUsage, fmt.Errorf("ROWTAP_URL: %w", err)}
		}
		c.token = config.NewSecret(os.Getenv("ROWTAP_TOKEN"))
		return c, nil
	}
	local, err := config.LoadLocal(g.dir, environmentOf(g.dir).find)
	if err != nil {
		if c := findLast(ctx, g.dir, err); c != nil {
			return c, nil
		}
		return nil, configError(err, exitUsage)
	}
	return findAt(ctx, local.HTTP)
}

// findAt finds the daemon with these settings. It returns nil if none runs.
func findAt(ctx context.Context, h config.HTTP) (*client, error) {
	if h.Listen == "" {
		return nil, nil
	}
	c, err := dialer(proof.Base(h.Listen))
	if err != nil {
		return nil, err
	}
	alive, err := c.alive(ctx)
	if err != nil || !alive {
		return nil, err
	}
	return c, c.authorize(h)
}

// findLast finds a daemon that runs with what rowtap.yaml said before its mistakes: at its last
// address, with the token in the default state directory. That directory may be another daemon's
// unless dir is the service's, or systemd says where it is. It returns nil if none is found.
func findLast(ctx context.Context, dir string, wrong error) *client {
	e := environmentOf(dir)
	_, given := e.find("STATE_DIRECTORY")
	if _, mistakes := errors.AsType[config.Diagnostics](wrong); !mistakes || !given && !isServiceDir(dir) {
		return nil
	}
	h := config.DefaultLocal(dir, e.find).HTTP
	h.Listen = healthAddress(dir)
	c, err := findAt(ctx, h)
	if err != nil {
		return nil // the mistakes say more
	}
	return c
}

// dialer returns a client for http://HOST:PORT or unix:PATH.
func dialer(base string) (*client, error) {
	transport := &http.Transport{ResponseHeaderTimeout: 5 * time.Minute}
	c := &client{
		base:    strings.TrimRight(base, "/"),
		address: proof.Address(base),
		daemon:  true,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if path, ok := strings.CutPrefix(base, "unix:"); ok {
		c.base, c.socket = "http://localhost", path
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
		return c, nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not http://HOST:PORT or unix:PATH", base)
	}
	switch host := u.Hostname(); host {
	case "", "0.0.0.0", "::", "localhost":
		// A daemon that listens on every address listens on this one. localhost may resolve to ::1,
		// where another program can listen.
		u.Host = strings.TrimSuffix(net.JoinHostPort("127.0.0.1", u.Port()), ":")
		c.base = strings.TrimRight(u.String(), "/")
		c.address = proof.Address(c.base)
	}
	return c, nil
}

// alive reports whether a daemon responds. If nothing listens at its address, none runs.
func (c *client) alive(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/healthz", nil)
	if err != nil {
		return false, err
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, errRefused), errors.Is(err, os.ErrNotExist):
		return false, nil
	case errors.Is(err, fs.ErrPermission) && c.socket != "":
		return false, unreadable("the daemon's socket", c.socket, err)
	case err != nil:
		return false, fmt.Errorf("the daemon at %s: %w", c.base, err)
	}
	return true, resp.Body.Close()
}

func (c *client) authorize(h config.HTTP) error {
	if h.AuthOff {
		return nil
	}
	if token := os.Getenv("ROWTAP_TOKEN"); token != "" {
		c.token = config.NewSecret(token)
		return nil
	}
	secret, err := token.Read(h.TokenFile)
	switch {
	case errors.Is(err, token.ErrEmpty):
		return fmt.Errorf("%s: %w\nnext: restart the daemon, which creates a new token: systemctl restart rowtap", h.TokenFile, err)
	case errors.Is(err, fs.ErrPermission):
		return unreadable("the daemon's token", h.TokenFile, err)
	case err != nil:
		return fmt.Errorf("the daemon's token: %w\nnext: correct http.token_file, or set ROWTAP_TOKEN", err)
	}
	c.token = secret
	return nil
}

// inProcess returns a client of the API served by this process from the state file.
func inProcess(ctx context.Context, g *globals) (*client, error) {
	plan, err := loadPlan(g.dir)
	if err != nil {
		return nil, fmt.Errorf("the daemon is not running, so this command loads the full configuration: %w", configError(err, exitUsage))
	}
	if err := stateFileExists(plan.Config); err != nil {
		return nil, err
	}
	held, err := take(ctx, plan, zap.NewNop(), false, ledger.Open)
	if errors.Is(err, ledger.ErrInUse) && plan.Config.HTTP.Listen == "" {
		return nil, errors.New("a daemon runs but does not listen: http.listen is \"\"\nnext: set http.listen, for example to unix:/run/rowtap/api.sock, or stop the daemon")
	}
	if errors.Is(err, fs.ErrPermission) {
		err = unreadable("the daemon is not running, so this command opens the state file", plan.Config.State.Path, err)
	}
	if err != nil {
		return nil, err
	}
	e, err := engine.New(held.options(engine.Options{Plan: plan, Log: zap.NewNop(), Version: version()}))
	if err != nil {
		return nil, errors.Join(err, held.close())
	}
	handler := web.New(web.Options{Engine: e, Log: zap.NewNop()})
	return &client{base: "http://localhost", http: &http.Client{Transport: handlerTransport{handler}}, close: held.close}, nil
}

// call sends a request with in as its JSON body, if not nil, and returns the body of the response.
// Status codes from 400 on are errors.
func (c *client) call(ctx context.Context, method, path string, in any) ([]byte, error) {
	resp, err := c.do(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	const most = 1 << 30
	b, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, fmt.Errorf("read the daemon's response: %w", err)
	}
	return b, nil
}

// do is [client.call] with a response whose body the caller reads and closes.
func (c *client) do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	return c.doWith(ctx, method, path, in, nil)
}

// doWith is [client.do] with a header.
func (c *client) doWith(ctx context.Context, method, path string, in any, header http.Header) (*http.Response, error) {
	header = header.Clone()
	var body []byte
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		if header == nil {
			header = http.Header{}
		}
		header.Set("Content-Type", "application/json")
		body = b
	}
	resp, err := c.send(ctx, method, path, body, header)
	if err != nil {
		if next := unprovenHint(err); next != "" {
			return nil, fmt.Errorf("the daemon at %s: %w\nnext: %s", c.address, err, next)
		}
		return nil, fmt.Errorf("the daemon at %s: %w\nnext: systemctl status rowtap", c.base, err)
	}
	if resp.StatusCode < http.StatusBadRequest {
		return resp, nil
	}
	defer resp.Body.Close()
	const longest = 1 << 20
	b, err := io.ReadAll(io.LimitReader(resp.Body, longest))
	if err != nil {
		return nil, fmt.Errorf("read the daemon's response: %w", err)
	}
	return nil, problemError(resp, b)
}

// send sends a request. Health and metrics need no token, and are requested without a proof.
func (c *client) send(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response, error) {
	if c.token.Reveal() != "" && strings.HasPrefix(path, "/api/") {
		return proof.NewClient(c.base, c.address, c.token, c.http).Do(ctx, method, path, body, header)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	return c.http.Do(req)
}

// unprovenHint returns what to do about a daemon that does not prove itself, "" for other errors.
func unprovenHint(err error) string {
	switch {
	case errors.Is(err, proof.ErrOlder):
		return "restart the daemon, if it is an older one: systemctl restart rowtap. The token was not sent"
	case errors.Is(err, proof.ErrAddress):
		return "set ROWTAP_URL to the address in http.listen (over ssh: the same port on both ends), or add the host to http.hosts in rowtap.yaml"
	case errors.Is(err, proof.ErrAuthOff):
		return "unset ROWTAP_TOKEN, or restart the daemon if http.auth has changed"
	case errors.Is(err, proof.ErrUnproven):
		return "check that the daemon runs: systemctl status rowtap. If it does, the tokens differ: compare http.token_file with the daemon's, or correct ROWTAP_TOKEN"
	}
	return ""
}

// get decodes the response to a GET into out.
func (c *client) get(ctx context.Context, path string, out any) error {
	b, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// each calls fn for each element of a JSON array in the response, as it arrives.
func each[T any](ctx context.Context, c *client, path string, fn func(T) error) (err error) {
	resp, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	list := json.NewDecoder(resp.Body)
	if _, err = list.Token(); err == nil { // the bracket
		for list.More() {
			var v T
			if err = list.Decode(&v); err != nil {
				break
			}
			if err := fn(v); err != nil {
				return err
			}
		}
		if err == nil {
			_, err = list.Token()
		}
	}
	if err != nil {
		return fmt.Errorf("read the daemon's response: %w\nnext: run the command again", err)
	}
	return nil
}

// post decodes the response to a POST into out.
func (c *client) post(ctx context.Context, path string, in, out any) error {
	b, err := c.call(ctx, http.MethodPost, path, in)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

func problemError(resp *http.Response, body []byte) error {
	var p api.StandbyProblem
	if err := json.Unmarshal(body, &p); err != nil || p.Detail == "" {
		return fmt.Errorf("the daemon responds %s", resp.Status)
	}
	p.Status = resp.StatusCode
	err := errorOf(p.Details)
	if p.Machines != nil {
		err = &standbyError{err, p.Machines}
	}
	return err
}

func errorOf(p problem.Details) error {
	err := errors.New(p.Detail)
	if p.Hint != "" {
		err = fmt.Errorf("%w\nnext: %s", err, p.Hint)
	}
	switch p.Status {
	case http.StatusUnprocessableEntity:
		return &exitError{exitUsage, err}
	case http.StatusUnauthorized:
		return &unauthorizedError{err}
	}
	return err
}

// unauthorizedError is the daemon's response to a missing or wrong token.
type unauthorizedError struct{ error }

func (e *unauthorizedError) Unwrap() error { return e.error }

// with calls f with a client of the daemon or, if none runs, of the state file, which it closes.
func with(ctx context.Context, g *globals, f func(*client) error) error {
	c, err := find(ctx, g)
	if c == nil && err == nil {
		if c, err = inProcess(ctx, g); err == nil {
			return errors.Join(f(c), c.close())
		}
	}
	if err != nil {
		return err
	}
	return f(c)
}

func noDaemon(g *globals) error {
	return errors.New("the daemon is not running\nnext: " + environmentOf(g.dir).start())
}

// withDaemon is [with] for commands that require a running daemon.
func withDaemon(ctx context.Context, g *globals, f func(*client) error) error {
	c, err := find(ctx, g)
	if c == nil && err == nil {
		err = noDaemon(g)
	}
	if err != nil {
		return err
	}
	return f(c)
}

func loadPlan(dir string) (*plan.Plan, error) {
	return plan.Load(dir, environmentOf(dir).find, "rowtap/"+version())
}

// loadAccounts loads rowtap.yaml alone: a plan without zaps.
func loadAccounts(dir string) (*plan.Plan, error) {
	return plan.LoadAccounts(dir, environmentOf(dir).find, "rowtap/"+version())
}

// configError returns an error that lists the mistakes of a configuration, with an exit code.
func configError(err error, code int) error {
	wrong, ok := errors.AsType[config.Diagnostics](err)
	if !ok {
		return &exitError{code, err}
	}
	if lacking := environmentOf("").lacking(wrong); lacking != nil {
		return &exitError{code, lacking}
	}
	return &exitError{code, fmt.Errorf("%s in the configuration\n%w\nnext: correct the files, then: rowtap check",
		quantity.Count(len(wrong), "mistake"), err)}
}
