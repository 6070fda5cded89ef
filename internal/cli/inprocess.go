package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// handlerTransport serves requests by a handler in this process. A response is read while the
// handler writes it, as over a network, so that a list of all deliveries is never in memory as a
// whole.
type handlerTransport struct{ http.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, write := io.Pipe()
	w := &pipedResponse{header: http.Header{}, body: write, begun: make(chan struct{})}
	done := make(chan struct{})
	go func() { // ends once the body has been read in full or closed
		defer close(done)
		w.serve(t.Handler, r)
	}()
	<-w.begun
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: pipedBody{body, done}, ContentLength: -1, Request: r,
	}, nil
}

// pipedResponse is a response writer whose body is read at the other end of a pipe.
type pipedResponse struct {
	header http.Header
	sent   http.Header // the header when the response began
	status int
	body   *io.PipeWriter
	begun  chan struct{} // closed once status and sent are known
}

// serve calls the handler. If that aborts the response by a panic, as in net/http, the reader gets
// an error.
func (w *pipedResponse) serve(h http.Handler, r *http.Request) {
	defer func() {
		broken := recover()
		w.WriteHeader(http.StatusOK)
		if broken == nil {
			_ = w.body.Close() // it never fails
			return
		}
		_ = w.body.CloseWithError(fmt.Errorf("incomplete response: %w", io.ErrUnexpectedEOF)) // it never fails either
		if err, ok := broken.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			panic(broken)
		}
	}()
	h.ServeHTTP(w, r)
}

func (w *pipedResponse) Header() http.Header { return w.header }

func (w *pipedResponse) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	}
}

func (w *pipedResponse) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Flush does nothing: the response is not buffered. Handlers that stream call it.
func (w *pipedResponse) Flush() {}

// pipedBody is the body of a response. Close waits until the handler has ended.
type pipedBody struct {
	*io.PipeReader
	done <-chan struct{}
}

func (b pipedBody) Close() error {
	err := b.PipeReader.Close()
	<-b.done
	return err
}
