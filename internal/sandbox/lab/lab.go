// Package lab adds to a sandbox what only tests need: faults of both APIs, refusals of records, and
// edits of spreadsheets that the sandbox's page does not offer. Only tests import it, so it is not
// part of the program.
package lab

import "github.com/rowtap/rowtap/internal/sandbox"

// Sandbox is a sandbox with faults and refusals.
type Sandbox struct {
	*sandbox.Sandbox
	faults    faults
	clevertap CleverTap
}

// New returns a sandbox without spreadsheets and without faults. It sets o.Hooks.
func New(o sandbox.Options) (*Sandbox, error) {
	s := &Sandbox{}
	o.Hooks = sandbox.Hooks{Wrap: s.faults.wrap, Refuse: s.clevertap.refuse}
	box, err := sandbox.New(o)
	if err != nil {
		return nil, err
	}
	s.Sandbox, s.clevertap.CleverTap = box, box.CleverTap()
	return s, nil
}

// Sheets returns the emulated Google Sheets, for editing.
func (s *Sandbox) Sheets() *Sheets { return &Sheets{s.Sandbox.Sheets()} }

// CleverTap returns the emulated CleverTap, for inspection and refusals.
func (s *Sandbox) CleverTap() *CleverTap { return &s.clevertap }
