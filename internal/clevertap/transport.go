package clevertap

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// newTransport returns the transport of a client that was given none. What ends an upload is the client's own timeout;
// these keep connections from being set up for ever, and find out the dead ones.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 20 * time.Second, PingTimeout: 10 * time.Second},
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    16, // CleverTap takes 15 uploads at once
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// progress follows how far a request came. The transport tries anew, on another connection, only what it knows was not
// sent; so each connection asked for starts the account afresh.
type progress struct {
	asked, connected, written atomic.Bool
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			p.asked.Store(true)
			p.connected.Store(false)
			p.written.Store(false)
		},
		GotConn:      func(httptrace.GotConnInfo) { p.connected.Store(true) },
		WroteHeaders: func() { p.written.Store(true) },
	}
}

// unsent tells whether it is certain that nothing of a request that failed with err ever left. Where a transport tells
// nothing of its progress, only an error of dialling is proof.
func (p *progress) unsent(ctx context.Context, err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	switch {
	case !p.asked.Load():
		return false
	case !p.connected.Load():
		return true
	}
	// A request given up while its connection was just about to be written to may still be written.
	return !p.written.Load() && ctx.Err() == nil
}
