package detect_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/rowtap/rowtap/internal/detect"
)

// typedSheet returns a sheet as [written] does, with numbers and checkboxes as in [textOrNumber].
func typedSheet(sheet string) wholeSheet {
	s := written(sheet)
	for i := range s.Rows {
		for k, c := range s.Rows[i].Cells {
			if c.Text != "#NAME?" {
				s.Rows[i].Cells[k] = textOrNumber(c.Text)
			}
		}
	}
	return s
}

// namesOf formats the rows found, by their second column, and the changes except moves.
func namesOf(r outcome) string {
	if r.Doubt != "" {
		return "doubt"
	}
	var out []string
	for _, f := range r.Found {
		s := r.row(f.Row).Cell(1).String()
		if f.State != detect.Ready {
			s += ":" + f.State.String()
		}
		out = append(out, s)
	}
	for _, c := range r.Changes {
		if c.Kind != detect.Moved {
			out = append(out, fmt.Sprintf("%d %s", c.Delivery, c.Kind))
		}
	}
	return strings.Join(out, ", ")
}

// TestKeyRules has, for each rule about keys, a case that fails without it. The rows of the first
// read were sent, and more than a day passes between reads.
func TestKeyRules(t *testing.T) {
	for _, tt := range []struct {
		name   string
		key    string
		sheets string // one per read, separated by blanks
		want   string // result of the last one
	}{
		{"another key in the place of one that is gone", "ID", "ID|Name/a|Al/b|Bo ID|Name/zz|Al/b|Bo", "Al, 1 deleted"},
		{"an error is not a key", "ID", "ID|Name/a|Al/#NAME?|Bo ID|Name/a|Al/#NAME?|Cy", "Cy:waiting, 2 deleted"},
		{"a checkbox is a part of the key", "Done ID", "Done|ID|Name|City/#false|7|Al|Rome/#false|8|Bo|Oslo Done|ID|Name|City/#false|7|Al|Rome/#false|9|Bo|Oslo", "9, 2 deleted"},
		{"a vowel sign counts", "ID", "ID|Name/कि1|Al/b|Bo ID|Name/कु1|Al/b|Bo", "Al, 1 deleted"},
		{"a zero within a number counts", "ID", "ID|Name/a-10|Al/b|Bo ID|Name/a-1|Al/b|Bo", "Al, 1 deleted"},
		{"each number may have leading zeros, after letters", "ID", "ID|Name/1a01|Al/b|Bo ID|Name/1a1|Al/b|Bo", "1 edited"},
		{"each number may have leading zeros, after punctuation", "ID", "ID|Name/1-01|Al/b|Bo ID|Name/1-1|Al/b|Bo", "1 edited"},
		{"one of two rows with the same key is deleted", "ID", "ID|Name/a|Al/a|Bo/c|Cy ID|Name/a|Bo/c|Cy", "1 deleted"},
		{"one of two equal rows with the same key is deleted", "ID", "ID|Name/a|Al/a|Al/c|Cy ID|Name/a|Al/c|Cy", "2 deleted"},
		{"two keys fit one respelt key", "ID", "ID|Name/a-01|Al/a01|Al/c|Cy ID|Name/A1|Al/c|Cy", "1 edited, 2 deleted"},
		{"a key seen before does not count as another one, respelt", "ID", "ID|Name/a-01|Al/A1|Al/c|Cy/d|Di/e|Ed ID|Name/a-01|Al/c|Cy/d|Di/e|Ed ID|Name/A1|Al/c|Cy/d|Di/e|Ed", "2 back, 1 deleted"},
		{"cells that are blank on both sides do not count", "ID", "ID|Name|P|Q/a-01|Al||/b|Bo||/c|Cy|| ID|Name|P|Q/b|Bo||/c|Cy||/A1|Di||", "Di, 1 deleted"},
		{"a cleared cell differs", "ID", "ID|Name|P|Q/a-01|Al|x|y/b|Bo||/c|Cy|| ID|Name|P|Q/b|Bo||/c|Cy||/A1|Al||", "Al, 1 deleted"},
		{"a cell that was filled in differs", "ID", "ID|Name|P|Q/a-01|Al||/b|Bo||/c|Cy|| ID|Name|P|Q/b|Bo||/c|Cy||/A1|Al|x|y", "Al, 1 deleted"},
		{"half of the cells are the same", "ID", "ID|Name|P/a-01|Al|x/b|Bo|/c|Cy| ID|Name|P/b|Bo|/c|Cy|/A1|Al|y", "Al:held, 1 deleted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := detect.Options{Key: strings.Fields(tt.key)}
			sheets := strings.Fields(tt.sheets)
			r := begin(typedSheet(sheets[0]), o, 0, 1, start)
			for i, s := range sheets[1:] {
				r = r.then(typedSheet(s), o, start.Add(time.Duration(i+1)*25*time.Hour))
			}
			if got := namesOf(r); got != tt.want {
				t.Errorf("got %q, want %q: %+v", got, tt.want, r.Found)
			}
		})
	}
}

// TestOtherKey: if the key columns change, rows are compared by content once.
func TestOtherKey(t *testing.T) {
	before, after := typedSheet("ID|Ref|Name/1|2|Al/2|1|Bo/3|4|Cy/6|7|Ed"), typedSheet("ID|Ref|Name/1|2|Al/2|1|Bo/x|5|Di/3|4|Cy")
	for name, key := range map[string][]string{"another column": {"Ref"}, "one more column": {"ID", "Ref"}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			r := begin(before, detect.Options{Key: []string{"ID"}}, 0, 1, start)
			r = r.then(after, detect.Options{Key: key}, start.Add(time.Minute))
			if got := namesOf(r); got != "5, 4 deleted" {
				t.Errorf("got %q, want the new row, and the last one deleted", got)
			}
		})
	}
}

// TestKeyOfAnEarlierRelease: a key hashed by an earlier release is found by its old hash once, and
// by the new one from then on.
func TestKeyOfAnEarlierRelease(t *testing.T) {
	o := detect.Options{Key: []string{"ID"}, Identity: []string{"ID"}}
	sheet := typedSheet("ID|Name/Asha@X.com|Al/b2|Bo/c3|Cy")
	c := begin(sheet, o, 0, 1, start).Cursor
	sums := map[string]uint64{}
	for _, r := range sheet.Rows {
		id := r.Cells[0].Text
		sums[id] = xxhash.Sum64(append(binary.AppendUvarint(nil, uint64(len(id))), id...))
	}
	c.KeyedBy, c.Folds, c.Keys = []string{"ID\x00o"}, nil, slices.Clone(c.Keys)
	c.RowKeys = slices.Clone(c.RowKeys)
	for i, r := range sheet.Rows {
		c.RowKeys[i] = detect.RowKey{Sum: sums[r.Cells[0].Text]}
	}
	r := outcome{table: sheet, Result: detect.Result{Cursor: c}}
	const header = "ID|Name/"
	for i, tt := range []struct{ sheet, want string }{
		{"b2|Bo/c3|Cy/Asha@X.com|Al2/d4|Di", "Di, 1 edited"},
		{"ASHA@x.com|Al3/b2|Bo/c3|Cy/d4|Di", "1 edited"},
		{"b2|Bo/c3|Cy/d4|Di", "1 deleted"},
		{"b2|Bo/c3|Cy/Asha@X.com|Al4/d4|Di", "1 back"},
	} {
		r = r.then(typedSheet(header+tt.sheet), o, start.Add(time.Duration(i+1)*25*time.Hour))
		if got := namesOf(r); got != tt.want {
			t.Errorf("read %d: got %q, want %q", i+1, got, tt.want)
		}
	}
}
