package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Zap is what the ledger stores for a zap besides its rows.
type Zap struct {
	Paused       bool
	PausedReason string
	PausedAt     time.Time
	ResumeAt     time.Time // the pause ends by itself; zero: it does not

	SpreadsheetID string // the worksheet last committed; "" if none was
	GID           int64
	Title         string
	StartedAt     time.Time // when it was first read: rows that existed then are not new
	// Stays are the worksheets that the zap has watched, the one last committed at the end. Early
	// ones may be missing.
	Stays []Stay

	Hides Hides // as last stored

	Counts Counts
	// Hours has the hours of the last week with outcomes, and the days of the last 31 days before
	// it, oldest first. CountedFrom is when they begin to be complete: before, an older release has
	// removed rows that were not counted; zero: they are complete.
	Hours       []Hour
	CountedFrom time.Time
}

// Hides is what of a zap's rows must not be shown. The zero value means unknown.
type Hides struct {
	Known    bool
	Columns  []string // names of columns whose cells are hidden
	Identity bool     // hide identities, because they show such cells
}

func (h Hides) equal(other Hides) bool {
	return h.Known == other.Known && h.Identity == other.Identity && slices.Equal(h.Columns, other.Columns)
}

// Counts are the numbers of a zap's deliveries by state. Sent, Validated, Skipped and Discarded
// include deliveries removed by [Ledger.Prune]. A sent delivery that is replayed counts as queued
// until it is sent again.
type Counts struct{ Waiting, Queued, Sent, Skipped, Failed, Held, Discarded, Validated int64 }

// of returns the count of a state.
func (c *Counts) of(s State) *int64 {
	switch s {
	case Waiting:
		return &c.Waiting
	case Queued:
		return &c.Queued
	case Sent:
		return &c.Sent
	case Skipped:
		return &c.Skipped
	case Failed:
		return &c.Failed
	case Held:
		return &c.Held
	case Discarded:
		return &c.Discarded
	case Validated:
		return &c.Validated
	}
	panic(fmt.Errorf("ledger: no count of state %d", s))
}

// worksheet is a worksheet of which the zap has a cursor.
type worksheet struct {
	spreadsheetID string
	gid           int64
	title         string // in the zap file
	shown         string // in the spreadsheet; "": unknown
	started       int64
}

// record is the value of a zap that each decision rewrites.
type record struct {
	next         uint64 // number of the next delivery, from 1
	paused       bool
	pausedReason string
	pausedAt     int64
	counts       Counts
	hours        []hour // in order of time
	current      int    // index into worksheets of the one last committed
	worksheets   []worksheet
	sum          uint64 // over the zap's other values
	hides        Hides
	keyedBy      []string // key columns that the bucket keys is of; nil: keys are not kept
	resumeAt     int64    // a pause ends by itself; 0: it does not
	stays        []stay   // in order
	counted      int64    // hour from which on hours is complete; 0: it is
}

// worksheet returns the index of a worksheet, -1 if the zap has no cursor of it.
func (r *record) worksheet(spreadsheetID string, gid int64) int {
	for i, w := range r.worksheets {
		if w.spreadsheetID == spreadsheetID && w.gid == gid {
			return i
		}
	}
	return -1
}

func (r *record) zap() Zap {
	z := Zap{Paused: r.paused, PausedReason: r.pausedReason, PausedAt: timeOf(r.pausedAt), ResumeAt: timeOf(r.resumeAt), Hides: r.hides, Counts: r.counts, Hours: r.outcomes()}
	if r.counted != 0 {
		z.CountedFrom = time.Unix(r.counted*3600, 0).UTC()
	}
	if len(r.worksheets) > 0 {
		w := r.worksheets[r.current]
		z.SpreadsheetID, z.GID, z.Title, z.StartedAt = w.spreadsheetID, w.gid, w.title, timeOf(w.started)
	}
	z.Stays = r.staysOf()
	return z
}

func encodeRecord(name string, z *record) []byte {
	b := appendUvarint(appendString(newSeal(256), name), z.next)
	b = appendString(appendBool(b, z.paused), z.pausedReason)
	b = binary.AppendVarint(b, z.pausedAt)
	for s := Waiting; s <= lastState; s++ {
		b = binary.AppendVarint(b, *z.counts.of(s))
	}
	b = appendHours(b, z.hours)
	b = appendUvarint(appendUvarint(b, z.current), len(z.worksheets))
	for _, w := range z.worksheets {
		b = binary.AppendVarint(appendString(b, w.spreadsheetID), w.gid)
		b = binary.AppendVarint(appendString(b, w.title), w.started)
	}
	b = appendHides(binary.LittleEndian.AppendUint64(b, z.sum), z.hides)
	form := byte(sealSent)
	if z.keyedBy != nil || z.resumeAt != 0 {
		form = sealKeys
		b = binary.AppendVarint(b, z.resumeAt)
		b = appendUvarint(b, len(z.keyedBy))
		for _, name := range z.keyedBy {
			b = appendString(b, name)
		}
	}
	b = appendStays(b, z)
	return finishSealAs(form, []byte(keyZap), b)
}

func decodeRecord(name string, value []byte) (record, error) {
	form, payload, err := unsealUpTo(sealKeys, []byte(keyZap), value)
	if err != nil {
		return record{}, err
	}
	last, outcomes := lastState, hourCounts
	if form < sealValidated {
		last, outcomes = Discarded, hourCounts-1
	}
	r := reader{s: string(payload)}
	if r.string() != name {
		return record{}, errors.New("it belongs to another zap")
	}
	z := record{next: r.uvarint(), paused: r.bool(), pausedReason: r.string(), pausedAt: r.varint()}
	for s := Waiting; s <= last; s++ {
		*z.counts.of(s) = r.varint()
	}
	z.hours = r.hours(outcomes)
	current := r.uvarint()
	z.worksheets = make([]worksheet, r.count())
	for i := range z.worksheets {
		z.worksheets[i] = worksheet{spreadsheetID: r.string(), gid: r.varint(), title: r.string(), started: r.varint()}
	}
	z.sum = r.uint64()
	if form >= sealSent {
		z.hides = r.hides()
	}
	if form >= sealKeys {
		z.resumeAt = r.varint()
		for range r.count() {
			z.keyedBy = append(z.keyedBy, r.string())
		}
	}
	r.stays(&z)
	if err := r.done(); err != nil {
		return record{}, err
	}
	if z.next == 0 || current > 0 && current >= uint64(len(z.worksheets)) {
		return record{}, errMalformed
	}
	z.current = int(current)
	return z, nil
}

func appendHides(b []byte, h Hides) []byte {
	b = appendUvarint(appendBool(appendBool(b, h.Known), h.Identity), len(h.Columns))
	for _, name := range h.Columns {
		b = appendString(b, name)
	}
	return b
}

func (r *reader) hides() Hides {
	h := Hides{Known: r.bool(), Identity: r.bool()}
	for range r.count() {
		h.Columns = append(h.Columns, r.string())
	}
	return h
}

// bucketOf returns a zap's bucket, nil if the zap is unknown.
func bucketOf(tx *bbolt.Tx, zap string) *bbolt.Bucket {
	return tx.Bucket([]byte(bucketZaps)).Bucket([]byte(zap))
}

// readRecord returns a zap's record; ok is false if the zap is unknown.
func readRecord(tx *bbolt.Tx, zap string) (z record, ok bool, err error) {
	b := bucketOf(tx, zap)
	if b == nil {
		return record{next: 1}, false, nil
	}
	z, err = decodeRecord(zap, b.Get([]byte(keyZap)))
	if err != nil {
		return record{}, false, damaged(zap, keyZap, 0, err)
	}
	return z, true, nil
}

func (l *Ledger) record(ctx context.Context, zap string) (z record, ok bool, err error) {
	err = l.view(ctx, func(tx *bbolt.Tx) (err error) {
		z, ok, err = readRecord(tx, zap)
		return err
	})
	return z, ok, err
}

// Zap returns what the ledger stores for a zap; ok is false if the zap is unknown.
func (l *Ledger) Zap(ctx context.Context, name string) (z Zap, ok bool, err error) {
	r, ok, err := l.record(ctx, name)
	if err != nil {
		return Zap{}, false, fmt.Errorf("read zap %s: %w", name, err)
	}
	return r.zap(), ok, nil
}

// Sum returns the sum over a zap's deliveries and cursors, which changes when any of them changes; 0
// if the zap is unknown.
func (l *Ledger) Sum(ctx context.Context, name string) (uint64, error) {
	r, _, err := l.record(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("read zap %s: %w", name, err)
	}
	return r.sum, nil
}

// Zaps returns the names of all known zaps in order, including those no longer configured.
func (l *Ledger) Zaps(ctx context.Context) ([]string, error) {
	var names []string
	err := l.view(ctx, func(tx *bbolt.Tx) (err error) {
		names, err = zapNames(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list zaps: %w", err)
	}
	return names, nil
}

func zapNames(tx *bbolt.Tx) (names []string, err error) {
	err = tx.Bucket([]byte(bucketZaps)).ForEachBucket(func(name []byte) error {
		names = append(names, string(name))
		return nil
	})
	return names, err
}

// SetPaused records that a zap is paused, and why, or that it is not. It ends a timer of
// [Ledger.PauseUntil]. It creates an unknown zap.
func (l *Ledger) SetPaused(ctx context.Context, name string, paused bool, reason string, at time.Time) error {
	err := l.edit(ctx, name, true, func(e *edit) error {
		e.record.paused, e.record.pausedReason, e.record.pausedAt, e.record.resumeAt = paused, reason, millis(at), 0
		if !paused {
			e.record.pausedReason, e.record.pausedAt = "", 0
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remember whether zap %s is paused: %w", name, err)
	}
	return nil
}

// PauseUntil records that a zap is paused until a time. A zap that is paused without a timer keeps
// that pause and its reason; paused is then false. It creates an unknown zap.
func (l *Ledger) PauseUntil(ctx context.Context, name, reason string, at, until time.Time) (paused bool, err error) {
	err = l.edit(ctx, name, true, func(e *edit) error {
		if paused = !e.record.paused || e.record.resumeAt != 0; !paused {
			return nil
		}
		if e.record.paused {
			at = timeOf(e.record.pausedAt)
		}
		e.record.paused, e.record.pausedReason, e.record.pausedAt, e.record.resumeAt = true, reason, millis(at), millis(until)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("pause zap %s until %s: %w", name, until, err)
	}
	return paused, nil
}

// EndPause ends the pause of a zap if its timer has run out, and reports whether it did. A pause
// without a timer stays.
func (l *Ledger) EndPause(ctx context.Context, name string, at time.Time) (ended bool, err error) {
	err = l.edit(ctx, name, false, func(e *edit) error {
		r := &e.record
		if ended = r.paused && r.resumeAt != 0 && r.resumeAt <= millis(at); ended {
			r.paused, r.pausedReason, r.pausedAt, r.resumeAt = false, "", 0, 0
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("end the pause of zap %s: %w", name, err)
	}
	return ended, nil
}

// Restored reports whether the zap is paused since its state was restored from a backup.
func (z Zap) Restored() bool { return z.Paused && strings.HasPrefix(z.PausedReason, restoredFrom) }

// KeepHides stores what zaps hide, by name, for when they are no longer configured. It ignores
// unknown zaps and writes nothing if nothing has changed.
func (l *Ledger) KeepHides(ctx context.Context, hides map[string]Hides) error {
	changed := map[string]*record{}
	find := func(tx *bbolt.Tx) error {
		clear(changed)
		for name, h := range hides {
			z, ok, err := readRecord(tx, name)
			if err != nil {
				return err
			}
			if ok && !z.hides.equal(h) {
				z.hides = h
				changed[name] = &z
			}
		}
		return nil
	}
	err := l.view(ctx, find)
	if err == nil && len(changed) > 0 {
		err = l.update(ctx, func(w writeTx) error {
			if err := find(w.Tx); err != nil {
				return err
			}
			for name, z := range changed {
				if err := putRecord(w, name, z); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("remember what zaps hide: %w", err)
	}
	return nil
}
