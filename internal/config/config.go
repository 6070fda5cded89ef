// Package config turns the YAML files of a configuration directory into checked, typed values.
//
// [Load] reads DIR/rowtap.yaml and every DIR/zaps/*.yaml. It finds every mistake that can be found
// without the network, all at once, and gives each its file, line and column, the line itself and
// the nearest right word ([Diagnostics]). It never guesses: an unknown key is a mistake, not a
// comment.
//
// Each key is declared once: in keys.go those of rowtap.yaml, in zapkeys.go those of a zap file. A
// declaration has the key's name, its kind (kinds.go), the field that it is read into, and what
// people are told of it. The reader, [Schema], [Config.Effective], [Keys] and [Reference] all go by
// these tables (table.go).
package config

import (
	"net/url"
	"slices"
	"time"
)

// Config is a whole configuration. Everything in it is checked: references resolve, cron lines fire, names are unique.
type Config struct {
	Dir               string // as it was given to Load
	GoogleAccounts    map[string]*GoogleAccount
	CleverTapAccounts map[string]*CleverTapAccount
	State             State
	HTTP              HTTP
	Log               Log
	Notify            Notify
	Zaps              []*Zap      // by name
	Warnings          Diagnostics // what is allowed but perhaps not meant

	sums sums // of the files that it was read from
}

// GoogleAccount is a named connection to Google Sheets.
type GoogleAccount struct {
	Name            string
	Pos             Pos
	CredentialsFile string   // a service account's or an authorized user's key; "" is Application Default Credentials
	ReadsPerMinute  int      // the quota that all zaps of the account keep within together
	Endpoint        *url.URL // nil is Google's own; http only to loopback
}

// CleverTapAccount is a named connection to a CleverTap project.
type CleverTapAccount struct {
	Name          string
	Pos           Pos
	AccountID     string
	Passcode      Secret
	PasscodeFile  string   // absolute; "": the passcode stands in rowtap.yaml
	Region        string   // eu1, in1, sg1, sk1, us1, aps3 or mec1
	Endpoint      *url.URL // nil is the region's own host; http only to loopback
	MaxConcurrent int      // uploads under way at once, 1 to 15
	OnUnknown     OnUnknown
}

// OnUnknown says what becomes of a record that must not be sent twice when it is unknown whether it arrived.
type OnUnknown string

// The values of on_unknown.
const (
	Resend OnUnknown = "resend" // sent again, marked 'maybe twice'
	Hold   OnUnknown = "hold"   // held for an operator
)

// State is where and how long rowtap remembers.
type State struct {
	Path     string        // the bbolt file; with Postgres a cache of the state there
	History  time.Duration // how long finished deliveries stay readable
	Postgres Secret        // a connection string that pgx parses, which has the state; the zero value: the file at Path has it
	Lease    string        // names the state in that database; "" without Postgres
}

// HTTP is the daemon's listener.
type HTTP struct {
	Listen    string // host:port, unix:PATH, or "" for none
	TokenFile string // absolute; made at the first start
	AuthOff   bool   // no token is asked for; only on loopback or a unix socket
	Hosts     []string
}

// Log is what is logged and how.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // json or console
}

// Notify is whom rowtap tells when a zap needs attention, and when it recovers.
type Notify struct {
	Webhook Secret // a checked URL, whose path is a secret; the zero value is none
}

// Zap returns the zap of that name, or nil if there is none.
func (c *Config) Zap(name string) *Zap {
	i := slices.IndexFunc(c.Zaps, func(z *Zap) bool { return z.Name == name })
	if i < 0 {
		return nil
	}
	return c.Zaps[i]
}
