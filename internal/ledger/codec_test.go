package ledger

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rowtap/rowtap/internal/row"
)

func testCodec(t testing.TB) codec {
	t.Helper()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func exportAll() cmp.Option {
	return cmp.Options{
		cmp.AllowUnexported(segment{}, entry{}, chunk{}, record{}, worksheet{}, hour{}, step{}),
		cmp.Comparer(row.Header.Equal),
		cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
	}
}

func cells() *rapid.Generator[row.Cell] {
	number := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.Int64(), func(n int64) float64 { return float64(n) }),
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1 << 53, -1 << 53, 1<<53 - 1, math.Inf(1), math.MaxFloat64, 46000.5}))
	return rapid.Custom(func(t *rapid.T) row.Cell {
		switch row.Kind(rapid.Uint8Max(uint8(row.Date)).Draw(t, "kind")) {
		case row.Text:
			return row.Cell{Kind: row.Text, Text: rapid.String().Draw(t, "text")}
		case row.Number:
			return row.NumberCell(number.Draw(t, "number"))
		case row.Bool:
			return row.BoolCell(rapid.Bool().Draw(t, "bool"))
		case row.Date:
			return row.Cell{Kind: row.Date, Num: number.Draw(t, "date"), Shape: row.Shape(rapid.Uint8Max(uint8(row.ShapeDuration)).Draw(t, "shape"))}
		case row.Blank:
		}
		return row.Cell{}
	})
}

func headers() *rapid.Generator[row.Header] {
	cell := rapid.OneOf(rapid.Map(rapid.String(), row.TextCell), rapid.Map(rapid.Float64(), row.NumberCell))
	return rapid.Custom(func(t *rapid.T) row.Header {
		shown := rapid.SliceOfN(rapid.StringMatching(`[0-9]{0,2}/2024|`), 0, 5).Draw(t, "shown")
		return row.ShownHeader(rapid.SliceOfN(cell, 0, 5).Draw(t, "header"), shown)
	})
}

func segments() *rapid.Generator[segment] {
	return rapid.Custom(func(t *rapid.T) segment {
		s := segment{
			header: headers().Draw(t, "header"),
			zone:   rapid.String().Draw(t, "zone"), action: rapid.String().Draw(t, "action"), shadow: rapid.Bool().Draw(t, "shadow"),
			rows: []row.Row{},
		}
		for range rapid.IntRange(0, 6).Draw(t, "rows") {
			s.rows = append(s.rows, row.Row{
				Number: rapid.IntRange(1, 10_000_000).Draw(t, "number"), Cells: rapid.SliceOfN(cells(), 0, 6).Draw(t, "cells"),
			})
		}
		return s
	})
}

func entries() *rapid.Generator[entry] {
	ms := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64())
	text := rapid.SampledFrom([]string{"", "waits for Email", "x"})
	return rapid.Custom(func(t *rapid.T) entry {
		if rapid.IntRange(0, 5).Draw(t, "tombstone") == 0 {
			return entry{}
		}
		e := entry{
			state: State(rapid.IntRange(int(Waiting), int(lastState)).Draw(t, "state")), flags: rapid.Uint8().Draw(t, "flags"),
			attempts: rapid.Uint32().Draw(t, "attempts"), detected: ms.Draw(t, "detected"), updated: ms.Draw(t, "updated"),
			retry: ms.Draw(t, "retry"), commit: rapid.Uint64().Draw(t, "commit"),
			first: rapid.Uint64().Draw(t, "first"), next: rapid.Uint64().Draw(t, "next"), like: rapid.Uint64().Draw(t, "like"), identity: rapid.String().Draw(t, "identity"), reason: text.Draw(t, "reason"),
			upload: rapid.Uint64().Draw(t, "upload"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			e.steps = append(e.steps, step{ms.Draw(t, "step at"), State(rapid.Uint8().Draw(t, "step state")), text.Draw(t, "step text")})
		}
		if rapid.Bool().Draw(t, "problem") {
			e.problem = &Problem{Code: text.Draw(t, "code"), Message: text.Draw(t, "message"), Column: text.Draw(t, "column"), Hint: text.Draw(t, "hint")}
			for range rapid.IntRange(0, 3).Draw(t, "more problems") {
				e.problem = &Problem{Message: text.Draw(t, "message"), Column: text.Draw(t, "column"), Next: e.problem}
			}
		}
		if rapid.Bool().Draw(t, "answer") {
			e.answer = &Answer{
				At: timeOf(rapid.Int64Range(0, 1<<45).Draw(t, "at")), HTTPStatus: rapid.Int().Draw(t, "http"),
				Status: text.Draw(t, "status"), Processed: rapid.Int().Draw(t, "processed"), Sent: rapid.Int().Draw(t, "sent"),
			}
		}
		return e
	})
}

// sendings returns uploads. Parts of their records are made from cells, or claim to be.
func sendings() *rapid.Generator[Upload] {
	return rapid.Custom(func(t *rapid.T) Upload {
		var u Upload
		n := uint64(0)
		for range rapid.IntRange(1, 5).Draw(t, "records") {
			n += rapid.Uint64Range(1, 1000).Draw(t, "skipped")
			d := Delivery{Number: n, Row: row.Row{Cells: rapid.SliceOfN(cells(), 0, 4).Draw(t, "cells")}, Edited: rapid.Bool().Draw(t, "edited")}
			r := SentRecord{Header: headers().Draw(t, "header")}
			for range rapid.IntRange(0, 4).Draw(t, "parts") {
				r.JSON = append(r.JSON, rapid.StringMatching(`[^\x00-\x1f]*`).Draw(t, "text")...)
				part := row.Origin{From: len(r.JSON), Columns: rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "columns")}
				for _, i := range part.Columns {
					r.JSON = append(r.JSON, strings.Map(func(c rune) rune { return max(c, ' ') }, d.Row.Cell(i).String())...)
				}
				part.To = len(r.JSON)
				r.Origins = append(r.Origins, part)
			}
			u = append(u, Sending{d, r})
		}
		return u
	})
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	c := testCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		k := key(rapid.Uint64().Draw(t, "key"))

		s := segments().Draw(t, "segment")
		value, err := c.encodeSegment(k, s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.decodeSegment(k, value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got, exportAll()); d != "" {
			t.Fatalf("segment (-want +got):\n%s", d)
		}

		ch := &chunk{base: 1 + rapid.Uint64Max(1<<62).Draw(t, "base"), entries: rapid.SliceOfN(entries(), 0, 12).Draw(t, "entries")}
		if value, err = c.encodeChunk(k, ch); err != nil {
			t.Fatal(err)
		}
		back, err := c.decodeChunk(k, value)
		if err != nil {
			t.Fatal(err)
		}
		ch.queuedBefore = ch.summary().counts[Queued] > 0
		if d := cmp.Diff(ch, back, exportAll()); d != "" {
			t.Fatalf("chunk (-want +got):\n%s", d)
		}
		sum, err := readSummary(k, value)
		if err != nil || sum != ch.summary() {
			t.Fatalf("summary %+v, %v; want %+v", sum, err, ch.summary())
		}
		i := 0
		_, raw, err := c.unpackChunk(k, value)
		if err == nil {
			err = eachState(sum, raw, func(n uint64, state State, origin uint64) {
				for ch.entries[i].tombstone() {
					i++
				}
				if e := &ch.entries[i]; n != ch.base+uint64(i) || state != e.state || origin != e.origin(n) {
					t.Fatalf("delivery %d: %s of row %d; want %+v", n, state, origin, e)
				}
				i++
			})
		}
		if err != nil || i < len(ch.entries) && slices.ContainsFunc(ch.entries[i:], func(e entry) bool { return !e.tombstone() }) {
			t.Fatalf("eachState: %v after %d of %d entries", err, i, len(ch.entries))
		}

		u := sendings().Draw(t, "upload")
		var stored sent
		if err := stored.addAll(u); err != nil {
			t.Fatal(err)
		}
		gotSent, err := c.decodeSent(k, finishSeal(k, c.encodeSent(&stored)))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range u {
			found := o.Delivery.Row
			if o.Delivery.Edited {
				found = row.Row{Cells: []row.Cell{row.TextCell("another")}}
			}
			got, err := gotSent.record(o.Delivery.Number, found)
			if d := cmp.Diff(o.Record, got, exportAll(), cmpopts.EquateEmpty()); d != "" || err != nil {
				t.Fatalf("record of %+v: %v (-want +got):\n%s", o.Delivery, err, d)
			}
		}

		z := record{
			next: 1 + rapid.Uint64Max(1<<62).Draw(t, "next"), paused: rapid.Bool().Draw(t, "paused"), pausedReason: rapid.String().Draw(t, "why"),
			pausedAt: rapid.Int64().Draw(t, "at"), counts: Counts{Sent: rapid.Int64().Draw(t, "sent"), Discarded: -1, Validated: 9},
			hours:      []hour{{n: 5, counts: [5]int64{1, 0, 2, 0, 3}}, {n: 5 + rapid.Int64Range(1, 1<<40).Draw(t, "hours")}},
			worksheets: []worksheet{{spreadsheetID: rapid.String().Draw(t, "id"), gid: rapid.Int64().Draw(t, "gid"), title: "T", started: 5}, {}},
			hides:      rapid.SampledFrom([]Hides{{}, {Known: true}, {Columns: []string{"a", ""}, Identity: true}}).Draw(t, "hides"),
			current:    rapid.IntRange(0, 1).Draw(t, "current"),
		}
		gotZ, err := decodeRecord("zap", encodeRecord("zap", &z))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(z, gotZ, exportAll()); d != "" {
			t.Fatalf("record (-want +got):\n%s", d)
		}
	})
}

func TestUnsealRefuses(t *testing.T) {
	good := finishSeal([]byte("k"), append(newSeal(4), "text"...))
	if got, err := unseal([]byte("k"), good); string(got) != "text" || err != nil {
		t.Fatalf("unseal = %q, %v", got, err)
	}
	for name, v := range map[string][]byte{
		"missing": nil, "empty": {}, "short": good[:5], "cut": good[:len(good)-1], "longer": append(append([]byte{}, good...), 0),
		"another format": append([]byte{9}, good[1:]...),
	} {
		if got, err := unseal([]byte("k"), v); err == nil {
			t.Errorf("%s: unseal = %q, want an error", name, got)
		}
	}
	if _, err := unseal([]byte("j"), good); err == nil {
		t.Error("under another key: no error")
	}
}

func TestCompressedValuesHaveALimit(t *testing.T) {
	c := testCodec(t)
	bomb, err := c.encodeSegment(key(1), segment{zone: strings.Repeat("z", 4<<20)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.decodeSegment(key(1), bomb); err != nil || len(bomb) > 4096 {
		t.Errorf("4 MB of one letter: %d bytes, %v", len(bomb), err)
	}
	if _, err := c.unpack([]byte("no zstd at all")); err == nil {
		t.Error("unpack of no zstd: no error")
	}
}

// A value with a valid checksum and truncated, extended or absurd content is an error.
func TestMalformedContentIsAnError(t *testing.T) {
	c := testCodec(t)
	value, err := c.encodeSegment(key(1), segment{
		header: row.HeaderOf([]string{"Email"}), zone: "UTC",
		rows: []row.Row{{Number: 2, Cells: []row.Cell{row.TextCell("a@b.c"), row.NumberCell(0.5), row.DateCell(1.5), row.ShownDate(2, "1/1/1900"), row.BoolCell(true)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := c.unpack(value[sealHead:])
	if err != nil {
		t.Fatal(err)
	}
	ch := &chunk{base: 3, entries: []entry{{state: Failed, identity: "a", reason: "r", upload: 2, problem: &Problem{Code: "1"}, answer: &Answer{Status: "s"}}}}
	if value, err = c.encodeChunk(key(1), ch); err != nil {
		t.Fatal(err)
	}
	_, states, err := c.unpackChunk(key(1), value)
	if err != nil {
		t.Fatal(err)
	}
	kept := &sent{}
	if err := kept.addAll(Upload{{Delivery{Number: 7}, SentRecord{JSON: []byte("{}"), Header: row.HeaderOf([]string{"a"}), Origins: []row.Origin{{From: 1, To: 1, Columns: []int{0}}}}}}); err != nil {
		t.Fatal(err)
	}
	records, err := c.unpack(c.encodeSent(kept)[sealHead:])
	if err != nil {
		t.Fatal(err)
	}
	zap := string(encodeRecord("a", &record{next: 5, worksheets: []worksheet{{spreadsheetID: "s"}}})[sealHead:])

	parsers := map[string]struct {
		good  string
		parse func(string) error
	}{
		"segment": {rows, func(s string) error { _, err := parseSegment(s); return err }},
		"records": {records, func(s string) error {
			kept, err := parseSent(s)
			if err == nil {
				_, err = kept.record(7, row.Row{})
			}
			return err
		}},
		"chunk": {states, func(s string) error { _, err := parseChunk(ch.summary(), s); return err }},
		"states": {states[:2], func(s string) error { // all that it reads of a chunk
			if len(s) > 2 {
				return errMalformed
			}
			return eachState(ch.summary(), s, func(uint64, State, uint64) {})
		}},
		"summary": {string(appendSummary(nil, ch.summary())), func(s string) error {
			_, rest, err := splitChunk(key(1), finishSealAs(sealSent, key(1), append(newSeal(len(s)), s...)))
			if err == nil && len(rest) > 0 {
				return errMalformed
			}
			return err
		}},
		"record": {zap, func(s string) error {
			_, err := decodeRecord("a", finishSealAs(sealSent, []byte(keyZap), append(newSeal(len(s)), s...)))
			return err
		}},
	}
	for name, p := range parsers {
		if err := p.parse(p.good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := range p.good {
			if p.parse(p.good[:i]) == nil {
				t.Errorf("%s cut to %d of %d bytes: no error", name, i, len(p.good))
			}
		}
		for _, more := range []string{"\x00", strings.Repeat("\xff", 20)} {
			if p.parse(p.good+more) == nil || p.parse(more+p.good) == nil {
				t.Errorf("%s and %q: no error", name, more)
			}
		}
	}
	if _, err := parseChunk(summary{base: 1, counts: [lastState + 1]int{Sent: 1}, form: sealSent}, states); err == nil {
		t.Error("a chunk with other counts in its summary: no error")
	}
}

// Decoders get values with a valid checksum, which may have any content.
func FuzzParseSegment(f *testing.F) {
	c := testCodec(f)
	for _, s := range []segment{
		{},
		{header: row.HeaderOf([]string{"Email", ""}), zone: "UTC", action: "a", shadow: true, rows: []row.Row{
			{Number: 2, Cells: []row.Cell{row.TextCell("a@b.c"), {}, row.NumberCell(1.5), row.NumberCell(7), row.BoolCell(true), row.DateCell(46000)}},
			{Number: 9},
		}},
		{header: row.ShownHeader([]row.Cell{row.NumberCell(45292)}, []string{"1/1/2024"}), rows: []row.Row{
			{Number: 2, Cells: []row.Cell{row.ShownDate(2, "1/1/1900"), row.ShownDate(400.5, "9612:00:00")}},
		}},
	} {
		value, err := c.encodeSegment(key(1), s)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := c.unpack(value[sealHead:])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := parseSegment(raw)
		if err != nil {
			return
		}
		value, err := c.encodeSegment(key(1), s)
		if err != nil {
			t.Fatalf("encode of %q decoded: %v", raw, err)
		}
		if again, err := c.decodeSegment(key(1), value); err != nil || !cmp.Equal(s, again, exportAll()) {
			t.Fatalf("%q decodes to\n%+v\nand after encoding to\n%+v, %v", raw, s, again, err)
		}
	})
}

func FuzzDecodeChunk(f *testing.F) {
	c := testCodec(f)
	for _, ch := range []*chunk{
		{base: 1},
		{base: 7, entries: []entry{
			{state: Queued, detected: 5, updated: 6, identity: "a", reason: "r", problem: &Problem{Code: "512"}},
			{state: Sent, upload: 3, answer: &Answer{At: time.UnixMilli(9), HTTPStatus: 200, Status: "success"}},
		}},
	} {
		value, err := c.encodeChunk(key(1), ch)
		if err != nil {
			f.Fatal(err)
		}
		_, raw, err := c.unpackChunk(key(1), value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(sealSent), string(appendSummary(nil, ch.summary())), raw)
	}
	f.Add(byte(sealVersion), "\x01\x01\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x01\x00"+strings.Repeat("\x00", 5+3+1+1+4+1))
	f.Fuzz(func(t *testing.T, form byte, head, raw string) {
		if form == 0 || form > sealSent {
			return
		}
		s, _, err := splitChunk(key(1), finishSealAs(form, key(1), append(newSeal(len(head)), head...)))
		if err != nil {
			return
		}
		ch, err := parseChunk(s, raw)
		_ = eachState(s, raw, func(uint64, State, uint64) {})
		if err != nil {
			return
		}
		value, err := c.encodeChunk(key(1), ch)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.decodeChunk(key(1), value); err != nil || !cmp.Equal(ch, again, exportAll()) {
			t.Fatalf("%q %q decodes to\n%+v\nand after encoding to\n%+v, %v", head, raw, ch, again, err)
		}
	})
}

func FuzzParseSent(f *testing.F) {
	c := testCodec(f)
	for i := range 20 {
		var s sent
		if err := s.addAll(sendings().Example(i)); err != nil {
			f.Fatal(err)
		}
		raw, err := c.unpack(c.encodeSent(&s)[sealHead:])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	found := row.Row{Cells: []row.Cell{row.TextCell("a"), row.NumberCell(2)}}
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := parseSent(raw)
		if err != nil {
			return
		}
		again, err := c.decodeSent(key(1), finishSeal(key(1), c.encodeSent(s)))
		if err != nil {
			t.Fatalf("%q, re-encoded: %v", raw, err)
		}
		for _, r := range s.records {
			one, err := s.record(r.number, found)
			two, errAgain := again.record(r.number, found)
			if (err == nil) != (errAgain == nil) || !cmp.Equal(one, two, exportAll()) {
				t.Fatalf("%q: %+v, %v and %+v, %v", raw, one, err, two, errAgain)
			}
			for _, o := range one.Origins {
				if o.From > o.To || o.To > len(one.JSON) {
					t.Fatalf("%q: %+v", raw, one)
				}
			}
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(encodeRecord("a", &record{next: 1})[sealHead:])
	f.Add(encodeRecord("a", &record{next: 9, paused: true, pausedReason: "x", worksheets: []worksheet{{spreadsheetID: "s", gid: 3}}})[sealHead:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		sealed := func(form byte) []byte {
			return finishSealAs(form, []byte(keyZap), append(newSeal(len(payload)), payload...))
		}
		_, _ = decodeRecord("a", sealed(sealVersion))   // of schema 4
		_, _ = decodeRecord("a", sealed(sealValidated)) // of schema 5
		z, err := decodeRecord("a", sealed(sealSent))
		if err != nil {
			return
		}
		_ = z.zap()
		if again, err := decodeRecord("a", encodeRecord("a", &z)); err != nil || !cmp.Equal(z, again, exportAll()) {
			t.Fatalf("%q decodes to\n%+v\nand after encoding to\n%+v, %v", payload, z, again, err)
		}
	})
}
