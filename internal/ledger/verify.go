package ledger

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
)

// bbolt's file format (https://github.com/etcd-io/bbolt/blob/main/internal/common/page.go and
// meta.go). Numbers are in native byte order.
const (
	pageHead = 16 // id, flags, count, overflow
	elemSize = 16 // of a branch page: pos, ksize, pgid; of a leaf page: flags, pos, ksize, vsize

	flagBranch = 0x01
	flagLeaf   = 0x02
	elemBucket = 0x01

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64
	metaSummed  = 56 // bytes covered by the checksum
	noFreelist  = math.MaxUint64

	minPage, maxPage = 1 << 10, 1 << 24
)

var native = binary.NativeEndian

// boltMeta is the content of a meta page.
type boltMeta struct {
	pageSize           uint64
	root, freelist     uint64
	pages, transaction uint64 // pages: the high water mark
}

// readMeta returns the meta page that bbolt will use: of the valid ones, that of the later
// transaction. A file shorter than it says is damaged.
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
		return m, corrupt("neither of its two meta pages is valid")
	case m.pageSize == 0:
		head := make([]byte, min(info.Size(), 8))
		if _, err := f.ReadAt(head, 0); err != nil {
			return m, err
		}
		// bbolt's first page begins with its number 0, text files do not.
		if len(bytes.Trim(head, "\x00")) == 0 {
			return m, corrupt("it is empty, truncated or zeroed: %d bytes", info.Size())
		}
		return m, fmt.Errorf("%w%s", ErrForeign, adviceForeign)
	case m.pages > uint64(info.Size())/m.pageSize:
		return m, corrupt("it is truncated: %d of at least %d bytes", info.Size(), m.pages*m.pageSize)
	}
	return m, nil
}

// metaAt returns the meta page at an offset, zero if it is invalid; magic reports whether it looks
// like a meta page.
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

// verify checks the pages of a file that bbolt can reach: each must be in the file, once, and of
// the right kind. It returns ErrForeign if another program wrote the file, otherwise damages.
func verify(f *os.File) error {
	m, err := readMeta(f)
	if err != nil {
		return err
	}
	if m.freelist != noFreelist { // boltOptions
		return fmt.Errorf("%w: a bbolt file of another program%s", ErrForeign, adviceForeign)
	}
	w := walker{file: f, meta: m, seen: make([]bool, m.pages)}
	w.tree(m.root, nil, nil)
	if len(w.wrong) > 0 {
		return w.wrong
	}
	return nil
}

// walker visits every page of the buckets. Damage of one does not keep it from the others.
type walker struct {
	file  *os.File
	meta  boltMeta
	seen  []bool   // by page number: whether it was reached
	path  []string // buckets on the way to the current page
	wrong damages
}

// page is a page with its overflow pages, or the page of a small bucket, which is inside another
// page.
type page struct {
	id     uint64 // for a small bucket, of the page that contains it
	from   io.ReaderAt
	size   uint64
	branch bool
	count  uint16
}

// element is an element of a page.
type element struct {
	key      []byte
	child    uint64 // branch page: the child page
	flags    uint32 // leaf page: elemBucket or 0
	at, size uint64 // leaf page: position of the value
}

// report records damage of a page, with the buckets that lead to it.
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

// claim marks n pages from id as reached. It reports false if one is invalid or was reached before.
func (w *walker) claim(id, n uint64) bool {
	if id > w.meta.pages || n > w.meta.pages-id {
		w.report(id, "is beyond the file's %d pages", w.meta.pages)
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

// read returns n bytes of a page; nil if it does not have them, which is reported.
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

// tree checks the pages from page id down, whose keys are at least low and below high (nil: no
// bound).
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
		w.report(id, "has the page number %d", got)
		return
	}
	flags, overflow := native.Uint16(head[8:]), uint64(native.Uint32(head[12:]))
	if flags != flagBranch && flags != flagLeaf {
		w.report(id, "has an unknown type")
		return
	}
	if w.claim(id+1, overflow) {
		p.branch, p.count, p.size = flags == flagBranch, native.Uint16(head[10:]), (1+overflow)*size
		w.visit(p, low, high)
	}
}

// visit checks a page and its children.
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
			w.report(p.id, "has an element of unknown type")
		}
	}
}

// elements returns the elements of a page. bbolt writes keys and values without gaps, directly
// after the elements' headers: a gap means that elements are missing, which nothing else would
// show.
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
			w.report(p.id, "has a gap between its elements")
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
			w.report(p.id, "has keys out of order")
			return nil, false
		}
		low = e.key
	}
	return all, true
}

// bucket checks a bucket. Its header is the value of a leaf: its root page and sequence and, if the
// root is 0, an inline leaf page.
func (w *walker) bucket(p page, e element) {
	if e.size < 16 || e.size > w.meta.pageSize {
		w.report(p.id, "has an incomplete bucket")
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
		w.report(p.id, "has an incomplete bucket")
	}
}

// corrupt returns ErrCorrupt with what is wrong with the file, and the next step.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s%s", ErrCorrupt, fmt.Sprintf(format, args...), adviceRestore)
}
