package web

import (
	"net/http"
	"time"
)

const (
	// readerPatience is how long a reader may take for each piece of a response. Without a bound, one that stalls would hold what the
	// handler holds: a connection's place, or a read of the state file, which cannot shrink or reuse its free pages meanwhile.
	readerPatience = 20 * time.Second
	// piece is how many bytes are written before a reader's time begins again: a slow one is not a stalled one.
	piece = 16 << 10
)

// patient gives every response a write deadline that moves on with each piece that is written. Handlers that work long before they write
// have all of it.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &patientWriter{w, http.NewResponseController(w)}
		next.ServeHTTP(p, r)
		p.wait() // for what net/http has still to flush
	})
}

type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// wait begins a reader's time again. Writers in this process and in tests have no deadline.
func (p *patientWriter) wait() { _ = p.control.SetWriteDeadline(time.Now().Add(readerPatience)) }

func (p *patientWriter) Write(b []byte) (written int, err error) {
	for {
		p.wait()
		n, err := p.ResponseWriter.Write(b[:min(len(b), piece)])
		written += n
		if b = b[n:]; err != nil || len(b) == 0 {
			return written, err
		}
	}
}

// FlushError is what [http.ResponseController] flushes by.
func (p *patientWriter) FlushError() error {
	p.wait()
	return p.control.Flush()
}

// Unwrap is for [http.ResponseController].
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
