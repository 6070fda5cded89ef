package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// aged returns two versions of a state file of about the given number of rows, and the content of
// the later one. Its free pages still have earlier data.
func aged(t *testing.T, rows int) (before, after []byte, whole string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aged.db")
	l, err := ledger.Open(ledger.Options{Path: path})
	must(t, err)
	next := map[string]uint64{}
	grow := func(rounds int) []byte {
		for i := range rounds {
			zap := fmt.Sprintf("zap-%d", i%5)
			n := next[zap] + 1
			p := pollOf(n, strings.Repeat("qqwhk", max(1, rows/50)))
			p.Cursor = wholeCursor([][]byte{bytes.Repeat([]byte{byte(i)}, 10+rows), fmt.Append(nil, n)})
			commit(t, l, zap, p)
			must(t, l.Start(t.Context(), zap, uploadOf(n, n+1), ledger.Hides{}, noon))
			sent := ledger.Outcome{State: ledger.Sent, Identity: fmt.Sprint("user", n)}
			must(t, l.Finish(t.Context(), zap, outcomes(sent, n), noon))
			must(t, l.Finish(t.Context(), zap, outcomes(ledger.Outcome{State: ledger.Failed, Problem: &ledger.Problem{Code: "512"}}, n+1), noon))
			edited := sheetRow(n + 2)
			commit(t, l, zap, ledger.Poll{Header: header, At: noon, Changes: []ledger.Change{{Delivery: n + 2, Row: &edited}}})
			next[zap] = n + uint64(len(p.New)) - 1
		}
		var copied bytes.Buffer
		_, err := l.Backup(t.Context(), &copied)
		must(t, err)
		return copied.Bytes()
	}
	before = grow(10)
	after = grow(7)
	whole, err = everything(t.Context(), l)
	must(t, err)
	must(t, l.Close())
	return before, after, whole
}

// harm damages a copy of a state file in one of the ways that disks do, and says how. It spares the
// meta pages: a file without its last one is as before its last transaction, which is correct after
// a power failure.
func harm(r *rand.Rand, before, after []byte) (content []byte, how string) {
	page := os.Getpagesize()
	content = bytes.Clone(after)
	pages := len(content) / page
	at := func() int { return 2 + r.IntN(pages-2) }
	switch r.IntN(8) {
	case 0, 1, 2: // in headers and elements, which lead to other pages
		i := at()*page + r.IntN(200)
		bit := byte(1) << r.IntN(8)
		content[i] ^= bit
		return content, fmt.Sprintf("bit %#x flipped at %d+%d", bit, i/page, i%page)
	case 3:
		i := 2*page + r.IntN(len(content)-2*page)
		content[i] ^= byte(1 + r.IntN(255))
		return content, fmt.Sprintf("byte changed at %d+%d", i/page, i%page)
	case 4:
		p := at()
		from := r.IntN(page/512) * 512
		clear(content[p*page+from : (p+1)*page])
		return content, fmt.Sprintf("page %d zeroed from %d on", p, from)
	case 5: // a write that went elsewhere
		p, q := at(), at()
		copy(content[q*page:(q+1)*page], content[p*page:])
		return content, fmt.Sprintf("page %d overwritten with page %d", p, q)
	case 6: // lost writes
		p := 2 + r.IntN(min(pages, len(before)/page)-2)
		n := min(page, len(before)-p*page)
		torn := (1 + r.IntN(page/512)) * 512
		copy(content[p*page:p*page+min(n, torn)], before[p*page:])
		return content, fmt.Sprintf("page %d has its old first %d bytes", p, torn)
	}
	size := r.IntN(len(content))
	return content[:size], fmt.Sprintf("cut to %d bytes", size)
}

// Whatever a disk does to a file, what is read is what was written, or there is an error.
// ROWTAP_TEST_SEEDS sets the number of runs.
func TestDamageIsAnErrorOrNothing(t *testing.T) {
	seeds := 60
	if text := os.Getenv("ROWTAP_TEST_SEEDS"); text != "" {
		var err error
		seeds, err = strconv.Atoi(text)
		must(t, err)
	}
	path := filepath.Join(t.TempDir(), "harmed.db")
	for _, rows := range []int{1, 100, 3000} {
		before, after, whole := aged(t, rows)
		found := 0
		for seed := range seeds {
			content, how := harm(rand.New(rand.NewPCG(uint64(seed), uint64(rows))), before, after)
			must(t, os.WriteFile(path, content, 0o600))
			text, err := readDamaged(t.Context(), path, seed%2 == 0)
			switch {
			case err != nil && !errors.Is(err, ledger.ErrCorrupt):
				t.Errorf("%d rows, seed %d, %s: %v; want ErrCorrupt", rows, seed, how, err)
			case err == nil && text != whole:
				t.Errorf("%d rows, seed %d, %s: read differently without an error: %s", rows, seed, how, firstDifference(whole, text))
			case err != nil:
				found++
			}
		}
		t.Logf("%d rows, %d pages: %d damaged files, %d detected, the others damaged only in unused parts",
			rows, len(after)/os.Getpagesize(), seeds, found)
		if found == 0 {
			t.Error("no damage was found")
		}
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d is %.200s, want %.200s", i, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// harmOpen, set to a directory and a seed, makes the test binary a process whose open files are
// damaged.
const harmOpen = "ROWTAP_TEST_HARM_OPEN"

// A file that is damaged while it is open must not end the process. (Of 3,000 seeds one, 2733,
// keeps bbolt busy for minutes: it frees as many pages as a page's header says.)
func TestDamageWhileOpenIsAnError(t *testing.T) {
	if underRace {
		t.Skip("the race detector ends the process on an invalid address")
	}
	if text := os.Getenv(harmOpen); text != "" {
		dir, seed, _ := strings.Cut(text, " ")
		first, err := strconv.Atoi(seed)
		must(t, err)
		harmWhileOpen(t, dir, first)
		return
	}
	seeds := 100
	if text := os.Getenv("ROWTAP_TEST_SEEDS"); text != "" {
		var err error
		seeds, err = strconv.Atoi(text)
		must(t, err)
	}
	dir := t.TempDir()
	before, after, _ := aged(t, 100)
	must(t, os.WriteFile(filepath.Join(dir, "before"), before, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "after"), after, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "until"), []byte(strconv.Itoa(seeds)), 0o600))
	for first := 0; first < seeds; {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestDamageWhileOpenIsAnError$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", harmOpen, dir, first))
		out, err := cmd.CombinedOutput()
		cancel()
		if err == nil {
			break
		}
		reached, readErr := os.ReadFile(filepath.Join(dir, "reached"))
		must(t, readErr)
		t.Errorf("seed %s: %v\n%.3000s", reached, err, out)
		last, _, _ := strings.Cut(string(reached), " ")
		n, err := strconv.Atoi(last)
		must(t, err)
		first = n + 1
	}
}

func harmWhileOpen(t *testing.T, dir string, first int) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		return b
	}
	before, after := read("before"), read("after")
	until, err := strconv.Atoi(string(read("until")))
	must(t, err)
	path := filepath.Join(dir, "open.db")
	for seed := first; seed < until; seed++ {
		content, how := harm(rand.New(rand.NewPCG(uint64(seed), 1)), before, after)
		must(t, os.WriteFile(filepath.Join(dir, "reached"), fmt.Appendf(nil, "%d (%s)", seed, how), 0o600))
		must(t, os.RemoveAll(path))
		must(t, os.WriteFile(path, after, 0o600))
		l, err := ledger.Open(ledger.Options{Path: path})
		must(t, err)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		_, err = f.WriteAt(content, 0)
		must(t, errors.Join(err, f.Truncate(int64(len(content))), f.Close()))
		_, _ = everything(t.Context(), l)
		damages(t, l)
		for i := range 5 {
			zap := fmt.Sprintf("zap-%d", i)
			_, _ = l.Commit(t.Context(), zap, pollOf(9, "qqq"))
			_, _ = l.Prune(t.Context(), noon.Add(time.Hour), 10)
		}
		_ = l.Close()
	}
}
