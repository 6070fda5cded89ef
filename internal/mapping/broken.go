package mapping

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// brokenExpression reports whether a text that is not an expression was probably meant to be one.
// Column names contain all sorts of signs ("Name (first)", "Rating *", "What's up?", "Income >
// 50k"). A text therefore counts only if no two operands follow each other, as the words of a
// sentence do, and it either ends in an operator or contains both a string literal and an operator.
func brokenExpression(text string) bool {
	tokens, err := lexer.Lex(file.NewSource(text))
	if err != nil || len(tokens) < 2 {
		return false
	}
	tokens = tokens[:len(tokens)-1] // EOF
	literal, joined := false, false
	for i, t := range tokens {
		if i > 0 && operand(t) && endsOperand(tokens[i-1]) {
			return false
		}
		literal = literal || t.Kind == lexer.String
		joined = joined || !operand(t)
	}
	return literal && joined || dangling(text, tokens)
}

// operand reports whether a token is a value on its own.
func operand(t lexer.Token) bool {
	return t.Kind == lexer.Identifier || t.Kind == lexer.Number || t.Kind == lexer.String
}

// endsOperand reports whether a value may end with the token.
func endsOperand(t lexer.Token) bool { return operand(t) || t.Is(lexer.Bracket, ")", "]", "}") }

// dangling reports whether a text ends in an operator that follows a space. Operators that also end
// column names do not count: "Email *", "Discount %".
func dangling(text string, tokens []lexer.Token) bool {
	last := tokens[len(tokens)-1]
	if len(tokens) < 2 || last.Kind != lexer.Operator || !slices.Contains([]string{"+", "/", "**", "??", ">", "<", ">=", "<=", "|", "in"}, last.Value) {
		return false
	}
	before, found := strings.CutSuffix(strings.TrimSpace(text), last.Value)
	return found && strings.TrimSpace(before) != before
}
