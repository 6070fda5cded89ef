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

// Errors of [Open], and in the case of ErrCorrupt of every method, wrapped with the path and the
// next step.
var (
	ErrInUse   = errors.New("in use by another rowtap")
	ErrForeign = errors.New("not a rowtap state file")
	ErrNewer   = errors.New("written by a newer rowtap")
	ErrOlder   = errors.New("written by a rowtap older than the first release")
	ErrCorrupt = errors.New("the state file is damaged")
)

const (
	adviceInUse    = "\nnext: use the running rowtap (rowtap status), or stop it first"
	adviceForeign  = "\nnext: correct state.path in rowtap.yaml, or move the file away"
	adviceNewer    = "\nnext: install that version again; older versions cannot read the file"
	adviceOlder    = "\nnext: move the file away; every zap then starts over, without sending the rows already in its sheet"
	adviceRights   = "\nnext: run rowtap as the user that owns the directory (systemctl start rowtap, or: sudo -u rowtap rowtap ...), or correct state.path in rowtap.yaml"
	adviceWritable = "\nnext: mount the directory read-write, or correct state.path in rowtap.yaml"
	adviceRestore  = "\nnext: list the damage with rowtap state check, then restore a backup: rowtap state restore FILE"
	adviceMake     = "\nnext: make its directory writable for rowtap, free some space, or correct state.path in rowtap.yaml"
)

// Options say which file to open and how.
type Options struct {
	Path     string        // required
	Timeout  time.Duration // how long to wait for another process that has the file open; 0: 2 s
	ReadOnly bool          // share the file with other readers; create and write nothing
	Copy     bool          // with ReadOnly: accept a copy of a mirrored state, which may be behind
}

// filled returns the options with their defaults.
func (o Options) filled() Options {
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	return o
}

// mmapSize is the initial size of the mapping in bytes. Until the file has grown to it, a write
// does not wait for reads in progress.
const mmapSize = 256 << 20

// growth is the step in bytes by which the file grows ahead of what is written.
const growth = 4 << 20

// Open opens a state file. It creates the file (mode 0600) and its directory (0700) if necessary,
// and migrates a file of an older release, but does neither with ReadOnly. It returns ErrInUse,
// ErrForeign, ErrNewer, ErrOlder, ErrCorrupt, ErrCopy or an error of the operating system, such as
// fs.ErrNotExist with ReadOnly.
func Open(o Options) (*Ledger, error) {
	o, err := prepare(o)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	l, err := open(ctx, opening{Options: o, copies: o.ReadOnly && o.Copy, sums: true})
	if err == nil && !o.ReadOnly {
		// Only after the checks, so that only a sound file is changed.
		l, err = l.closeOn(errors.Join(l.migrate(ctx), removeNote(o.Path)))
	}
	if errors.Is(err, ErrCorrupt) && !o.Copy && noteAt(o.Path) != nil {
		err = fmt.Errorf("%w, and damaged%s", ErrCopy, adviceCopy)
	}
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", o.Path, withAdvice(err, ""))
	}
	return l, nil
}

// prepare returns the options with their defaults, and creates the file if necessary.
func prepare(o Options) (Options, error) {
	if o.Path == "" {
		return o, errors.New("open state file: no path is set\nnext: set state.path in rowtap.yaml")
	}
	o = o.filled()
	if !o.ReadOnly {
		if err := create(o.Path); err != nil {
			return o, fmt.Errorf("create state file %s: %w", o.Path, withAdvice(err, adviceMake))
		}
	}
	return o, nil
}

// withAdvice adds to an error what to do about it: about missing permissions, otherwise what the
// caller says; "" if the error has its own advice.
func withAdvice(err error, otherwise string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w%s", err, adviceRights)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w%s", err, adviceWritable)
	case otherwise != "":
		return fmt.Errorf("%w%s", err, otherwise)
	}
	return err
}

// opening has further options for opening a file.
type opening struct {
	Options
	copies bool // accept the copy of a mirrored state; otherwise it is ErrCopy
	sums   bool // compare the sums; without that only [Ledger.Check] is of use
}

// open opens a state file of any supported schema.
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
			err = fmt.Errorf("%w%s", ErrCopy, adviceCopy)
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
	return l.closeOn(err)
}

// openAny opens a state file or the copy of a mirrored state as it is.
func openAny(ctx context.Context, path string) (*Ledger, error) {
	l, err := open(ctx, opening{Options: Options{Path: path}.filled(), copies: true, sums: true})
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, withAdvice(err, ""))
	}
	return l, nil
}

// openLocked opens and locks the file, so that it can be verified before bbolt maps it and does not
// change in between.
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
		return nil, fmt.Errorf("%w: it is not a regular file%s", ErrForeign, adviceForeign)
	}
	f, err := os.OpenFile(o.Path, flag, 0)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, !o.ReadOnly, o.Timeout); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// A restore or a compaction that held the lock before may have replaced the file.
	opened, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	current, err := os.Stat(o.Path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !os.SameFile(opened, current) {
		return nil, errors.Join(fmt.Errorf("%w, which has just replaced it\nnext: start rowtap again", ErrInUse), f.Close())
	}
	return f, nil
}

// openBolt passes the locked file to bbolt, which then owns it.
func openBolt(f *os.File, o Options) (*bbolt.DB, error) {
	options := boltOptions(o)
	if strconv.IntSize >= 64 { // address space is scarce on 32-bit systems
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
		err = fmt.Errorf("%w%s", ErrInUse, adviceInUse)
	case panicked:
		_ = f.Close() // bbolt gave up, so the file is still ours; closing it releases the lock
	}
	return nil, err
}

func boltOptions(o Options) *bbolt.Options {
	return &bbolt.Options{
		Timeout:        o.Timeout,
		ReadOnly:       o.ReadOnly,
		FreelistType:   bbolt.FreelistMapType,
		NoFreelistSync: true, // scanned on opening: a wrong stored list would overwrite rows
	}
}

// create creates an empty ledger at path unless a file is there. It appears complete or not at all,
// so an empty or partial file is always damage, never an interrupted first start.
func create(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return viaTemp(path, func(f *os.File) error { return initialise(f.Name(), nil) }, func(tmp string) error {
		// A command that root runs must not leave a file that the daemon cannot open.
		owner, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := giveTo(tmp, owner); err != nil {
			return err
		}
		// Another process may have just created it.
		if err := linkOrRename(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// initialise makes the empty file at path a ledger, with a stamp unless s is nil.
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
	_ = d.Sync() // some file systems cannot
	return d.Close()
}
