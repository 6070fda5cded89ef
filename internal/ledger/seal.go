package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

// A sealed value consists of a format version, the xxhash64 of its key and payload, and the
// payload. bbolt has no checksums on data pages. With the key in the checksum, a value under a
// damaged key is noticed, too. From version 2 on, the checksum also covers the version, after the
// key.
const (
	sealVersion = 1
	sealTombs   = 2 // of a chunk that may have tombstones and validated deliveries (schema 5)
	// sealValidated is the version of a zap's record that counts validated deliveries (schema 5).
	sealValidated = 2
	// sealSent is the version of a chunk that refers to uploads instead of recipes, and of a zap's
	// record with what the zap hides (schema 6).
	sealSent = 3
	// sealKeys is the version of a chunk with keys of rows, and of a zap's record that says which
	// columns they are of, or until when the zap is paused.
	sealKeys = 4
	sealHead = 1 + 8
)

// maxRaw bounds the uncompressed size of a value in bytes.
const maxRaw = 1 << 30

// newSeal returns the head of a sealed value, to be appended to and passed to finishSeal.
func newSeal(size int) []byte { return make([]byte, sealHead, sealHead+size) }

// finishSeal makes b the sealed value of a key.
func finishSeal(key, b []byte) []byte { return finishSealAs(sealVersion, key, b) }

func finishSealAs(version byte, key, b []byte) []byte {
	b[0] = version
	binary.LittleEndian.PutUint64(b[1:], checksum(version, key, b[sealHead:]))
	return b
}

func checksum(version byte, key, payload []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(key)
	if version > sealVersion {
		_, _ = d.Write([]byte{version})
	}
	_, _ = d.Write(payload)
	return d.Sum64()
}

// unseal returns the payload of a key's sealed value. It points into the value, so it is only valid
// during the transaction.
func unseal(key, v []byte) ([]byte, error) {
	_, payload, err := unsealUpTo(sealVersion, key, v)
	return payload, err
}

// unsealUpTo is unseal for a value of any version up to newest.
func unsealUpTo(newest byte, key, v []byte) (version byte, payload []byte, err error) {
	switch {
	case v == nil:
		return 0, nil, errMissing
	case len(v) < sealHead:
		return 0, nil, errors.New("too short")
	case v[0] == 0 || v[0] > newest:
		return 0, nil, fmt.Errorf("unknown format %d", v[0])
	case binary.LittleEndian.Uint64(v[1:]) != checksum(v[0], key, v[sealHead:]):
		return 0, nil, errors.New("checksum mismatch")
	}
	return v[0], v[sealHead:], nil
}

// codec compresses values. It is safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		return codec{}, fmt.Errorf("start compression: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxRaw))
	if err != nil {
		return codec{}, fmt.Errorf("start decompression: %w", err)
	}
	return codec{enc: enc, dec: dec}, nil
}

func (c codec) close() {
	_ = c.enc.Close()
	c.dec.Close()
}

// pack appends compressed raw to the head of a key's sealed value and seals it.
func (c codec) pack(key, head, raw []byte) ([]byte, error) {
	return c.packAs(sealVersion, key, head, raw)
}

func (c codec) packAs(version byte, key, head, raw []byte) ([]byte, error) {
	if len(raw) > maxRaw {
		return nil, fmt.Errorf("%d bytes exceed the limit of a value", len(raw))
	}
	return finishSealAs(version, key, c.enc.EncodeAll(raw, head)), nil
}

// unpack returns what was passed to pack, as a string whose parts may be kept.
func (c codec) unpack(packed []byte) (string, error) {
	raw, err := c.unpackInto(nil, packed)
	return string(raw), err
}

// unpackInto is unpack into the memory of a buffer if that is large enough.
func (c codec) unpackInto(buffer, packed []byte) ([]byte, error) {
	raw, err := c.dec.DecodeAll(packed, buffer[:0])
	if err != nil {
		return nil, errMalformed
	}
	return raw, nil
}
