package mapping

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/rowtap/rowtap/internal/row"
)

// evaluation is the mapping of one row.
type evaluation struct {
	row     row.Row
	ctx     Context
	budget  budget
	env     map[string]any // variables of expressions; nil until the first one runs
	charged bool           // the event is Charged
	origins []row.Origin   // of the record
}

// addOrigin records which columns a part of the record was made from. It does nothing for a part
// without columns.
func (e *evaluation) addOrigin(columns []int, from, to int) {
	if len(columns) > 0 {
		e.origins = append(e.origins, row.Origin{From: from, To: to, Columns: columns})
	}
}

func (e *evaluation) zone() *time.Location {
	return cmp.Or(e.ctx.Zone, time.UTC)
}

// value evaluates a template.
func (e *evaluation) value(t boundTemplate) (value, *fault) {
	switch literal := t.literal.(type) {
	case bool:
		return booleanValue(literal), nil
	case int64:
		return wholeValue(literal), nil
	case float64:
		return numberValue(literal)
	}
	if len(t.parts) == 1 {
		return e.part(t.parts[0])
	}
	return e.mixed(t.parts)
}

func (e *evaluation) part(p boundPart) (value, *fault) {
	switch {
	case p.column != noColumn:
		return cellValue(e.row.Cell(p.column), e.zone())
	case p.program != nil:
		result, why := e.run(p)
		if why != nil {
			return value{}, why
		}
		return goValue(result)
	}
	return textValue(p.text), nil
}

// mixed evaluates a template of several parts as one text.
func (e *evaluation) mixed(parts []boundPart) (value, *fault) {
	var b strings.Builder
	dates, others, blanks := false, false, false
	for _, p := range parts {
		if p.column == noColumn && p.program == nil {
			b.WriteString(p.text)
			continue
		}
		v, why := e.part(p)
		if why != nil {
			return value{}, why
		}
		switch v.kind {
		case date, timeOfDay:
			dates = true
		case blank:
			blanks = true
		case text, number, boolean, list, object:
			others = true
		}
		s, why := v.string()
		if why != nil {
			return value{}, why
		}
		b.WriteString(s)
		if e.budget.spend(2*textLen(s)) != nil || b.Len() > maxText {
			return value{}, overBudget()
		}
	}
	v := textValue(strings.TrimSpace(b.String()))
	v.wall, v.allBlank = dates && !others, blanks && !dates && !others
	return v, nil
}

// run evaluates an expression on the row.
func (e *evaluation) run(p boundPart) (any, *fault) {
	if e.env == nil {
		e.env = map[string]any{hidden: &e.budget}
	}
	for _, c := range p.columns {
		name := c.hidden
		if _, ok := e.env[name]; ok {
			continue
		}
		v, why := e.variable(c.index)
		if why != nil {
			why.column = c.name
			return nil, why
		}
		e.env[name] = v
	}
	err := e.budget.spend(p.program.price)
	var result any
	if err == nil {
		result, err = vm.Run(p.program.code, e.env)
	}
	if err == nil {
		err = e.budget.result(result)
	}
	if err != nil {
		return nil, p.program.fault(err, e.env)
	}
	return result, nil
}

// variable returns a cell as expressions see it.
func (e *evaluation) variable(column int) (any, *fault) {
	v, why := cellValue(e.row.Cell(column), e.zone())
	if why != nil {
		return nil, why
	}
	switch v.kind {
	case text:
		return v.text, nil
	case number:
		return v.num, nil
	case boolean:
		return v.num != 0, nil
	case date, timeOfDay:
		return v.at, nil
	case blank, list, object:
	}
	return nil, nil
}

// valueFree matches those error messages of expr-lang that contain types but no values.
var valueFree = regexp.MustCompile(`^invalid operation: <?[a-z0-9.A-Z]+>? \S{1,10} <?[a-z0-9.A-Z]+>?$`)

// fault describes why an expression failed: which cells are empty, or else the kinds of the cells
// involved. It omits values, which expr-lang's own message may contain.
func (p *program) fault(err error, env map[string]any) *fault {
	// The message is expr-lang's, for a million items.
	if errors.Is(err, errOverBudget) || strings.Contains(err.Error(), "memory budget exceeded") {
		return overBudget()
	}
	var blanks, kinds []string
	operands := p.operands(err)
	for _, use := range p.columns {
		v := env[hidden+use.name]
		if v == nil {
			blanks = append(blanks, use.name)
		}
		if slices.Contains(operands, use.name) {
			kinds = append(kinds, use.name+" is "+kindOf(v))
		}
	}
	if met := intersect(blanks, operands); len(met) > 0 {
		blanks = met
	}
	f := &fault{}
	switch {
	case len(blanks) == 1:
		f.message, f.column = blanks[0]+" is empty", blanks[0]
		f.hint = "fill the cell and rowtap retries the row, or give a default in the expression: " + inExpression(blanks[0]) + ` ?? ""`
	case len(blanks) > 1:
		f.message = enumerate(blanks) + " are empty"
	case len(kinds) > 0:
		f.message = "the expression cannot be computed: " + enumerate(kinds)
		if len(kinds) == 1 {
			f.column = operands[0]
		}
	default:
		f.message = "the expression cannot be computed"
	}
	if e, ok := errors.AsType[*file.Error](err); ok && len(blanks) == 0 && valueFree.MatchString(e.Message) {
		f.message += " (" + strings.TrimPrefix(e.Message, "invalid operation: ") + ")"
	}
	return f
}

func kindOf(v any) string {
	got, why := goValue(v)
	if why != nil {
		return "out of range"
	}
	return got.kind.String()
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

// operands returns the columns that are direct operands of the operation that failed, each once.
func (p *program) operands(err error) []string {
	e, ok := errors.AsType[*file.Error](err)
	if !ok {
		return nil
	}
	f := operandFinder{at: e.Location}
	ast.Walk(&p.tree, &f)
	return unique(f.names)
}

type operandFinder struct {
	at    file.Location
	names []string
}

// Visit implements [ast.Visitor].
func (f *operandFinder) Visit(node *ast.Node) {
	if (*node).Location() != f.at {
		return
	}
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		f.add(n.Left, n.Right)
	case *ast.UnaryNode:
		f.add(n.Node)
	case *ast.BuiltinNode:
		f.add(n.Arguments...)
	case *ast.MemberNode:
		f.add(n.Node)
	case *ast.SliceNode:
		f.add(n.Node)
	case *ast.CallNode:
		_, args := pricedArguments(n)
		f.add(args...)
	}
}

func (f *operandFinder) add(nodes ...ast.Node) {
	for _, n := range nodes {
		if id, ok := n.(*ast.IdentifierNode); ok && strings.HasPrefix(id.Value, hidden) {
			f.names = append(f.names, id.Value[len(hidden):])
		}
	}
}
