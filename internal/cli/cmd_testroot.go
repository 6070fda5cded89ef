package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
)

// The commands of `rowtap test` try a zap before it runs. They never change the state; they read
// from it only which worksheet the zap is bound to.

func newTestCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "test",
		Short:   "Try a zap: its test cases, trigger and actions",
		Example: "  rowtap test cases\n  rowtap test trigger webinar-signups\n  rowtap test action webinar-signups",
		RunE:    helpOrUnknown,
	}
	cmd.AddCommand(newTestCasesCommand(g), newTestTriggerCommand(g), newTestActionCommand(g))
	return cmd
}

// recipeNamed returns the zap with that name.
func recipeNamed(plan *plan.Plan, name string) (*plan.Recipe, error) {
	if r := plan.Recipe(name); r != nil {
		return r, nil
	}
	names := make([]string, len(plan.Recipes))
	for i, r := range plan.Recipes {
		names[i] = r.Name
	}
	err := didYouMean(fmt.Errorf("the configuration has no zap %q", name), name, names)
	return nil, &exitError{exitUsage, fmt.Errorf("%w\nnext: rowtap check", err)}
}

// planOf loads the configuration, and finds a zap in it.
func planOf(g *globals, name string) (*plan.Plan, *plan.Recipe, error) {
	plan, err := loadPlan(g.dir)
	if err != nil {
		return nil, nil, configError(err, exitUsage)
	}
	r, err := recipeNamed(plan, name)
	return plan, r, err
}

// testFailed returns the error of a failed test, with its hint.
func testFailed(r *plan.Recipe, what string, err error) error {
	hint := hint.Of(err)
	if wrong, ok := errors.AsType[*mapping.RowError](err); ok {
		hint = wrong.Hint
	}
	if _, ok := errors.AsType[*mapping.ColumnError](err); ok {
		err = fmt.Errorf("the header does not match the zap:\n%w", err)
	}
	err = fmt.Errorf("test %s %s: %w", what, r.Name, err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errInterrupted):
		return err
	case hint == "":
		hint = "rowtap check --online"
	}
	return fmt.Errorf("%w\nnext: %s", err, hint)
}
