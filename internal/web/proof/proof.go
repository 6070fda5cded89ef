// Package proof lets the CLI and the daemon prove to each other that they hold the same API token,
// without sending it.
//
// The CLI sends its requests to whichever program holds the daemon's port. While the daemon is
// stopped, that may be any program of any user, so the CLI never sends the token. A request takes
// two steps:
//
//  1. The question, GET /api/v1/proof?nonce=C&address=A: C is a nonce of the CLI, and A the address at which the CLI is
//     configured to find the daemon. If A is an address of this daemon, it responds with a nonce D and the proof
//     MAC(daemon key; C, D, A). It proves nothing for another address, so a program there cannot relay the question.
//  2. The request, with the header Authorization: Rowtap C.D.H.M, where H is the SHA-256 of the body and M is
//     MAC(request key; C, D, H, method, path with query). The CLI sends it only once it has verified the proof. D is
//     valid for one request within [nonceLasts].
//
// The response to such a request is a sequence of frames (frame.go). Each has a MAC under the
// answer key over C, D, the status, its position in the sequence and whether it is the last. So a
// stream is verified as it arrives, and a truncated response is an error. A program that takes the
// port over between the steps sees one request, which no other daemon process accepts and to which
// it cannot respond.
//
// Not covered are headers other than Authorization, on both sides (handlers use them only to choose
// the form of a response), and secrecy: the connection is not encrypted.
//
// MAC is HMAC-SHA256 over fields with their lengths. The keys are derived from the token by
// HKDF-SHA256 (RFC 5869), one per purpose; login links and cookies have a key of their own.
// Everyone who reaches the port can request proofs and test guesses of the token with them, so a
// token must be random, like the one that rowtap creates (256 bits).
package proof

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
)

// Path is where the daemon responds to questions. It requires no token.
const Path = "/api/v1/proof"

const (
	nonceSize  = 16
	nonceLasts = 30 * time.Second // of the daemon's nonce
	scheme     = "Rowtap "        // of the Authorization header
)

// keys are the keys derived from one token.
type keys struct{ daemon, request, answer []byte }

func newKeys(token config.Secret) keys {
	derive := func(purpose string) []byte {
		key, err := hkdf.Key(sha256.New, []byte(token.Reveal()), nil, "rowtap proof v1: "+purpose, sha256.Size)
		if err != nil {
			panic(err) // only for a key of more than 8,160 bytes
		}
		return key
	}
	return keys{daemon: derive("daemon"), request: derive("request"), answer: derive("answer")}
}

// mac returns the MAC of fields. Each follows its length, so no two lists of fields are the same
// bytes.
func mac(key []byte, fields ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, f := range fields {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f)))) // a hash never fails
		_, _ = h.Write([]byte(f))
	}
	return h.Sum(nil)
}

// question is the body of the response to the first step.
type question struct {
	Nonce string `json:"nonce"` // the daemon's
	Proof string `json:"proof"` // hexadecimal
}

func newNonce() string {
	b := make([]byte, nonceSize)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// isNonce reports whether text can be a nonce of the CLI.
func isNonce(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == nonceSize
}

// Address returns the address that a base URL names, in the form that both sides use: HOST:PORT, or
// unix:PATH for a socket.
func Address(base string) string {
	if path, ok := strings.CutPrefix(base, "unix:"); ok {
		return "unix:" + filepath.Clean(path)
	}
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return hostPort(u.Hostname(), port)
}

// AddressOf is [Address] for one end of a connection.
func AddressOf(a net.Addr) string {
	if a.Network() == "unix" {
		return Address("unix:" + a.String())
	}
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return hostPort(host, port)
}

func hostPort(host, port string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}

// Base returns the base URL of http.listen, or unix:PATH.
func Base(listen string) string {
	if strings.HasPrefix(listen, "unix:") {
		return listen
	}
	return "http://" + listen
}
