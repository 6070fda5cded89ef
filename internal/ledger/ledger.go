// Package ledger keeps what must survive a crash: how far each worksheet was read (the cursor), every new row and what
// became of it (the delivery), in one bbolt file that one process has open at a time.
//
// It promises three things. A decision is one transaction: the cursor and the rows that it found, the outcomes of one
// upload; after a crash either all of it is there or nothing. What is read back is what was written, or an error: every value
// carries a checksum, and the file's structure is checked before bbolt maps it into memory, where damage would end the
// process. And nothing is forgotten unasked: only [Ledger.Prune] deletes, and only rows that are done with, of which it leaves
// nothing but the fact that their number was given.
//
// It decides nothing: it neither reads sheets nor sends rows nor looks at the clock; whoever calls says what time it is.
//
// A delivery's states, and which method moves it:
//
//	Commit ──► Waiting ──Commit──► Queued ──Start, Finish──► Sent
//	Commit ──► Held ─────Move────►   ▲ │ └─────────────────► Skipped
//	Commit ──► Skipped               │ └──► Failed ──Move──► Discarded
//	Commit ──► Queued                └─Move, Commit──┘
//
// A row that is for several actions gets its deliveries one after the other: the Finish that makes one Sent, or Validated, makes the next.
//
// # The file
//
// The bucket "rowtap" holds the schema version, a sum over all zaps, in a backup its date and in a cache its stamp; the bucket "zaps" has a bucket a zap, and in that:
//
//	zap       counts, outcomes by the hour, next number, pause, worksheets, a sum over the values below, what it hides, stays at worksheets
//	cursors   a chunk of a worksheet's cursor a key
//	rows      up to 256 consecutive rows as they were found, compressed, by the number of the first
//	cells     a row whose cells were replaced since, by its number
//	state     what became of up to 1,000 consecutive rows, compressed, by the first number that could be in it; of one that
//	          Prune has removed from between others, a tombstone
//	todo      a key for each value of state in which a row is queued
//	sent      the records of an upload, compressed, by a number; of several where they are few. What they have from the cells of
//	          the row as it was found stands there alone
//
// The schema version goes up with each release that writes what the one before cannot read. A file of any released version is
// read as it is, and brought up to date when it is opened for writing (schema.go); testdata has files of each.
//
// bbolt's cost is a page write and an fsync a transaction, so many rows share a value: marking a thousand rows rewrites one.
//
// # What is relied on when the power goes
//
// Of bbolt (v1.5.0; tx.go, db.go): a transaction writes its pages to places that the last state does not use, and syncs them
// (fdatasync); then writes the one of two meta pages that the last state is not in, and syncs that. Where the file must grow, it
// is made longer and synced before that (fsync, for the size). So the meta page that names a state is on the disk only after
// all of that state; if writing it was cut short, its checksum says so, and the other one holds the state before. Pages that
// a state no longer uses are written to only after the meta page that lets them go was synced.
//
// That last rule fails where the meta page was written and its sync was not, or failed: everybody reads the new state, which the
// disk may not have. So [Open], which may follow a kill at that moment, writes the meta pages again and syncs them before
// anything else is written; and a commit that fails, for another reason than lack of space, ends the ledger ([ErrDisk]).
//
// Of the disk and the file system: that a sync returns only when the data is where a power cut does not reach it, and fails
// otherwise; that a cut does not change sectors that were not being written; that a rename replaces a name at once, and is
// durable when the directory is synced, which is done wherever a file gets its name (a new ledger, a backup, a restore, a
// compaction); and flock. Local file systems on honest disks do that; NFS and SMB do not.
//
// Not relied on: that pages stay as they were written. At the opening every page that can be reached must be where it should
// be, without gaps, and every value the one that was written last (sum.go); each value's checksum is looked at when it is
// read. What is damaged in an unused page is harmless. One of both meta pages may be lost: then the state is the one before the last
// transaction, as after a power cut in it, and rows of it that were sent count as under way, to be sent again and marked.
//
// # A state with a mirror
//
// A state may be kept elsewhere, so that another process can go on with it ([Mirror]; package mirror does it with PostgreSQL). Reading and
// deciding stay as they are. Each write transaction notes what it changes, one operation a key, and the mirror makes that durable before
// bbolt commits it: where the mirror cannot, nothing is changed ([ErrMirrorAway]), and where another process has taken over, the ledger ends
// ([ErrNotActive]). If the file fails after the mirror, it is behind, and the ledger ends too ([ErrStale]).
//
// The file is then a cache ([OpenCache]). It can be loaded again, so it is written without syncs, and dropped unless it was closed. In
// a process that stands by it follows what the active one commits ([Ledger.Follow]), which the sums of zaps and of the root prove to be
// whole; [Ledger.Promote] makes it the active one's. A stamp in it says of which state and commit it is. With the stamp it is no
// state file: [Open] refuses it, and backups and restores do not have it.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// Ledger is an open state file. Its methods may be called from several goroutines at once; those that change something
// take turns. Times that it is given are kept in UTC, to the millisecond.
//
// A method that takes a context returns its error, wrapped, where it has ended before the method begins, comes to the next part of what
// it reads, or gets its turn to write. A transaction that has begun to write is finished.
type Ledger struct {
	path  string
	file  *os.File // bbolt's, which closes it
	db    *bbolt.DB
	codec codec
	ended atomic.Pointer[end] // set for good once bbolt has panicked or a commit failed

	writing chan struct{} // has room while no write transaction is under way
	last    uint64        // the last transaction, of this ledger or before it was opened; guarded by writing

	cache   bool                  // opened by OpenCache
	stamped atomic.Pointer[stamp] // as last committed; nil: a plain state file
	term    *term                 // nil: commits are for no mirror; guarded by writing
}

// end is why a ledger does nothing any more.
type end struct {
	err      error
	panicked bool
}

// Close waits for calls under way and releases the file.
func (l *Ledger) Close() error {
	release := l.db.Close
	if end := l.ended.Load(); end != nil && end.panicked {
		release = l.file.Close // bbolt may still hold its own locks, and would wait for itself
	}
	if err := errors.Join(l.settle(), release()); err != nil {
		return fmt.Errorf("close state file %s: %w", l.path, err)
	}
	l.codec.close()
	return nil
}

// Ping tells whether the ledger can be read: nil, or what is wrong.
func (l *Ledger) Ping(ctx context.Context) error { return l.view(ctx, checkSchema) }

// Size returns how much of the file has been written, in bytes, and how much of that is free for new rows. The file itself
// grows ahead, in steps of 4 MB of which the end takes no room on disk, and never shrinks; [Ledger.CompactTo] makes a
// smaller one. free is 0 for a ledger opened read-only.
func (l *Ledger) Size() (bytes, free int64) {
	err := l.view(context.Background(), func(tx *bbolt.Tx) error {
		bytes = tx.Size()
		return nil
	})
	if err != nil {
		return 0, 0
	}
	s := l.db.Stats()
	return bytes, int64(s.FreePageN+s.PendingPageN) * int64(l.db.Info().PageSize)
}
