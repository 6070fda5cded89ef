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
)

// watchQuiet is how long the files must have been left alone before they are read: an editor writes in steps, and Kubernetes swaps
// the link ..data, which is what files of a ConfigMap lead through, after everything else
// (https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically).
const watchQuiet = time.Second

// watcher watches the directories of a configuration, not its files: those are replaced rather than written.
type watcher struct {
	fs      *fsnotify.Watcher
	dir     string
	changed chan struct{} // holds a token when something has changed and is quiet
}

// newWatcher begins to watch: what changes from now on is not missed.
func newWatcher(dir string) (*watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("--watch: %w\nnext: raise sysctl fs.inotify.max_user_instances, or leave --watch out and: rowtap reload", err)
	}
	w := &watcher{fs: files, dir: dir, changed: make(chan struct{}, 1)}
	if err := w.add(); err != nil {
		return nil, errors.Join(fmt.Errorf("--watch: %w\nnext: raise sysctl fs.inotify.max_user_watches, or leave --watch out and: rowtap reload", err), files.Close())
	}
	return w, nil
}

// add watches both directories. That of the zaps may be missing, or may be another than it was.
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

func (w *watcher) close() { _ = w.fs.Close() } // nothing is lost by it

// run puts a token into changed each time the files have changed, until ctx ends.
func (w *watcher) run(ctx context.Context, log *zap.Logger) error {
	var quiet <-chan time.Time // nil: nothing has changed
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-w.fs.Events:
			if meant(event) {
				quiet = time.After(watchQuiet)
			}
		case err := <-w.fs.Errors: // an overflow, most likely: something has changed
			log.Warn("--watch: "+err.Error(), zap.Error(err))
			quiet = time.After(watchQuiet)
		case <-quiet:
			quiet = nil
			if err := w.add(); err != nil {
				log.Warn("--watch: "+err.Error(), zap.String("next", "restart rowtap, or after each change: rowtap reload"))
			}
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}

// meant tells whether an event is of what a configuration is made of, and not of an editor's own files.
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
