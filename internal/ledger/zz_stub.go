package ledger

import ("context"; "errors")

type Value struct { Zap, Kind string; Key, Value []byte }
type Position struct { State, Epoch string; Commit uint64 }
type Mirror interface { Commit(n uint64, set []Value) error }
var (
 ErrMirrorAway = errors.New("PostgreSQL does not take the state")
 ErrNotActive = errors.New("this rowtap is not the active one")
 ErrStale = errors.New("the copy of the state must be loaded anew")
 ErrCopy = errors.New("copy")
)
func OpenCache(o Options) (*Ledger, error) { return nil, nil }
func (l *Ledger) Position() Position { return Position{} }
func (l *Ledger) Load(ctx context.Context, to Position, each func(put func(Value) error) error) error { return nil }
func (l *Ledger) Follow(ctx context.Context, to Position, each func(put func(Value) error) error) error { return nil }
func (l *Ledger) EachValue(ctx context.Context, fn func(Value) error) error { return nil }
func (l *Ledger) Stamp(ctx context.Context, to Position) error { return nil }
func (l *Ledger) Promote(ctx context.Context, m Mirror, epoch string) error { return nil }
