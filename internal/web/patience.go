package web

import (
	"net/http"
	"time"
)

const (
	// readTimeout limits how long a client may take to read each piece of a response. A stalled
	// client would otherwise hold what the handler holds: a connection, or a transaction on the
	// state file, which cannot reuse its free pages.
	readTimeout = 20 * time.Second
	// piece is the number of bytes after which readTimeout starts again, so that slow clients are
	// not cut off.
	piece = 16 << 10
)

// patient sets a write deadline that moves on with each piece of the response. The time before a
// handler writes does not count.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &patientWriter{w, http.NewResponseController(w)}
		next.ServeHTTP(p, r)
		p.extend() // for what net/http has yet to flush
	})
}

type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// extend starts readTimeout again. Writers in process and in tests have no deadline.
func (p *patientWriter) extend() { _ = p.control.SetWriteDeadline(time.Now().Add(readTimeout)) }

func (p *patientWriter) Write(b []byte) (written int, err error) {
	for {
		p.extend()
		n, err := p.ResponseWriter.Write(b[:min(len(b), piece)])
		written += n
		if b = b[n:]; err != nil || len(b) == 0 {
			return written, err
		}
	}
}

// FlushError implements flushing for [http.ResponseController].
func (p *patientWriter) FlushError() error {
	p.extend()
	return p.control.Flush()
}

// Unwrap implements unwrapping for [http.ResponseController].
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
