package mapping

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// unpriced evaluates an expression with plain expr-lang.
func unpriced(text string, env map[string]any) (any, error) {
	c := grammar()
	tree, err := parser.ParseWithConfig(text, c)
	if err != nil {
		return nil, err
	}
	finder := columnFinder{}
	finder.find(&tree.Node)
	if finder.problem != nil {
		return nil, errOverBudget
	}
	known := types.Map{}
	for name := range env {
		known[name] = types.Any
	}
	c.WithEnv(known)
	if _, err := checker.Check(tree, c); err != nil {
		return nil, err
	}
	code, err := compiler.Compile(tree, c)
	if err != nil {
		return nil, err
	}
	return vm.Run(code, env)
}

// TestPricedCallsAreTheSame checks that an expression with priced calls has the same result as in
// expr-lang, or fails like it, for every kind of operand.
func TestPricedCallsAreTheSame(t *testing.T) {
	env := map[string]any{
		hidden + "T": "a,b,a", hidden + "N": 3.0, hidden + "Z": nil, hidden + "B": true,
		hidden + "D": time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC), hidden + "P": "[a-b]+",
	}
	operands := []string{
		"T", "N", "Z", "B", "D", "P", `"a"`, "2", "2.5", "nil", `split(T, ",")`, `[1, 2.0, "a"]`, `["b", "a"]`, "[3, 1, 2]", "1..3", "[1..2, T]",
		`({"a": 1})`, `timezone("Asia/Kolkata")`, `"2024-01-02"`, `"[1,{\"a\":null}]"`, `[["a", 1]]`, `"a+"`,
	}
	var texts []string
	for _, op := range []string{"+", "==", "!=", "<", ">", "<=", ">=", "in", "contains", "startsWith", "endsWith", "matches", "..", "??"} {
		for _, a := range operands {
			for _, b := range operands {
				texts = append(texts, a+" "+op+" "+b)
			}
		}
	}
	for _, f := range builtin.Builtins {
		for _, a := range operands {
			if f.Predicate {
				texts = append(texts, f.Name+"("+a+", # == 1)", f.Name+"("+a+", #)", f.Name+"("+a+")")
				continue
			}
			if calls[f.Name] == nil || f.Name == "keys" || f.Name == "values" { // not priced; in random order
				continue
			}
			texts = append(texts, f.Name+"("+a+")", f.Name+"(T, "+a+", \"a\")")
			for _, b := range operands {
				texts = append(texts, f.Name+"("+a+", "+b+")")
			}
		}
	}
	texts = append(texts,
		`D.Format("2006") + D.Weekday().String()`, `({(T): 1})[T]`, `({"a": 2})[T[0:1]]`, `get({"a": 2}, "a")`, `T[1:] + T[:1]`, `reduce(1..4, #acc + #)`, `reduce(["a"], #acc + #, T)`,
		`sum(1..4)`, `sum([1.5, N])`, `count([true, B])`, `sortBy(split(T, ","), #, "desc")`, `D.In(timezone("Asia/Kolkata")).Hour()`, `let x = T; all([1], {let y = x; y == x})`,
		`date(timezone("Asia/Kolkata"), "2024-01-02").Unix()`, `date("02.01.2024", "02.01.2006", "Asia/Kolkata")`, `repeat(T, -1)`, `replace(T, "a", "b", 1)`, `split(T, ",", 2)`, `split(T, "")`,
		`splitAfter(T, ",")`, `T matches P`, `T not matches P`, `Z matches P`, `T?.x`, `Z?.x ?? 1`, `D.AddDate(0, 0, 1) > D`, `D - D`, `N in 1..5`, `N not in 1..2`, `Z in 1..2`, `T in 1..2`, `2 in 1..2`, `N in N..T`,
		`map(filter(1..9, # % 2 == 0), # * N)`, `find([1, 2], # > 1)`, `findLast(split(T, ","), # == "a")`, `groupBy(split(T, ","), len(#))`, `int("7") + float("1.5")`, `-N ** 2`, `not B`, `B ? T : N`,
	)
	worked, failed := 0, 0
	for _, text := range texts {
		p, why := compileExpression(text, noPlace)
		want, wantErr := unpriced(text, env)
		if why != nil {
			if wantErr == nil {
				t.Errorf("%s: not an expression: %s; expr-lang gives %v", text, why.message, want)
			}
			continue
		}
		env[hidden] = &budget{}
		got, err := vm.Run(p.code, env)
		delete(env, hidden)
		switch {
		case (err == nil) != (wantErr == nil):
			t.Errorf("%s: got %v, %v; expr-lang gives %v, %v", text, got, err, want, wantErr)
		case err != nil:
			failed++
		case !reflect.DeepEqual(got, want) && fmt.Sprint(got, want) != "NaN NaN":
			t.Errorf("%s: got %#v; expr-lang gives %#v", text, got, want)
		default:
			worked++
		}
	}
	if worked < 2000 || failed < 2000 {
		t.Errorf("of %d expressions %d work and %d fail, want more", len(texts), worked, failed)
	}
}
