package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"
)

// bbolt is trusted with what it promises: a transaction is there whole or not at all (see the package's doc). It promises nothing
// for three cases, which this file guards:
//
//   - The file is damaged. bbolt follows its pages unchecked, in part in goroutines of its own, where a panic cannot be recovered.
//     So verify reads them before bbolt maps them, by pread, where damage is an error at worst.
//   - The file is damaged while it is open: guard makes panics and faults an error.
//   - The last sync of a commit fails, or the process is killed before it: everybody reads a state that the disk may not have.
//     So a ledger ends with a failed commit, and Open syncs the meta pages once more.
//
// bbolt's own check (tx.Check) cannot replace verify: it dies of some damage, and does not notice a page that claims too few
// overflow pages, whose rows the next commit then overwrites.

// Of bbolt's file format (https://github.com/etcd-io/bbolt/blob/main/internal/common/page.go and meta.go). Numbers are in
// the machine's byte order.
const (
	pageHead = 16 // id, flags, count, overflow
	elemSize = 16 // of a branch page: pos, ksize, pgid; of a leaf page: flags, pos, ksize, vsize

	flagBranch = 0x01
	flagLeaf   = 0x02
	elemBucket = 0x01

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64
	metaSummed  = 56 // bytes under the checksum
	noFreelist  = math.MaxUint64

	minPage, maxPage = 1 << 10, 1 << 24
)

var native = binary.NativeEndian

// boltMeta is what a meta page says.
type boltMeta struct {
	pageSize           uint64
	root, freelist     uint64
	pages, transaction uint64 // pages: the high water mark
}

// readMeta returns the meta page that bbolt will use: of the valid ones the one of the later transaction. A file that is
// shorter than it says is damaged.
func readMeta(f *os.File) (m boltMeta, err error) {
	info, err := f.Stat()
	if err != nil {
		return m, err
	}
	magic := false
	for at, last := int64(0), int64(maxPage); at <= last && at < info.Size(); at = max(minPage, 2*at) {
		here, like := metaAt(f, at)
		magic = magic || like
		if size := int64(here.pageSize); size > 0 && here.transaction >= m.transaction {
			m, last = here, size
		}
	}
	switch {
	case m.pageSize == 0 && magic:
		return m, corrupt("neither of its first two pages is whole")
	case m.pageSize == 0:
		head := make([]byte, min(info.Size(), 8))
		if _, err := f.ReadAt(head, 0); err != nil {
			return m, err
		}
		// The first page of bbolt begins with its number, 0; texts do not.
		if len(bytes.Trim(head, "\x00")) == 0 {
			return m, corrupt("it is empty, cut short or zeroed, %d bytes", info.Size())
		}
		return m, fmt.Errorf("%w; %s", ErrForeign, adviceForeign)
	case m.pages > uint64(info.Size())/m.pageSize:
		return m, corrupt("it is cut short, %d bytes of at least %d", info.Size(), m.pages*m.pageSize)
	}
	return m, nil
}

// metaAt returns the meta page at an offset, zero if there is no valid one; magic tells whether it looks like one.
func metaAt(f *os.File, at int64) (m boltMeta, magic bool) {
	var b [pageHead + metaSize]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return m, false
	}
	p := b[pageHead:]
	sum := fnv.New64a()
	sum.Write(p[:metaSummed])
	pageSize := uint64(native.Uint32(p[8:]))
	magic = native.Uint32(p) == metaMagic
	if !magic || native.Uint32(p[4:]) != metaVersion || native.Uint64(p[metaSummed:]) != sum.Sum64() ||
		pageSize < minPage || pageSize > maxPage || pageSize&(pageSize-1) != 0 {
		return m, magic
	}
	return boltMeta{
		pageSize: pageSize, root: native.Uint64(p[16:]), freelist: native.Uint64(p[32:]),
		pages: native.Uint64(p[40:]), transaction: native.Uint64(p[48:]),
	}, true
}

// verify returns what is wrong with the pages of a file that bbolt can reach: every one must be in the file, in one place,
// and what it should be. It is ErrForeign if another program has written it, else damages.
func verify(f *os.File) error {
	m, err := readMeta(f)
	if err != nil {
		return err
	}
	if m.freelist != noFreelist { // boltOptions
		return fmt.Errorf("%w: a bbolt file of another program; %s", ErrForeign, adviceForeign)
	}
	w := walker{file: f, meta: m, seen: make([]bool, m.pages)}
	w.tree(m.root, nil, nil)
	if len(w.wrong) > 0 {
		return w.wrong
	}
	return nil
}

// walker visits every page of the buckets. What is wrong with one does not keep it from the others.
type walker struct {
	file  *os.File
	meta  boltMeta
	seen  []bool   // by page: it was reached
	path  []string // the buckets that lead to the page being read
	wrong damages
}

// page is a page with its overflow pages, or a small bucket's page, which is within another one.
type page struct {
	id     uint64 // of a small bucket's, that of the page it is in
	from   io.ReaderAt
	size   uint64
	branch bool
	count  uint16
}

// element is an element of a page.
type element struct {
	key      []byte
	child    uint64 // branch page: the page it leads to
	flags    uint32 // leaf page: elemBucket or 0
	at, size uint64 // leaf page: of the value
}

// report notes what is wrong with a page, and where in the buckets that is.
func (w *walker) report(id uint64, format string, args ...any) {
	if len(w.wrong) >= mostDamage {
		return
	}
	d := Damage{Page: id, Problem: fmt.Sprintf(format, args...)}
	if len(w.path) > 1 && w.path[0] == bucketZaps {
		d.Zap = w.path[1]
		if len(w.path) > 2 {
			d.Kind = w.path[2]
		}
	}
	w.wrong = append(w.wrong, d)
}

// claim marks n pages from id on as reached.
func (w *walker) claim(id, n uint64) bool {
	if id > w.meta.pages || n > w.meta.pages-id {
		w.report(id, "is outside of the file's %d", w.meta.pages)
		return false
	}
	for i := id; i < id+n; i++ {
		if w.seen[i] {
			w.report(i, "is used twice")
			return false
		}
		w.seen[i] = true
	}
	return true
}

// read returns n bytes of a page. nil: it does not have them, which is reported.
func (w *walker) read(p page, at, n uint64) []byte {
	if at > p.size || n > p.size-at {
		w.report(p.id, "points past its end")
		return nil
	}
	b := make([]byte, n)
	if got, err := p.from.ReadAt(b, int64(at)); got < len(b) {
		w.report(p.id, "cannot be read: %v", err)
		return nil
	}
	return b
}

// tree checks the pages from page id down, whose keys are from low on and below high (nil: no bound).
func (w *walker) tree(id uint64, low, high []byte) {
	if !w.claim(id, 1) {
		return
	}
	size := w.meta.pageSize
	p := page{id: id, from: io.NewSectionReader(w.file, int64(id*size), math.MaxInt64-int64(id*size)), size: size}
	head := w.read(p, 0, pageHead)
	if head == nil {
		return
	}
	if got := native.Uint64(head); got != id {
		w.report(id, "calls itself %d", got)
		return
	}
	flags, overflow := native.Uint16(head[8:]), uint64(native.Uint32(head[12:]))
	if flags != flagBranch && flags != flagLeaf {
		w.report(id, "is of no known kind")
		return
	}
	if w.claim(id+1, overflow) {
		p.branch, p.count, p.size = flags == flagBranch, native.Uint16(head[10:]), (1+overflow)*size
		w.visit(p, low, high)
	}
}

// visit checks a page, and the pages to which it leads.
func (w *walker) visit(p page, low, high []byte) {
	elements, ok := w.elements(p, low, high)
	if ok && p.branch && len(elements) == 0 {
		w.report(p.id, "has no children")
	}
	for i, e := range elements {
		switch {
		case p.branch:
			below := high
			if i+1 < len(elements) {
				below = elements[i+1].key
			}
			w.tree(e.child, e.key, below)
		case e.flags == elemBucket:
			w.path = append(w.path, string(e.key))
			w.bucket(p, e)
			w.path = w.path[:len(w.path)-1]
		case e.flags != 0:
			w.report(p.id, "holds something of no known kind")
		}
	}
}

// elements returns the elements of a page. bbolt writes keys and values one after the other, right behind the elements: a gap
// means that elements are missing, which nothing else would show.
func (w *walker) elements(p page, low, high []byte) ([]element, bool) {
	heads := w.read(p, pageHead, uint64(p.count)*elemSize)
	if heads == nil {
		return nil, false
	}
	all, end := make([]element, p.count), pageHead+uint64(len(heads))
	for i := range all {
		e, head := &all[i], heads[i*elemSize:]
		var at, length uint32
		if p.branch {
			at, length, e.child = native.Uint32(head), native.Uint32(head[4:]), native.Uint64(head[8:])
		} else {
			e.flags, at, length, e.size = native.Uint32(head), native.Uint32(head[4:]), native.Uint32(head[8:]), uint64(native.Uint32(head[12:]))
		}
		if pageHead+uint64(i)*elemSize+uint64(at) != end {
			w.report(p.id, "is out of shape")
			return nil, false
		}
		if e.key = w.read(p, end, uint64(length)); e.key == nil {
			return nil, false
		}
		e.at = end + uint64(length)
		if end = e.at + e.size; end > p.size {
			w.report(p.id, "points past its end")
			return nil, false
		}
		if bytes.Compare(e.key, low) < 0 || i > 0 && bytes.Equal(e.key, low) || high != nil && bytes.Compare(e.key, high) >= 0 {
			w.report(p.id, "is out of order")
			return nil, false
		}
		low = e.key
	}
	return all, true
}

// bucket checks a bucket whose header is a leaf's value: its root page and sequence and, where the root is 0, a small leaf
// page of its own.
func (w *walker) bucket(p page, e element) {
	if e.size < 16 || e.size > w.meta.pageSize {
		w.report(p.id, "holds half a bucket")
		return
	}
	b := w.read(p, e.at, e.size)
	if b == nil {
		return
	}
	root, small := native.Uint64(b), b[16:]
	switch {
	case root != 0 && len(small) == 0:
		w.tree(root, nil, nil)
	case root == 0 && len(small) >= pageHead && native.Uint64(small) == 0 && native.Uint16(small[8:]) == flagLeaf:
		w.visit(page{id: p.id, from: bytes.NewReader(small), size: uint64(len(small)), count: native.Uint16(small[10:])}, nil, nil)
	default:
		w.report(p.id, "holds half a bucket")
	}
}

// view runs a transaction that only reads, unless ctx has ended.
func (l *Ledger) view(ctx context.Context, fn func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.guarded(func() error { return l.db.View(fn) })
}

// update runs a transaction that changes something, unless ctx ends before its turn comes. One that has begun is finished.
func (l *Ledger) update(ctx context.Context, fn func(writeTx) error) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if (l.cache || l.stamped.Load() != nil) && l.term == nil {
		return ErrNotActive
	}
	return l.guarded(func() error { return l.commit(fn, l.term) }) // after the wait: a commit before this one may have ended the ledger
}

// lock waits until no other write transaction is under way, unless ctx ends before that.
func (l *Ledger) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Ledger) unlock() {
	<-l.writing
}

// guarded runs fn under guard. After a panic nothing more is tried: bbolt may have been holding its locks.
func (l *Ledger) guarded(fn func() error) error {
	if end := l.ended.Load(); end != nil {
		return end.err
	}
	panicked, err := guard(fn)
	if panicked {
		return l.end(err, true)
	}
	return err
}

// end has all further calls return an error. What a cache has can be loaded again, whatever is the matter with it.
func (l *Ledger) end(err error, panicked bool) error {
	if l.stamped.Load() != nil && !errors.Is(err, ErrNotActive) && !errors.Is(err, ErrStale) {
		err = fmt.Errorf("%w: %s", ErrStale, err.Error()) // its words alone: what else it is would have something else done
	}
	l.ended.Store(&end{err, panicked})
	return err
}

// guard runs fn, which reads the mapped file. Where bbolt panics over a page that cannot be, or the file ends before its pages
// do (the kernel's SIGBUS), it returns ErrCorrupt. Any other panic is a mistake in fn, says nothing of the file, and goes on.
func guard(fn func() error) (panicked bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		_, fault := r.(interface{ Addr() uintptr })
		switch {
		case fault:
			err = corrupt("it cannot be read where a page should be (cut short, or a failing disk)")
		case fromBolt(): // its assertions, or an index that a page has wrong
			err = corrupt("its pages make no sense (%v)", r)
		default:
			panic(r)
		}
		panicked = true
	}()
	return false, fn()
}

// fromBolt tells, in a deferred function, whether the panic under way began in bbolt, which indexes by what its pages say.
// One of this package's own is a mistake in it, and no damage.
func fromBolt() bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicked := false
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."):
			panicked = panicked || frame.Function == "runtime.gopanic"
		case panicked:
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

// commit runs a transaction that changes something, under guard and with l.writing held. In a term the mirror has it first; the file has
// it only if the mirror has.
func (l *Ledger) commit(fn func(writeTx) error, t *term) error {
	if err := l.untouched(); err != nil { // pages that others have written would be mixed with ours
		return err
	}
	// Not by bbolt's Update: when a damaged page makes that panic, it scans the file for free pages in a goroutine of its own,
	// where the next panic ends the process.
	tx, err := l.db.Begin(true)
	if err != nil {
		return err
	}
	decided := false
	defer func() {
		// After a mistake of our own that panics, others go on writing, for the caller may recover it, as net/http does. bbolt's own
		// panics leave it in no state to roll back; guarded lets nobody write after one.
		if !decided && !fromBolt() {
			_ = tx.Rollback()
		}
	}()
	transaction := uint64(tx.ID())
	w := writeTx{Tx: tx}
	if t != nil {
		w.set = &writeSet{}
	}
	var sent *stamp
	if err = fn(w); err == nil {
		err = addToRoot(w, 0)
	}
	if err == nil && t != nil && len(w.set.values) > 0 {
		sent, err = l.send(w, t)
	}
	decided = true
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err = tx.Commit(); err != nil {
		if sent != nil { // lack of room, too: the mirror has what the file has not
			return l.end(fmt.Errorf("%w: %s", ErrStale, err.Error()), false)
		}
		return l.failed(transaction, err)
	}
	l.last = transaction
	if sent != nil {
		l.stamped.Store(sent)
	}
	return nil
}

var (
	// ErrNoRoom is returned when the file cannot grow. Nothing is lost: what was to be written is not, and may be tried again.
	ErrNoRoom = errors.New("there is no room for the state file to grow")
	// ErrDisk is returned when the disk fails to write or sync a commit, by that and all later calls. What it has then is not
	// known: only opening the file again shows it.
	ErrDisk = errors.New("the disk of the state file reports an error")
)

// failed returns what a failed commit comes to: ErrNoRoom if nothing of it was written, for lack of space. After anything else
// the ledger ends.
//
// When the last step fails, the sync of the meta page, that page is written: everybody reads the new state, which the disk may
// not have. The next transaction would overwrite pages of the state before, the only one that the disk may have.
func (l *Ledger) failed(transaction uint64, err error) error {
	written := true // where that cannot be seen
	viewErr := l.db.View(func(tx *bbolt.Tx) error {
		written = uint64(tx.ID()) >= transaction
		return nil
	})
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if !written && strings.Contains(err.Error(), full.Error()) { // bbolt keeps only the words of some
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		}
	}
	return l.end(fmt.Errorf("%w: %w", ErrDisk, errors.Join(err, viewErr)), false)
}

// rewriteMeta writes both meta pages once more, as they are, and syncs them. It makes up for a process that was killed between
// writing the last one and syncing it, or could not sync it.
func rewriteMeta(f *os.File, pageSize int) error {
	pages := make([]byte, 2*pageSize)
	if _, err := f.ReadAt(pages, 0); err != nil {
		return err
	}
	if _, err := f.WriteAt(pages, 0); err != nil {
		return err
	}
	return f.Sync()
}

// corrupt returns ErrCorrupt with what is wrong with the file as a whole, and the next step.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s; %s", ErrCorrupt, fmt.Sprintf(format, args...), adviceRestore)
}
