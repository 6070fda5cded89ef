package config

import (
	"fmt"
	"unique"
)

// redacted is what is shown of every secret, whatever its length.
const redacted = "[redacted]"

// Secret is a text that cannot be printed: every way of formatting or encoding it gives "[redacted]". Two secrets are
// == when their texts are. The zero value is the empty text.
type Secret struct {
	// A handle holds a pointer, so that fmt cannot reach the text even where a Secret is an unexported field of a
	// struct and its methods are therefore not called.
	value unique.Handle[string]
}

// NewSecret returns the secret of a text.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{unique.Make(s)}
}

// Reveal returns the text itself, for the one place that sends it.
func (s Secret) Reveal() string {
	if s == (Secret{}) {
		return ""
	}
	return s.value.Value()
}

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns the JSON text "[redacted]".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML returns "[redacted]".
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }
