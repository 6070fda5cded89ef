// Package config turns the YAML files of a configuration directory into checked, typed values.
//
// [Load] reads DIR/rowtap.yaml and every zap file in DIR/zaps. It returns all mistakes that can be
// found without the network at once, each with file, line and column, the source line, and a
// suggestion ([Diagnostics]). It never guesses: an unknown key is an error.
//
// Each key is declared once: the keys of rowtap.yaml in keys.go, those of a zap file in zapkeys.go.
// A declaration has the key's name, its kind (kinds.go), the field that it is read into, and its
// description. The reader, [Schema], [Config.Effective] and [Keys] all use these tables (table.go).
package config

import (
	"net/url"
	"slices"
	"time"
)

// Config is a checked configuration: references resolve, cron lines fire, names are unique.
type Config struct {
	Dir               string // as passed to Load
	GoogleAccounts    map[string]*GoogleAccount
	CleverTapAccounts map[string]*CleverTapAccount
	State             State
	HTTP              HTTP
	Log               Log
	Notify            Notify
	Zaps              []*Zap      // sorted by name
	Warnings          Diagnostics // what is allowed but perhaps unintended

	sums        sums     // hashes of the files it was read from
	secretFiles []string // paths of the files that are never shown
}

// GoogleAccount is a named connection to Google Sheets.
type GoogleAccount struct {
	Name            string
	Pos             Pos
	CredentialsFile string   // service account or user key; "" for Application Default Credentials
	ReadsPerMinute  int      // read requests that all zaps of the account share
	Endpoint        *url.URL // nil for Google's; http only on loopback addresses
}

// CleverTapAccount is a named connection to a CleverTap project.
type CleverTapAccount struct {
	Name          string
	Pos           Pos
	AccountID     string
	Passcode      Secret
	PasscodeFile  string   // absolute; "" if it is in rowtap.yaml
	Region        string   // eu1, in1, sg1, sk1, us1, aps3 or mec1
	Endpoint      *url.URL // nil for the region's host; http only on loopback addresses
	MaxConcurrent int      // uploads in flight at once, 1 to 15
	OnUnknown     OnUnknown
}

// OnUnknown is the policy for a record that must not be sent twice, after an upload that may or may
// not have arrived.
type OnUnknown string

// The values of on_unknown.
const (
	Resend OnUnknown = "resend" // sent again, marked 'maybe twice'
	Hold   OnUnknown = "hold"   // held for an operator
)

// State is where rowtap keeps its state, and for how long.
type State struct {
	Path     string        // bbolt file; with Postgres, a cache of the state in the database
	History  time.Duration // how long finished deliveries can be read
	Postgres Secret        // connection string of the database with the state; zero without one
	Lease    string        // name of the state in that database; "" without Postgres
}

// HTTP is the daemon's listener.
type HTTP struct {
	Listen    string // host:port, unix:PATH, or "" for none
	TokenFile string // absolute; created at the first start
	AuthOff   bool   // requests need no token; only on loopback addresses or a unix socket
	Hosts     []string
}

// Log is the level and format of the log.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // json or console
}

// Notify is where rowtap sends notifications when a zap needs attention and when it recovers.
type Notify struct {
	Webhook Secret // a checked URL; its path is a secret; zero for none
}

// Zap returns the zap with a name, or nil if there is none.
func (c *Config) Zap(name string) *Zap {
	i := slices.IndexFunc(c.Zaps, func(z *Zap) bool { return z.Name == name })
	if i < 0 {
		return nil
	}
	return c.Zaps[i]
}
