package cli

import (
	"encoding/json"
	"io"
)

// printJSON prints values as JSON, one per line.
func printJSON[T any](w io.Writer, values ...T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

// printEither prints v as JSON with --json, and calls text otherwise.
func printEither[T any](g *globals, out io.Writer, v T, text func()) error {
	if g.json {
		return printJSON(out, v)
	}
	text()
	return nil
}
