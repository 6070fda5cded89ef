package proof

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/rowtap/rowtap/internal/config"
)

// Errors about a program that has not proved that it is the daemon. None quotes its response.
var (
	ErrUnproven = errors.New("the program that listens there did not prove that it is this daemon")
	ErrOlder    = errors.New("the program that listens there cannot prove that it is this daemon: an older release of rowtap, or another program")
	ErrAddress  = errors.New("the daemon that responds does not listen at this address")
	ErrAuthOff  = errors.New("the daemon that responds has no token (auth: off)")
)

// questionTimeout limits the first step.
const questionTimeout = 10 * time.Second

// Client is the CLI's side: it sends requests to one daemon.
type Client struct {
	base, address string
	keys          keys
	http          *http.Client
}

// NewClient returns the side of a CLI with a token, which must not be empty. h sends requests to
// paths under base. address is where the CLI is configured to find the daemon, in the form of
// [Address].
func NewClient(base, address string, token config.Secret, h *http.Client) *Client {
	return &Client{base: base, address: address, keys: newKeys(token), http: h}
}

// Do makes the daemon prove itself, sends a request with its MAC, and returns the response, whose
// status is verified. Reading the body verifies the rest: an error other than [io.EOF] means that
// the response is not the daemon's, or incomplete. path begins with /api/ and may have a query;
// body is nil for none. ErrUnproven, ErrOlder, ErrAddress and ErrAuthOff mean that the daemon did
// not prove itself; the request was sent only if the response to it is at fault.
func (c *Client) Do(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response, error) {
	u, err := url.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("the path of the request: %w", err)
	}
	nonce := newNonce()
	ticket, err := c.ask(ctx, nonce)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	hash := hashOf(body)
	req.Header.Set("Authorization", scheme+nonce+"."+ticket+"."+hash+"."+requestMAC(c.keys, nonce, ticket, hash, method, u.RequestURI()))
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	frames, err := newFrameReader(resp.Body, newFrames(c.keys, nonce, ticket, resp.StatusCode))
	if err != nil {
		_ = resp.Body.Close() // only read
		return nil, err
	}
	resp.Body, resp.ContentLength = frames, -1
	return resp, nil
}

// ask sends the question, and returns the daemon's nonce once its proof is verified.
func (c *Client) ask(ctx context.Context, nonce string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	query := url.Values{"nonce": {nonce}, "address": {c.address}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+Path+"?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	// Older releases require the token there.
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusMethodNotAllowed:
		return "", ErrOlder
	case http.StatusMisdirectedRequest:
		return "", ErrAddress
	case http.StatusConflict:
		return "", ErrAuthOff
	default:
		return "", fmt.Errorf("%w: status %d", ErrUnproven, resp.StatusCode)
	}
	const most = 4 << 10
	b, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return "", fmt.Errorf("read the daemon's proof: %w", err)
	}
	var q question
	if json.Unmarshal(b, &q) != nil {
		return "", ErrUnproven
	}
	given, err := hex.DecodeString(q.Proof)
	if err != nil || !hmac.Equal(given, mac(c.keys.daemon, nonce, q.Nonce, c.address)) {
		return "", ErrUnproven
	}
	return q.Nonce, nil
}
