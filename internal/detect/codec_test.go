package detect_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

func bigTable(n int) wholeSheet {
	t := wholeSheet{Header: row.HeaderOf([]string{"Name", "Email", "Phone", "City", "Country", "Plan", "Score", "Signed up"})}
	for i := range n {
		t.Rows = append(t.Rows, row.Row{Number: i + 2, Cells: []row.Cell{
			row.TextCell(fmt.Sprintf("first%d last%d", i%200, i%307)),
			row.TextCell(fmt.Sprintf("u%d@example.com", i)),
			row.NumberCell(9.1e9 + float64(i)),
			row.TextCell(fmt.Sprintf("city%d", i%50)),
			row.TextCell(fmt.Sprintf("country%d", i%7)),
			row.TextCell(fmt.Sprintf("plan%d", i%3)),
			row.NumberCell(float64(i * 7919 % 101)),
			row.NumberCell(46000 + float64(i)/1440),
		}})
	}
	return t
}

// TestAppendChangesFewChunks: appending rewrites the header and the last chunk of rows.
func TestAppendChangesFewChunks(t *testing.T) {
	for _, o := range []detect.Options{{}, {Key: []string{"Email"}}} {
		c := begin(bigTable(10000), o, 1<<30, 1, start).Cursor
		before := c.Encode()
		after := diff(c, bigTable(10002), o, start.Add(time.Minute)).Cursor.Encode()
		// Three chunks of 4,096 rows each, and a power of two of chunks of keys.
		if want := 1 + 3 + 4*len(o.Key); len(before) != want || len(after) != want {
			t.Fatalf("%d chunks, then %d, want %d", len(before), len(after), want)
		}
		differ := 0
		for i := range before {
			if !bytes.Equal(before[i], after[i]) {
				differ++
			}
		}
		if want := 2 + 2*len(o.Key); differ > want {
			t.Errorf("key %q: %d of %d chunks changed, want at most %d", o.Key, differ, len(after), want)
		}
		if got := recoded(t, c); !sameCursor(got, c) {
			t.Errorf("key %q: decoded cursor differs", o.Key)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	good := polls(t, detect.Options{}, "abcd", "abd").Cursor.Encode()
	tests := []struct {
		name   string
		chunks [][]byte
		want   string
	}{
		{"nothing", nil, "cursor: no data"},
		{"an empty chunk", [][]byte{{}}, "cursor: no data"},
		{"a newer format", append([][]byte{append([]byte{9}, good[0][1:]...)}, good[1:]...), "format 9 is not supported"},
		{"a chunk is missing", good[:len(good)-1], "chunks, but its header lists"},
		{"a chunk is short", append([][]byte{good[0], good[1][:len(good[1])-1]}, good[2:]...), "chunk 1 is damaged"},
		{"a chunk is long", append([][]byte{good[0], append(bytes.Clone(good[1]), 0)}, good[2:]...), "chunk 1 is damaged"},
	}
	for _, tt := range tests {
		if _, err := detect.Decode(slices.Values(tt.chunks)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestDoubtCodec: every doubt survives a round trip, and unknown ones are rejected.
func TestDoubtCodec(t *testing.T) {
	for kind := detect.NoDoubt; kind <= detect.DoubtEmpty+1; kind++ {
		for _, emptied := range []bool{false, true} {
			c := detect.Cursor{Next: 1, Doubt: detect.Doubt{Kind: kind, Count: 3, Emptied: emptied}}
			got, err := detect.Decode(slices.Values(c.Encode()))
			if known := kind <= detect.DoubtEmpty; known != (err == nil) || known && got.Doubt != c.Doubt {
				t.Errorf("%+v: got %+v, %v", c.Doubt, got.Doubt, err)
			}
		}
	}
}

// TestStableHashes: hashes are stored in state files, and may only change with the format version.
func TestStableHashes(t *testing.T) {
	names := row.HeaderOf([]string{"A", "B", "C", "D", "E"})
	cells := []row.Cell{row.TextCell("é"), row.NumberCell(-1.5), row.BoolCell(true), row.DateCell(46000), row.TextCell(" ")}
	c := begin(wholeSheet{Header: names, Rows: []row.Row{{Number: 2, Cells: cells}}}, detect.Options{Key: []string{"A", "B"}}, 0, 1, start).Cursor
	got := fmt.Sprintf("%x %x %x %x", c.Cells, c.Folds, c.RowKeys, c.Keys)
	if want := "[af6338a7 5c46e8a6 ea44646b 27dc6fdb 0] [386ac7a8 f8bcdca0 485e9a58 d00b2b60 0] [{f936b94af1b15640 b37d528c}] [{f936b94af1b15640 0}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDateAndNumberAreAlike(t *testing.T) {
	of := func(c row.Cell) wholeSheet {
		return wholeSheet{Header: row.HeaderOf([]string{"A"}), Rows: []row.Row{{Number: 2, Cells: []row.Cell{c}}}}
	}
	c := begin(of(row.DateCell(46000.5)), detect.Options{}, 1<<30, 1, start).Cursor
	if r := diff(c, of(row.NumberCell(46000.5)), detect.Options{}, start); !r.Unchanged {
		t.Errorf("a date became a number with the same serial: got %+v, want unchanged", r)
	}
}

// someCursors returns small cursors: with vanished rows, with keys, and with a doubt.
func someCursors(t testing.TB) []detect.Cursor {
	t.Helper()
	return []detect.Cursor{
		polls(t, detect.Options{}, "abcd", "abd", "abdxy").Cursor,
		polls(t, detect.Options{Key: []string{"Email"}}, "abcd", "abd", "abdx-").Cursor,
		polls(t, detect.Options{}, "abcd", "a").Cursor,
	}
}

// decodable fails unless chunks are rejected or decode to a cursor that can be used.
func decodable(t *testing.T, chunks [][]byte) {
	t.Helper()
	c, err := detect.Decode(slices.Values(chunks))
	if err != nil {
		return
	}
	if again, err := detect.Decode(slices.Values(c.Encode())); err != nil || !sameCursor(again, c) {
		t.Fatalf("decoded again: %+v, %v, want %+v", again, err, c)
	}
	diff(c, table("abcd"), detect.Options{}, start) // must not panic, whatever the cursor holds
}

func FuzzDecode(f *testing.F) {
	for _, c := range someCursors(f) {
		f.Add(bytes.Join(c.Encode(), []byte("\xff|")))
	}
	f.Fuzz(func(t *testing.T, b []byte) { decodable(t, bytes.Split(b, []byte("\xff|"))) })
}

// TestDecodeDamaged: a chunk has one other byte, or is cut short.
func TestDecodeDamaged(t *testing.T) {
	for _, c := range someCursors(t) {
		good := c.Encode()
		for k, chunk := range good {
			damaged := slices.Clone(good)
			for at := range chunk {
				for _, b := range []byte{0, 1, 4, 0x7f, 0x80, 0xff, chunk[at] + 1, chunk[at] - 1, chunk[at] ^ 0x80} {
					damaged[k] = bytes.Clone(chunk)
					damaged[k][at] = b
					decodable(t, damaged)
				}
				damaged[k] = chunk[:at]
				if _, err := detect.Decode(slices.Values(damaged)); err == nil {
					t.Fatalf("%d of %d bytes of chunk %d were enough", at, len(chunk), k)
				}
			}
		}
	}
}

func TestAnyCursorAnySheet(t *testing.T) {
	sheet := rapid.StringOfN(rapid.SampledFrom([]rune("abcde.-!?13")), 0, 12, -1)
	o := rapid.Custom(func(t *rapid.T) detect.Options {
		return detect.Options{
			Require:    rapid.SampledFrom([][]string{nil, {"Email"}, {"Gone"}}).Draw(t, "require"),
			Key:        rapid.SampledFrom([][]string{nil, nil, {"Email"}, {"Name", "Plan"}}).Draw(t, "key"),
			Ignore:     rapid.SampledFrom([][]string{nil, {"Note"}, {"Note", "Score"}}).Draw(t, "ignore"),
			Unsure:     rapid.SampledFrom([]detect.Unsure{"", detect.UnsureHold, detect.UnsureSend, detect.UnsureSkip}).Draw(t, "unsure"),
			Settle:     rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "settle"),
			MaxNewRows: rapid.IntRange(0, 3).Draw(t, "max"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		now := start
		fired := map[uint64]bool{}
		c := begin(table(sheet.Draw(t, "first")), o.Draw(t, "options"), rapid.IntRange(0, 5).Draw(t, "old to"), 1, now).Cursor
		next := c.Next
		for range 6 {
			now = now.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds")) * time.Second)
			kept := fmt.Sprintf("%v", c)
			r := diff(c, table(sheet.Draw(t, "read")), o.Draw(t, "options"), now)
			if after := fmt.Sprintf("%v", c); after != kept {
				t.Fatalf("the cursor passed in was modified:\ngot  %s\nwant %s", after, kept)
			}
			if r.Doubt != "" && len(r.Found)+len(r.Changes) > 0 || r.Unchanged && len(r.Found)+len(r.Changes) > 0 {
				t.Fatalf("doubt %q, unchanged %v, but %+v %+v", r.Doubt, r.Unchanged, r.Found, r.Changes)
			}
			for _, f := range r.Found {
				if f.Delivery != next {
					t.Fatalf("delivery %d, want %d", f.Delivery, next)
				}
				next++
				fired[f.Delivery] = f.State == detect.Ready
			}
			changed := map[uint64]bool{}
			for _, ch := range r.Changes {
				if ch.Delivery == 0 || ch.Delivery >= c.Next || changed[ch.Delivery] {
					t.Fatalf("change of delivery %d, next is %d, changed %v", ch.Delivery, c.Next, changed)
				}
				changed[ch.Delivery] = true
				if ch.Kind == detect.BecameReady {
					if fired[ch.Delivery] {
						t.Fatalf("delivery %d fires twice", ch.Delivery)
					}
					fired[ch.Delivery] = true
				}
			}
			if c = recoded(t, r.Cursor); !sameCursor(c, r.Cursor) {
				t.Fatalf("decoded cursor differs:\ngot  %+v\nwant %+v", c, r.Cursor)
			}
		}
	})
}
