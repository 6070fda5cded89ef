package mirror

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

const (
	// leaseTime is how long a lease lasts unless it is renewed, by the database's clock. One that
	// another finds expired is his within a second: a takeover takes at most 15 seconds.
	leaseTime = 14 * time.Second
	// renewEvery is how often it is renewed.
	renewEvery = 5 * time.Second
	// quietAfter is how long after the last renewal nothing new begins: less than leaseTime by what
	// a request needs to get going.
	quietAfter = 10 * time.Second
	// renewTimeout is how long one try of a renewal may take.
	renewTimeout = 4 * time.Second
)

// Term is the time in which this process is the active one. It begins with [Mirror.Acquire], and
// ends for good when a renewal or a commit finds that another has taken over, or when no renewal
// succeeds.
type Term struct {
	mirror *Mirror
	id     string // Position.Epoch of its commits
	epoch  int64
	state  string // Position.State
	// Recorded, if not nil, is called after each commit with the time that it took, also of one
	// that was not made.
	Recorded func(took time.Duration)

	mu      sync.Mutex
	renewed time.Time // when the last renewal that succeeded was sent
	ended   error     // why the term is over; nil: it is not
}

// Acquire makes this process the active one, if nobody is, and returns its term; else ErrHeld.
func (m *Mirror) Acquire(ctx context.Context) (*Term, error) {
	sent := time.Now()
	t := &Term{mirror: m, renewed: sent}
	found, err := m.change(ctx, `
		with got as (
			update rowtap_lease set epoch = epoch + 1, holder = $2, until = clock_timestamp() + $3::interval
			where name = $1 and layout <= $6 and (until <= clock_timestamp() or holder in ('', $2))
			returning id, epoch, commit),
		begun as (
			insert into rowtap_term (lease, epoch, holder, host, address, first)
			select $1, epoch, $2, $4, $5, commit + 1 from got
			returning id)
		select got.id::text, got.epoch, begun.id::text from got, begun`,
		[]any{m.lease, m.self.ID, interval(leaseTime), m.self.Host, m.self.Address, layout}, []any{&t.state, &t.epoch, &t.id})
	if err != nil {
		return nil, away("acquire the lease", err)
	}
	if !found {
		return nil, ErrHeld
	}
	return t, nil
}

// ID returns what the positions of the term's commits have as their epoch.
func (t *Term) ID() string { return t.id }

// Keep renews the lease until ctx ends, or the term: then it returns why.
func (t *Term) Keep(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		err := t.renew(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if ended := t.over(err); ended != nil { // which also a commit may have found
			return ended
		}
		var retry <-chan time.Time
		if err != nil {
			retry = time.After(time.Second)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-retry:
		}
	}
}

// over returns why the term has ended, and ends it where no renewal has succeeded for the time that
// a lease lasts.
func (t *Term) over(lastly error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil && since(t.renewed) >= leaseTime {
		lastly = cmp.Or(lastly, errors.New("the last answer came too late"))
		t.ended = fmt.Errorf("%w any more: the lease could not be renewed for %s: %s", ledger.ErrNotActive, leaseTime, lastly.Error()) // not to be tried again
	}
	return t.ended
}

// end ends the term.
func (t *Term) end(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = err
	}
	return t.ended
}

func (t *Term) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	sent := time.Now()
	var one int
	found, err := t.mirror.change(ctx, `update rowtap_lease set until = clock_timestamp() + $4::interval
		where name = $1 and epoch = $2 and holder = $3 returning 1`, []any{t.mirror.lease, t.epoch, t.mirror.self.ID, interval(leaseTime)}, []any{&one})
	if err != nil {
		return away("renew the lease", err)
	}
	if !found {
		return t.end(t.lost(0))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.renewed = sent
	return nil
}

// MayBegin returns nil while a poll or an upload may begin, else why not. It looks at clocks alone,
// those of this machine: a process that was frozen finds at once that its time is over.
func (t *Term) MayBegin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return t.ended
	}
	if quiet := since(t.renewed); quiet >= quietAfter {
		return fmt.Errorf("%w: the lease was last renewed %s ago", ledger.ErrMirrorAway, quiet.Round(time.Second))
	}
	return nil
}

// since returns the time that has passed, by the clock that passes faster: the monotonic one stands
// still while a machine is suspended, and the other one can be set back.
func since(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}

// Release gives the lease up, so that another can have it at once.
func (t *Term) Release(ctx context.Context) error {
	_ = t.end(fmt.Errorf("%w any more: it gave the lease up", ledger.ErrNotActive)) // unless it has ended before
	var one int
	_, err := t.mirror.change(ctx, `update rowtap_lease set until = 'epoch', holder = '' where name = $1 and epoch = $2 and holder = $3 returning 1`,
		[]any{t.mirror.lease, t.epoch, t.mirror.self.ID}, []any{&one})
	return away("release the lease", err)
}

// commitSQL makes a commit, if the term is the one in force and the commit the next one.
const commitSQL = `
	with fence as (
		update rowtap_lease set commit = $4, writer = $5
		where name = $1 and epoch = $2 and holder = $3 and commit = $4 - 1
		returning 1),
	put as (
		insert into rowtap_kv (lease, zap, kind, key, value, commit, removed)
		select $1, zap, kind, key, value, $4, case when value is null then clock_timestamp() end
		from unnest($6::text[], $7::text[], $8::bytea[], $9::bytea[]) as u (zap, kind, key, value)
		where exists (select from fence)
		on conflict (lease, zap, kind, key) do update set value = excluded.value, commit = excluded.commit, removed = excluded.removed)
	select count(*) from fence`

// Commit makes a write set durable as commit n. It returns ErrMirrorAway where it certainly is not
// and never will be, and ErrNotActive, ErrAhead or ledger.ErrStale where the term is over.
func (t *Term) Commit(n uint64, set []ledger.Value) error {
	t.mu.Lock()
	ended := t.ended
	t.mu.Unlock()
	if ended != nil {
		return ended
	}
	zaps, kinds := make([]string, len(set)), make([]string, len(set))
	keys, values := make([][]byte, len(set)), make([][]byte, len(set))
	for i, v := range set {
		zaps[i], kinds[i], keys[i], values[i] = v.Zap, v.Kind, v.Key, v.Value
		if v.Key == nil {
			keys[i] = []byte{}
		}
	}
	nonce := rand.Text()
	if t.Recorded != nil {
		defer func(began time.Time) { t.Recorded(time.Since(began)) }(time.Now())
	}
	ctx, cancel := context.WithTimeout(context.Background(), statementTimeout)
	defer cancel()
	var made int
	_, err := t.mirror.change(ctx, commitSQL, []any{t.mirror.lease, t.epoch, t.mirror.self.ID, int64(n), nonce, zaps, kinds, keys, values}, []any{&made})
	switch {
	case errors.Is(err, errNotSent): // anything else may have arrived, also what pgx calls safe to retry: the error can be that of a later part of the batch
		return away("commit", err)
	case err != nil:
		if made, err = t.resolve(n, nonce, err); err != nil {
			return err
		}
	}
	if made == 0 {
		return t.end(t.lost(n))
	}
	return nil
}

// resolve finds out whether a commit was made whose answer is lost. It asks until it knows, or the
// term is over.
func (t *Term) resolve(n uint64, nonce string, lost error) (made int, err error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
		var commit int64
		var writer string
		found, err := t.mirror.change(ctx, `update rowtap_lease set writer = writer where name = $1 and epoch = $2 and holder = $3 returning commit, writer`,
			[]any{t.mirror.lease, t.epoch, t.mirror.self.ID}, []any{&commit, &writer})
		cancel()
		switch {
		case err == nil && !found:
			return 0, nil
		case err == nil && commit == int64(n) && writer == nonce:
			return 1, nil
		case err == nil && commit == int64(n)-1:
			return 0, away("commit", lost)
		case err == nil:
			return 0, nil
		}
		if ended := t.over(lost); ended != nil {
			return 0, ended
		}
		time.Sleep(wait)
	}
}

// lost returns why the term is over, of which the lease's row knows nothing, or which could not
// make commit n (0: any).
func (t *Term) lost(n uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), renewTimeout) // what it was found out for may have no time left
	defer cancel()
	now, err := t.mirror.Look(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w any more: the lease is another's, or gone: %s", ledger.ErrNotActive, err.Error()) // not to be tried again
	case now.epoch < t.epoch:
		return fmt.Errorf("%w: it is in term %d, and the database's last one is %d", ErrAhead, t.epoch, now.epoch)
	case now.epoch > t.epoch || now.holder != t.mirror.self.ID:
		return fmt.Errorf("%w any more: %s", ledger.ErrNotActive, now.Who())
	case n > 0 && now.Commit+1 < n:
		return fmt.Errorf("%w: it has commit %d, and the database's last one is %d", ErrAhead, n-1, now.Commit)
	}
	return fmt.Errorf("%w: commit %d was made, and its answer lost", ledger.ErrStale, now.Commit)
}

func interval(d time.Duration) string { return fmt.Sprintf("%d milliseconds", d.Milliseconds()) }
