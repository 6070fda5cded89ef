package pgtest

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP proxy on loopback between clients and a server. Its network fails on request. It
// ends with the test.
type Proxy struct {
	port  int
	ctx   context.Context // ends with the test
	group sync.WaitGroup  // all goroutines

	mu       sync.Mutex
	target   string       // host:port
	listener net.Listener // nil while connections are refused
	links    map[*link]bool
	hole     chan struct{} // nil while bytes pass; otherwise they wait until it is closed
	delay    time.Duration // of each response
	loss     *loss         // the next one; nil if none
}

// loss is a request that is cut off or whose response is lost.
type loss struct {
	containing []byte
	before     bool // the request does not reach the server
	done       chan struct{}
}

// NewProxy returns a proxy for the server of a connection string.
func NewProxy(t testing.TB, dsn string) *Proxy {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	p := &Proxy{port: port, ctx: ctx, links: map[*link]bool{}}
	p.Redirect(t, dsn)
	t.Cleanup(func() {
		cancel()
		p.Cut()
		p.group.Wait()
	})
	p.Restore(t)
	return p
}

// DSN returns a connection string that goes through the proxy in place of its server.
func (p *Proxy) DSN(t testing.TB, dsn string) string {
	t.Helper()
	through, err := through(dsn, p.port)
	if err != nil {
		t.Fatal(err)
	}
	return through
}

// Redirect connects new clients to the server of another connection string, as after a failover.
func (p *Proxy) Redirect(t testing.TB, dsn string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u.Host
}

// Cut drops all connections and refuses new ones until Restore.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	for l := range p.links {
		l.close()
	}
}

// Blackhole holds all bytes until Restore without dropping connections: old and new connections
// hang, and what was sent arrives after Restore.
func (p *Proxy) Blackhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hole == nil {
		p.hole = make(chan struct{})
	}
}

// Restore ends Cut, Blackhole and Delay, and disarms CutAfterRequest and CutBeforeRequest.
func (p *Proxy) Restore(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hole != nil {
		close(p.hole)
		p.hole = nil
	}
	p.delay, p.loss = 0, nil
	if p.listener == nil {
		if err := p.listen(); err != nil {
			t.Fatal(err)
		}
	}
}

// Delay delays each response of the server by d.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// CutAfterRequest loses one response. The next request that contains the text, on any connection,
// reaches the server; when the server responds, the connection is dropped and the client receives
// nothing of the response. PostgreSQL responds to a statement outside a transaction after its
// commit, so it is durable by then. The channel is closed once the connection is dropped.
//
// The text is matched against the bytes of the protocol, which contain the SQL as written; the SQL
// of a prepared statement occurs only in the request that prepares it. Empty matches any request.
func (p *Proxy) CutAfterRequest(containing string) <-chan struct{} {
	return p.lose(containing, false)
}

// CutBeforeRequest loses one request. The connection is dropped when a client sends a request that
// contains the text, and the server receives nothing of it.
func (p *Proxy) CutBeforeRequest(containing string) <-chan struct{} {
	return p.lose(containing, true)
}

func (p *Proxy) lose(containing string, before bool) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loss = &loss{containing: []byte(containing), before: before, done: make(chan struct{})}
	return p.loss.done
}

// listen accepts connections until Cut. The caller holds mu.
func (p *Proxy) listen() error {
	l, err := listen(p.port)
	if err != nil {
		return err
	}
	p.listener = l
	p.group.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed by Cut
			}
			p.group.Go(func() { p.serve(l, client) })
		}
	})
	return nil
}

// serve connects a client to the server and returns when the connection has ended.
func (p *Proxy) serve(from net.Listener, client net.Conn) {
	var dialer net.Dialer
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := dialer.DialContext(p.ctx, "tcp", target)
	if err != nil {
		_ = client.Close() // the server is away
		return
	}
	l := &link{proxy: p, client: client, server: server, closed: make(chan struct{})}
	p.mu.Lock()
	cut := p.listener != from
	if !cut {
		p.links[l] = true
	}
	p.mu.Unlock()
	if cut {
		l.close()
		return
	}
	var group sync.WaitGroup
	group.Go(func() { l.pass(client, server, l.request) })
	group.Go(func() { l.pass(server, client, l.answer) })
	group.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// link is a connection through the proxy.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	once           sync.Once
	closed         chan struct{}

	// Guarded by proxy.mu.
	tail []byte // the client's last bytes, which may begin the text that loss looks for
	loss *loss  // of the next response; nil if none
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.closed)
		_, _ = l.client.Close(), l.server.Close() // best effort
	})
}

// chunk is some bytes and the time at which they are due at the other side.
type chunk struct {
	bytes []byte
	due   time.Time
}

// pass forwards bytes until either side closes or look returns a loss. It keeps reading while
// chunks are delayed, so a delay does not lower the throughput.
func (l *link) pass(from, to net.Conn, look func([]byte) (due time.Time, lost *loss)) {
	chunks := make(chan chunk, 1024)
	var group sync.WaitGroup
	group.Go(func() {
		defer close(chunks)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if err != nil {
				return
			}
			due, lost := look(b[:n])
			if lost != nil {
				l.close()
				close(lost.done)
				return
			}
			select {
			case chunks <- chunk{b[:n], due}:
			case <-l.closed:
				return
			}
		}
	})
	for c := range chunks {
		if !l.wait(c.due) {
			break
		}
		if _, err := to.Write(c.bytes); err != nil {
			break
		}
	}
	l.close()
	group.Wait()
}

// request inspects bytes of the client.
func (l *link) request(b []byte) (due time.Time, lost *loss) {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loss == nil {
		l.tail = nil
		return due, nil
	}
	seen := append(l.tail, b...)
	if !bytes.Contains(seen, p.loss.containing) {
		l.tail = bytes.Clone(seen[max(0, len(seen)-len(p.loss.containing)):])
		return due, nil
	}
	l.tail, l.loss, p.loss = nil, p.loss, nil
	if l.loss.before {
		return due, l.loss
	}
	return due, nil
}

// answer inspects bytes of the server.
func (l *link) answer([]byte) (due time.Time, lost *loss) {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	return time.Now().Add(l.proxy.delay), l.loss
}

// wait waits until bytes that are due at a time may pass. It returns false if the connection was
// dropped.
func (l *link) wait(due time.Time) bool {
	if d := time.Until(due); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.closed:
			return false
		}
	}
	for {
		l.proxy.mu.Lock()
		hole := l.proxy.hole
		l.proxy.mu.Unlock()
		if hole == nil {
			return true
		}
		select {
		case <-hole:
		case <-l.closed:
			return false
		}
	}
}
