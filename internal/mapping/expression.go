package mapping

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// program is a compiled expression.
type program struct {
	code    *vm.Program
	tree    ast.Node
	columns []columnUse  // each column once, in order of use
	result  reflect.Type // type of the result; the empty interface if it depends on the row

	// column is set if the expression is only this column, written row["…"].
	column string
	// plain is set if the expression is only a variable, or only numbers.
	plain bool

	price float64   // of the nodes outside predicates
	notes []problem // what is allowed but may make rows fail
}

// columnUse is a column and the first place that uses it.
type columnUse struct {
	name string // tidy
	pos  config.Pos
}

func (p *program) appendColumns(names []string) []string {
	for _, c := range p.columns {
		names = append(names, c.name)
	}
	return names
}

// problem describes why a text is not an expression.
type problem struct {
	message string
	hint    string
	offset  int // in runes from the start of the text
}

// hidden is the prefix of column names inside a compiled expression. No expression can spell it, so
// columns never clash with functions or let variables of the same name. On its own it is the
// variable that holds the budget.
const hidden = "\x00"

// grammar is expr-lang's default, without the functions whose result depends on more than the row.
func grammar() *conf.Config {
	c := conf.CreateNew()
	for _, name := range []string{"now", "string"} {
		c.Disabled[name] = true
		delete(c.Builtins, name)
	}
	expr.Function("string", asText, new(func(any) string))(c)
	// The optimizer turns `Country in ["IN"]` into a map lookup that panics for a number.
	c.Optimize = false
	return c
}

// asText implements string(…) and formats values as templates do. The one in expr-lang writes
// 9876543210 with an exponent.
func asText(params ...any) (any, error) {
	v, wrong := goValue(params[0])
	if wrong == nil {
		var s string
		if s, wrong = v.string(); wrong == nil {
			return s, nil
		}
	}
	return nil, errors.New(wrong.message)
}

// maxExpression is the longest expression, in bytes. The parser recurses at every parenthesis.
const maxExpression = 10_000

// parses reports whether the text has the syntax of an expression.
func parses(text string) bool {
	if len(text) > maxExpression {
		return false
	}
	_, err := parser.ParseWithConfig(text, grammar())
	return err == nil
}

// compileExpression compiles an expression. at returns the position of a rune of the text.
func compileExpression(text string, at func(runes int) config.Pos) (*program, *problem) {
	if len(text) > maxExpression {
		return nil, &problem{message: fmt.Sprintf("longer than %d bytes", maxExpression)}
	}
	c := grammar()
	tree, err := parser.ParseWithConfig(text, c)
	if err != nil {
		return nil, newProblem(err).withEqualsHint(text)
	}
	w := columnFinder{}
	w.find(&tree.Node)
	if w.problem != nil {
		return nil, w.problem
	}
	p := &program{tree: tree.Node}
	collect := columnCollector{program: p, at: at}
	ast.Walk(&tree.Node, &collect)
	switch n := tree.Node.(type) {
	case *ast.IdentifierNode:
		p.column, p.plain = n.Value[len(hidden):], !w.byRow
		if p.plain {
			p.column = ""
		}
	default:
		p.plain = len(p.columns) == 0 && !collect.words
	}

	cost := newAudit(&tree.Node)
	p.price, p.notes = cost.total, cost.notes
	patterns, err := compilePatterns(&tree.Node)
	if err != nil {
		return nil, newProblem(err)
	}
	env := types.Map{hidden: types.Any} // the budget
	for _, col := range p.columns {
		env[hidden+col.name] = types.Any
	}
	c.WithEnv(env)
	if p.result, err = checker.Check(tree, c); err != nil {
		return nil, newProblem(err)
	}
	ast.Walk(&tree.Node, &pricer{audit: cost, patterns: patterns})
	p.tree = tree.Node
	maps.Copy(c.Functions, functions)
	if p.code, err = compiler.Compile(tree, c); err != nil {
		return nil, newProblem(err)
	}
	return p, nil
}

// newProblem takes the message and the position from an error of expr-lang.
func newProblem(err error) *problem {
	if e, ok := errors.AsType[*file.Error](err); ok {
		return &problem{message: e.Message, offset: e.From}
	}
	// After a panic in expr-lang the rest is a stack trace.
	message, _, _ := strings.Cut(err.Error(), "\n")
	return &problem{message: message}
}

// longestExample limits the corrected expression in a hint, in characters.
const longestExample = 80

// withEqualsHint adds a hint if the text has = where it needs ==.
func (p *problem) withEqualsHint(text string) *problem {
	if p.message != `unexpected token Operator("=")` {
		return p
	}
	p.hint = "compare with =="
	r := []rune(text)
	if p.offset < len(r) && r[p.offset] == '=' {
		if meant := strings.TrimSpace(string(r[:p.offset]) + "=" + string(r[p.offset:])); len(r) <= longestExample && parses(meant) {
			p.hint += ": " + meant
		}
	}
	return p
}

// columnFinder prefixes the variables that are columns with hidden, and replaces row["Name"] by the
// column's variable. It visits a node after its children.
type columnFinder struct {
	lets    []string // declared variables
	byRow   bool     // row["Name"] was found
	problem *problem
}

func (f *columnFinder) find(tree *ast.Node) {
	ast.Walk(tree, visit(func(node *ast.Node) {
		if n, ok := (*node).(*ast.VariableDeclaratorNode); ok {
			f.lets = append(f.lets, n.Name)
		}
	}))
	ast.Walk(tree, f)
}

// Visit implements [ast.Visitor].
func (f *columnFinder) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch {
		case n.Value == "$env":
			f.refuse(n, "$env is not available", `write row["Column name"]`)
		case !slices.Contains(f.lets, n.Value):
			n.Value = hidden + row.TidyName(n.Value)
		}
	case *ast.MemberNode:
		if of, ok := n.Node.(*ast.IdentifierNode); !ok || of.Value != hidden+"row" {
			return
		}
		name, ok := n.Property.(*ast.StringNode)
		if !ok || row.TidyName(name.Value) == "" {
			f.refuse(n, "row[…] needs a column name in quotes", `write row["Column name"]`)
			return
		}
		f.byRow = true
		column := &ast.IdentifierNode{Value: hidden + row.TidyName(name.Value)}
		column.SetLocation(n.Node.Location())
		*node = column
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			name := callee.Value[min(len(hidden), len(callee.Value)):]
			if name == "string" { // ours, see grammar
				callee.Value = name
				return
			}
			hint := ""
			if near := config.Nearest(name, functionNames()); near != "" {
				hint = "did you mean " + near + "()?"
			}
			if name == "now" {
				hint = "a record must not depend on when it is made; omit time: to use the time at which the row was detected"
			}
			f.refuse(n, "there is no function "+name+"()", hint)
		}
	case *ast.BinaryNode:
		f.blankIsEmptyText(n)
	}
}

// blankIsEmptyText makes a blank cell, which is nil, equal to "" in comparisons, as in Sheets.
func (f *columnFinder) blankIsEmptyText(n *ast.BinaryNode) {
	switch n.Operator {
	case "==", "!=":
		if isEmptyText(n.Right) {
			n.Left = orEmptyText(n.Left)
		}
		if isEmptyText(n.Left) {
			n.Right = orEmptyText(n.Right)
		}
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok && slices.ContainsFunc(list.Nodes, isEmptyText) {
			n.Left = orEmptyText(n.Left)
		}
	}
}

func isEmptyText(n ast.Node) bool {
	s, ok := n.(*ast.StringNode)
	return ok && s.Value == ""
}

func orEmptyText(n ast.Node) ast.Node {
	empty := &ast.StringNode{}
	empty.SetLocation(n.Location())
	either := &ast.BinaryNode{Operator: "??", Left: n, Right: empty}
	either.SetLocation(n.Location())
	return either
}

func (f *columnFinder) refuse(n ast.Node, message, hint string) {
	if f.problem == nil {
		f.problem = &problem{message: message, hint: hint, offset: n.Location().From}
	}
}

func functionNames() []string {
	names := append(slices.Collect(maps.Keys(grammar().Builtins)), "string")
	slices.Sort(names)
	return names
}

// columnCollector lists the columns that an expression uses.
type columnCollector struct {
	program *program
	at      func(runes int) config.Pos
	words   bool // it contains text or a function
}

// Visit implements [ast.Visitor].
func (c *columnCollector) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value[:min(1, len(n.Value))] != hidden {
			return
		}
		name := n.Value[len(hidden):]
		if !slices.ContainsFunc(c.program.columns, func(u columnUse) bool { return u.name == name }) {
			c.program.columns = append(c.program.columns, columnUse{name, c.at(n.Location().From)})
		}
	case *ast.StringNode, *ast.BuiltinNode, *ast.CallNode:
		c.words = true
	}
}
