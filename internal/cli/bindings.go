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

// Commands that look at sheets themselves ask the state which worksheet each zap is bound to: a title may be another worksheet's by now.

// zapStates returns what the state knows of zaps, by name: the daemon says it, or the state file where none runs. It has none of a zap
// that was never loaded.
func zapStates(ctx context.Context, g *globals, plan *plan.Plan) (map[string]engine.ZapStatus, error) {
	st, err := stateOf(ctx, g, plan)
	if err != nil {
		return nil, err
	}
	zaps := map[string]engine.ZapStatus{}
	for _, z := range st.Zaps {
		zaps[z.Zap] = z
	}
	return zaps, nil
}

func stateOf(ctx context.Context, g *globals, plan *plan.Plan) (st engine.Status, err error) {
	c, err := find(ctx, g)
	if err != nil {
		return st, err
	}
	if c != nil {
		err = c.get(ctx, "/api/v1/status", &st)
		return st, errors.Join(err, c.close())
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

// zapStatesOrWarn is zapStates, which says what is wrong where the state cannot be read: what was asked for goes on without it.
func zapStatesOrWarn(ctx context.Context, g *globals, plan *plan.Plan, stderr io.Writer) map[string]engine.ZapStatus {
	zaps, err := zapStates(ctx, g, plan)
	if err != nil {
		fmt.Fprintf(stderr, "which worksheets the zaps were reading is not known, so titles count as they are now: %s\n", err)
	}
	return zaps
}

// boundWorksheets returns the worksheets that zaps are bound to.
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

// printMoves says what the configuration, once it is in force, does to zaps whose state is of another worksheet, and what was left behind
// before; with renames, also which worksheets had another title than the files say when they were looked up last.
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
				if err := printJSON(out, mistake{at.File, at.Line, at.Column, r.Name + ": " + n.Text, n.Hint, "note"}); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintln(stderr, "note: "+at.String()+": "+r.Name+": "+n.Text)
			if n.Hint != "" {
				fmt.Fprintln(stderr, "next: "+n.Hint)
			}
		}
	}
	return nil
}

// printNotes prints the notes of a zap.
func printNotes(out io.Writer, name string, notes []plan.Note) {
	for _, n := range notes {
		fmt.Fprintf(out, "%s: %s\n", name, n.Text)
		if n.Hint != "" {
			fmt.Fprintf(out, "next: %s\n", n.Hint)
		}
	}
}
