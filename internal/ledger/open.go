package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"
)

// What [Open] and, for ErrCorrupt, every other method may return, wrapped in words that name the file and the next step.
var (
	ErrInUse   = errors.New("in use by another rowtap")
	ErrForeign = errors.New("not a rowtap state file")
	ErrNewer   = errors.New("written by a newer rowtap")
	ErrOlder   = errors.New("written by a rowtap from before its first release")
	ErrCorrupt = errors.New("the state file is damaged")
)

const (
	adviceInUse    = "next: ask the running one (rowtap status), or stop it first"
	adviceForeign  = "next: correct state.path in rowtap.yaml, or move the file away"
	adviceNewer    = "next: install that version again; older ones do not understand the file"
	adviceOlder    = "next: move the file away; every zap then starts anew, and what is in its sheet is not sent"
	adviceRights   = "next: run it as the user who owns the directory (systemctl start rowtap, or: sudo -u rowtap rowtap ...), or correct state.path in rowtap.yaml"
	adviceWritable = "next: mount the directory so that it can be written, or correct state.path in rowtap.yaml"
	adviceRestore  = "next: rowtap state check says what is damaged; then put a backup in its place: rowtap state restore FILE"
	adviceMake     = "next: make its directory writable for rowtap, with some space left, or correct state.path in rowtap.yaml"
)

// Options says which file to open and how.
type Options struct {
	Path     string        // required
	Timeout  time.Duration // how long to wait while another process has the file open; 0: 2 s
	ReadOnly bool          // share the file with other readers; nothing is created, and writing is an error
	Copy     bool          // with ReadOnly: look at the copy of a mirrored state too, which may be behind it ([OpenCache])
}

// filled returns the options with their defaults.
func (o Options) filled() Options {
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	return o
}

// mmapSize is the address space taken at the start, in bytes: until the file has grown to it, a write need not wait for
// the reads under way.
const mmapSize = 256 << 20

// growth is the step by which the file grows ahead of what is written, in bytes.
const growth = 4 << 20

// Open opens a state file, and makes it (mode 0600) and its directory (0700) where there is none. A file that an older release
// wrote is brought up to date, unless ReadOnly, which reads it as it is. It returns ErrInUse,
// ErrForeign, ErrNewer, ErrOlder, ErrCorrupt or ErrCopy, or the operating system's error (fs.ErrNotExist when ReadOnly and there is none).
func Open(o Options) (*Ledger, error) {
	o, err := prepare(o)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	l, err := open(ctx, opening{Options: o, copies: o.ReadOnly && o.Copy, sums: true})
	if err == nil && !o.ReadOnly {
		l, err = l.kept(errors.Join(l.migrate(ctx), removeNote(o.Path))) // after the checks: only a sound file is changed
	}
	if errors.Is(err, ErrCorrupt) && !o.Copy && noteAt(o.Path) != nil {
		err = fmt.Errorf("%w, and damaged; %s", ErrCopy, adviceCopy)
	}
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", o.Path, advised(err, ""))
	}
	return l, nil
}

// prepare returns the options with their defaults, and makes the file where there is none.
func prepare(o Options) (Options, error) {
	if o.Path == "" {
		return o, errors.New("open state file: no path is given; next: set state.path in rowtap.yaml")
	}
	o = o.filled()
	if !o.ReadOnly {
		if err := create(o.Path); err != nil {
			return o, fmt.Errorf("make state file %s: %w", o.Path, advised(err, adviceMake))
		}
	}
	return o, nil
}

// advised adds to an error what to do about it: of missing rights, else what a caller says, "" where the error has its own advice.
func advised(err error, otherwise string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w\n%s", err, adviceRights)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w\n%s", err, adviceWritable)
	case otherwise != "":
		return fmt.Errorf("%w\n%s", err, otherwise)
	}
	return err
}

// opening says more of how a file is opened.
type opening struct {
	Options
	copies bool // it may be the copy of a mirrored state; otherwise that is ErrCopy
	sums   bool // are compared; else only [Ledger.Check] is of use
}

// open opens a state file of any schema.
func open(ctx context.Context, o opening) (*Ledger, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	f, err := openLocked(o.Options)
	if err != nil {
		return nil, err
	}
	if err := verify(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	db, err := openBolt(f, o.Options)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: o.Path, file: f, db: db, codec: c, writing: make(chan struct{}, 1)}
	err = l.view(ctx, func(tx *bbolt.Tx) error {
		l.last = uint64(tx.ID())
		if err := checkSchema(tx); err != nil {
			return err
		}
		s, err := stampOf(tx)
		if err == nil && s != nil && !o.copies {
			err = fmt.Errorf("%w; %s", ErrCopy, adviceCopy)
		}
		l.stamped.Store(s)
		return err
	})
	if err == nil && !o.ReadOnly {
		err = rewriteMeta(f, db.Info().PageSize)
	}
	if err == nil && o.sums {
		err = l.view(ctx, checkZaps)
	}
	return l.kept(err)
}

// openAny opens a state file, or the copy of a mirrored state, as it is.
func openAny(ctx context.Context, path string) (*Ledger, error) {
	l, err := open(ctx, opening{Options: Options{Path: path}.filled(), copies: true, sums: true})
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, advised(err, ""))
	}
	return l, nil
}

// openLocked opens the file and locks it, so that it can be verified before bbolt maps it and nobody changes it between.
func openLocked(o Options) (*os.File, error) {
	flag := os.O_RDWR
	if o.ReadOnly {
		flag = os.O_RDONLY
	}
	info, err := os.Stat(o.Path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for a writer
		return nil, fmt.Errorf("%w: it is no regular file; %s", ErrForeign, adviceForeign)
	}
	f, err := os.OpenFile(o.Path, flag, 0)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, !o.ReadOnly, o.Timeout); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// A restore or a compaction that had the lock before may have put another file in its place.
	opened, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	current, err := os.Stat(o.Path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !os.SameFile(opened, current) {
		return nil, errors.Join(fmt.Errorf("%w, which has just replaced it; next: start again", ErrInUse), f.Close())
	}
	return f, nil
}

// openBolt hands the locked file to bbolt, which owns it from then on.
func openBolt(f *os.File, o Options) (*bbolt.DB, error) {
	options := boltOptions(o)
	if strconv.IntSize >= 64 { // elsewhere address space is short
		options.InitialMmapSize = mmapSize
	}
	options.OpenFile = func(string, int, os.FileMode) (*os.File, error) { return f, nil }
	var db *bbolt.DB
	panicked, err := guard(func() (err error) {
		db, err = bbolt.Open(o.Path, 0o600, options)
		return err
	})
	switch {
	case err == nil:
		db.AllocSize = growth
		return db, nil
	case errors.Is(err, bberrors.ErrTimeout):
		err = fmt.Errorf("%w; %s", ErrInUse, adviceInUse)
	case panicked:
		_ = f.Close() // bbolt gave up half-way, so the file is still ours; closing it drops the lock
	}
	return nil, err
}

func boltOptions(o Options) *bbolt.Options {
	return &bbolt.Options{
		Timeout:        o.Timeout,
		ReadOnly:       o.ReadOnly,
		FreelistType:   bbolt.FreelistMapType,
		NoFreelistSync: true, // found by scanning at the start: a stored list that is wrong would overwrite rows
	}
}

// create makes an empty ledger at path unless something is there. It appears whole or not at all, so that an empty or half
// file is always damage and never a first start that the power cut short.
func create(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	tmp := f.Name()
	defer func() { _ = os.Remove(tmp) }() // gone already where it was renamed
	if err := f.Close(); err != nil {
		return err
	}
	if err := initialise(tmp, nil); err != nil {
		return err
	}
	if err := linkOrRename(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) { // another process may have just made it
		return err
	}
	return syncDir(dir)
}

// initialise makes the empty file at path a ledger, with a stamp unless that is nil.
func initialise(path string, s *stamp) error {
	db, err := bbolt.Open(path, 0o600, boltOptions(Options{Timeout: time.Second}))
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		w := writeTx{Tx: tx}
		if err := writeSchema(w); err != nil || s == nil {
			return err
		}
		return putStamp(w, *s)
	})
	return errors.Join(err, db.Close())
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync() // not every filesystem can, and there is no other way
	return d.Close()
}
