package web

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections limits the number of connections of a listener, so that file descriptors remain for
// the state file, the sheets and uploads. At the limit a new connection is still accepted, and
// another one closed: the oldest without a request (half-open, or idle between requests), else the
// oldest whose request has no token, else the oldest. So probes and commands get through, and only
// clients with the token can hold connections against others.
//
// Each connection has grace to send its request, however many arrive; until then new ones wait in
// the kernel's queue.
type connections struct {
	most  int
	grace time.Duration

	mu    sync.Mutex
	count uint64 // of changes so far
	open  map[net.Conn]*connection
}

// connection is an open connection. The mutex of its connections guards it.
type connection struct {
	of    *connections
	use   use
	order uint64    // the count when its use last changed
	since time.Time // when its use last changed
}

// use is what a connection is used for. Those with a lower use are closed first.
type use int

const (
	waiting use = iota // for a request
	asking             // a request is served
	trusted            // a request with the token is served
)

const (
	maxConnections  = 256
	connectionGrace = 50 * time.Millisecond
)

type contextKey string

const connectionKey contextKey = "connection"

// newConnections limits connections to a quarter of the process's file descriptors, and to
// maxConnections.
func newConnections() *connections {
	const share = 4
	most := max(min(maxConnections, fileLimit()/share), 1)
	return &connections{most: int(most), grace: connectionGrace, open: map[net.Conn]*connection{}}
}

// follow is the ConnState of an [http.Server].
func (cs *connections) follow(conn net.Conn, state http.ConnState) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	switch state {
	case http.StateNew: // context has added it
	case http.StateActive:
		cs.set(conn, asking)
	case http.StateIdle:
		cs.set(conn, waiting)
	case http.StateClosed, http.StateHijacked:
		delete(cs.open, conn)
	}
}

func (cs *connections) set(conn net.Conn, to use) {
	if c := cs.open[conn]; c != nil {
		cs.count++
		c.use, c.order, c.since = to, cs.count, time.Now()
	}
}

// context is the ConnContext of an [http.Server], which calls it for each connection before it
// accepts the next one.
func (cs *connections) context(ctx context.Context, conn net.Conn) context.Context {
	cs.makeRoom()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := &connection{of: cs}
	cs.open[conn] = c
	cs.set(conn, waiting)
	return context.WithValue(ctx, connectionKey, c)
}

// makeRoom returns once there is room for another connection. At the limit it closes one.
func (cs *connections) makeRoom() {
	for {
		wait := cs.closeOne()
		if wait <= 0 {
			return
		}
		time.Sleep(wait)
	}
}

// closeOne closes the connection with the lowest use if there is no room. It returns the rest of
// that connection's grace, or 0 once there is room.
func (cs *connections) closeOne() time.Duration {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.open) < cs.most {
		return 0
	}
	var conn net.Conn
	var least *connection
	for other, c := range cs.open {
		if least == nil || cmp.Or(cmp.Compare(c.use, least.use), cmp.Compare(c.order, least.order)) < 0 {
			conn, least = other, c
		}
	}
	if wait := cs.grace - time.Since(least.since); wait > 0 && least.use != trusted {
		return wait
	}
	delete(cs.open, conn)
	_ = conn.Close() // ends its goroutine
	return 0
}

// trust marks the connection of a request with the token.
func trust(r *http.Request) {
	c, ok := r.Context().Value(connectionKey).(*connection)
	if !ok {
		return // in process, or in a test
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.use = trusted
}
