package web

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// connections bounds how many connections a listener has at once, so that file descriptors remain for the work: the state file, the
// sheets, uploads. At the limit a new one is still accepted, and takes the place of another: the oldest without a request (one that is
// half-open, or idle between requests), else the oldest whose request has not brought the token, else the oldest. So probes and
// commands get through, and only who has the token can hold a connection against others.
type connections struct {
	most int

	mu    sync.Mutex
	count uint64 // of all there were
	open  map[net.Conn]*connection
}

// connection is one that is open. Its fields belong to its connections' mutex.
type connection struct {
	of    *connections
	use   use
	since uint64 // the count when it came, or when its use last changed
}

// use is what a connection is used for; of two, the lower one is closed first.
type use int

const (
	waiting   use        = iota // no request has been read
	asking                      // a request is served
	trusted                     // a request is served that brought the token, or a session
	connKey   contextKey = "connection"
	mostConns            = 256
)

type contextKey string

// newConnections bounds connections to a quarter of the file descriptors that the process may have, and to mostConns.
func newConnections() *connections {
	const share = 4
	most := uint64(mostConns)
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		most = max(min(most, files.Cur/share), 1)
	}
	return &connections{most: int(most), open: map[net.Conn]*connection{}}
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
		c.use, c.since = to, cs.count
	}
}

// context is for [http.Server]'s ConnContext, which is called for each new connection.
func (cs *connections) context(ctx context.Context, conn net.Conn) context.Context {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.open) >= cs.most {
		cs.closeOne()
	}
	cs.count++
	c := &connection{of: cs, since: cs.count}
	cs.open[conn] = c
	return context.WithValue(ctx, connKey, c)
}

// closeOne closes the connection that is missed least.
func (cs *connections) closeOne() {
	var victim net.Conn
	for conn, c := range cs.open {
		if v := cs.open[victim]; v == nil || cmp.Or(cmp.Compare(c.use, v.use), cmp.Compare(c.since, v.since)) < 0 {
			victim = conn
		}
	}
	delete(cs.open, victim)
	_ = victim.Close() // its goroutine ends by the error that it reads
}

// trust notes that a request has brought the token, or a session.
func trust(r *http.Request) {
	c, ok := r.Context().Value(connKey).(*connection)
	if !ok {
		return // in process, or in a test
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.use = trusted
}
