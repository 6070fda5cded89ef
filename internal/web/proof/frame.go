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

// A response is a sequence of frames: a byte that is 1 in the last frame and 0 in the others, the
// length of the data in four bytes (big endian), the data, and the MAC of all three. Even an empty
// body has a last frame, whose MAC covers the status.
const (
	frameHead = 5
	maxFrame  = 64 << 10 // bytes of data, which the reader holds until it has verified them
	mediaType = "application/vnd.rowtap.frames"
)

// errCut means that a response ended before its last frame.
var errCut = errors.New("the daemon's response is incomplete")

// frames makes the MACs of the frames of one response.
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

// frameWriter writes a response in frames: one per call of Write, or several if the data is long.
type frameWriter struct {
	http.ResponseWriter
	keys          keys
	nonce, ticket string
	frames        *frames // nil: the status is not known yet
}

func newFrameWriter(w http.ResponseWriter, k keys, nonce, ticket string) *frameWriter {
	return &frameWriter{ResponseWriter: w, keys: k, nonce: nonce, ticket: ticket}
}

// Unwrap lets [http.ResponseController] set deadlines and flush.
func (w *frameWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the status.
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
func (w *frameWriter) end() { _ = w.frame(nil, true) } // fails only if the client is gone

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

// frameReader reads the data of frames after verifying each.
type frameReader struct {
	body   io.ReadCloser
	in     *bufio.Reader
	frames *frames
	frame  []byte // head, data and MAC
	data   []byte // the rest of the frame's data
	last   bool
}

// newFrameReader returns the body of a response. It verifies the first frame, and with it the
// status.
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
		// A response that is read to its end frees the connection.
		if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
			return 0, ErrUnproven
		}
		return 0, io.EOF
	}
	n := copy(b, r.data)
	r.data = r.data[n:]
	return n, nil
}

// Close closes the response.
func (r *frameReader) Close() error { return r.body.Close() }
