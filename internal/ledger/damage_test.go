package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

// aged returns two ages of a state file of about so many rows, and what the younger one holds. Its free pages are full of
// what was there before.
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
			p.Cursor = [][]byte{bytes.Repeat([]byte{byte(i)}, 10+rows), fmt.Append(nil, n)}
			must(t, l.Commit(zap, p))
			must(t, l.Start(zap, []uint64{n, n + 1}, noon))
			must(t, l.Finish(zap, outcomes(ledger.Outcome{State: ledger.Sent, Identity: fmt.Sprint("user", n)}, n), noon))
			must(t, l.Finish(zap, outcomes(ledger.Outcome{State: ledger.Failed, Problem: &ledger.Problem{Code: "512"}}, n+1), noon))
			edited := sheetRow(n + 2)
			must(t, l.Commit(zap, ledger.Poll{Header: header, At: noon, Changes: []ledger.Change{{Delivery: n + 2, Row: &edited}}}))
			next[zap] = n + uint64(len(p.New)) - 1
		}
		var copied bytes.Buffer
		_, err := l.Backup(&copied)
		must(t, err)
		return copied.Bytes()
	}
	before = grow(10)
	after = grow(7)
	whole, err = everything(l)
	must(t, err)
	must(t, l.Close())
	return before, after, whole
}

// harm damages a copy of a state file in one of the ways in which disks do, and says how. The meta pages are left alone: a
// file without its last one is as it was before its last transaction, which after a power cut is right.
func harm(r *rand.Rand, before, after []byte) (content []byte, how string) {
	page := os.Getpagesize()
	content = bytes.Clone(after)
	pages := len(content) / page
	at := func() int { return 2 + r.IntN(pages-2) }
	switch r.IntN(8) {
	case 0, 1, 2: // headers and elements are where a page leads elsewhere
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
	case 5: // a write that went to another place
		p, q := at(), at()
		copy(content[q*page:(q+1)*page], content[p*page:])
		return content, fmt.Sprintf("page %d written over page %d", p, q)
	case 6: // writes that the disk lost
		p := 2 + r.IntN(min(pages, len(before)/page)-2)
		n := min(page, len(before)-p*page)
		torn := (1 + r.IntN(page/512)) * 512
		copy(content[p*page:p*page+min(n, torn)], before[p*page:])
		return content, fmt.Sprintf("page %d is as it was before, its first %d bytes", p, torn)
	}
	size := r.IntN(len(content))
	return content[:size], fmt.Sprintf("cut to %d bytes", size)
}

// Whatever a disk does to a file: what is read is what was written, or there is an error. ROWTAP_TEST_SEEDS sets how often.
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
			content, how := harm(rand.New(rand.NewPCG(uint64(seed), uint64(rows))), before, after) //nolint:gosec // it must be the same at each run
			must(t, os.WriteFile(path, content, 0o600))
			began := time.Now()
			text, err := readDamaged(path, seed%2 == 0)
			switch {
			case err != nil && !errors.Is(err, ledger.ErrCorrupt):
				t.Errorf("%d rows, seed %d, %s: %v; want ErrCorrupt", rows, seed, how, err)
			case err == nil && text != whole:
				t.Errorf("%d rows, seed %d, %s: read without error, and differently: %s", rows, seed, how, firstDifference(whole, text))
			case err != nil:
				found++
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("%d rows, seed %d, %s: it took %s", rows, seed, how, took)
			}
		}
		t.Logf("%d rows, %d pages: of %d damaged files, %d were found out, and the damage of the others is in nothing that is used",
			rows, len(after)/os.Getpagesize(), seeds, found)
		if found == 0 {
			t.Error("no damage was found at all")
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
