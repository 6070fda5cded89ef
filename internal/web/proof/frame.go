package proof

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// An answer is a sequence of frames: a byte that is 1 in the last frame and 0 in the others, the length of the data in four
// bytes (big endian), the data, and their MAC. The last frame is there even if the body is empty, so the status has a MAC too.
const (
	frameHead = 5
	maxFrame  = 64 << 10 // bytes of data: the reader holds no more before it has verified them
	mediaType = "application/vnd.rowtap.frames"
)

// errCut is that of an answer that ends before its last frame.
var errCut = errors.New("the daemon's response is incomplete")

// frames makes the MACs of the frames of one answer.
type frames struct {
	key   []byte
	index uint64
}

func newFrames(k keys, nonce, ticket string, status int) *frames {
	return &frames{key: mac(k.answer, nonce, ticket, strconv.Itoa(status))}
}

// mac returns the MAC of the next frame, given its head and data.
func (f *frames) mac(frame []byte) []byte {
	h := hmac.New(sha256.New, f.key)
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, f.index)) // a hash never fails
	_, _ = h.Write(frame)
	f.index++
	return h.Sum(nil)
}

// frameWriter writes an answer in frames, one for each call of Write, or several where the data is long.
type frameWriter struct {
	http.ResponseWriter
	keys          keys
	nonce, ticket string
	frames        *frames // nil: the status is not decided yet
}

func newFrameWriter(w http.ResponseWriter, k keys, nonce, ticket string) *frameWriter {
	return &frameWriter{ResponseWriter: w, keys: k, nonce: nonce, ticket: ticket}
}

// Unwrap lets [http.ResponseController] set deadlines and flush.
func (w *frameWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader decides the status.
func (w *frameWriter) WriteHeader(status int) {
	if w.frames != nil {
		return
	}
	w.frames = newFrames(w.keys, w.nonce, w.ticket, status)
	w.Header().Set("Content-Type", mediaType)
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
}

// Write writes data in frames.
func (w *frameWriter) Write(data []byte) (int, error) {
	written := 0
	for len(data) > 0 {
		n := min(len(data), maxFrame)
		if err := w.frame(data[:n], false); err != nil {
			return written, err
		}
		written, data = written+n, data[n:]
	}
	return written, nil
}

// end writes the last frame.
func (w *frameWriter) end() { _ = w.frame(nil, true) } // the client is gone if it cannot be written

func (w *frameWriter) frame(data []byte, last bool) error {
	w.WriteHeader(http.StatusOK) // unless the handler has
	b := make([]byte, 1, frameHead+len(data)+sha256.Size)
	if last {
		b[0] = 1
	}
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...)
	_, err := w.ResponseWriter.Write(append(b, w.frames.mac(b)...))
	return err
}

// frameReader reads the data of frames, each of which it verifies first.
type frameReader struct {
	body   io.ReadCloser
	in     *bufio.Reader
	frames *frames
	frame  []byte // head, data and MAC
	data   []byte // of the frame, not read yet
	last   bool
}

// newFrameReader returns the body of an answer, once its first frame has been verified, and the status with it.
func newFrameReader(body io.ReadCloser, f *frames) (*frameReader, error) {
	r := &frameReader{body: body, in: bufio.NewReader(body), frames: f}
	return r, r.next()
}

// next reads and verifies a frame.
func (r *frameReader) next() error {
	r.frame = append(r.frame[:0], make([]byte, frameHead)...)
	if err := r.fill(r.frame); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(r.frame[1:])
	if r.frame[0] > 1 || length > maxFrame {
		return ErrUnproven
	}
	end := frameHead + int(length)
	r.frame = append(r.frame, make([]byte, length+sha256.Size)...)
	if err := r.fill(r.frame[frameHead:]); err != nil {
		return err
	}
	if !hmac.Equal(r.frame[end:], r.frames.mac(r.frame[:end])) {
		return ErrUnproven
	}
	r.data, r.last = r.frame[frameHead:end], r.frame[0] == 1
	return nil
}

// fill reads exactly what b holds.
func (r *frameReader) fill(b []byte) error {
	_, err := io.ReadFull(r.in, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	if err != nil {
		return fmt.Errorf("read the daemon's response: %w", err)
	}
	return nil
}

// Read reads verified data.
func (r *frameReader) Read(b []byte) (int, error) {
	for len(r.data) == 0 {
		if !r.last {
			if err := r.next(); err != nil {
				return 0, err
			}
			continue
		}
		if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) { // read to its end, a connection can be used again
			return 0, ErrUnproven
		}
		return 0, io.EOF
	}
	n := copy(b, r.data)
	r.data = r.data[n:]
	return n, nil
}

// Close closes the answer.
func (r *frameReader) Close() error { return r.body.Close() }
