package clevertap

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Errors of a body that is not an answer to an upload.
var (
	errShape   = errors.New("it is JSON of another shape")
	errEntries = fmt.Errorf("it names more than %d records as unprocessed", maxEntries)
)

// decodeAnswer reads the body of an answer to its end, an entry of unprocessed at a time. The error is errShape, errEntries, the body's,
// or a *jsontext.SyntacticError.
func decodeAnswer(body io.Reader) (answerJSON, error) {
	d := jsontext.NewDecoder(body, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	var a answerJSON
	err := eachMember(d, func(name string) error {
		if name == "unprocessed" {
			return a.readUnprocessed(d)
		}
		into, ok := map[string]any{"status": &a.Status, "processed": &a.Processed, "code": &a.Code, "error": &a.Error}[name]
		if !ok {
			return d.SkipValue()
		}
		value, err := d.ReadValue()
		if err == nil && json.Unmarshal(value, into) != nil {
			err = errShape
		}
		return err
	})
	if err == nil {
		if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
			return a, nil
		} else if err == nil {
			err = &jsontext.SyntacticError{ByteOffset: d.InputOffset(), Err: errShape} // something more
		}
	}
	return a, err
}

// eachMember calls read for the name of each member of an object; null has none.
func eachMember(d *jsontext.Decoder, read func(name string) error) error {
	open, err := d.ReadToken()
	switch {
	case err != nil || open.Kind() == 'n':
		return err
	case open.Kind() != '{':
		return errShape
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err == nil {
			err = read(name.String())
		}
		if err != nil {
			return err
		}
	}
	_, err = d.ReadToken()
	return err
}

func (a *answerJSON) readUnprocessed(d *jsontext.Decoder) error {
	open, err := d.ReadToken()
	switch {
	case err != nil || open.Kind() == 'n':
		return err
	case open.Kind() != '[':
		return errShape
	}
	a.Unprocessed = []entryJSON{}
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		if len(a.Unprocessed) == maxEntries {
			return errEntries
		}
		var e entryJSON
		e.other = json.Unmarshal(value, &e) != nil
		a.Unprocessed = append(a.Unprocessed, e)
	}
	_, err = d.ReadToken()
	return err
}

// sniffer is a body that keeps its beginning, for what is said of it where it is not an answer.
type sniffer struct {
	body  io.Reader
	n     int64  // bytes so far
	start []byte // the first of them
	err   error  // of the body itself
}

// Read reads from the body.
func (h *sniffer) Read(p []byte) (int, error) {
	const kept = 512 // what http.DetectContentType looks at
	n, err := h.body.Read(p)
	h.start = append(h.start, p[:min(n, kept-len(h.start))]...)
	h.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		h.err = err
	}
	return n, err
}

// shape says what an answer that should be JSON is instead, without repeating it.
func (h *sniffer) shape(err error) string {
	var syntax *jsontext.SyntacticError
	switch {
	case h.n == 0:
		return "it is empty"
	case strings.HasPrefix(http.DetectContentType(h.start), "text/html"):
		return "it is a web page"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Sprintf("it ends in the middle, after %d bytes", h.n)
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is no JSON from byte %d on", syntax.ByteOffset)
	}
	return err.Error()
}
