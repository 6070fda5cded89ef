package config

import (
	"encoding/json"
	"errors"
)

// kept is a zap file as [Zap.Keep] writes it.
type kept struct {
	Text      string            `json:"text"`
	Variables map[string]string `json:"variables,omitempty"`
}

// Keep returns a text that says all that the zap's file meant when it was read, whatever becomes of the file and of the variables in
// it: [ReadKept] makes the same zap of it, but for its accounts. Of the same file and variables it is the same text.
func (z *Zap) Keep() ([]byte, error) {
	return json.Marshal(kept{string(z.Source), z.Variables})
}

// ReadKept makes a zap of what [Zap.Keep] returned. Its accounts, which may be gone, are nil. name is what it is called unless its file
// gives it a name. The error is [Diagnostics] where this version does not understand the file.
func ReadKept(name string, text []byte) (*Zap, error) {
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, errors.New("it is not the text of a zap file") // json's error would quote it
	}
	none := &Config{}
	z, _, err := none.ParseZap(name+".yaml", []byte(k.Text), func(name string) (string, bool) {
		value, set := k.Variables[name]
		return value, set
	})
	return z, err
}
