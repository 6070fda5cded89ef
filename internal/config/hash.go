package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Hash returns a hash of the settings that decide which rows are found, what is sent for them, and
// how long history is kept: the effective zaps and accounts, and state.history. Machines that take
// over from each other must have the same hash. It does not cover secrets, machine-specific
// settings (paths, listener, log, state.postgres) and the zaps' test cases.
func (c *Config) Hash() string {
	shared := settingsKeys.print(c).shared()
	for _, z := range c.Zaps {
		shared = append(shared, keyed{key: "zap", value: zapKeys.print(z)})
	}
	text, _ := json.Marshal(shared) // strings, numbers and booleans always encode
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// shared returns a document without the machine-specific keys.
func (d document) shared() document {
	var shared document
	for _, k := range d {
		if k.local {
			continue
		}
		if inner, ok := k.value.(document); ok {
			k.value = inner.shared()
		}
		shared = append(shared, k)
	}
	return shared
}
