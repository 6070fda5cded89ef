package mapping

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

const (
	// unitsPerNode is the price of a node of an expression: a few instructions of expr-lang's VM.
	unitsPerNode = 30
	// unitsPerCall is the price of an operator or a function, which may be a priced call.
	unitsPerCall = 60
	// unitsPerRound is the price of a round of a predicate, in addition to its nodes.
	unitsPerRound = 70
	// unitsPerList is the price of a list or an object literal, in addition to its items.
	unitsPerList = 100
	// unitsPerLoop is the price of starting the loop of a predicate. The VM keeps its 160 bytes
	// until the end.
	unitsPerLoop = 500
	// unitsPerMethod is the price of calling a method, such as one of a date, by reflection.
	unitsPerMethod = 1500

	deepestNested = 2      // nested predicates; more is a warning
	longestRange  = 10_000 // items of a range; more is a warning
)

// audit computes the cost of the nodes of an expression, and what check should warn about.
type audit struct {
	weights map[*ast.PredicateNode]float64 // of one round, without nested predicates
	nested  map[*ast.PredicateNode]int     // nesting depth, counting the predicate itself
	ranges  map[*ast.BinaryNode]int        // ranges that build a long list, with its length
	total   float64                        // of the nodes outside predicates
	notes   []problem
}

func newAudit(tree *ast.Node) *audit {
	a := &audit{weights: map[*ast.PredicateNode]float64{}, nested: map[*ast.PredicateNode]int{}, ranges: map[*ast.BinaryNode]int{}}
	ast.Walk(tree, a)
	outside := weighing{audit: a}
	ast.Walk(tree, &outside)
	a.total = outside.sum
	for n, length := range a.ranges {
		a.note(n, fmt.Sprintf("the expression builds a range of %d numbers for every row", length),
			"a row may take about 100 ms of computing; compare with < and >, or use a shorter range")
	}
	slices.SortFunc(a.notes, func(x, y problem) int { return x.offset - y.offset })
	return a
}

// Visit implements [ast.Visitor]. It visits a node after its children.
func (a *audit) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		inside := weighing{audit: a, sum: unitsPerRound}
		ast.Walk(&n.Node, &inside)
		a.weights[n], a.nested[n] = inside.sum, inside.nested+1
		if a.nested[n] == deepestNested+1 {
			a.note(n, fmt.Sprintf("%d nested predicates: each multiplies the work of a row, which fails beyond about 100 ms", a.nested[n]),
				"compute what is the same in every round once, with let")
		}
	case *ast.BinaryNode:
		if to, ok := n.Right.(*ast.BinaryNode); ok && n.Operator == "in" {
			delete(a.ranges, to) // compared without building the list
		}
		from, ok := n.Left.(*ast.IntegerNode)
		to, also := n.Right.(*ast.IntegerNode)
		if ok && also && n.Operator == ".." && to.Value-from.Value >= longestRange {
			a.ranges[n] = to.Value - from.Value + 1
		}
	}
}

func (a *audit) note(n ast.Node, message, hint string) {
	a.notes = append(a.notes, problem{message: message, hint: hint, offset: n.Location().From})
}

// weighing adds up the costs of nodes, except those that a nested predicate pays for.
type weighing struct {
	audit  *audit
	sum    float64
	nested int
}

// Visit implements [ast.Visitor].
func (w *weighing) Visit(node *ast.Node) {
	w.sum += unitsPerNode
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		w.sum += unitsPerLoop + unitsPerRound - w.audit.weights[n] // its nodes are already in sum
		w.nested = max(w.nested, w.audit.nested[n])
	case *ast.CallNode:
		w.sum += unitsPerMethod
	case *ast.BinaryNode, *ast.BuiltinNode:
		w.sum += unitsPerCall
	case *ast.ArrayNode, *ast.MapNode:
		w.sum += unitsPerList
	}
}

// visit adapts a function to [ast.Visitor].
type visit func(node *ast.Node)

// Visit implements [ast.Visitor].
func (v visit) Visit(node *ast.Node) { v(node) }

// pricer replaces the operators and functions of a checked expression by priced calls, and adds a
// tick to every predicate. It keeps the types of the nodes.
type pricer struct {
	audit    *audit
	patterns map[*ast.StringNode]*pattern
}

// Visit implements [ast.Visitor].
func (v *pricer) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		v.binary(node, n)
	case *ast.BuiltinNode:
		v.builtin(node, n)
	case *ast.CallNode:
		v.call(node, n)
	case *ast.PredicateNode:
		weight := &ast.IntegerNode{Value: int(v.audit.weights[n])}
		round := &ast.SequenceNode{Nodes: []ast.Node{pricedNode(tick, n.Node, weight), n.Node}}
		n.Node = like(n.Node, round)
	case *ast.MemberNode:
		n.Property = paid(n.Property)
	case *ast.PairNode:
		n.Key = paid(n.Key)
	}
}

func (v *pricer) binary(node *ast.Node, n *ast.BinaryNode) {
	either := isScalar(n.Left) || isScalar(n.Right)
	switch n.Operator {
	case "==", "!=", "<", ">", "<=", ">=":
		if either || isLiteralText(n.Left) || isLiteralText(n.Right) {
			return
		}
	case "+":
		if either {
			return
		}
	case "startsWith", "endsWith":
		if isLiteralText(n.Right) {
			return
		}
	case "in":
		if from, to, ok := bounds(n.Right); ok {
			*node = pricedNode(span, n, n.Left, from, to)
			return
		}
		if list, ok := n.Right.(*ast.ArrayNode); ok && !slices.ContainsFunc(list.Nodes, func(item ast.Node) bool {
			return !isScalar(item) && !isLiteralText(item)
		}) {
			return
		}
	case "matches":
		if text, ok := n.Right.(*ast.StringNode); ok {
			n.Right = like(text, &ast.ConstantNode{Value: v.patterns[text]})
		}
	case "contains", "..":
	default:
		return
	}
	*node = pricedNode(n.Operator, n, n.Left, n.Right)
}

func (v *pricer) builtin(node *ast.Node, n *ast.BuiltinNode) {
	switch n.Name {
	case "sum", "count":
		if len(n.Arguments) == 1 {
			n.Arguments[0] = pricedNode(loop, n.Arguments[0], n.Arguments[0])
		}
	case "groupBy", "sortBy": // the result of the predicate is compared with the others
		if p, ok := n.Arguments[1].(*ast.PredicateNode); ok {
			p.Node = pricedNode(group, p.Node, p.Node)
		}
	default:
		if calls[n.Name] != nil {
			*node = pricedNode(n.Name, n, n.Arguments...)
		}
	}
}

// call prices string(…), which is ours, and the arguments of methods.
func (v *pricer) call(node *ast.Node, n *ast.CallNode) {
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok && callee.Value == "string" {
		*node = pricedNode("string", n, n.Arguments...)
		return
	}
	for i := range n.Arguments {
		n.Arguments[i] = paid(n.Arguments[i])
	}
}

// pricedNode returns a priced call that replaces the node of.
func pricedNode(name string, of ast.Node, args ...ast.Node) ast.Node {
	budget := &ast.IdentifierNode{Value: hidden}
	budget.SetLocation(of.Location())
	callee := &ast.IdentifierNode{Value: pricedPrefix + name}
	return like(of, &ast.CallNode{Callee: callee, Arguments: append([]ast.Node{budget}, args...)})
}

// pricedArguments returns the name and the arguments of a priced call; "" if the node is not one.
func pricedArguments(n ast.Node) (name string, args []ast.Node) {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return "", nil
	}
	if callee, ok := call.Callee.(*ast.IdentifierNode); ok && strings.HasPrefix(callee.Value, pricedPrefix) {
		return callee.Value[len(pricedPrefix):], call.Arguments[1:]
	}
	return "", nil
}

// paid returns a node that pays for its value, unless it is a literal or a number.
func paid(n ast.Node) ast.Node {
	if isScalar(n) || isLiteralText(n) {
		return n
	}
	return pricedNode(pay, n, n)
}

// like copies the position and the type of a node to n.
func like(of, n ast.Node) ast.Node {
	n.SetLocation(of.Location())
	n.SetNature(*of.Nature())
	return n
}

// bounds returns the bounds of a range.
func bounds(n ast.Node) (from, to ast.Node, ok bool) {
	if name, args := pricedArguments(n); name == ".." {
		return args[0], args[1], true
	}
	return nil, nil, false
}

// isScalar reports whether a node can only be a number, a boolean, a time or nil.
func isScalar(n ast.Node) bool {
	switch n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return true
	}
	t := n.Type()
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64 || t == reflect.TypeFor[time.Time]()
}

func isLiteralText(n ast.Node) bool {
	_, ok := n.(*ast.StringNode)
	return ok
}
