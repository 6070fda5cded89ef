package proof

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rowtap/rowtap/internal/config"
)

// maxUsed limits the used nonces that are remembered, in each of two generations (about 2 MB
// together). Only requests with a valid MAC use a nonce.
const maxUsed = 10_000

// Errors of a request that is not served.
var (
	errMalformed = errors.New("the Authorization header is not Rowtap NONCE.NONCE.HASH.MAC")
	errExpired   = errors.New("the daemon's nonce is not from this process, or has expired")
	errWrong     = errors.New("the MAC of the request is wrong")
	errUsed      = errors.New("the daemon's nonce was used before")
	errBody      = errors.New("the body is not the one that the MAC is for")
	errBusy      = fmt.Errorf("more than %d requests in %v", maxUsed, nonceLasts)
)

// Daemon is the daemon's side. Its methods may be called concurrently.
//
// Questions need no memory: a nonce of the daemon contains its expiry and a MAC under a key that
// the process makes at its start. Only a nonce that a valid request has used is remembered, until
// it expires.
type Daemon struct {
	keys    keys
	tickets []byte // the key of the nonces
	start   time.Time

	mu            sync.Mutex
	used, earlier map[string]bool // nonces of this period of nonceLasts, and of the one before
	since         time.Time       // start of the current period
}

// NewDaemon returns the side of a daemon with a token, which must not be empty.
func NewDaemon(token config.Secret) *Daemon {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	now := time.Now()
	return &Daemon{keys: newKeys(token), tickets: key, start: now, since: now, used: map[string]bool{}}
}

// Question responds to a question. own reports whether an address, in the form of [Address], is
// this daemon's. The returned status is 200 if a response was written. Otherwise nothing was: 400
// means a malformed question, 421 an address that is not the daemon's.
func (d *Daemon) Question(w http.ResponseWriter, r *http.Request, own func(address string) bool) int {
	const longest = 512
	query := r.URL.Query()
	nonce, address := query.Get("nonce"), query.Get("address")
	switch {
	case !isNonce(nonce) || address == "" || len(address) > longest:
		return http.StatusBadRequest
	case !own(address):
		return http.StatusMisdirectedRequest
	}
	ticket := d.ticket(nonce)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(question{ // fails only if the client is gone
		Nonce: ticket, Proof: hex.EncodeToString(mac(d.keys.daemon, nonce, ticket, address)),
	})
	return http.StatusOK
}

// ticket returns the daemon's nonce for the CLI's: expiry, random bytes, and a MAC of both and the
// CLI's nonce.
func (d *Daemon) ticket(nonce string) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(time.Since(d.start)+nonceLasts))
	random := make([]byte, nonceSize)
	_, _ = rand.Read(random) // never fails
	b = append(b, random...)
	return hex.EncodeToString(append(b, mac(d.tickets, nonce, string(b))...))
}

// fresh reports whether ticket was made by this process for the CLI's nonce, less than nonceLasts
// ago.
func (d *Daemon) fresh(nonce, ticket string) bool {
	const expirySize = 8
	b, err := hex.DecodeString(ticket)
	if err != nil || len(b) != expirySize+nonceSize+sha256.Size {
		return false
	}
	b, sum := b[:expirySize+nonceSize], b[expirySize+nonceSize:]
	return hmac.Equal(sum, mac(d.tickets, nonce, string(b))) && time.Since(d.start) < time.Duration(binary.BigEndian.Uint64(b))
}

// Offered reports whether a request carries a MAC instead of the token. [Daemon.Serve] verifies it.
func Offered(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Authorization"), scheme) }

// Serve serves a request with next, and sends the response in frames, if the MAC is valid and the
// nonce was not used before. Otherwise it returns an error and writes nothing. The MAC is verified
// before the body is read.
func (d *Daemon) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) error {
	const parts = 4
	given := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), scheme), ".")
	if len(given) != parts {
		return errMalformed
	}
	nonce, ticket, hash, sum := given[0], given[1], given[2], given[3]
	if !isNonce(nonce) || !d.fresh(nonce, ticket) {
		return errExpired
	}
	if !hmac.Equal([]byte(sum), []byte(requestMAC(d.keys, nonce, ticket, hash, r.Method, r.URL.RequestURI()))) {
		return errWrong
	}
	if err := d.use(ticket); err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && hashOf(body) != hash {
		return errBody
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil { // next responds to a body that is too long; it sees nothing of it
		r.Body = io.NopCloser(unread{err})
	}
	framed := newFrameWriter(w, d.keys, nonce, ticket)
	next.ServeHTTP(framed, r)
	framed.end() // not after a panic, so that the response is incomplete
	return nil
}

// use marks a nonce as used.
func (d *Daemon) use(ticket string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Nonces of the earlier period have expired by the end of this one.
	if now := time.Now(); now.Sub(d.since) >= nonceLasts {
		d.used, d.earlier, d.since = map[string]bool{}, d.used, now
	}
	switch {
	case d.used[ticket] || d.earlier[ticket]:
		return errUsed
	case len(d.used) >= maxUsed:
		return errBusy
	}
	d.used[ticket] = true
	return nil
}

func requestMAC(k keys, nonce, ticket, hash, method, path string) string {
	return hex.EncodeToString(mac(k.request, nonce, ticket, hash, method, path))
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// unread is a body that cannot be read.
type unread struct{ err error }

func (u unread) Read([]byte) (int, error) { return 0, u.err }
