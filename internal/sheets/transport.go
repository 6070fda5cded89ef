package sheets

import (
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswer bounds the answers that are read, in bytes after decompression. Google recommends 2 MB
// (https://developers.google.com/workspace/sheets/api/limits); pages are made for that, but cells may be long.
const maxBody = 64 << 20

// newTransport returns the transport of an account that was given none. What ends a request is its own timeout; these
// keep connections from being set up for ever, and find out the dead ones.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 20 * time.Second, PingTimeout: 10 * time.Second},
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// stay is the redirect policy of all requests: the answer itself, for tokens must not travel on.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// capped is a transport whose answers end with ErrTooBig past maxAnswer.
type capped struct{ base http.RoundTripper }

// RoundTrip sends the request by the base transport.
func (c capped) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	left := maxBody
	if res.ContentLength > maxBody {
		left = 0 // not a byte is read in vain
	}
	res.Body = &cappedBody{ReadCloser: res.Body, left: left}
	return res, nil
}

// CloseIdleConnections closes those of the base transport.
func (c capped) CloseIdleConnections() {
	if t, ok := c.base.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

type cappedBody struct {
	io.ReadCloser
	left int
}

func (b *cappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, ErrTooBig
	}
	return n, err
}
