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
	// leaseTime is how long a lease lasts unless renewed, by the database's clock. A standby
	// notices an expired lease within a second, so a takeover takes at most 15 seconds.
	leaseTime = 14 * time.Second
	// renewEvery is how often the lease is renewed.
	renewEvery = 5 * time.Second
	// quietAfter is how long after the last renewal nothing new begins. The difference to leaseTime
	// leaves a request time to go out.
	quietAfter = 10 * time.Second
	// renewTimeout bounds one attempt to renew.
	renewTimeout = 4 * time.Second
)

// Term is a time in which this process is the active one. It begins with [Mirror.Acquire] and ends
// for good when a renewal or commit finds that another process has taken over, or when no renewal
// succeeds for the time of a lease.
type Term struct {
	mirror *Mirror
	id     string // Position.Epoch of its commits
	epoch  int64
	state  string // Position.State
	// Recorded, if not nil, is called after each commit, successful or not, with its duration.
	Recorded func(took time.Duration)

	mu      sync.Mutex
	renewed time.Time // when the last successful renewal was sent
	commit  uint64    // last commit that the database is known to have
	ended   error     // why the term is over; nil while it is not
}

// Acquire makes this process the active one and returns its term, or ErrHeld if another is active.
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
		select got.id::text, got.epoch, got.commit, begun.id::text from got, begun`,
		[]any{m.lease, m.self.ID, interval(leaseTime), m.self.Host, m.self.Address, layout}, []any{&t.state, &t.epoch, &t.commit, &t.id})
	if err != nil {
		return nil, away("acquire the lease", err)
	}
	if !found {
		return nil, ErrHeld
	}
	return t, nil
}

// ID returns the Epoch of the positions of the term's commits.
func (t *Term) ID() string { return t.id }

// Keep renews the lease until ctx ends, and returns nil, or until the term ends, and returns why.
func (t *Term) Keep(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		err := t.renew(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if ended := t.over(err); ended != nil { // a commit may have ended it, too
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

// over returns why the term has ended, or nil. It ends the term if no renewal has succeeded for
// leaseTime.
func (t *Term) over(lastly error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil && since(t.renewed) >= leaseTime {
		lastly = cmp.Or(lastly, errors.New("the last response came too late"))
		t.ended = fmt.Errorf("%w any more: the lease could not be renewed for %s: %s", ledger.ErrNotActive, leaseTime, lastly.Error()) // text only: not retryable
	}
	return t.ended
}

// end ends the term, unless it has ended before, and returns why it has ended.
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
	t.mu.Lock()
	last := t.commit // known before the renewal was sent, so the database must have it
	t.mu.Unlock()
	var commit uint64
	found, err := t.mirror.change(ctx, `update rowtap_lease set until = clock_timestamp() + $4::interval
		where name = $1 and epoch = $2 and holder = $3 returning commit`, []any{t.mirror.lease, t.epoch, t.mirror.self.ID, interval(leaseTime)}, []any{&commit})
	if err != nil {
		return away("renew the lease", err)
	}
	if !found || commit < last {
		return t.end(t.lost(last + 1))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.renewed = sent
	return nil
}

// MayBegin returns nil while a poll or an upload may begin, otherwise why not. It reads only this
// machine's clocks, so a process that was frozen notices at once that its time is over.
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

// since returns the elapsed time by the faster of two clocks: the monotonic clock stops while a
// machine is suspended, and the wall clock can be set back.
func since(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}

// Release gives up the lease so that another process can acquire it at once.
func (t *Term) Release(ctx context.Context) error {
	_ = t.end(fmt.Errorf("%w any more: it gave the lease up", ledger.ErrNotActive))
	var one int
	_, err := t.mirror.change(ctx, `update rowtap_lease set until = 'epoch', holder = '' where name = $1 and epoch = $2 and holder = $3 returning 1`,
		[]any{t.mirror.lease, t.epoch, t.mirror.self.ID}, []any{&one})
	return away("release the lease", err)
}

// commitSQL makes a commit if the term is the current one and the commit the next one.
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

// Commit makes a write set durable as commit n. It returns ErrMirrorAway if the commit certainly
// was not made and never will be; the caller may retry it. It returns ErrNotActive, ErrAhead or
// ledger.ErrStale if the term is over.
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
	// Any other error is ambiguous, even those that pgx calls safe to retry: a later part of the
	// batch may have failed.
	case errors.Is(err, errNotSent):
		return away("commit", err)
	case err != nil:
		if made, err = t.resolve(n, nonce, err); err != nil {
			return err
		}
	}
	if made == 0 {
		return t.end(t.lost(n))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commit = n
	return nil
}

// resolve finds out whether a commit with a lost response was made. It asks until it knows or the
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

// lost returns why the term is over: the lease row no longer names it, or commit n (0: any) was
// refused.
func (t *Term) lost(n uint64) error {
	// The caller's context may have no time left.
	ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
	defer cancel()
	now, err := t.mirror.Look(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w any more: the lease was taken over or removed: %s", ledger.ErrNotActive, err.Error()) // text only: not retryable
	case now.epoch < t.epoch:
		return fmt.Errorf("%w: it is in term %d, but the database's last term is %d", ErrAhead, t.epoch, now.epoch)
	case now.epoch > t.epoch || now.holder != t.mirror.self.ID:
		return fmt.Errorf("%w any more: %s", ledger.ErrNotActive, now.Who())
	case n > 0 && now.Commit+1 < n:
		return fmt.Errorf("%w: it has commit %d, but the database's last commit is %d", ErrAhead, n-1, now.Commit)
	}
	return fmt.Errorf("%w: commit %d was made, but its response was lost", ledger.ErrStale, now.Commit)
}

func interval(d time.Duration) string { return fmt.Sprintf("%d milliseconds", d.Milliseconds()) }
