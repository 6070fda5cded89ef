package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/quantity"
)

func newTestCasesCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "cases [ZAP]",
		Short: "Run the tests in the zap files, offline",
		Long: "Runs the cases under tests: in every zap file, or in ZAP's, through the zap's filter and mapping. No sheet is read and nothing\n" +
			"is sent.\n\n" +
			"A case has a row, its cells by column, and the expected result: a record, record: null if the filter skips the row, or error:\n" +
			"with a part of the message. For a zap with several actions, record is a list in their order; null entries are not compared.\n" +
			"Columns missing from the row are blank. An unquoted date is a date cell in UTC. In a record, type and ts are compared only if\n" +
			"given, numbers by value, and null expects the property to be absent. Test cases ignore require.\n\n" +
			"The exit code is 1 if a case fails, 2 if the configuration is invalid.",
		Example: "  rowtap test cases\n  rowtap test cases webinar-signups\n\n" +
			"  # at the end of zaps/webinar-signups.yaml\n" +
			"  tests:\n" +
			"    - row: {Email: asha@example.com, First name: Asha, Score: 7, Consent: \"Yes\"}\n" +
			"      record: {identity: asha@example.com, profileData: {Name: Asha, Score: 7}}\n" +
			"    - row: {Email: asha@example.com, Consent: \"No\"}\n" +
			"      record: null\n" +
			"    - row: {Email: asha@example.com, Mobile: \"12345\"}\n" +
			"      error: phone",
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := loadPlan(g.dir)
			if err != nil {
				return configError(err, exitUsage)
			}
			recipes := loaded.Recipes
			if len(args) > 0 {
				r, err := recipeNamed(loaded, args[0])
				if err != nil {
					return err
				}
				recipes = []*plan.Recipe{r}
			}
			return testCases(g, recipes, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

// caseResult is a case as test cases --json prints it.
type caseResult struct {
	Zap  string `json:"zap"`
	Case int    `json:"case"` // from 1, in the order of the file
	place
	Pass        bool                 `json:"pass"`
	Differences []mapping.Difference `json:"differences,omitempty"`
	Notes       []mistake            `json:"notes,omitempty"`
}

// testCases runs the tests of zaps, and prints the results.
func testCases(g *globals, recipes []*plan.Recipe, out, stderr io.Writer) error {
	ran, failed := 0, 0
	for _, r := range recipes {
		if len(r.Tests) == 0 {
			fmt.Fprintf(stderr, "%s: no tests in %s\nnext: rowtap test cases --help\n", r.Name, r.File)
			continue
		}
		wrong := 0
		for i, c := range r.Tests {
			result := r.Mapping.Check(c)
			ran++
			if len(result.Differences) > 0 {
				wrong++
			}
			if g.json {
				v := caseResult{r.Name, i + 1, place(c.Pos), len(result.Differences) == 0, result.Differences, mistakes(result.Notes, "warning")}
				if err := printJSON(out, v); err != nil {
					return err
				}
			} else if len(result.Differences) > 0 {
				printCase(out, r, i+1, c.Pos, result)
			}
		}
		failed += wrong
		if g.json {
			continue
		}
		summary := fmt.Sprintf("%s: %s passed", r.Name, quantity.Count(len(r.Tests), "case"))
		if wrong > 0 {
			summary = fmt.Sprintf("%s: %d of %s failed", r.Name, wrong, quantity.Count(len(r.Tests), "case"))
		}
		if _, err := fmt.Fprintln(out, summary); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s failed\nnext: correct the mapping or the cases, then: rowtap test cases", failed, quantity.Count(ran, "case"))
	}
	return nil
}

// printCase prints the differences of a failed case, with the action if the zap has several.
func printCase(out io.Writer, r *plan.Recipe, number int, at config.Pos, result mapping.CaseResult) {
	fmt.Fprintf(out, "%s: case %d of %s failed\n", at, number, r.Name)
	for _, d := range result.Differences {
		var place []string
		if len(r.Actions) > 1 && d.Action != "" {
			place = append(place, d.Action)
		}
		if d.Path != "" {
			place = append(place, d.Path)
		}
		line := d.Message
		if len(place) > 0 {
			line = strings.Join(place, " ") + ": " + line
		}
		fmt.Fprintln(out, indented(line, "    "))
	}
	for _, n := range result.Notes {
		fmt.Fprintln(out, indented(n.String(), "    "))
	}
}
