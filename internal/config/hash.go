package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Hash returns a hash of what decides which rows are found, what is sent for them, and how long that stays on record: the zaps and the
// accounts as they count, and state.history. Machines that take over from each other must have the same hash. Not in it are secrets, what
// may differ from machine to machine (paths, the listener, the log, state.postgres), and the zaps' own tests.
func (c *Config) Hash() string {
	shared := document{{"history", effectiveDuration(c.State.History)}}
	for _, part := range c.effective() {
		if part.key == "google_accounts" || part.key == "clevertap_accounts" {
			accounts, _ := part.value.(document)
			shared = append(shared, keyed{part.key, sharedAccounts(accounts)})
		}
	}
	for _, z := range c.Zaps {
		shared = append(shared, keyed{"zap", z.effective()})
	}
	text, _ := json.Marshal(shared) // texts, numbers and truth values always encode
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// sharedAccounts returns accounts without what is secret or of one machine.
func sharedAccounts(accounts document) document {
	var shared document
	for _, a := range accounts {
		account, _ := a.value.(document)
		shared = append(shared, keyed{a.key, slices.DeleteFunc(slices.Clone(account), func(k keyed) bool {
			return k.key == "credentials_file" || k.key == "passcode"
		})})
	}
	return shared
}
