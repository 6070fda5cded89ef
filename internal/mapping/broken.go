package mapping

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// brokenExpression tells of a text that is no expression whether it was probably meant to be one. Columns are called all sorts of
// things, "Name (first)", "Rating *", "What's up?" and "Income > 50k" among them: a text counts only if no two words of it
// stand side by side, as those of a sentence do, and it ends in an operator or has a literal text beside one.
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

// operand tells whether a token is a value by itself.
func operand(t lexer.Token) bool {
	return t.Kind == lexer.Identifier || t.Kind == lexer.Number || t.Kind == lexer.String
}

// endsOperand tells whether a value may end with the token.
func endsOperand(t lexer.Token) bool { return operand(t) || t.Is(lexer.Bracket, ")", "]", "}") }

// dangling tells whether a text ends in an operator that stands apart. Those that headers end in are none: "Email *", "Discount %".
func dangling(text string, tokens []lexer.Token) bool {
	last := tokens[len(tokens)-1]
	if len(tokens) < 2 || last.Kind != lexer.Operator || !slices.Contains([]string{"+", "/", "**", "??", ">", "<", ">=", "<=", "|", "in"}, last.Value) {
		return false
	}
	before, found := strings.CutSuffix(strings.TrimSpace(text), last.Value)
	return found && strings.TrimSpace(before) != before
}
