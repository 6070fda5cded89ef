package lab

import (
	"slices"
	"strings"
	"sync"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// CleverTap is the emulated CleverTap with refusals.
type CleverTap struct {
	*sandbox.CleverTap

	mu       sync.Mutex
	refusals []Refusal
}

// Refusal makes CleverTap refuse valid records, as it does if an event was discarded in the schema
// (528) or its server failed on a record (555). Dry runs are not affected.
type Refusal struct {
	Identity string // "": any
	Event    string // "": any, and profiles
	Code     int
	Error    string // "": the usual text of the code
	Times    int    // number of records to refuse; 0: all
}

// Refuse adds a refusal.
func (c *CleverTap) Refuse(r Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusals = append(c.refusals, r)
}

// Relent removes all refusals.
func (c *CleverTap) Relent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusals = nil
}

// refuse is the sandbox's hook. It applies the first refusal that matches the record.
func (c *CleverTap) refuse(identity, event string) (code int, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, x := range c.refusals {
		if x.Identity != "" && x.Identity != identity || x.Event != "" && !sameEvent(x.Event, event) {
			continue
		}
		if x.Times == 1 {
			c.refusals = slices.Delete(c.refusals, i, i+1)
		} else if x.Times > 1 {
			c.refusals[i].Times--
		}
		return x.Code, x.Error
	}
	return 0, ""
}

// sameEvent reports whether CleverTap treats two names as one event: it ignores case and spaces.
func sameEvent(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, " ", ""), strings.ReplaceAll(b, " ", ""))
}
