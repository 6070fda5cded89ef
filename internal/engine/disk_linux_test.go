package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// failDisk makes further writes to the engine's state file fail by replacing the ledger's file
// descriptor.
func (r *rig) failDisk(t *testing.T) {
	t.Helper()
	path, err := filepath.EvalSymlinks(r.current().Config.State.Path)
	if err != nil {
		t.Fatal(err)
	}
	readable, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = readable.Close() }()
	const own = "/proc/self/fd"
	entries, err := os.ReadDir(own)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if to, linkErr := os.Readlink(filepath.Join(own, entry.Name())); err != nil || linkErr != nil || to != path || fd == int(readable.Fd()) {
			continue
		}
		if err := syscall.Dup3(int(readable.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("%s is not open", path)
}

// TestAFailedCommitReachesRun: a poll, an upload and the removal of old rows each report a failing
// disk to Run (see TestAFailingDiskEndsRun).
func TestAFailedCommitReachesRun(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, r *rig)
		meet    func(ctx context.Context, r *rig) error
		want    string // what ran into it
	}{
		{
			"a poll", func(*testing.T, *rig) {},
			func(ctx context.Context, r *rig) error { r.poller.Visit(ctx, []string{"p"}, nil); return nil },
			"commit a poll",
		},
		{
			"an upload", func(t *testing.T, r *rig) { r.poll(t, "p") },
			func(ctx context.Context, r *rig) error { return r.sender.Run(ctx) },
			"in flight",
		},
		{
			"the removal of old rows", func(t *testing.T, r *rig) { r.once(t); r.Config().State.History = -time.Hour },
			func(ctx context.Context, r *rig) error { r.prune(ctx); return nil },
			"delete old",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, map[string]string{"p": profileZap("production")})
			r.append(t, [2]string{"a@example.com", "1"})
			tt.prepare(t, r)
			r.failDisk(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the sender continues
			defer cancel()
			met := make(chan error, 1)
			go func() { met <- tt.meet(ctx, r) }()
			var err error
			select {
			case err = <-r.failed:
			case <-ctx.Done():
			}
			if !errors.Is(err, ledger.ErrDisk) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run would end with %v, want ErrDisk and %q", err, tt.want)
			}
			cancel()
			if err := <-met; err != nil {
				t.Error(err)
			}
		})
	}
}
