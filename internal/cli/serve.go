package cli

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web"
)

// server is a running HTTP server. Its handler can be replaced, so that the listener stays open
// from an unready daemon to one that serves.
type server struct {
	address string // as in http.listen
	at      string // where it listens
	handler atomic.Pointer[http.Handler]
	cancel  context.CancelFunc
	tasks   errgroup.Group
}

// serve listens at an address in the form of http.listen, and serves until ctx is done or stop is
// called.
func serve(ctx context.Context, address string, h http.Handler, log *zap.Logger) (*server, error) {
	listener, err := web.Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &server{address: address, at: listener.Addr().String()}
	s.handle(h)
	ctx, s.cancel = context.WithCancel(ctx)
	s.tasks.Go(func() error { return web.Serve(ctx, listener, s, log) })
	return s, nil
}

func (s *server) handle(h http.Handler) { s.handler.Store(&h) }

// ServeHTTP calls the current handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.handler.Load()).ServeHTTP(w, r)
}

// wait returns once the server has ended, with its error.
func (s *server) wait() error { return s.tasks.Wait() }

// stop ends the server, after the requests in flight.
func (s *server) stop() error {
	s.cancel()
	return s.wait()
}

// addressFile is the name of the file, next to the state file, with the address that was last in
// force. If rowtap.yaml cannot be read, health is served and probed there.
const addressFile = "api.listen"

// keepAddress records the address that is in force.
func keepAddress(s config.State, address string) error {
	path := filepath.Join(filepath.Dir(s.Path), addressFile)
	if b, err := os.ReadFile(path); err == nil && string(b) == address+"\n" {
		return nil
	}
	return os.WriteFile(path, []byte(address+"\n"), 0o600)
}

// keptAddress returns the address that was last in force; "" if none is known.
func keptAddress(s config.State) string {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(s.Path), addressFile))
	address := strings.TrimSpace(string(b))
	if err != nil || config.CheckListen(address) != "" {
		return ""
	}
	return address
}

// healthAddress returns where health is served if rowtap.yaml cannot be read: at $ROWTAP_LISTEN, or
// else at the address last in force with the default state directory, or else at the default
// address.
func healthAddress(dir string) string {
	if address := strings.TrimSpace(os.Getenv("ROWTAP_LISTEN")); address != "" {
		return address
	}
	local := config.DefaultLocal(dir, environmentOf(dir).find)
	if address := keptAddress(local.State); address != "" {
		return address
	}
	return local.HTTP.Listen
}
