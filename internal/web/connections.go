package web

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections bounds how many connections a listener has at once, so that file descriptors remain for the work: the state file, the
// sheets, uploads. At the limit a new one is still accepted, and takes the place of another: the oldest without a request (one that is
// half-open, or idle between requests), else the oldest whose request has not brought the token, else the oldest. So probes and
// commands get through, and only a client that has the token can hold a connection against others.
//
// However many connections come, each has grace to send its request: until then, the new ones wait in the kernel's queue.
type connections struct {
	most  int
	grace time.Duration

	mu    sync.Mutex
	count uint64 // of changes so far
	open  map[net.Conn]*connection
}

// connection is one that is open. Its fields belong to its connections' mutex.
type connection struct {
	of    *connections
	use   use
	order uint64    // the count when its use last changed
	since time.Time // the same
}

// use is what a connection is used for; of two, the lower one is closed first.
type use int

const (
	waiting use = iota // no request has been read
	asking             // a request is served
	trusted            // a request is served that brought the token, or a session
)

const (
	mostConnections = 256
	connectionGrace = 50 * time.Millisecond
)

type contextKey string

const connectionKey contextKey = "connection"

// newConnections bounds connections to a quarter of the file descriptors that the process may have, and to mostConnections.
func newConnections() *connections {
	const share = 4
	most := max(min(mostConnections, fileLimit()/share), 1)
	return &connections{most: int(most), grace: connectionGrace, open: map[net.Conn]*connection{}}
}

// follow is for [http.Server]'s ConnState.
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

// context is for [http.Server]'s ConnContext, which is called for each new connection before the next one is accepted.
func (cs *connections) context(ctx context.Context, conn net.Conn) context.Context {
	cs.makeRoom()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := &connection{of: cs}
	cs.open[conn] = c
	cs.set(conn, waiting)
	return context.WithValue(ctx, connectionKey, c)
}

// makeRoom returns once there is room for another connection. At the limit, it closes one.
func (cs *connections) makeRoom() {
	for {
		wait := cs.closeOne()
		if wait <= 0 {
			return
		}
		time.Sleep(wait)
	}
}

// closeOne closes the connection that is missed least, if there is no room. It returns how long that one has to wait for its request
// first; 0 once there is room.
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
	_ = conn.Close() // its goroutine ends by the error that it reads
	return 0
}

// trust notes that a request has brought the token, or a session.
func trust(r *http.Request) {
	c, ok := r.Context().Value(connectionKey).(*connection)
	if !ok {
		return // in process, or in a test
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.use = trusted
}
