package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// events notifies listeners of changes. A slow listener misses events, but it always reads one
// after the latest change: when its buffer is full, it still has events to read.
type events struct {
	mu        sync.Mutex
	listeners map[chan event]bool
	closed    chan struct{}
	once      sync.Once
}

type event struct {
	name string
	data object
}

const heartbeat = 15 * time.Second

func newEvents() *events {
	return &events{listeners: map[chan event]bool{}, closed: make(chan struct{})}
}

func (e *events) close() { e.once.Do(func() { close(e.closed) }) }

func (e *events) publish(name string, data object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.listeners {
		select {
		case l <- event{name, data}:
		default:
		}
	}
}

// ServeHTTP streams events until the client disconnects or the sandbox is closed.
func (e *events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	listener := make(chan event, 64)
	e.mu.Lock()
	e.listeners[listener] = true
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		delete(e.listeners, listener)
		e.mu.Unlock()
	}()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	_, err := fmt.Fprint(w, "retry: 1000\n\n")
	for err == nil && control.Flush() == nil {
		select {
		case <-r.Context().Done():
			return
		case <-e.closed:
			return
		case <-ticker.C:
			_, err = fmt.Fprint(w, ": alive\n\n")
		case ev := <-listener:
			data, jsonErr := json.Marshal(ev.data)
			if jsonErr != nil {
				return
			}
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", ev.name, data)
		}
	}
}
