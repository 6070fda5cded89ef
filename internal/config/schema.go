package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// SchemaURL returns the URL of the schema of a kind of file, for the comment by which editors find
// it (https://github.com/redhat-developer/yaml-language-server#using-inlined-schema).
func SchemaURL(kind string) string {
	return "https://raw.githubusercontent.com/rowtap/rowtap/main/configs/" + kind + ".schema.json"
}

// Schema returns the JSON Schema (draft-07, which editors support best) of rowtap.yaml ("rowtap"),
// of a zap file ("zap"), or of either (""). It accepts every file that rowtap check accepts. Check
// rejects more: it looks up accounts and files, and parses cron lines, expressions and formats.
func Schema(kind string) ([]byte, error) {
	rowtap, zap := settingsKeys.schema(), zapKeys.schema()
	rowtap["title"], rowtap["description"] = "rowtap.yaml", "The accounts and the daemon."
	zap["title"], zap["description"] = "A zap file", "One recipe: a trigger, an optional filter, an action."
	var root schema
	switch kind {
	case "rowtap":
		root = rowtap
	case "zap":
		root = zap
	case "":
		root = schema{"title": "rowtap.yaml, or a zap file", "anyOf": []schema{rowtap, zap}}
	default:
		return nil, fmt.Errorf("unknown schema %q; expected rowtap or zap", kind)
	}
	definitions := map[string]schema{}
	if kind != "rowtap" {
		definitions["action"], definitions["property"] = actionKeys.schema(), propertySchema()
	}
	if kind != "zap" {
		definitions["target"] = notifyKeys.schema()
	}
	root["definitions"] = definitions
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	if kind != "" {
		root["$id"] = SchemaURL(kind)
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// schema is a JSON Schema.
type schema map[string]any

// ref returns a reference to one of the root's definitions.
func ref(name string) schema { return schema{"$ref": "#/definitions/" + name} }

// variablePattern matches texts with a ${…}, whose value only check knows. $${ is not a reference.
const variablePattern = `(^|[^$])(\$\$)*\$\{`

// shaped returns the schema of scalars of some types; strings must match a pattern or contain a
// variable.
func shaped(pattern string, types ...string) func() schema {
	if pattern != filled {
		pattern += "|" + variablePattern
	}
	return func() schema { return schema{"type": types, "pattern": pattern} }
}

// filled matches text that is not blank.
const filled = `\S`

// Scalars are read as text, so numbers and booleans are accepted as their text. filledString is for
// values that no number or boolean can be.
var (
	scalars      = []string{"string", "number", "boolean"}
	filledScalar = shaped(filled, scalars...)
	filledString = shaped(filled, "string")
)

// choiceSchema returns the schema of one of some words: an enum, which editors complete, or a word
// with surrounding white space.
func choiceSchema(words ...string) schema {
	return schema{"anyOf": []schema{{"enum": words}, shaped(wordsPattern(words), "string")()}}
}

func wordsPattern(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = regexp.QuoteMeta(w)
	}
	return `^\s*(` + strings.Join(quoted, "|") + `)\s*$`
}

// where returns a schema that matches if a key has one of some words as its value.
func where(key string, words ...string) schema {
	return schema{"required": []string{key}, "properties": map[string]schema{key: {"type": "string", "pattern": wordsPattern(words)}}}
}

// withoutOp returns a schema that rejects the op of a property, which only profiles have.
func withoutOp() schema { return schema{"properties": map[string]any{"op": false}} }

// literal returns the value of a YAML text, or the text itself if it has none.
func literal(text string) any {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil || v == nil {
		return text
	}
	return v
}
