package config

import (
	"fmt"
	"unique"
)

// redacted is shown in place of every secret, whatever its length.
const redacted = "[redacted]"

// Secret is a text that cannot be printed: formatting or encoding it gives "[redacted]". Two
// secrets are equal (==) if their texts are. The zero value is the empty text.
type Secret struct {
	// A handle holds a pointer, so fmt cannot reach the text even if a Secret is in an unexported
	// field, where fmt calls no methods.
	value unique.Handle[string]
}

// NewSecret returns a secret with a text.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{unique.Make(s)}
}

// Reveal returns the text, for the place that sends it.
func (s Secret) Reveal() string {
	if s == (Secret{}) {
		return ""
	}
	return s.value.Value()
}

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// Format writes "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText returns "[redacted]", also for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
