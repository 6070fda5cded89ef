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

// bbolt's file format (https://github.com/etcd-io/bbolt/blob/main/internal/common/page.go and meta.go). Numbers are in
// the machine's byte order.
const (
	pageHead = 16 // id, flags, count, overflow
	elemSize = 16 // of a branch page: pos, ksize, pgid; of a leaf page: flags, pos, ksize, vsize

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	elemBucket   = 0x01

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64
	metaSummed  = 56 // bytes under the checksum
	noFreelist  = math.MaxUint64

	minPage, maxPage = 1 << 10, 1 << 24
	maxDepth         = 64 // branch levels; a tree of 2^48 pages has fewer
)

var native = binary.NativeEndian

// boltMeta is what a meta page says.
type boltMeta struct {
	pageSize           uint64
	root, freelist     uint64
	pages, transaction uint64 // pages: the high water mark
}

// verifyFile checks that every page bbolt can reach is inside the file and is what it should be. bbolt trusts its pages:
// a file cut short or a wild pointer ends the process (its scan for free pages runs in a goroutine of its own, where a
// panic cannot be caught). Reading by pread instead, nothing worse than an error can happen.
func verifyFile(f *os.File) error {
	wrong, err := filePages(f)
	if err != nil {
		return err
	}
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%w: %s; %s", ErrCorrupt, wrong[0].Error(), adviceRestore)
	}
	return fmt.Errorf("%w: %s, and %d more; %s", ErrCorrupt, wrong[0].Error(), len(wrong)-1, adviceRestore)
}

// fileMeta returns what the file's meta pages say, if the file is as long as they say.
func fileMeta(f *os.File) (boltMeta, error) {
	info, err := f.Stat()
	if err != nil {
		return boltMeta{}, err
	}
	if info.Size() == 0 {
		return boltMeta{}, fmt.Errorf("%w: it is empty; %s", ErrCorrupt, adviceRestore)
	}
	m, err := readMeta(f, info.Size())
	if err != nil {
		return boltMeta{}, err
	}
	if m.pages > uint64(info.Size())/m.pageSize {
		return boltMeta{}, fmt.Errorf("%w: it is cut short, %d bytes of at least %d; %s", ErrCorrupt, info.Size(), m.pages*m.pageSize, adviceRestore)
	}
	return m, nil
}

// walk visits all pages and returns what is wrong with them.
func walk(f io.ReaderAt, m boltMeta) []Damage {
	w := walker{file: f, meta: m, seen: make([]uint64, m.pages/64+1), buf: make([]byte, m.pageSize)}
	w.tree(m.root, nil, nil, 0)
	w.freelist()
	return w.wrong
}

// readMeta returns the meta page that bbolt will use: of the valid ones the one of the later transaction.
func readMeta(f io.ReaderAt, size int64) (boltMeta, error) {
	first, magic := metaAt(f, 0)
	var second boltMeta
	if first.pageSize != 0 {
		second, _ = metaAt(f, int64(first.pageSize))
	} else {
		for at := int64(minPage); at <= maxPage && at < size && second.pageSize == 0; at *= 2 {
			var here bool
			second, here = metaAt(f, at)
			magic = magic || here
		}
	}
	if second.pageSize != 0 && second.transaction > first.transaction || first.pageSize == 0 {
		first = second
	}
	switch {
	case first.pageSize != 0:
		return first, nil
	case magic:
		return boltMeta{}, fmt.Errorf("%w: neither of its first two pages is whole; %s", ErrCorrupt, adviceRestore)
	}
	head := make([]byte, min(size, pageHead))
	if _, err := f.ReadAt(head, 0); err != nil {
		return boltMeta{}, err
	}
	// A page that begins with zeros was bbolt's first one, of which the number is 0, or is zeroed; texts do not.
	if len(bytes.Trim(head[:min(len(head), 8)], "\x00")) == 0 {
		return boltMeta{}, fmt.Errorf("%w: it is cut short or zeroed, %d bytes; %s", ErrCorrupt, size, adviceRestore)
	}
	return boltMeta{}, fmt.Errorf("%w; %s", ErrForeign, adviceForeign)
}

// metaAt returns the meta page at an offset, zero if there is no valid one; magic tells whether it looks like one.
func metaAt(f io.ReaderAt, at int64) (m boltMeta, magic bool) {
	var b [pageHead + metaSize]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return boltMeta{}, false
	}
	p := b[pageHead:]
	if native.Uint32(p) != metaMagic {
		return boltMeta{}, false
	}
	sum := fnv.New64a()
	sum.Write(p[:metaSummed])
	pageSize := uint64(native.Uint32(p[8:]))
	if native.Uint32(p[4:]) != metaVersion || native.Uint64(p[metaSummed:]) != sum.Sum64() ||
		pageSize < minPage || pageSize > maxPage || pageSize&(pageSize-1) != 0 {
		return boltMeta{}, true
	}
	return boltMeta{
		pageSize: pageSize, root: native.Uint64(p[16:]), freelist: native.Uint64(p[32:]),
		pages: native.Uint64(p[40:]), transaction: native.Uint64(p[48:]),
	}, true
}

// walker visits every page of the buckets. What is wrong with one does not keep it from the others.
type walker struct {
	file  io.ReaderAt
	meta  boltMeta
	seen  []uint64 // a bit a page: reached, or listed as free
	buf   []byte   // one page
	path  []string // the buckets that lead to the page under the eyes
	wrong []Damage
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

// page is the part of a page that is checked: its header and elements, and the bytes of keys and of nested buckets as
// they are asked for. Values may be long and are not read.
type page struct {
	id           uint64 // of an inline page, that of the page it is in
	flags, count uint16
	size         uint64 // with overflow pages
	elems        []byte
	read         func(at, n uint64) []byte // nil: it is past the page's end, which is reported, or cannot be read
}

// claim marks n pages from id on as reached.
func (w *walker) claim(id, n uint64) bool {
	if id < 2 || id >= w.meta.pages || n > w.meta.pages-id {
		w.report(id, "is outside of the file's %d", w.meta.pages)
		return false
	}
	for i := id; i < id+n; i++ {
		if w.seen[i/64]&(1<<(i%64)) != 0 {
			w.report(i, "is used twice")
			return false
		}
		w.seen[i/64] |= 1 << (i % 64)
	}
	return true
}

// load reads the page id.
func (w *walker) load(id uint64) (page, bool) {
	if id < 2 || id >= w.meta.pages {
		w.report(id, "is outside of the file's %d", w.meta.pages)
		return page{}, false
	}
	offset := id * w.meta.pageSize
	if _, err := w.file.ReadAt(w.buf, int64(offset)); err != nil {
		w.report(id, "cannot be read: %v", err)
		return page{}, false
	}
	if got := native.Uint64(w.buf); got != id {
		w.report(id, "calls itself %d", got)
		return page{}, false
	}
	overflow := uint64(native.Uint32(w.buf[12:]))
	if !w.claim(id, 1+overflow) {
		return page{}, false
	}
	p := page{id: id, flags: native.Uint16(w.buf[8:]), count: native.Uint16(w.buf[10:]), size: (1 + overflow) * w.meta.pageSize}
	p.read = func(at, n uint64) []byte {
		if at > p.size || n > p.size-at {
			w.report(id, "points past its end")
			return nil
		}
		b := make([]byte, n)
		if _, err := w.file.ReadAt(b, int64(offset+at)); err != nil {
			w.report(id, "cannot be read: %v", err)
			return nil
		}
		return b
	}
	if p.flags != flagBranch && p.flags != flagLeaf {
		return p, true
	}
	p.elems = p.read(pageHead, uint64(p.count)*elemSize)
	return p, p.elems != nil
}

// tree checks the subtree of page id, whose keys are from low on and below high (nil: no bound).
func (w *walker) tree(id uint64, low, high []byte, depth int) {
	if depth > maxDepth {
		w.report(id, "is too deep")
		return
	}
	p, ok := w.load(id)
	if !ok {
		return
	}
	switch p.flags {
	case flagLeaf:
		w.leaf(p, low, high, depth)
	case flagBranch:
		w.branch(p, low, high, depth)
	default:
		w.report(id, "is of no known kind")
	}
}

func (w *walker) branch(p page, low, high []byte, depth int) {
	if p.count == 0 {
		w.report(p.id, "has no children")
		return
	}
	keys, children := make([][]byte, p.count), make([]uint64, p.count)
	follows := pageHead + uint64(p.count)*elemSize
	for i := range keys {
		at := uint64(i) * elemSize
		e := p.elems[at:]
		keyAt, keyLen := pageHead+at+uint64(native.Uint32(e)), uint64(native.Uint32(e[4:]))
		if keyAt != follows {
			w.report(p.id, "is out of shape")
			return
		}
		follows = keyAt + keyLen
		if keys[i] = p.read(keyAt, keyLen); keys[i] == nil {
			return
		}
		children[i] = native.Uint64(e[8:])
	}
	if !ordered(keys, low, high) {
		w.report(p.id, "is out of order")
		return
	}
	for i, child := range children {
		below := high
		if i+1 < len(keys) {
			below = keys[i+1]
		}
		w.tree(child, keys[i], below, depth+1)
	}
}

// leaf checks a leaf page. bbolt writes keys and values one after the other, right behind the elements: a gap means that
// elements are missing, which nothing else would tell.
func (w *walker) leaf(p page, low, high []byte, depth int) {
	keys := make([][]byte, p.count)
	follows := pageHead + uint64(p.count)*elemSize
	for i := range keys {
		at := uint64(i) * elemSize
		e := p.elems[at:]
		keyAt, keyLen, valueLen := pageHead+at+uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
		if keyAt != follows {
			w.report(p.id, "is out of shape")
			return
		}
		if keys[i] = p.read(keyAt, keyLen); keys[i] == nil {
			return
		}
		valueAt := keyAt + keyLen
		if follows = valueAt + valueLen; follows > p.size {
			w.report(p.id, "points past its end")
			return
		}
		switch native.Uint32(e) {
		case 0:
		case elemBucket:
			w.path = append(w.path, string(keys[i]))
			w.bucket(p, valueAt, valueLen, depth)
			w.path = w.path[:len(w.path)-1]
		default:
			w.report(p.id, "holds something of no known kind")
		}
	}
	if !ordered(keys, low, high) {
		w.report(p.id, "is out of order")
	}
}

// bucket checks a bucket whose header is a leaf's value: its root page and sequence and, where the root is 0, a small
// leaf page of its own.
func (w *walker) bucket(p page, at, size uint64, depth int) {
	if size < 16 || size > w.meta.pageSize {
		w.report(p.id, "holds half a bucket")
		return
	}
	b := p.read(at, size)
	if b == nil {
		return
	}
	if root := native.Uint64(b); root != 0 {
		if size > 16 {
			w.report(p.id, "holds a bucket that is both in it and elsewhere")
			return
		}
		w.tree(root, nil, nil, depth+1)
		return
	}
	b = b[16:]
	if len(b) < pageHead || native.Uint64(b) != 0 || native.Uint16(b[8:]) != flagLeaf {
		w.report(p.id, "holds half a bucket")
		return
	}
	inline := page{id: p.id, count: native.Uint16(b[10:]), size: uint64(len(b))}
	inline.read = func(at, n uint64) []byte {
		if at > inline.size || n > inline.size-at {
			w.report(p.id, "holds a small bucket that points past its end")
			return nil
		}
		return b[at : at+n : at+n]
	}
	if inline.elems = inline.read(pageHead, uint64(inline.count)*elemSize); inline.elems == nil {
		return
	}
	w.leaf(inline, nil, nil, depth+1)
}

// ordered tells whether keys ascend, from low on and below high.
func ordered(keys [][]byte, low, high []byte) bool {
	for i, k := range keys {
		if i > 0 && bytes.Compare(keys[i-1], k) >= 0 {
			return false
		}
	}
	if len(keys) == 0 {
		return true
	}
	return bytes.Compare(keys[0], low) >= 0 && (high == nil || bytes.Compare(keys[len(keys)-1], high) < 0)
}

// freelist checks that a stored list of free pages, which this package never writes, lists only pages that are free.
func (w *walker) freelist() {
	if w.meta.freelist == noFreelist {
		return
	}
	p, ok := w.load(w.meta.freelist)
	if !ok {
		return
	}
	if p.flags != flagFreelist {
		w.report(p.id, "should be the list of free pages, and is something else")
		return
	}
	at, n := uint64(pageHead), uint64(p.count)
	if n == math.MaxUint16 { // too many for the field: the first entry is the number
		b := p.read(at, 8)
		if b == nil {
			return
		}
		at, n = at+8, native.Uint64(b)
	}
	if n > p.size/8 {
		w.report(p.id, "lists more free pages than fit")
		return
	}
	ids := p.read(at, n*8)
	for ; len(ids) > 0; ids = ids[8:] {
		if !w.claim(native.Uint64(ids), 1) {
			return
		}
	}
}
