package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
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
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%w: it is empty; %s", ErrCorrupt, adviceRestore)
	}
	m, err := readMeta(f, info.Size())
	if err != nil {
		return err
	}
	if m.pages > uint64(info.Size())/m.pageSize {
		return fmt.Errorf("%w: it is cut short, %d bytes of at least %d; %s", ErrCorrupt, info.Size(), m.pages*m.pageSize, adviceRestore)
	}
	w := walker{file: f, meta: m, seen: make([]uint64, m.pages/64+1), buf: make([]byte, m.pageSize)}
	err = w.tree(m.root, nil, nil, 0)
	if err == nil {
		err = w.freelist()
	}
	if err != nil {
		return fmt.Errorf("%w: %w; %s", ErrCorrupt, err, adviceRestore)
	}
	return nil
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

// walker visits every page of the buckets.
type walker struct {
	file io.ReaderAt
	meta boltMeta
	seen []uint64 // a bit a page: reached, or listed as free
	buf  []byte   // one page
}

// page is the part of a page that is checked: its header and elements, and the bytes of keys and of nested buckets as
// they are asked for. Values may be long and are not read.
type page struct {
	flags, count uint16
	size         uint64 // with overflow pages
	elems        []byte
	read         func(at, n uint64) ([]byte, error)
}

// claim marks n pages from id on as reached.
func (w *walker) claim(id, n uint64) error {
	if id < 2 || id >= w.meta.pages || n > w.meta.pages-id {
		return fmt.Errorf("page %d is outside of the file's %d", id, w.meta.pages)
	}
	for i := id; i < id+n; i++ {
		if w.seen[i/64]&(1<<(i%64)) != 0 {
			return fmt.Errorf("page %d is used twice", i)
		}
		w.seen[i/64] |= 1 << (i % 64)
	}
	return nil
}

// load reads the page id.
func (w *walker) load(id uint64) (page, error) {
	if id < 2 || id >= w.meta.pages {
		return page{}, fmt.Errorf("page %d is outside of the file's %d", id, w.meta.pages)
	}
	offset := id * w.meta.pageSize
	if _, err := w.file.ReadAt(w.buf, int64(offset)); err != nil {
		return page{}, fmt.Errorf("page %d: %w", id, err)
	}
	if got := native.Uint64(w.buf); got != id {
		return page{}, fmt.Errorf("page %d calls itself %d", id, got)
	}
	overflow := uint64(native.Uint32(w.buf[12:]))
	if err := w.claim(id, 1+overflow); err != nil {
		return page{}, err
	}
	p := page{flags: native.Uint16(w.buf[8:]), count: native.Uint16(w.buf[10:]), size: (1 + overflow) * w.meta.pageSize}
	p.read = func(at, n uint64) ([]byte, error) {
		if at > p.size || n > p.size-at {
			return nil, fmt.Errorf("page %d points past its end", id)
		}
		b := make([]byte, n)
		_, err := w.file.ReadAt(b, int64(offset+at))
		return b, err
	}
	if p.flags != flagBranch && p.flags != flagLeaf {
		return p, nil
	}
	elems, err := p.read(pageHead, uint64(p.count)*elemSize)
	p.elems = elems
	return p, err
}

// tree checks the subtree of page id, whose keys are from low on and below high (nil: no bound).
func (w *walker) tree(id uint64, low, high []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d is too deep", id)
	}
	p, err := w.load(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case flagLeaf:
		return w.leaf(id, p, low, high, depth)
	case flagBranch:
		return w.branch(id, p, low, high, depth)
	}
	return fmt.Errorf("page %d is of no known kind", id)
}

func (w *walker) branch(id uint64, p page, low, high []byte, depth int) error {
	if p.count == 0 {
		return fmt.Errorf("page %d has no children", id)
	}
	keys, children := make([][]byte, p.count), make([]uint64, p.count)
	for i := range keys {
		at := uint64(i) * elemSize
		e := p.elems[at:]
		key, err := p.read(pageHead+at+uint64(native.Uint32(e)), uint64(native.Uint32(e[4:])))
		if err != nil {
			return err
		}
		keys[i], children[i] = key, native.Uint64(e[8:])
	}
	if !ordered(keys, low, high) {
		return fmt.Errorf("page %d is out of order", id)
	}
	for i, child := range children {
		below := high
		if i+1 < len(keys) {
			below = keys[i+1]
		}
		if err := w.tree(child, keys[i], below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) leaf(id uint64, p page, low, high []byte, depth int) error {
	keys := make([][]byte, p.count)
	for i := range keys {
		at := uint64(i) * elemSize
		e := p.elems[at:]
		keyAt, keyLen, valueLen := pageHead+at+uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
		key, err := p.read(keyAt, keyLen)
		if err != nil {
			return err
		}
		keys[i] = key
		valueAt := keyAt + keyLen
		if valueAt > p.size || valueLen > p.size-valueAt {
			return fmt.Errorf("page %d points past its end", id)
		}
		if native.Uint32(e)&elemBucket == 0 {
			continue
		}
		if err := w.bucket(id, p, valueAt, valueLen, depth); err != nil {
			return err
		}
	}
	if !ordered(keys, low, high) {
		return fmt.Errorf("page %d is out of order", id)
	}
	return nil
}

// bucket checks a bucket whose header is a leaf's value: its root page and sequence and, where the root is 0, a small
// leaf page of its own.
func (w *walker) bucket(id uint64, p page, at, size uint64, depth int) error {
	if size < 16 || size > w.meta.pageSize {
		return fmt.Errorf("page %d holds half a bucket", id)
	}
	b, err := p.read(at, size)
	if err != nil {
		return err
	}
	if root := native.Uint64(b); root != 0 {
		return w.tree(root, nil, nil, depth+1)
	}
	b = b[16:]
	if len(b) < pageHead || native.Uint64(b) != 0 || native.Uint16(b[8:]) != flagLeaf {
		return fmt.Errorf("page %d holds half a bucket", id)
	}
	inline := page{count: native.Uint16(b[10:]), size: uint64(len(b))}
	inline.read = func(at, n uint64) ([]byte, error) {
		if at > inline.size || n > inline.size-at {
			return nil, fmt.Errorf("a small bucket in page %d points past its end", id)
		}
		return b[at : at+n], nil
	}
	if inline.elems, err = inline.read(pageHead, uint64(inline.count)*elemSize); err != nil {
		return err
	}
	return w.leaf(id, inline, nil, nil, depth+1)
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
func (w *walker) freelist() error {
	if w.meta.freelist == noFreelist {
		return nil
	}
	p, err := w.load(w.meta.freelist)
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return errors.New("the list of free pages is something else")
	}
	at, n := uint64(pageHead), uint64(p.count)
	if n == math.MaxUint16 { // too many for the field: the first entry is the number
		b, err := p.read(at, 8)
		if err != nil {
			return err
		}
		at, n = at+8, native.Uint64(b)
	}
	if n > p.size/8 {
		return errors.New("the list of free pages is longer than its page")
	}
	ids, err := p.read(at, n*8)
	if err != nil {
		return err
	}
	for ; len(ids) > 0; ids = ids[8:] {
		if err := w.claim(native.Uint64(ids), 1); err != nil {
			return fmt.Errorf("the list of free pages: %w", err)
		}
	}
	return nil
}
