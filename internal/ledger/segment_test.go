package ledger

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/rowtap/rowtap/internal/row"
)

// Cells as stored. The first ones are bytes of releases without shapes, which must stay readable.
func TestStoredCells(t *testing.T) {
	tests := []struct {
		cell row.Cell
		want string // in hex
	}{
		{row.DateCell(46000.5), "060000000010 76e640"},
		{row.DateCell(2), "0704"},
		{row.DateCell(-1), "0701"},
		{row.NumberCell(2), "0304"},
		{row.ShownDate(2, "1/1/1900"), "0801 0704"},
		{row.ShownDate(0.5, "12:00"), "0802 06000000000000e03f"},
		{row.ShownDate(-1, "-24:00:00"), "0803 0701"},
	}
	for _, tt := range tests {
		want, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(tt.want), []byte(" "), nil)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := row.AppendCell(nil, tt.cell); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%+v is stored as %x, %v; want %x", tt.cell, got, err, want)
		}
		r := reader{s: string(want)}
		if got := r.cell(); r.done() != nil || got != tt.cell {
			t.Errorf("%x is read as %+v, want %+v", want, got, tt.cell)
		}
	}
	for _, bad := range []string{"\x08\x00\x07\x04", "\x08\x04\x07\x04", "\x08\x01\x03\x04", "\x08\x01\x08\x01\x07\x04", "\x08\x01", "\x09"} {
		r := reader{s: bad}
		if c := r.cell(); r.done() == nil {
			t.Errorf("%x is read as %+v, want an error", bad, c)
		}
	}
}

// A stored header keeps the earlier names of its columns. Names stored by earlier releases are
// tidied.
func TestStoredHeader(t *testing.T) {
	h := row.ShownHeader([]row.Cell{row.TextCell("Email"), row.NumberCell(45292), {}}, []string{"", "1/1/2024"})
	b := appendHeader(nil, h)
	if want := "\x03\x05Email\x0e1/1/2024\x0045292\x00"; string(b) != want {
		t.Errorf("stored as %q, want %q", b, want)
	}
	r := reader{s: string(b)}
	got := r.header()
	if i, ok := got.Index("45292"); r.done() != nil || !got.Equal(h) || !ok || i != 1 {
		t.Errorf("read as %q, formerly %q", got.Names(), got.FormerNames())
	}
	r = reader{s: "\x02\x08Pre\u0301nom\x0aNa\u200bme\u200e"}
	got = r.header()
	if i, ok := got.Index("Prénom"); !ok || i != 0 || got.Name(1) != "Name" {
		t.Errorf("read as %+q", got.Names())
	}
}
