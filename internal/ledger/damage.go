package ledger

import (
	"fmt"
	"strings"
)

// Damage is one defect of a state file. As an error it is ErrCorrupt.
type Damage struct {
	Zap string `json:"zap,omitempty"` // "" if it concerns no single zap
	// The kind of the zap's value by the name of its bucket: zap, cursors, rows, cells, state,
	// todo, sent or recipes; "" if unknown.
	Kind    string `json:"kind,omitempty"`
	First   uint64 `json:"first,omitempty"` // the deliveries concerned, to Last; 0: none
	Last    uint64 `json:"last,omitempty"`
	Page    uint64 `json:"page,omitempty"` // the damaged page of the file; 0: none
	Problem string `json:"problem"`
}

// mostDamage bounds the number of defects listed for a file.
const mostDamage = 1000

// Error describes the damage and its place.
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

// damages are the defects of the pages of a file.
type damages []Damage

func (d damages) Error() string {
	more := ""
	if len(d) > 1 {
		more = fmt.Sprintf(", and %d more", len(d)-1)
	}
	return fmt.Sprintf("%s: %s%s%s", ErrCorrupt, d[0].Error(), more, adviceRestore)
}

// Unwrap returns ErrCorrupt.
func (d damages) Unwrap() error { return ErrCorrupt }

// damageAt returns the damage of a value by its key.
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
