package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/web/api"
)

// Listen opens the daemon's listener at host:port or unix:PATH (mode 0660). It replaces the socket
// of a dead daemon.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	path, unix := strings.CutPrefix(address, "unix:")
	if !unix {
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("http.listen %s: %w\nnext: choose another address in rowtap.yaml, or \"\" for none", address, err)
		}
		return l, nil
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		var d net.Dialer
		if c, err := d.DialContext(ctx, "unix", path); err == nil {
			_ = c.Close()
			return nil, fmt.Errorf("http.listen unix:%s: another daemon listens there\nnext: stop it, or choose another socket", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("http.listen unix:%s: remove the socket of a dead daemon: %w", path, err)
		}
	}
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("http.listen unix:%s: %w\nnext: create its directory, writable for rowtap", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("http.listen unix:%s: %w", path, err)
	}
	return l, nil
}

// stopGrace limits how long requests continue once ctx has ended: event streams report the outcomes
// of uploads in flight, for which the engine waits 20 seconds.
const stopGrace = 25 * time.Second

// Serve serves requests until ctx ends, then closes the listener and waits for the requests in
// flight. The number of connections is limited (connections.go). Messages of net/http go to log.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *zap.Logger) error {
	return serve(ctx, l, h, log, newConnections())
}

func serve(ctx context.Context, l net.Listener, h http.Handler, log *zap.Logger, conns *connections) error {
	requests, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnContext:       conns.context,
		ConnState:         conns.follow,
		ErrorLog:          LibraryLog(log),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		cancel(api.ErrStopping) // the requests; event streams end when the engine has stopped
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer done()
		stopped <- srv.Shutdown(grace)
	})
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http listener: %w", err)
	}
	if err := <-stopped; err != nil {
		return srv.Close()
	}
	return nil
}
