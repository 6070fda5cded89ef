package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"
)

// A cache is a state file with a copy of a state that a mirror has. It can be reloaded, so it needs
// no syncs; but then a cache that must be reloaded has to be recognized. Without syncs, a power
// failure may leave old pages under a new root, so a root equal to the mirror's proves nothing.
// Therefore a stamp in the file says whether it was closed with everything on the disk, and that is
// revoked before anything else is written. A file that does not say so is dropped.
//
// If the file is so damaged that its stamp cannot be read, a note tells that it is a cache and of
// which state. The note is a small file next to it. Without a note a damaged file is never dropped,
// because it may be an only copy.
//
// bbolt uses the later of two meta pages. While the ledger is open, neither of them may say that
// the cache was closed.

const (
	keyStamp   = "copy" // in a cache: which commit of which state it has, and whether it was closed
	noteSuffix = ".copy"

	// followBytes bounds what [Ledger.Follow] reads; beyond it a full load is better.
	followBytes = 64 << 20
)

// stamp is what a cache says of itself.
type stamp struct {
	Position
	clean bool // everything is on the disk
}

func putStamp(w writeTx, s stamp) error {
	k := []byte(keyStamp)
	b := appendString(appendString(newSeal(96), s.State), s.Epoch)
	return w.Bucket([]byte(bucketRoot)).Put(k, finishSeal(k, appendBool(appendUvarint(b, s.Commit), s.clean)))
}

// stampOf returns the stamp of a file, nil for a plain state file.
func stampOf(tx *bbolt.Tx) (*stamp, error) {
	k := []byte(keyStamp)
	value := tx.Bucket([]byte(bucketRoot)).Get(k)
	if value == nil {
		return nil, nil
	}
	payload, err := unseal(k, value)
	if err != nil {
		return nil, damaged("", keyStamp, 0, err)
	}
	r := reader{s: string(payload)}
	s := &stamp{Position: Position{State: r.string(), Epoch: r.string(), Commit: r.uvarint()}, clean: r.bool()}
	if err := r.done(); err != nil {
		return nil, damaged("", keyStamp, 0, err)
	}
	return s, nil
}

// OpenCache opens a state file as the cache of a mirrored state, and creates it if there is none. A
// cache that was not closed or is damaged is dropped: its [Position] then has only a State. A plain
// state file is opened as it is, without a Position, and stays one until [Ledger.Stamp] or
// [Ledger.Load]. A state of an older release is read as it is. The errors are those of [Open].
// o.ReadOnly is ignored.
//
// Before [Ledger.Promote], only [Ledger.Load] and [Ledger.Follow] write to a cache; all other
// writing methods return ErrNotActive.
func OpenCache(o Options) (*Ledger, error) {
	o.ReadOnly = false
	o, err := prepare(o)
	if err != nil {
		return nil, err
	}
	l, err := openCache(context.Background(), o)
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", o.Path, withAdvice(err, ""))
	}
	return l, nil
}

func openCache(ctx context.Context, o Options) (*Ledger, error) {
	l, s, err := openStamped(ctx, o)
	switch {
	case err == nil && s == nil:
		return l.closeOn(removeNote(o.Path)) // of an earlier cache
	case err == nil && s.clean:
		return l.closeOn(l.restamp(ctx, stamp{Position: s.Position}, nil))
	case err == nil: // it was not closed
		err = l.Close()
	case errors.Is(err, ErrCorrupt):
		if s == nil {
			s = noteAt(o.Path)
		}
		if s != nil {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	if err := drop(o.Path, s.State); err != nil {
		return nil, err
	}
	if l, s, err = openStamped(ctx, o); err != nil {
		return nil, err
	}
	return l.closeOn(l.restamp(ctx, stamp{Position: s.Position}, nil))
}

// openStamped opens the file of a cache. s is its stamp if that could be read, even on an error.
// The sums of a cache that was not closed are not compared.
func openStamped(ctx context.Context, o Options) (l *Ledger, s *stamp, err error) {
	if l, err = open(ctx, opening{Options: o, copies: true}); err != nil {
		return nil, nil, err
	}
	l.cache = true
	if s = l.stamped.Load(); s == nil || s.clean {
		if err := l.view(ctx, checkZaps); err != nil {
			return nil, s, errors.Join(err, l.Close())
		}
	}
	return l, s, nil
}

// closeOn returns a ledger that has just been opened; on an error it closes the ledger.
func (l *Ledger) closeOn(err error) (*Ledger, error) {
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// drop replaces the file at path with an empty cache of a state.
func drop(path, state string) error {
	unlock, owner, err := claimPlace(path)
	if err != nil {
		return err
	}
	err = viaTemp(path, func(f *os.File) error {
		return initialise(f.Name(), &stamp{Position: Position{State: state}, clean: true})
	}, func(tmp string) error {
		if err := giveTo(tmp, owner); err != nil {
			return err
		}
		return os.Rename(tmp, path)
	})
	return errors.Join(err, unlock())
}

// Position returns which commit of which state the file has; see [Position].
func (l *Ledger) Position() Position {
	if s := l.stamped.Load(); s != nil {
		return s.Position
	}
	return Position{}
}

// check returns an error unless the position is that of a complete state.
func (p Position) check() error {
	if p.State == "" || p.Epoch == "" {
		return fmt.Errorf("%+v is not a position in a mirrored state", p)
	}
	return nil
}

// Stamp makes a plain state file the cache of a state that has just received all of its values
// ([Ledger.EachValue]).
func (l *Ledger) Stamp(ctx context.Context, to Position) error {
	err := to.check()
	switch {
	case err != nil:
	case l.stamped.Load() != nil:
		err = errors.New("it is a copy already")
	default:
		err = l.restamp(ctx, stamp{Position: to}, nil)
	}
	if err != nil {
		return fmt.Errorf("make state file %s a copy: %w", l.path, err)
	}
	return nil
}

// restamp commits the changes of fn, if not nil, and the stamp, to a cache that is not promoted.
// The first call ends syncs.
func (l *Ledger) restamp(ctx context.Context, s stamp, fn func(writeTx) error) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if !l.cache || l.term != nil {
		return errors.New("it is not open as a copy of a state that another rowtap writes")
	}
	return l.guarded(func() error {
		if before := l.stamped.Load(); before == nil || before.clean || before.State != s.State {
			if err := putNote(l.path, s.State); err != nil {
				return err
			}
		}
		err := l.commit(func(w writeTx) error {
			if fn != nil {
				if err := fn(w); err != nil {
					return err
				}
			}
			return putStamp(w, s)
		}, nil)
		// The other meta page must not say that the cache was closed: it may be all that is left.
		if err == nil && !l.db.NoSync {
			err = l.commit(func(w writeTx) error { return putStamp(w, s) }, nil)
		}
		if err == nil {
			l.stamped.Store(&s)
			l.db.NoSync = true
		}
		return err
	})
}

// stampClosed stamps a cache as closed, with everything on the disk. It does nothing if the cache
// is behind the mirror or may be.
func (l *Ledger) stampClosed() error {
	if !l.cache || l.stamped.Load() == nil {
		return nil
	}
	if err := l.lock(context.Background()); err != nil {
		return err
	}
	defer l.unlock()
	s, end := l.stamped.Load(), l.ended.Load()
	if s.clean || end != nil && !errors.Is(end.err, ErrNotActive) {
		return nil
	}
	_, err := guard(func() error {
		if err := l.db.Sync(); err != nil {
			return err
		}
		l.db.NoSync = false
		clean := stamp{s.Position, true}
		err := l.commit(func(w writeTx) error { return putStamp(w, clean) }, nil)
		if err == nil {
			l.stamped.Store(&clean)
		}
		return err
	})
	return err
}

// Load makes a cache the mirrored state at a position. each passes all values of that state to put,
// in any order; put keeps them. Meanwhile and after an error the cache has nothing of the state and
// must not be read. It returns ErrCorrupt if the values are not those of a complete state, and
// ErrNewer if a newer release wrote them. It does not overwrite a plain state file that has zaps.
func (l *Ledger) Load(ctx context.Context, to Position, each func(put func(Value) error) error) error {
	if err := l.load(ctx, to, each); err != nil {
		return fmt.Errorf("load the copy of the state into %s: %w", l.path, err)
	}
	return nil
}

func (l *Ledger) load(ctx context.Context, to Position, each func(put func(Value) error) error) error {
	if err := to.check(); err != nil {
		return err
	}
	if l.stamped.Load() == nil {
		if zaps, err := l.Zaps(ctx); err != nil {
			return err
		} else if len(zaps) > 0 {
			return errors.New("the file is not a copy but a state of its own\nnext: move it away, or make it the state on PostgreSQL: rowtap state migrate --to postgres")
		}
	}
	nothing := stamp{Position: Position{State: to.State}}
	err := l.restamp(ctx, nothing, func(w writeTx) error {
		for _, name := range []string{bucketZaps, bucketRoot, bucketIdentities} {
			if err := w.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, bberrors.ErrBucketNotFound) {
				return err
			}
		}
		return writeSchema(w)
	})
	if err != nil {
		return err
	}
	var (
		batch []Value
		size  int
		now   root // of the loaded state
		found struct{ schema, root bool }
	)
	store := func(w writeTx) error {
		for _, v := range batch {
			if v.Zap == "" {
				r, err := w.storeOwn(v)
				if err != nil {
					return err
				}
				if r != nil {
					now, found.root = *r, true
				} else {
					found.schema = true
				}
				continue
			}
			if _, err := w.store(v); err != nil {
				return err
			}
		}
		return nil
	}
	err = each(func(v Value) error {
		if v.Value == nil {
			return ctx.Err()
		}
		batch = append(batch, v)
		if size += len(v.Key) + len(v.Value); size < compactTx {
			return nil
		}
		err := l.restamp(ctx, nothing, store)
		batch, size = nil, 0
		return err
	})
	if err != nil {
		return err
	}
	return l.restamp(ctx, stamp{Position: to}, func(w writeTx) error {
		if err := store(w); err != nil {
			return err
		}
		switch {
		case !found.schema:
			return damaged("", keySchema, 0, errMissing)
		case !found.root:
			return damaged("", keyRoot, 0, errMissing)
		}
		if err := w.completeZaps(); err != nil {
			return err
		}
		if err := w.storeRoot(now); err != nil {
			return err
		}
		return checkZaps(w.Tx)
	})
}

// Follow brings a cache to another position of the same state in one transaction. each passes the
// values that have changed in between to put, as they are at that position, in any order; put keeps
// them. It returns ErrNewer if a newer release wrote them. It returns ErrStale and changes nothing
// if the sums of their zaps do not match, if the cache is not at an earlier commit, or if a full
// load is better because so much has changed.
func (l *Ledger) Follow(ctx context.Context, to Position, each func(put func(Value) error) error) error {
	if err := l.followTo(ctx, to, each); err != nil {
		return fmt.Errorf("follow the state in %s to commit %d: %w", l.path, to.Commit, err)
	}
	return nil
}

func (l *Ledger) followTo(ctx context.Context, to Position, each func(put func(Value) error) error) error {
	if err := errors.Join(ctx.Err(), to.check()); err != nil {
		return err
	}
	var values []Value
	size, root := 0, false
	err := each(func(v Value) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if size += len(v.Key) + len(v.Value); size > followBytes {
			return fmt.Errorf("%w: more than %d MB have changed", ErrStale, followBytes>>20)
		}
		root = root || v.Zap == "" && string(v.Key) == keyRoot
		values = append(values, v)
		return nil
	})
	from := l.Position()
	switch {
	case err != nil:
		return err
	case from.Epoch == "" || from.State != to.State || from.Commit > to.Commit:
		return fmt.Errorf("%w: it has commit %d of state %q", ErrStale, from.Commit, from.State)
	case from.Commit < to.Commit && !root: // each commit changes the root
		return fmt.Errorf("%w: some changes are missing", ErrStale)
	}
	if from == to && len(values) == 0 {
		return nil
	}
	return l.restamp(ctx, stamp{Position: to}, func(w writeTx) error { return w.follow(values) })
}

// follow stores changed values and compares the sums that they belong to.
func (w writeTx) follow(values []Value) error {
	now, err := readRoot(w.Tx)
	if err != nil {
		return stale(err)
	}
	want := now
	sums := map[string]uint64{} // by zap
	for _, v := range values {
		if v.Zap == "" {
			before := w.Bucket([]byte(bucketRoot)).Get([]byte(keySchema))
			r, err := w.storeOwn(v)
			switch {
			case err != nil:
				return stale(err)
			case r != nil:
				want = *r
			case !bytes.Equal(before, v.Value):
				return fmt.Errorf("%w: the schema has changed", ErrStale)
			}
			continue
		}
		sum, known := sums[v.Zap]
		if !known {
			z, _, err := readRecord(w.Tx, v.Zap)
			if err != nil {
				return stale(err)
			}
			sum = z.sum
		}
		change, err := w.store(v)
		if err != nil {
			return stale(err)
		}
		if v.Kind == keyZap {
			now.sum += change
		} else {
			sum += change
		}
		sums[v.Zap] = sum
	}
	for zap, sum := range sums {
		if err := w.settleZap(zap, sum); err != nil {
			return stale(err)
		}
	}
	if now.sum != want.sum {
		return stale(damaged("", keyRoot, 0, errSum))
	}
	return w.storeRoot(want)
}

// stale wraps an error of values from a mirror in ErrStale, except ErrNewer.
func stale(err error) error {
	if errors.Is(err, ErrNewer) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrStale, err)
}

// settleZap completes the changes of a zap, whose record must have the given sum. A zap without a
// record must have no other values and is removed.
func (w writeTx) settleZap(zap string, sum uint64) error {
	b := bucketOf(w.Tx, zap)
	if b.Get([]byte(keyZap)) == nil {
		if sum != 0 {
			return damaged(zap, "", 0, errSum)
		}
		return w.removeZap(zap)
	}
	z, _, err := readRecord(w.Tx, zap)
	switch {
	case err != nil:
		return err
	case z.sum != sum:
		return damaged(zap, "", 0, errSum)
	}
	version, err := schemaOf(w.Tx)
	if err != nil {
		return err
	}
	return completeZap(b, version)
}

// completeZaps creates the buckets of which no value was loaded.
func (w writeTx) completeZaps() error {
	version, err := schemaOf(w.Tx)
	if err != nil {
		return err
	}
	names, err := zapNames(w.Tx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := completeZap(bucketOf(w.Tx, name), version); err != nil {
			return err
		}
	}
	return nil
}

func completeZap(b *bbolt.Bucket, version uint64) error {
	for _, kind := range zapBuckets(version) {
		if _, err := b.CreateBucketIfNotExists([]byte(kind)); err != nil {
			return err
		}
	}
	return nil
}

// storeOwn stores the schema of a mirror, or returns its root, which is stored once all sums are
// known.
func (w writeTx) storeOwn(v Value) (*root, error) {
	switch {
	case v.Kind == bucketRoot && string(v.Key) == keyRoot:
		now, err := decodeRoot(v.Value)
		return &now, err
	case v.Kind == bucketRoot && string(v.Key) == keySchema:
		if err := w.Bucket([]byte(bucketRoot)).Put(v.Key, v.Value); err != nil {
			return nil, err
		}
		return nil, checkSchema(w.Tx)
	}
	return nil, damaged("", v.Kind, 0, errMalformed)
}

// storeRoot stores the root of a mirror as that of the current transaction.
func (w writeTx) storeRoot(now root) error {
	if err := w.Bucket([]byte(bucketZaps)).SetSequence(now.commits); err != nil {
		return err
	}
	return putRoot(w, now.sum)
}

// store stores or deletes a value of a zap as a mirror has it. It returns the change of the sum
// that it belongs to: that of the root for a record, otherwise that of the zap.
func (w writeTx) store(v Value) (change uint64, err error) {
	b, err := bucketIn(w.Bucket([]byte(bucketZaps)), v.Zap)
	if err != nil {
		return 0, err
	}
	k, tallied := v.Key, func(value []byte) uint64 { return tally(v.Kind, v.Key, value) }
	switch {
	case v.Kind == keyZap:
		k, tallied = []byte(keyZap), func(value []byte) uint64 { return tally(bucketZaps, []byte(v.Zap), value) }
	case !slices.Contains(zapBuckets(schema), v.Kind) && v.Kind != bucketRecipes:
		return 0, damaged(v.Zap, v.Kind, 0, errMalformed)
	default:
		if b, err = bucketIn(b, v.Kind); err != nil {
			return 0, err
		}
	}
	if before := b.Get(k); before != nil {
		change -= tallied(before)
	}
	if n, err := numberOf(k); err == nil && (v.Kind == bucketState || v.Kind == bucketCells) {
		if err := w.forget(v.Zap, chunkOf(n)); err != nil {
			return 0, err
		}
	}
	if v.Value == nil {
		return change, b.Delete(k)
	}
	if _, _, err := unsealUpTo(sealSent, k, v.Value); err != nil {
		return 0, damageAt(v.Zap, v.Kind, k, err)
	}
	return change + tallied(v.Value), b.Put(k, v.Value)
}

// bucketIn returns a bucket in another one and creates it if necessary.
func bucketIn(b *bbolt.Bucket, name string) (*bbolt.Bucket, error) {
	if in := b.Bucket([]byte(name)); in != nil {
		return in, nil
	}
	return b.CreateBucket([]byte(name))
}

// Unstamp makes the cache at path a plain state file. It must not be open. A cache that was not
// closed, and may be unusable, is ErrStale.
func Unstamp(ctx context.Context, path string) error {
	if err := unstamp(ctx, path); err != nil {
		return fmt.Errorf("make the copy %s a state file: %w", path, err)
	}
	return nil
}

func unstamp(ctx context.Context, path string) error {
	l, err := openAny(ctx, path)
	if err != nil {
		return err
	}
	if s := l.stamped.Load(); s != nil && !s.clean {
		err = ErrStale
	} else {
		err = l.unstamp(ctx)
	}
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	return removeNote(path)
}

// unstamp makes a file that is not an open cache a plain state file.
func (l *Ledger) unstamp(ctx context.Context) error {
	if l.stamped.Load() == nil {
		return nil
	}
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	return l.guarded(func() error {
		err := l.commit(func(w writeTx) error { return w.Bucket([]byte(bucketRoot)).Delete([]byte(keyStamp)) }, nil)
		if err == nil {
			l.stamped.Store(nil)
		}
		return err
	})
}

// putNote writes the note that the file at path is the cache of a state.
func putNote(path, state string) error {
	if s := noteAt(path); s != nil && s.State == state {
		return nil
	}
	return viaTemp(path+noteSuffix, func(f *os.File) error {
		_, err := fmt.Fprintf(f, "%s\nThe file of this name without %q is a copy of that state on PostgreSQL. Both can be deleted while rowtap is stopped.\n", state, noteSuffix)
		return err
	}, func(tmp string) error {
		owner, err := os.Stat(path)
		if err == nil {
			err = giveTo(tmp, owner)
		}
		if err != nil {
			return err
		}
		return os.Rename(tmp, path+noteSuffix)
	})
}

// noteAt returns what the note of the file at path says: the state that it is a cache of; nil if
// there is no note.
func noteAt(path string) *stamp {
	b, err := os.ReadFile(path + noteSuffix)
	state, _, ok := strings.Cut(string(b), "\n")
	if err != nil || !ok || state == "" {
		return nil
	}
	return &stamp{Position: Position{State: state}}
}

func removeNote(path string) error {
	// Without a note, the directory need not be writable.
	if _, err := os.Lstat(path + noteSuffix); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.Remove(path + noteSuffix)
}
