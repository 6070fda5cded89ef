package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

// A sealed value is a format version, the xxhash64 of its key and the rest, and the rest. bbolt has no checksums on its
// data pages; with the key in it, a value under a damaged key is noticed too. From version 2 on the version is under the
// checksum, after the key.
const (
	sealVersion = 1
	sealTombs   = 2 // of a chunk that may have tombstones, and validated deliveries (schema 5)
	// sealValidated is that of a zap's record which counts validated deliveries (schema 5).
	sealValidated = 2
	// sealSent is that of a chunk that names uploads, not recipes, and of a zap's record that has what the zap hides (schema 6).
	sealSent = 3
	sealHead = 1 + 8
)

// maxRaw bounds what one value may hold before compression, in bytes.
const maxRaw = 1 << 30

// newSeal returns the beginning of a sealed value, to be appended to and handed to finishSeal.
func newSeal(size int) []byte { return make([]byte, sealHead, sealHead+size) }

// finishSeal makes b the value of a key.
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

// unseal returns what the sealed value of a key holds: bytes of the value itself, dead after the transaction.
func unseal(key, v []byte) ([]byte, error) {
	_, payload, err := unsealUpTo(sealVersion, key, v)
	return payload, err
}

// unsealUpTo is unseal for a value that has one of several versions.
func unsealUpTo(newest byte, key, v []byte) (version byte, payload []byte, err error) {
	switch {
	case v == nil:
		return 0, nil, errMissing
	case len(v) < sealHead:
		return 0, nil, errors.New("it is too short")
	case v[0] == 0 || v[0] > newest:
		return 0, nil, fmt.Errorf("its format %d is not known", v[0])
	case binary.LittleEndian.Uint64(v[1:]) != checksum(v[0], key, v[sealHead:]):
		return 0, nil, errors.New("its checksum does not match")
	}
	return v[0], v[sealHead:], nil
}

// codec compresses values. It may be used by several goroutines at once.
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

// pack appends raw, compressed, to the beginning of a key's sealed value and seals it.
func (c codec) pack(key, head, raw []byte) ([]byte, error) {
	return c.packAs(sealVersion, key, head, raw)
}

func (c codec) packAs(version byte, key, head, raw []byte) ([]byte, error) {
	if len(raw) > maxRaw {
		return nil, fmt.Errorf("%d bytes are more than one value may hold", len(raw))
	}
	return finishSealAs(version, key, c.enc.EncodeAll(raw, head)), nil
}

// unpack returns what pack was given, as a string whose parts may be kept.
func (c codec) unpack(packed []byte) (string, error) {
	raw, err := c.unpackInto(nil, packed)
	return string(raw), err
}

// unpackInto returns what pack was given, in the memory of a buffer that is done with, if that is large enough.
func (c codec) unpackInto(buffer, packed []byte) ([]byte, error) {
	raw, err := c.dec.DecodeAll(packed, buffer[:0])
	if err != nil {
		return nil, errMalformed
	}
	return raw, nil
}
