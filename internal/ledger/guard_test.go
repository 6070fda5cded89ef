package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// TestAPanicOfOurOwn: a panic in rowtap is a bug, not damage. After a caller recovers it, as
// net/http does for each request, nothing of the write is there, and the next write does not block.
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
			t.Errorf("%s: a read swallows the panic", name)
		}
		write := func() error {
			return l.edit(t.Context(), "a", false, func(e *edit) error {
				e.record.pausedReason = "half a decision"
				if err := putRecord(e.tx, "a", &e.record); err != nil {
					return err
				}
				mistake()
				return nil
			})
		}
		if recovered(write) == nil {
			t.Errorf("%s: a write swallows the panic", name)
		}
		next := make(chan error)
		go func() { next <- l.SetPaused(t.Context(), "b", true, name, time.UnixMilli(1)) }()
		select {
		case err := <-next:
			if err != nil {
				t.Errorf("%s: the next write: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the next write blocks", name)
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

// Damage that leaves a page readable but misleads bbolt is found and named.
func TestVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rowtap.db")
	l, err := Open(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 { // enough for branch pages
		if err := l.SetPaused(t.Context(), fmt.Sprintf("zap-%03d", i), true, "", time.UnixMilli(1)); err != nil {
			t.Fatal(err)
		}
	}
	size := l.db.Info().PageSize
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := func() boltMeta {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := readMeta(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return m
	}()
	const head, elem = pageHead, elemSize
	pageOf := func(b []byte, id uint64) []byte { return b[int(id)*size:][:size] }
	// value returns the value of the last element of a leaf page, and the element.
	value := func(p []byte) (value, element []byte) {
		e := head + elem*(int(native.Uint16(p[10:]))-1)
		at := e + int(native.Uint32(p[e+4:])) + int(native.Uint32(p[e+8:]))
		return p[at:][:native.Uint32(p[e+12:])], p[e:][:elem]
	}
	// zaps returns the branch page of the bucket of all zaps, the last bucket of the root.
	zaps := func(b []byte) []byte {
		header, _ := value(pageOf(b, m.root))
		return pageOf(b, native.Uint64(header))
	}
	first := func(b []byte) []byte { return pageOf(b, native.Uint64(zaps(b)[head+8:])) }
	tests := map[string]struct {
		damage func(b []byte)
		want   string
	}{
		"nothing":                     {func([]byte) {}, ""},
		"a bucket of another kind":    {func(b []byte) { _, e := value(pageOf(b, m.root)); e[0] |= 2 }, "has an element of unknown type"},
		"a bucket cut short":          {func(b []byte) { _, e := value(pageOf(b, m.root)); e[12] = 8 }, "has an incomplete bucket"},
		"a bucket in the meta page":   {func(b []byte) { v, _ := value(pageOf(b, m.root)); native.PutUint64(v, 1) }, "has an unknown type"},
		"a bucket past the end":       {func(b []byte) { v, _ := value(pageOf(b, m.root)); native.PutUint64(v, m.pages) }, "is beyond the file's"},
		"no children":                 {func(b []byte) { native.PutUint16(zaps(b)[10:], 0) }, "has no children"},
		"overflow pages past the end": {func(b []byte) { native.PutUint32(first(b)[12:], 1<<20) }, "is beyond the file's"},
		"a child twice":               {func(b []byte) { z := zaps(b); copy(z[head+elem+8:][:8], z[head+8:]) }, "is used twice"},
		"elements missing at the end": {func(b []byte) { f := first(b); native.PutUint16(f[10:], native.Uint16(f[10:])-1) }, "has a gap between its elements"},
		"a key twice": {func(b []byte) {
			f := first(b)
			one, two := int(native.Uint32(f[head+4:])), elem+int(native.Uint32(f[head+elem+4:]))
			copy(f[head+two:][:7], f[head+one:])
		}, "has keys out of order"},
		"a small bucket of another kind": {func(b []byte) {
			r := pageOf(b, m.root) // the first bucket in it is small
			at := head + int(native.Uint32(r[head+4:])) + int(native.Uint32(r[head+8:]))
			native.PutUint16(r[at+16+8:], flagBranch)
		}, "has an incomplete bucket"},
		"a key above the next page's": {func(b []byte) {
			f := first(b)
			_, e := value(f)
			at := head + elem*(int(native.Uint16(f[10:]))-1) + int(native.Uint32(e[4:]))
			f[at] = 0xff
		}, "has keys out of order"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			damaged := bytes.Clone(content)
			tt.damage(damaged)
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			got := verify(f)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && got != nil || tt.want != "" && (!errors.Is(got, ErrCorrupt) || !strings.Contains(got.Error(), tt.want)) {
				t.Errorf("verify = %v, want %q", got, tt.want)
			}
		})
	}
}
