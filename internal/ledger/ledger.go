// Package ledger stores what must survive a crash: how far each worksheet was read (the cursor),
// and every new row with its outcome (the delivery). It is one bbolt file, open in one process at a
// time.
//
// It makes three promises. A decision is one transaction, for example a cursor with the rows it
// found, or the outcomes of one upload: after a crash all of it is there or none. What is read back
// is what was written, or an error: every value has a checksum, and the structure of the file is
// checked before bbolt maps it into memory, where damage would crash the process. Nothing is
// deleted except by [Ledger.Prune], which deletes only finished rows and keeps the fact that their
// numbers were used.
//
// It decides one thing: whether a row repeats a key that another row has taken ([Keys]), because
// that depends on outcomes and must be in the transaction that queues the row. It does not read
// sheets, send rows or look at the clock; callers pass the time.
//
// The states of a delivery, and the methods that change them:
//
//	Commit ──► Waiting ──Commit──► Queued ──Start, Finish──► Sent
//	Commit ──► Held ─────Move────►   ▲ │ └─────────────────► Skipped
//	Commit ──► Skipped               │ └──► Failed ──Move──► Discarded
//	Commit ──► Queued                └─Move, Commit──┘
//
// A row with several actions gets its deliveries one after the other: the Finish that makes one
// Sent or Validated creates the next.
//
// # The file
//
// The bucket "rowtap" has the schema version, a sum over all zaps, when summaries were sent, in a
// backup its date and in a cache its stamp. The bucket "zaps" has one bucket per zap, with these values:
//
//	zap       counts, outcomes per hour, next number, pause, worksheets, a sum over the values below,
//	          what it hides, stays at worksheets
//	cursors   one key per chunk of a worksheet's cursor
//	rows      up to 256 consecutive rows as found, compressed, by the number of the first
//	cells     a row whose cells were replaced since, by its number
//	state     the outcomes of up to 1,000 consecutive rows, compressed, by the first number that could
//	          be in it; a tombstone for each row that Prune has removed from between others
//	todo      one key per value of state that has a queued row
//	keys      the keys that rows have taken, by their first two bytes; only of zaps that skip repeats
//	sent      the records of an upload, or of several small ones, compressed, by a number; what a
//	          record takes from the cells of the row as found is stored only in rows
//
// The bucket "identities" has an index of the users of deliveries, which is derived from these
// values (identities.go).
//
// The schema version is incremented by each release that writes what the previous one cannot read.
// Files of all released versions can be read as they are and are migrated when opened for writing
// (schema.go); testdata has files of each version.
//
// bbolt pays an fsync per transaction, so rows are batched: marking 1,000 rows rewrites one value.
//
// # What is relied on when the power fails
//
// Of bbolt (v1.5.0; tx.go, db.go): a transaction writes its pages where the last state has none,
// and syncs them (fdatasync); then it writes the one of two meta pages that does not belong to the
// last state, and syncs that. If the file must grow, it is extended and synced first (fsync, for
// the size). So the meta page of a state is on the disk only after the whole state; if it was
// written partially, its checksum fails and the other meta page has the previous state. Pages that
// a state no longer uses are overwritten only after the meta page that frees them was synced.
//
// The last rule fails if the meta page was written but its sync was interrupted or failed: everyone
// reads the new state, which the disk may not have. So [Open], which may follow a kill at that
// moment, writes and syncs the meta pages again before anything else is written. And a commit that
// fails for a reason other than lack of space ends the ledger ([ErrDisk]).
//
// Of the disk and the file system: a sync returns only when the data would survive a power failure,
// and otherwise reports an error; a power failure does not change sectors that are not being
// written; a rename replaces a name atomically and is durable once the directory is synced, which
// happens wherever a file gets its name (a new ledger, a backup, a restore, a compaction); flock
// works. Local file systems on honest disks do that; NFS and SMB do not.
//
// Not relied on: that pages stay as they were written. On opening, every reachable page must be
// where it should be, without gaps, and every value the one written last (sum.go); the checksum of
// a value is compared when it is read. Damage in an unused page is harmless. If one of the two meta
// pages is lost, the state is that before the last transaction, as after a power failure in it:
// rows that it marked as sent count as in flight, and are sent again and marked.
//
// # A state with a mirror
//
// A state can have a mirror, so that another process can take over ([Mirror]; package mirror
// implements it with PostgreSQL). Reading and deciding do not change. Each write transaction
// records what it changes, one operation per key, and the mirror makes that durable before bbolt
// commits it. If the mirror is not available, nothing is changed ([ErrMirrorAway]); if another
// process has taken over, the ledger ends ([ErrNotActive]). If the file fails after the mirror, it
// is behind, and the ledger ends too ([ErrStale]).
//
// The file is then a cache ([OpenCache]). It can be reloaded, so it is written without syncs, and
// it is dropped if it was not closed. In a standby it follows the commits of the active process
// ([Ledger.Follow]); the sums of the zaps and the root prove that it is complete. [Ledger.Promote]
// makes it the cache of the active process. A stamp in it says which state and commit it has. A
// file with a stamp is not a state file: [Open] refuses it, and backups and restores do not have a
// stamp.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// Ledger is an open state file. It is safe for concurrent use; methods that change something take
// turns. Times are stored in UTC with millisecond precision.
//
// A method with a context returns the context's error, wrapped, if the context has ended before the
// method begins, before it reads the next part, or before it gets its turn to write. A write
// transaction that has begun is finished.
type Ledger struct {
	path  string
	file  *os.File // opened by us, closed by bbolt
	db    *bbolt.DB
	codec codec
	ended atomic.Pointer[end] // set once bbolt has panicked or a commit has failed

	writing chan struct{} // has room while no write transaction is open
	last    uint64        // last transaction, by this ledger or an earlier one; guarded by writing

	cache   bool                  // opened by OpenCache
	stamped atomic.Pointer[stamp] // as last committed; nil for a plain state file
	term    *term                 // nil if commits are not mirrored; guarded by writing
}

// end is why a ledger has ended.
type end struct {
	err      error
	panicked bool
}

// Close waits for calls in progress and releases the file.
func (l *Ledger) Close() error {
	release := l.db.Close
	if end := l.ended.Load(); end != nil && end.panicked {
		release = func() error { // bbolt may still hold its own locks and would deadlock
			return errors.Join(unlockFile(l.file), l.file.Close()) // bbolt's mapping keeps the file open, and with it the lock
		}
	}
	if err := errors.Join(l.stampClosed(), release()); err != nil {
		return fmt.Errorf("close state file %s: %w", l.path, err)
	}
	l.codec.close()
	return nil
}

// Ping returns nil if the ledger can be read, and otherwise the error.
func (l *Ledger) Ping(ctx context.Context) error { return l.view(ctx, checkSchema) }

// Size returns the written size of the file in bytes, and how much of it is free for new rows. The
// file itself grows ahead in steps of 4 MB, the last of which is sparse, and never shrinks;
// [Ledger.CompactTo] writes a smaller copy. free is 0 if the ledger is opened read-only.
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
