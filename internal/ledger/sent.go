package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/rowtap/rowtap/internal/row"
)

// Upload is the records of one request in the order in which they are sent.
type Upload []Sending

// Sending is a queued delivery that is about to be sent.
type Sending struct {
	Delivery Delivery // as [Ledger.Queued] returned it
	Record   SentRecord
}

// SentRecord is a sent record as stored, without what its zap hid at the time.
type SentRecord struct {
	JSON    []byte
	Header  row.Header   // of the columns in Origins
	Origins []row.Origin // parts of JSON that were made from cells, in order
}

// SentRecord returns the record with which a delivery was last started ([Ledger.Start]), whatever
// its outcome. ok is false if it was never started, or only by a release that did not store
// records.
func (l *Ledger) SentRecord(ctx context.Context, zap string, n uint64) (record SentRecord, ok bool, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		b := bucketOf(tx, zap)
		if b == nil || n == 0 {
			return nil
		}
		c, err := readChunk(l.codec, b, zap, chunkOf(n))
		if err != nil {
			return err
		}
		en := c.entry(n)
		if ok = en != nil && en.upload != 0; !ok {
			return nil
		}
		s, err := readSent(l.codec, b, zap, en.upload)
		if err != nil {
			return err
		}
		first, rows, err := segmentAt(l.codec, b.Bucket([]byte(bucketRows)), zap, n)
		if err != nil {
			return err
		}
		var found row.Row
		if len(rows.rows) > 0 {
			found = rows.rows[n-first]
		}
		if record, err = s.record(n, found); err != nil {
			return damaged(zap, bucketSent, en.upload, err)
		}
		return nil
	})
	if err != nil {
		return SentRecord{}, false, fmt.Errorf("read the record of delivery %s/%d: %w", zap, n, err)
	}
	return record, ok, nil
}

// sentSmall is the maximum number of records of a value that is merged with those of the next
// uploads, so that single records share a header.
const sentSmall = 64

// sent is a value of the bucket sent: the records of one upload or of several small ones. Headers
// and lists of columns are stored once, encoded; records refer to them by their numbers, from 1.
type sent struct {
	headers, columns table[string]
	records          []sentText
}

// sentText is a record as stored. JSON has no control characters, so three of them mark which parts
// were made from which cells, and where cells are to be inserted.
type sentText struct {
	number uint64
	header int
	text   string
}

const (
	markFrom = iota + 1 // start of a part made from cells; its list of columns follows
	markTo              // end of the part
	markCell            // the text of a cell of the row as found (cellText); its column follows
	marks    = "\x01\x02\x03"
)

// cellText returns a cell as it appears in most records, "" if that varies. Its results must never
// change, because records are stored without them.
func cellText(c row.Cell) string {
	switch c.Kind {
	case row.Text:
		return strings.Trim(c.Text, " ")
	case row.Number:
		return strconv.FormatFloat(c.Num, 'f', -1, 64)
	case row.Bool:
		return strconv.FormatBool(c.Num != 0)
	case row.Blank, row.Date:
	}
	return ""
}

// addAll adds the records of an upload.
func (s *sent) addAll(u Upload) error {
	header := 0
	for i, o := range u {
		json := string(o.Record.JSON)
		if strings.ContainsAny(json, marks) {
			return fmt.Errorf("the record of delivery %s is not JSON", o.Delivery.ID())
		}
		if i == 0 || !o.Record.Header.Equal(u[i-1].Record.Header) {
			header = s.headers.of(string(appendHeader(nil, o.Record.Header)))
		}
		s.records = append(s.records, sentText{o.Delivery.Number, header, s.marked(json, o)})
	}
	return nil
}

// marked returns a record as stored.
func (s *sent) marked(json string, o Sending) string {
	cells := o.Delivery.Row.Cells
	if o.Delivery.Edited { // the row as found is another one
		cells = nil
	}
	text, list, done := make([]byte, 0, len(json)+4*len(o.Record.Origins)), []byte(nil), 0
	for _, part := range o.Record.Origins {
		list = list[:0]
		for _, c := range part.Columns {
			list = appendUvarint(list, c)
		}
		text = append(append(text, json[done:part.From]...), markFrom)
		text = appendUvarint(text, s.columns.of(string(list)))
		value := json[part.From:part.To]
		for _, c := range part.Columns {
			if c >= len(cells) {
				continue
			}
			whole := cellText(cells[c])
			if before, after, found := strings.Cut(value, whole); found && whole != "" {
				text = appendUvarint(append(append(text, before...), markCell), c)
				value = after
			}
		}
		text = append(append(text, value...), markTo)
		done = part.To
	}
	return string(append(text, json[done:]...))
}

// record returns the record of a delivery, given its row as found.
func (s *sent) record(n uint64, found row.Row) (SentRecord, error) {
	i := slices.IndexFunc(s.records, func(t sentText) bool { return t.number == n })
	if i < 0 {
		return SentRecord{}, errMalformed
	}
	header := reader{s: s.headers.values[s.records[i].header-1]}
	out := SentRecord{Header: header.header(), JSON: []byte{}}
	r, open := reader{s: s.records[i].text}, false
	for r.s != "" && !r.bad {
		k := strings.IndexAny(r.s, marks)
		if k < 0 {
			k = len(r.s)
		}
		out.JSON = append(out.JSON, r.take(uint64(k))...)
		if r.s == "" {
			break
		}
		switch r.byte() {
		case markFrom:
			list := r.uvarint()
			if open || list == 0 || list > uint64(len(s.columns.values)) {
				return SentRecord{}, errMalformed
			}
			open = true
			part := row.Origin{From: len(out.JSON)}
			for columns := (reader{s: s.columns.values[list-1]}); columns.s != "" && !columns.bad; {
				part.Columns = append(part.Columns, int(columns.uvarint()))
			}
			out.Origins = append(out.Origins, part)
		case markTo:
			if !open {
				return SentRecord{}, errMalformed
			}
			open = false
			out.Origins[len(out.Origins)-1].To = len(out.JSON)
		case markCell:
			out.JSON = append(out.JSON, cellText(found.Cell(int(r.uvarint())))...)
		}
	}
	if open {
		return SentRecord{}, errMalformed
	}
	return out, r.done()
}

// encodeSent returns the records compressed, to be sealed with their key.
func (c codec) encodeSent(s *sent) []byte {
	raw := make([]byte, 0, 256+256*len(s.records))
	for _, t := range []table[string]{s.headers, s.columns} {
		raw = appendUvarint(raw, len(t.values))
		for _, v := range t.values {
			raw = appendString(raw, v)
		}
	}
	raw = appendUvarint(raw, len(s.records))
	before := uint64(0)
	for _, t := range s.records {
		raw = binary.AppendVarint(raw, int64(t.number-before))
		raw = appendUvarint(appendUvarint(raw, t.header), len(t.text))
		before = t.number
	}
	for _, t := range s.records {
		raw = append(raw, t.text...)
	}
	return c.enc.EncodeAll(raw, newSeal(len(raw)/4))
}

func (c codec) decodeSent(key, value []byte) (*sent, error) {
	raw, err := c.unsealed(key, value)
	if err != nil {
		return nil, err
	}
	return parseSent(raw)
}

func parseSent(raw string) (*sent, error) {
	s, r := &sent{}, reader{s: raw}
	for _, t := range []*table[string]{&s.headers, &s.columns} {
		for range r.count() {
			t.of(r.string())
		}
	}
	s.records = make([]sentText, r.count())
	lengths := make([]uint64, len(s.records))
	before := uint64(0)
	for i := range s.records {
		t := &s.records[i]
		t.number = before + uint64(r.varint())
		before = t.number
		header := r.uvarint()
		lengths[i] = r.uvarint()
		if header == 0 || header > uint64(len(s.headers.values)) {
			return nil, errMalformed
		}
		t.header = int(header)
	}
	for i, n := range lengths {
		s.records[i].text = r.take(n)
	}
	return s, r.done()
}

// readSent returns the value of an upload that a delivery refers to.
func readSent(c codec, zap *bbolt.Bucket, name string, upload uint64) (*sent, error) {
	s, err := c.decodeSent(key(upload), zap.Bucket([]byte(bucketSent)).Get(key(upload)))
	if err != nil {
		return nil, damaged(name, bucketSent, upload, err)
	}
	return s, nil
}

// encodeUploads encodes uploads before the transaction, so that others do not wait. nil stands for
// a small one, which keep may merge with others.
func (c codec) encodeUploads(uploads []Upload) ([][]byte, error) {
	values := make([][]byte, len(uploads))
	for i, u := range uploads {
		if len(u) < sentSmall {
			continue
		}
		var s sent
		if err := s.addAll(u); err != nil {
			return nil, err
		}
		values[i] = c.encodeSent(&s)
	}
	return values, nil
}

// keep stores the records of an upload under the next number, or merged with the last upload if
// both are small.
func (e *edit) keep(u Upload, value []byte) error {
	upload, s := uint64(1), &sent{}
	if last, _ := e.sub(bucketSent).Cursor().Last(); last != nil {
		n, err := numberOf(last)
		if err != nil {
			return damaged(e.name, bucketSent, 0, err)
		}
		upload = n + 1
		if value == nil {
			before, err := readSent(e.codec, e.bucket, e.name, n)
			if err != nil {
				return err
			}
			if len(before.records)+len(u) <= sentSmall {
				upload, s = n, before
			}
		}
	}
	if value == nil {
		if err := s.addAll(u); err != nil {
			return err
		}
		value = e.codec.encodeSent(s)
	}
	for _, o := range u {
		en, err := e.entry(o.Delivery.Number)
		if err != nil {
			return err
		}
		en.upload = upload
	}
	return e.put(bucketSent, key(upload), finishSeal(key(upload), value))
}

// leave removes a delivery's reference to its record. removeLeft removes the record.
func (e *edit) leave(n uint64, en *entry) {
	if en.upload == 0 {
		return
	}
	if e.left == nil {
		e.left = map[uint64]map[uint64]bool{}
	}
	if e.left[en.upload] == nil {
		e.left[en.upload] = map[uint64]bool{}
	}
	e.left[en.upload][n] = true
	en.upload = 0
}

// removeLeft removes the records of the deliveries passed to leave.
func (e *edit) removeLeft() error {
	for _, upload := range slices.Sorted(maps.Keys(e.left)) {
		s, err := readSent(e.codec, e.bucket, e.name, upload)
		if err != nil {
			return err
		}
		s.records = slices.DeleteFunc(s.records, func(t sentText) bool { return e.left[upload][t.number] })
		if len(s.records) == 0 {
			err = e.remove(bucketSent, key(upload))
		} else {
			err = e.put(bucketSent, key(upload), finishSeal(key(upload), e.codec.encodeSent(s)))
		}
		if err != nil {
			return err
		}
	}
	e.left = nil
	return nil
}
