package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// watchQuiet is how long the files must be unchanged before they are read. Editors write in steps,
// and Kubernetes updates a ConfigMap in steps, the last of which replaces the link ..data
// (https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically).
const watchQuiet = time.Second

// watchRetry is how often it is tried again to watch a directory that is gone.
const watchRetry = 5 * time.Second

// watcher watches the directories of a configuration. It does not watch the files, which are
// replaced rather than written.
type watcher struct {
	fs      *fsnotify.Watcher
	dir     string
	changed chan struct{} // has an element after files have changed
}

// newWatcher starts watching. Changes after its return are not missed.
func newWatcher(dir string) (*watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("--watch: %w\nnext: raise sysctl fs.inotify.max_user_instances, or omit --watch and use rowtap reload", err)
	}
	w := &watcher{fs: files, dir: dir, changed: make(chan struct{}, 1)}
	if err := w.add(); err != nil {
		return nil, errors.Join(fmt.Errorf("--watch: %w\nnext: raise sysctl fs.inotify.max_user_watches, or omit --watch and use rowtap reload", err), files.Close())
	}
	return w, nil
}

// add watches both directories. The one of the zaps may be missing, or may have been replaced.
func (w *watcher) add() error {
	if err := w.fs.Add(w.dir); err != nil {
		return fmt.Errorf("watch %s: %w", w.dir, err)
	}
	zaps := filepath.Join(w.dir, "zaps")
	if err := w.fs.Add(zaps); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("watch %s: %w", zaps, err)
	}
	return nil
}

// start runs the watcher until ctx is done or stop is called, which waits for it. log returns the
// logger.
func (w *watcher) start(ctx context.Context, log func() *zap.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var tasks errgroup.Group
	tasks.Go(func() error { return w.run(ctx, log) })
	return func() {
		cancel()
		_ = tasks.Wait() // it returns no error
		_ = w.fs.Close() // nothing is lost by an error
	}
}

// run signals changed after each change of the files, until ctx is done.
func (w *watcher) run(ctx context.Context, log func() *zap.Logger) error {
	var quiet <-chan time.Time // nil: no change
	var retry <-chan time.Time // nil: the directories are watched
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-w.fs.Events:
			if meant(event) || event.Name == w.dir && event.Op != fsnotify.Chmod {
				quiet = time.After(watchQuiet)
			}
		case err := <-w.fs.Errors: // probably an overflow, so something has changed
			log().Warn("watching the configuration files", zap.Error(err))
			quiet = time.After(watchQuiet)
		case <-retry: // the directory was removed, perhaps to be replaced
			if w.add() != nil {
				retry = time.After(watchRetry)
				continue
			}
			retry, quiet = nil, time.After(watchQuiet)
		case <-quiet:
			quiet = nil
			if err := w.add(); err != nil && retry == nil {
				log().Warn("configuration files not watched; retrying", zap.Error(err), zap.String("next", "if it persists, after each change: rowtap reload"))
				retry = time.After(watchRetry)
			}
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}

// meant reports whether an event concerns a file of the configuration, not one of an editor.
func meant(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	name := filepath.Base(e.Name)
	if name == "..data" || name == "zaps" {
		return true
	}
	ext := strings.ToLower(filepath.Ext(name))
	return !strings.HasPrefix(name, ".") && (ext == ".yaml" || ext == ".yml")
}

// watchError returns the error of a directory that cannot be watched. One that does not exist is an
// invalid configuration.
func watchError(dir string, err error) error {
	if _, wrong := loadPlan(dir); wrong != nil && errors.Is(err, fs.ErrNotExist) {
		return configError(wrong, exitConfig)
	}
	return err
}
