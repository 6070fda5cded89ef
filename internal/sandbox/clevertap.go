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

// CleverTap is the emulated CleverTap account. It is safe for concurrent use.
type CleverTap struct {
	opts    Options
	publish func(event string, data object)

	mu       sync.Mutex
	counts   Counts
	inFlight int
	// records are the newest, at most 25% more than Options.KeepRecords.
	records  []Record
	profiles map[profileID]*list.Element
	newest   *list.List // of *profile, by time of the last update, newest first
}

// Counts are totals since the emulated CleverTap was made. Dry runs count only as requests and dry
// runs.
type Counts struct {
	Requests       int64 `json:"requests"`        // uploads, including those refused as a whole
	Accepted       int64 `json:"accepted"`        // records: profiles + events
	Profiles       int64 `json:"profiles"`        // profile records accepted
	Events         int64 `json:"events"`          // event records accepted
	Refused        int64 `json:"refused"`         // records refused with a code
	DryRuns        int64 `json:"dry_runs"`        // requests
	TooMany        int64 `json:"too_many"`        // requests refused with 429 for too many at once
	MostConcurrent int   `json:"most_concurrent"` // highest number of concurrent requests
	Identities     int   `json:"identities"`      // distinct profiles
}

// Record is an accepted record.
type Record struct {
	Seq       int64     `json:"seq"` // from 1, in order of arrival
	ArrivedAt time.Time `json:"arrived_at"`
	Type      string    `json:"type"`   // profile or event
	IDKey     string    `json:"id_key"` // identity, objectId, FBID or GPID
	Identity  string    `json:"identity"`
	Event     string    `json:"event,omitempty"`
	TS        int64     `json:"ts,omitempty"` // epoch seconds; 0: the record had none
	// Dropped lists properties that CleverTap would silently drop, and why.
	Dropped []string        `json:"dropped,omitempty"`
	Body    json.RawMessage `json:"record"` // as sent
}

// Profile is the current state of a user profile.
type Profile struct {
	IDKey     string                `json:"id_key"`
	Identity  string                `json:"identity"`
	Data      map[string]any        `json:"profileData"`
	Events    map[string]EventCount `json:"events"`
	UpdatedAt time.Time             `json:"updated_at"`
}

// EventCount says how often a user did something. Times are epoch seconds.
type EventCount struct {
	Count     int64 `json:"count"`
	FirstSeen int64 `json:"first_seen"`
	LastSeen  int64 `json:"last_seen"`
}

type profileID struct{ key, id string }

func newCleverTap(o Options, publish func(string, object)) *CleverTap {
	return &CleverTap{opts: o, publish: publish, profiles: map[profileID]*list.Element{}, newest: list.New()}
}

// Counts returns the totals.
func (c *CleverTap) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.Identities = len(c.profiles)
	return counts
}

// RecordQuery selects accepted records. The zero value selects all stored ones.
type RecordQuery struct {
	Type     string // profile or event; "": both
	Identity string // "": any
	Since    int64  // only records with a higher Seq
	Limit    int    // only the newest; 0: all
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

// Profile returns the profile of an identity; false if there is none.
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

// refusal returns the hook's refusal of a valid record, or nil. c.mu must be held.
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

// accept stores a record. c.mu must be held.
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

// profile returns a profile and marks it as the newest. It creates a missing one. c.mu must be
// held.
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

// eventKey returns the name under which events are compared: lower case, without spaces.
func eventKey(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), ""))
}
