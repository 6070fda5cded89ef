package clevertap

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// progress records how far a request got. The transport retries on another connection only what it
// knows was not sent, so each new connection resets it.
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

// unsent reports whether it is certain that nothing of a request that failed with err was sent. If
// the transport reports no progress, only a dial error is proof.
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
	// A request that is cancelled just before it is written may still be written.
	return !p.written.Load() && ctx.Err() == nil
}
