package ledger

import (
	"fmt"
	"strings"
)

// Damage is one thing that is wrong with a state file. As an error it is ErrCorrupt.
type Damage struct {
	Zap         string // "" where it is about no single zap
	Kind        string // which of the zap's values, by the name of their bucket: zap, cursors, rows, cells, state, todo, recipes; "" where it is not known
	First, Last uint64 // the deliveries that it concerns; 0: none
	Page        uint64 // the page of the file that cannot be followed; 0: the pages are as they should be
	Problem     string
}

// mostDamage bounds what is listed of a file, of which nothing may be right.
const mostDamage = 1000

// Error says what is damaged and where, for people.
func (d Damage) Error() string {
	var b strings.Builder
	if d.Zap != "" {
		b.WriteString("zap " + d.Zap + ", ")
	}
	if d.Kind != "" {
		b.WriteString(d.Kind)
		switch {
		case d.First > 0 && d.Last > d.First:
			fmt.Fprintf(&b, " of deliveries %d to %d", d.First, d.Last)
		case d.First > 0:
			fmt.Fprintf(&b, " of delivery %d", d.First)
		}
		b.WriteString(": ")
	}
	if d.Page > 0 {
		fmt.Fprintf(&b, "page %d ", d.Page)
	}
	return b.String() + d.Problem
}

// Unwrap returns ErrCorrupt.
func (d Damage) Unwrap() error { return ErrCorrupt }

// damages is all that is wrong with the pages of a file.
type damages []Damage

func (d damages) Error() string {
	more := ""
	if len(d) > 1 {
		more = fmt.Sprintf(", and %d more", len(d)-1)
	}
	return fmt.Sprintf("%s: %s%s; %s", ErrCorrupt, d[0].Error(), more, adviceRestore)
}

// Unwrap returns ErrCorrupt.
func (d damages) Unwrap() error { return ErrCorrupt }

// damageAt is the damage of a value, by its key.
func damageAt(zap, kind string, key []byte, err error) Damage {
	d := Damage{Zap: zap, Kind: kind, Problem: err.Error()}
	n, keyErr := numberOf(key)
	if kind == keyZap || kind == bucketCursors || kind == bucketSent || keyErr != nil {
		return d
	}
	d.First, d.Last = n, n
	switch kind {
	case bucketRows:
		d.Last = min(n+segmentRows, chunkOf(n)+chunkRows) - 1
	case bucketState, bucketQueuedChunks:
		d.First, d.Last = chunkOf(n), chunkOf(n)+chunkRows-1
	}
	return d
}
