package sheets

import (
	"io"
	"net/http"
)

// maxBody bounds response bodies, in bytes after decompression. Google recommends 2 MB
// (https://developers.google.com/workspace/sheets/api/limits); pages are sized for that, but cells
// may be long.
const maxBody = 64 << 20

// capped is a transport whose response bodies end with ErrTooBig after maxBody bytes.
type capped struct{ base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (c capped) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	left := maxBody
	if res.ContentLength > maxBody {
		left = 0 // fail before reading a byte
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
