package ledger

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// A mistake of our own that panics is no damage of the file. Who recovers it, as net/http does for
// each request, goes on: nothing of the write is there, and the next one does not wait for it.
func TestAPanicOfOurOwn(t *testing.T) {
	l, err := Open(Options{Path: filepath.Join(t.TempDir(), "rowtap.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetPaused(t.Context(), "a", true, "before", time.UnixMilli(1)); err != nil {
		t.Fatal(err)
	}
	mistakes := map[string]func(){
		"an error": func() { panic(errors.New("a mistake")) },
		"a text":   func() { panic("a mistake") },
		"an index": func() { var none []int; _ = none[len(t.Name())] },
	}
	recovered := func(do func() error) (what any) {
		defer func() { what = recover() }()
		if err := do(); err != nil {
			t.Errorf("error %v, want the panic", err)
		}
		return nil
	}
	for name, mistake := range mistakes {
		if recovered(func() error { return l.view(t.Context(), func(*bbolt.Tx) error { mistake(); return nil }) }) == nil {
			t.Errorf("%s: a read keeps the panic", name)
		}
		write := func() error {
			return l.edit(t.Context(), "a", false, func(e *edit) error {
				e.record.pausedReason = "half a decision"
				if err := putRecord(e.bucket.Tx(), "a", &e.record); err != nil {
					return err
				}
				mistake()
				return nil
			})
		}
		if recovered(write) == nil {
			t.Errorf("%s: a write keeps the panic", name)
		}
		next := make(chan error)
		go func() { next <- l.SetPaused(t.Context(), "b", true, name, time.UnixMilli(1)) }()
		select {
		case err := <-next:
			if err != nil {
				t.Errorf("%s: the next write: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the next write waits for ever", name)
		}
	}
	if z, _, err := l.Zap(t.Context(), "a"); err != nil || z.PausedReason != "before" {
		t.Errorf("the zap is %+v, %v: half a decision was written", z, err)
	}
	damages, err := l.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range damages {
		t.Errorf("Check: %v", wrong)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
