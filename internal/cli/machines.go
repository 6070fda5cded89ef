package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/standby"
	"github.com/rowtap/rowtap/internal/web/api"
)

// machinesOf returns the machines of a deployment for status, the active one first. Differs is set
// for machines whose configuration differs from that of the active one; if none is active, for
// none.
func machinesOf(s standby.State) []engine.Machine {
	active, _ := s.Now.Active() // a command as holder has no plan
	machines := make([]engine.Machine, 0, len(s.Now.Members))
	for _, m := range s.Now.Members {
		machine := engine.Machine{
			Host: m.Host, Address: m.Address, Version: m.Version, Active: m.Active, Trouble: m.Trouble,
			Seen: s.At.Add(-m.Ago).UTC(), Differs: active.Plan != "" && !m.Active && m.Plan != active.Plan,
		}
		if m.Active {
			since := m.Since.UTC()
			machine.Since = &since
		}
		if m.Commit < s.Now.Commit {
			machine.LagCommits = s.Now.Commit - m.Commit
		}
		machines = append(machines, machine)
	}
	return machines
}

// standingBy returns the response of a standby.
func (d *daemon) standingBy() api.Standby {
	s := d.process.State()
	active, _ := s.Now.Active()
	standby := api.Standby{Machines: machinesOf(s), Differs: active.Plan != "" && active.Plan != d.current().Config.Hash(), Refused: d.refused.Load() != nil}
	if s.At.IsZero() {
		standby.Away = "PostgreSQL was not queried yet"
	}
	if s.Err != nil {
		standby.Away, standby.Hint = s.Err.Error(), hint.Of(s.Err)
	}
	if s.Trouble != nil {
		standby.Trouble, standby.Hint = s.Trouble.Error(), hint.Of(s.Trouble)
	}
	return standby
}

// who says who is active, and if the configuration files of this standby are refused.
func (d *daemon) who() string {
	who := d.standingBy().Who()
	if d.refused.Load() != nil {
		who += "; " + engine.ConfigurationRefused
	}
	return who
}

// printMachines prints the machines of a deployment.
func printMachines(g *globals, out io.Writer, machines []engine.Machine) error {
	at := g.clock(out)
	rows := make([][]string, len(machines))
	for i, m := range machines {
		role, since, note := "standby", "", m.Trouble
		if m.Active {
			role, since = "active", at.shown(m.Since)
		}
		if m.Differs && note == "" {
			note = "runs another configuration"
		}
		behind := fmt.Sprint(m.LagCommits)
		if m.Active {
			behind = ""
		}
		rows[i] = []string{m.Host, m.Address, role, since, behind, time.Since(m.Seen).Round(time.Second).String() + " ago", m.Version, oneLine(note, 60)}
	}
	return printTable(out, []string{"MACHINE", "LISTENS", "ROLE", "SINCE", "COMMITS BEHIND", "SEEN", "VERSION", "NOTE"}, rows)
}

// standbyError is the response of a standby.
type standbyError struct {
	error
	machines []engine.Machine
}

func (e *standbyError) Unwrap() error { return e.error }

// active returns the active host; "" if none is.
func (e *standbyError) active() string {
	for _, m := range e.machines {
		if m.Active {
			return m.Host
		}
	}
	return ""
}
