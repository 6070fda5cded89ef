package mapping

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm/runtime"
)

// pattern is a compiled regular expression. Matching takes time proportional to the length of the
// text and to steps.
type pattern struct {
	code  *regexp.Regexp
	steps float64
}

// compilePattern compiles a regular expression and pays for it first: a few bytes can mean a
// million steps, or all of Unicode.
func compilePattern(b *budget, text string) (*pattern, error) {
	classes := strings.Count(text, `\p`) + strings.Count(text, `\P`)
	price := 500*float64(len(text)) + 20_000*float64(classes)
	wide := strings.Contains(text, `\x`) || strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
	if wide && strings.Contains(text, "(?") { // perhaps (?i), which folds each rune of a range
		price += 1_500_000 * float64(strings.Count(text, "-"))
	}
	if err := b.spend(price); err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	p := &pattern{steps: stepsOf(tree)}
	if err := b.spend(1000 * p.steps); err != nil {
		return nil, err
	}
	p.code, err = regexp.Compile(text)
	return p, err
}

// stepsOf estimates the number of instructions of a compiled regular expression.
func stepsOf(re *syntax.Regexp) float64 {
	sum := 1.0
	if re.Op == syntax.OpLiteral {
		sum = float64(len(re.Rune))
	}
	for _, sub := range re.Sub {
		sum += stepsOf(sub)
	}
	if re.Op == syntax.OpRepeat {
		sum *= float64(max(re.Min+1, re.Max, 1))
	}
	return sum
}

// matches implements the operator matches. Its pattern is a *pattern if the expression has it as a
// literal.
func matches(b *budget, a []any) (any, error) {
	if runtime.IsNil(a[0]) || runtime.IsNil(a[1]) {
		return false, nil
	}
	p, ok := a[1].(*pattern)
	if !ok {
		var err error
		if p, err = compilePattern(b, a[1].(string)); err != nil {
			return nil, err
		}
	}
	s := a[0].(string)
	if err := b.spend(300 + 5*float64(len(s))*p.steps); err != nil {
		return nil, err
	}
	return p.code.MatchString(s), nil
}

// compilePatterns compiles the regular expressions that are literals of an expression.
func compilePatterns(tree *ast.Node) (map[*ast.StringNode]*pattern, error) {
	var b budget
	var wrong error
	all := map[*ast.StringNode]*pattern{}
	ast.Walk(tree, visit(func(node *ast.Node) {
		n, ok := (*node).(*ast.BinaryNode)
		if !ok || n.Operator != "matches" || wrong != nil {
			return
		}
		text, ok := n.Right.(*ast.StringNode)
		if !ok {
			return
		}
		p, err := compilePattern(&b, text.Value)
		if err != nil {
			if errors.Is(err, errOverBudget) {
				err = errors.New("the pattern is too large")
			}
			wrong = &file.Error{Location: text.Location(), Message: err.Error()}
		}
		all[text] = p
	}))
	return all, wrong
}
