package clevertap

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// lastLookKey is the key of a context's last look.
type lastLookKey struct{}

// WithLastLook returns a context whose uploads ask look once more right before they go out: the connection is there then, and
// the first byte of the records is about to be written. Where look returns an error, none of them is, and the upload's error
// is an [*Error] of kind [Stopped] that wraps it. look must not block, and may be called from several goroutines at once.
func WithLastLook(ctx context.Context, look func() error) context.Context {
	return context.WithValue(ctx, lastLookKey{}, look)
}

// gate lets the body of a request pass, or not. It may be asked several times: the transport sends a request that it knows
// was not taken on another connection.
type gate struct {
	look func() error

	mu      sync.Mutex
	opened  bool  // some of the body may have left
	refusal error // of the last look
}

// newGate returns the gate of a context's last look; nil if it has none.
func newGate(ctx context.Context) *gate {
	if look, ok := ctx.Value(lastLookKey{}).(func() error); ok {
		return &gate{look: look}
	}
	return nil
}

// guard has the request's body wait at the gate.
//
// A transport reads the body last: on HTTP/1 when the head is in its buffer, which it sends with the body; on HTTP/2 behind the
// head. An earlier moment, such as the one when it has got a connection, is no use: it may still write a request that is given
// up then.
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

// stopped returns why nothing of the body has left; nil if it may have, or nothing kept it.
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
