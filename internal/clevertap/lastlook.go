package clevertap

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// lastLookKey is the context key of the last look.
type lastLookKey struct{}

// WithLastLook returns a context whose uploads call look immediately before sending: the connection
// is established, and the first byte of the records is about to be written. If look returns an
// error, nothing is written, and the error of the upload is an [*Error] of kind [Stopped] that
// wraps it. look must not block, and may be called concurrently.
func WithLastLook(ctx context.Context, look func() error) context.Context {
	return context.WithValue(ctx, lastLookKey{}, look)
}

// gate lets the body of a request pass or stops it. It may be asked more than once, because the
// transport retries on another connection a request that it knows was not received.
type gate struct {
	look func() error

	mu      sync.Mutex
	opened  bool  // part of the body may have been sent
	refusal error // error of the last look
}

// newGate returns the gate for the last look of a context; nil if it has none.
func newGate(ctx context.Context) *gate {
	if look, ok := ctx.Value(lastLookKey{}).(func() error); ok {
		return &gate{look: look}
	}
	return nil
}

// guard makes the body of a request wait at the gate.
//
// A transport reads the body last: on HTTP/1 when the head is in its buffer, which is sent together
// with the body; on HTTP/2 after the head. An earlier moment, such as getting a connection, is too
// early: the transport may still write a request that is cancelled then.
func (g *gate) guard(req *http.Request) {
	if g == nil {
		return
	}
	again := req.GetBody
	req.Body = &gatedBody{ReadCloser: req.Body, gate: g}
	req.GetBody = func() (io.ReadCloser, error) {
		body, err := again()
		return &gatedBody{ReadCloser: body, gate: g}, err
	}
}

// ask returns why the body must not pass; nil if it may.
func (g *gate) ask() error {
	err := g.look()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusal = err
	g.opened = g.opened || err == nil
	return err
}

// stopped returns why nothing of the body was sent; nil if some of it may have been, or nothing
// stopped it.
func (g *gate) stopped() error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened {
		return nil
	}
	return g.refusal
}

// gatedBody is a body that waits at a gate.
type gatedBody struct {
	io.ReadCloser
	gate   *gate
	passed bool
}

func (b *gatedBody) Read(p []byte) (int, error) {
	if !b.passed {
		if err := b.gate.ask(); err != nil {
			return 0, err
		}
		b.passed = true
	}
	return b.ReadCloser.Read(p)
}
