package sandbox

import (
	"container/list"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// CleverTap is the emulated CleverTap account. All its methods are safe for concurrent use.
type CleverTap struct {
	opts    Options
	publish func(event string, data object)

	mu       sync.Mutex
	counts   Counts
	inFlight int
	records  []Record // the newest, at most a quarter more than Options.KeepRecords
	profiles map[profileID]*list.Element
	newest   *list.List // of *profile, the newest update first
}

// Counts says what has reached the emulated CleverTap since it was made. Dry runs count as requests and as dry
// runs only.
type Counts struct {
	Requests       int64 `json:"requests"`        // uploads whose body was looked at or that were refused whole
	Accepted       int64 `json:"accepted"`        // records: profiles + events
	Profiles       int64 `json:"profiles"`        // profile records accepted
	Events         int64 `json:"events"`          // event records accepted
	Refused        int64 `json:"refused"`         // records with a code of their own
	DryRuns        int64 `json:"dry_runs"`        // requests
	TooMany        int64 `json:"too_many"`        // requests answered 429 for being too many at once
	MostConcurrent int   `json:"most_concurrent"` // requests under way at the same time
	Identities     int   `json:"identities"`      // distinct profiles that exist
}

// Record is a record that was accepted.
type Record struct {
	Seq       int64           `json:"seq"` // counts from 1 in order of arrival
	ArrivedAt time.Time       `json:"arrived_at"`
	Type      string          `json:"type"`   // profile or event
	IDKey     string          `json:"id_key"` // identity, objectId, FBID or GPID
	Identity  string          `json:"identity"`
	Event     string          `json:"event,omitempty"`
	TS        int64           `json:"ts,omitempty"`      // epoch seconds; 0: the record had none
	Dropped   []string        `json:"dropped,omitempty"` // properties that CleverTap would drop in silence, and why
	Body      json.RawMessage `json:"record"`            // as it was sent
}

// Profile is a user profile as it stands.
type Profile struct {
	IDKey     string                `json:"id_key"`
	Identity  string                `json:"identity"`
	Data      map[string]any        `json:"profileData"`
	Events    map[string]EventCount `json:"events"`
	UpdatedAt time.Time             `json:"updated_at"`
}

// EventCount says how often a user did something; times are epoch seconds.
type EventCount struct {
	Count     int64 `json:"count"`
	FirstSeen int64 `json:"first_seen"`
	LastSeen  int64 `json:"last_seen"`
}

type profileID struct{ key, id string }

func newCleverTap(o Options, publish func(string, object)) *CleverTap {
	return &CleverTap{opts: o, publish: publish, profiles: map[profileID]*list.Element{}, newest: list.New()}
}

// Counts returns the counters.
func (c *CleverTap) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.Identities = len(c.profiles)
	return counts
}

// RecordQuery chooses accepted records. The zero value is all that are kept.
type RecordQuery struct {
	Type     string // profile or event; "": both
	Identity string // "": any
	Since    int64  // only those with a higher Seq
	Limit    int    // keep the newest; 0: all
}

// Records returns accepted records in order of arrival.
func (c *CleverTap) Records(q RecordQuery) []Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []Record{}
	for _, r := range slices.Backward(c.newestRecords()) {
		if r.Seq <= q.Since || q.Limit > 0 && len(found) == q.Limit {
			break
		}
		if (q.Type == "" || q.Type == r.Type) && (q.Identity == "" || q.Identity == r.Identity) {
			found = append(found, r)
		}
	}
	slices.Reverse(found)
	return found
}

func (c *CleverTap) newestRecords() []Record {
	return c.records[max(0, len(c.records)-c.opts.KeepRecords):]
}

// Profile returns the profile of an identity.
func (c *CleverTap) Profile(identity string) (Profile, bool) {
	return c.find(func(p *profile) bool { return p.id == profileID{"identity", identity} })
}

func (c *CleverTap) find(match func(*profile) bool) (Profile, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.newest.Front(); e != nil; e = e.Next() {
		if p := e.Value.(*profile); match(p) {
			return p.snapshot(), true
		}
	}
	return Profile{}, false
}

// refusal returns the hook's refusal of a record that is good, or nil. It needs the lock.
func (c *CleverTap) refusal(r checked) *refused {
	if c.opts.Hooks.Refuse == nil {
		return nil
	}
	code, text := c.opts.Hooks.Refuse(r.id.id, r.event)
	switch {
	case code == 0:
		return nil
	case text == "":
		return refusedAs(code)
	}
	return &refused{code, text + ". "}
}

// accept stores a record. It needs the lock.
func (c *CleverTap) accept(r checked, body json.RawMessage, now time.Time) {
	c.counts.Accepted++
	ts := r.ts
	if ts == 0 {
		ts = now.Unix()
	}
	p := c.profile(r.id)
	p.updated = now
	if r.event == "" {
		c.counts.Profiles++
		p.merge(r.data)
	} else {
		c.counts.Events++
		p.countEvent(r.event, ts)
	}
	if len(c.records) >= c.opts.KeepRecords+c.opts.KeepRecords/4+1 {
		c.records = slices.Clone(c.newestRecords())
	}
	c.records = append(c.records, Record{
		Seq: c.counts.Accepted, ArrivedAt: now.UTC(), Type: r.typ, IDKey: r.id.key, Identity: r.id.id, Event: r.event, TS: r.ts,
		Dropped: r.dropped, Body: body,
	})
}

// profile returns the profile, made when there is none, as the newest. It needs the lock.
func (c *CleverTap) profile(id profileID) *profile {
	if e, ok := c.profiles[id]; ok {
		c.newest.MoveToFront(e)
		return e.Value.(*profile)
	}
	p := &profile{id: id, data: map[string]any{}, events: map[string]EventCount{}}
	c.profiles[id] = c.newest.PushFront(p)
	return p
}

func (p *profile) snapshot() Profile {
	data := maps.Clone(p.data)
	for name, v := range data {
		if items, ok := v.([]any); ok {
			data[name] = slices.Clone(items)
		}
	}
	return Profile{IDKey: p.id.key, Identity: p.id.id, Data: data, Events: maps.Clone(p.events), UpdatedAt: p.updated.UTC()}
}

// eventKey is what makes two event names the same: letters, without case or spaces.
func eventKey(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), ""))
}
