package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// Commands that read sheets themselves look up which worksheet each zap is bound to in the state,
// because its title may belong to another worksheet by now.

// zapStatesOrWarn returns the status of zaps by name, from the daemon or, if none runs, from the
// state file. Zaps that were never loaded are missing. It prints an error as a warning.
func zapStatesOrWarn(ctx context.Context, g *globals, plan *plan.Plan, stderr io.Writer) map[string]engine.ZapStatus {
	st, err := stateOf(ctx, g, plan)
	if err != nil {
		fmt.Fprintf(stderr, "warning: state not readable, so worksheets are found by their current titles: %s\n", err)
	}
	zaps := map[string]engine.ZapStatus{}
	for _, z := range st.Zaps {
		zaps[z.Zap] = z
	}
	return zaps
}

func stateOf(ctx context.Context, g *globals, plan *plan.Plan) (st engine.Status, err error) {
	c, err := find(ctx, g)
	if err != nil {
		return st, err
	}
	if c != nil {
		err = c.get(ctx, "/api/v1/status", &st)
		return st, err
	}
	l, err := ledger.Open(ledger.Options{Path: plan.Config.State.Path, ReadOnly: true, Copy: isMirrored(plan.Config.State)})
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	e, err := engine.New(engine.Options{Plan: plan, Ledger: l, Log: zap.NewNop(), Version: version()})
	if err == nil {
		st, err = e.Status(ctx)
	}
	return st, errors.Join(err, l.Close())
}

// boundWorksheets returns the worksheets that zaps are bound to, by zap name.
func boundWorksheets(zaps map[string]engine.ZapStatus) map[string]plan.Binding {
	bound := map[string]plan.Binding{}
	for name, z := range zaps {
		if z.Worksheet != nil {
			bound[name] = *z.Worksheet
		}
	}
	return bound
}

// boundWorksheet returns the worksheet that a zap is bound to.
func boundWorksheet(ctx context.Context, g *globals, plan *plan.Plan, r *plan.Recipe, stderr io.Writer) plan.Binding {
	return boundWorksheets(zapStatesOrWarn(ctx, g, plan, stderr))[r.Name]
}

// printMoves reports what loading the configuration does to zaps whose state belongs to another
// worksheet, and what earlier moves left unsent. With renames, it also reports the worksheets whose
// last known title differs from the zap file.
func printMoves(g *globals, p *plan.Plan, zaps map[string]engine.ZapStatus, renames bool, out, stderr io.Writer) error {
	for _, r := range p.Recipes {
		z, ok := zaps[r.Name]
		if !ok {
			continue
		}
		at := r.Trigger.Worksheet.Pos
		notes := engine.MoveNotes(r, z)
		if b := z.Worksheet; renames && b != nil && b.Watches(r.Trigger) {
			if n, ok := plan.Renamed(r.Trigger, b.Title); ok {
				notes = append(notes, n)
			}
		}
		for _, n := range notes {
			if g.json {
				if err := printJSON(out, mistake{place(at), r.Name + ": " + n.Text, n.Hint, "note"}); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintln(stderr, "note: "+at.String()+": "+r.Name+": "+n.Text)
			printNext(stderr, n.Hint)
		}
	}
	return nil
}

// printNotes prints the notes of a zap.
func printNotes(out io.Writer, name string, notes []plan.Note) {
	for _, n := range notes {
		fmt.Fprintf(out, "%s: %s\n", name, n.Text)
		printNext(out, n.Hint)
	}
}
