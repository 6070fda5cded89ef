package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Hash returns a hash of what decides which rows are found, what is sent for them, and how long
// that stays on record: the zaps and the accounts as they count, and state.history. Machines that
// take over from each other must have the same hash. Not in it are secrets, what may differ from
// machine to machine (paths, the listener, the log, state.postgres), and the zaps' own tests.
func (c *Config) Hash() string {
	shared := settingsKeys.print(c).shared()
	for _, z := range c.Zaps {
		shared = append(shared, keyed{key: "zap", value: zapKeys.print(z)})
	}
	text, _ := json.Marshal(shared) // texts, numbers and truth values always encode
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// shared returns a document without the keys that may differ from machine to machine.
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
