package ledger_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/ledger"
)

// sample makes a state file with all kinds of values and returns its path and content.
func sample(t *testing.T) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sample.db")
	l, err := ledger.Open(ledger.Options{Path: path})
	must(t, err)
	for i := range 12 { // enough zaps for branch pages
		zap := fmt.Sprintf("zap-%d", i)
		commit(t, l, zap, pollOf(1, strings.Repeat("qwhk", 5)))
		must(t, l.Start(t.Context(), zap, uploadOf(1, 5), ledger.Hides{}, noon))
		must(t, l.Finish(t.Context(), zap, outcomes(ledger.Outcome{State: ledger.Failed, Problem: &ledger.Problem{Code: "512"}}, 9), noon))
		edited := sheetRow(3)
		commit(t, l, zap, ledger.Poll{Header: header, At: noon, Changes: []ledger.Change{{Delivery: 3, Row: &edited}}})
	}
	commit(t, l, "zap-0", pollOf(21, strings.Repeat("q", 1100)))
	var backup bytes.Buffer // the file without the space it has grown ahead
	_, err = l.Backup(t.Context(), &backup)
	must(t, err)
	must(t, l.Close())
	must(t, os.WriteFile(path, backup.Bytes(), 0o600))
	return path, backup.Bytes()
}

// everything returns all content of a ledger as text.
func everything(ctx context.Context, l *ledger.Ledger) (string, error) {
	var out strings.Builder
	zaps, err := l.Zaps(ctx)
	if err != nil {
		return "", err
	}
	for _, zap := range zaps {
		z, _, err := l.Zap(ctx, zap)
		if err != nil {
			return "", err
		}
		chunks, _, err := cursorOf(ctx, l, zap, z.SpreadsheetID, z.GID)
		if err != nil {
			return "", err
		}
		flying, err := l.InFlight(ctx, zap)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "%s %+v %q %v\n", zap, z, chunks, ids(flying))
	}
	ds, err := l.Deliveries(ctx, ledger.Query{})
	if err != nil {
		return "", err
	}
	for _, d := range ds {
		var sent ledger.SentRecord
		if d.Attempts > 0 { // otherwise it has none
			if sent, _, err = l.SentRecord(ctx, d.Zap, d.Number); err != nil {
				return "", err
			}
		}
		fmt.Fprintln(&out, d.ID(), d.State, d.Row, d.Header.Names(), d.Problem != nil, d.UpdatedAt, string(sent.JSON), sent.Header.Names(), sent.Origins)
	}
	return out.String(), nil
}

// readDamaged opens a damaged file and reads everything. Most of the test is that it returns.
func readDamaged(ctx context.Context, path string, readOnly bool) (string, error) {
	l, err := ledger.Open(ledger.Options{Path: path, ReadOnly: readOnly, Timeout: time.Second})
	if err != nil {
		return "", err
	}
	text, err := everything(ctx, l)
	return text, errors.Join(err, l.Close())
}

func TestATruncatedFileIsRefused(t *testing.T) {
	path, content := sample(t)
	whole, err := readDamaged(t.Context(), path, true)
	must(t, err)
	if got, err := readDamaged(t.Context(), path, false); err != nil || got != whole {
		t.Fatalf("the intact file reads differently when writable: %v", err)
	}
	for size := 0; size < len(content); size += 1 + size/9 {
		must(t, os.WriteFile(path, content[:size], 0o600))
		for _, readOnly := range []bool{true, false} {
			text, err := readDamaged(t.Context(), path, readOnly)
			switch {
			case err == nil:
				t.Errorf("cut to %d of %d bytes: no error; reads differently: %t", size, len(content), text != whole)
			case err != nil && (!errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup")):
				t.Errorf("cut to %d bytes: %v; want ErrCorrupt, the path and what to do next", size, err)
			}
		}
	}
}

func TestAZeroedPageIsFound(t *testing.T) {
	path, content := sample(t)
	whole, err := readDamaged(t.Context(), path, true)
	must(t, err)
	page := os.Getpagesize()
	found := 0
	for at := 0; at < len(content); at += page {
		damaged := append([]byte(nil), content...)
		clear(damaged[at:min(at+page, len(damaged))])
		must(t, os.WriteFile(path, damaged, 0o600))
		text, err := readDamaged(t.Context(), path, at/page%2 == 0)
		switch {
		case err != nil && !errors.Is(err, ledger.ErrCorrupt):
			t.Errorf("page %d zeroed: %v, want ErrCorrupt", at/page, err)
		case err != nil:
			found++
		case at > page && text != whole: // a meta page may be lost, as in a crash
			t.Errorf("page %d zeroed: read differently without an error", at/page)
		}
	}
	if found == 0 {
		t.Error("no damage was found")
	}
}

// Whichever bytes are damaged, the outcome is an error or the right content.
func TestFlippedBytesAreFoundOrHarmless(t *testing.T) {
	path, content := sample(t)
	whole, err := readDamaged(t.Context(), path, true)
	must(t, err)
	page := os.Getpagesize()
	check(t, 40, func(t *rapid.T) {
		damaged := append([]byte(nil), content...)
		for range rapid.IntRange(1, 4).Draw(t, "hits") {
			at := rapid.IntRange(0, len(damaged)/page-1).Draw(t, "page")*page + rapid.OneOf(rapid.IntRange(0, 63), rapid.IntRange(0, page-1)).Draw(t, "offset")
			damaged[at] ^= rapid.ByteRange(1, 255).Draw(t, "flip")
		}
		must(t, os.WriteFile(path, damaged, 0o600))
		text, err := readDamaged(t.Context(), path, rapid.Bool().Draw(t, "read-only"))
		switch {
		case err != nil && !errors.Is(err, ledger.ErrCorrupt) && !errors.Is(err, ledger.ErrForeign):
			t.Fatalf("%v; want ErrCorrupt or ErrForeign", err)
		case err == nil && text != whole && string(damaged[:2*page]) == string(content[:2*page]):
			t.Fatal("read differently without an error")
		}
	})
}

func TestAFlippedBitInAValueIsNamed(t *testing.T) {
	path, content := sample(t)
	for i := range 30 {
		must(t, os.WriteFile(path, content, 0o600))
		ledger.FlipBit(t, path, i, i*i*7)
		l, err := ledger.Open(ledger.Options{Path: path})
		if err != nil { // the zap's own value is read at once
			if !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), "zap-") {
				t.Errorf("value %d: %v; want ErrCorrupt and the name of the zap", i, err)
			}
			continue
		}
		if wrong := damages(t, l); len(wrong) == 0 {
			t.Errorf("value %d: Check finds nothing", i)
		} else if !errors.Is(wrong[0], ledger.ErrCorrupt) || !strings.Contains(wrong[0].Error(), "zap-") {
			t.Errorf("value %d: %v; want ErrCorrupt and the name of the zap", i, wrong[0])
		}
		if _, err := everything(t.Context(), l); err != nil && !errors.Is(err, ledger.ErrCorrupt) {
			t.Errorf("value %d: %v; want ErrCorrupt", i, err)
		}
		must(t, l.Close())
	}
}

// A page that claims too few overflow pages reads fine, and bbolt's own check finds nothing. But
// bbolt takes the pages behind it for free ones, and the next commits would overwrite their rows.
func TestAPageThatClaimsTooLittle(t *testing.T) {
	_, content, _ := aged(t, 3000)
	path, size := filepath.Join(t.TempDir(), "short.db"), os.Getpagesize()
	tried := 0
	for at := 2 * size; at < len(content); at += size {
		const leaf = 2
		id, kind, overflow := binary.NativeEndian.Uint64(content[at:]), binary.NativeEndian.Uint16(content[at+8:]), binary.NativeEndian.Uint32(content[at+12:])
		if id != uint64(at/size) || kind != leaf || overflow == 0 {
			continue
		}
		damaged := bytes.Clone(content)
		binary.NativeEndian.PutUint32(damaged[at+12:], overflow-1)
		must(t, os.WriteFile(path, damaged, 0o600))
		if _, err := readDamaged(t.Context(), path, false); errors.Is(err, ledger.ErrCorrupt) {
			tried++
		} else if !ledger.IsFree(t, path, id) {
			t.Errorf("page %d with %d overflow pages of %d: %v, want ErrCorrupt", id, overflow-1, overflow, err)
		}
	}
	if tried == 0 {
		t.Error("no page has overflow pages")
	}
}

// A root page that the disk lost may have an old root, which may be valid but lack our buckets.
func TestARootPageOfAnotherTime(t *testing.T) {
	path, content := sample(t)
	size := os.Getpagesize()
	number := func(at int) int { return int(binary.NativeEndian.Uint64(content[at:])) }
	const head, rootAt, transactionAt, leaf = 16, 16, 48, 2
	meta := head
	if number(size+head+transactionAt) > number(head+transactionAt) {
		meta += size
	}
	root, tried := number(meta+rootAt), 0
	for id := 2; id < len(content)/size; id++ {
		if id == root || number(id*size) != id || binary.NativeEndian.Uint16(content[id*size+8:]) != leaf || binary.NativeEndian.Uint32(content[id*size+12:]) != 0 {
			continue
		}
		damaged := bytes.Clone(content)
		copy(damaged[root*size:(root+1)*size], content[id*size:])
		binary.NativeEndian.PutUint64(damaged[root*size:], uint64(root))
		must(t, os.WriteFile(path, damaged, 0o600))
		if _, err := readDamaged(t.Context(), path, false); !errors.Is(err, ledger.ErrCorrupt) {
			t.Errorf("page %d as the root page: %v, want ErrCorrupt", id, err)
		}
		tried++
	}
	if tried == 0 {
		t.Error("no page was tried")
	}
}

// A copy of a mirrored state that is truncated while it is open can be opened again by the same
// process: bbolt's mapping, which stays, must not keep the lock.
func TestATruncatedCopyIsOpenedAgain(t *testing.T) {
	c := newCached(t)
	c.commit(signups, pollOf(300, "q"))
	must(t, os.Truncate(c.path, 8192))
	if _, _, err := c.Zap(t.Context(), signups); !errors.Is(err, ledger.ErrStale) {
		t.Fatalf("a read of a truncated copy: %v", err)
	}
	_ = c.Close() // the damage may be told again
	again, err := ledger.OpenCache(ledger.Options{Path: c.path, Timeout: time.Millisecond})
	must(t, err)
	if got := again.Position(); got.Epoch != "" {
		t.Errorf("the truncated copy is still one, at %+v", got)
	}
	must(t, again.Close())
}

// If a file is truncated while it is open, the call that reads the missing part fails, not the
// process.
func TestAFileCutShortWhileOpen(t *testing.T) {
	path, _ := sample(t)
	l, err := ledger.Open(ledger.Options{Path: path, ReadOnly: true})
	must(t, err)
	must(t, os.Truncate(path, 0))
	if _, err := everything(t.Context(), l); !errors.Is(err, ledger.ErrCorrupt) {
		t.Errorf("reading: %v, want ErrCorrupt", err)
	}
	if err := l.Ping(t.Context()); !errors.Is(err, ledger.ErrCorrupt) {
		t.Errorf("Ping after that: %v, want ErrCorrupt", err)
	}
	must(t, l.Close())
}
