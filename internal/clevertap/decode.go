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

// Errors of a body that is not a response to an upload.
var (
	errShape   = errors.New("it is JSON with a different structure")
	errEntries = fmt.Errorf("it lists more than %d records as unprocessed", maxEntries)
)

// decodeResponse decodes the whole body of a response, one entry of unprocessed at a time. The
// error is errShape, errEntries, that of the body, or a *jsontext.SyntacticError.
func decodeResponse(body io.Reader) (responseJSON, error) {
	d := jsontext.NewDecoder(body, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	var a responseJSON
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
			// trailing data
			err = &jsontext.SyntacticError{ByteOffset: d.InputOffset(), Err: errShape}
		}
	}
	return a, err
}

// eachMember calls read with the name of each member of an object; null has none.
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

func (a *responseJSON) readUnprocessed(d *jsontext.Decoder) error {
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

// sniffer reads a body and keeps its start, which errors use to describe a body that is not a
// response.
type sniffer struct {
	body  io.Reader
	n     int64  // bytes read
	start []byte // the first bytes
	err   error  // of body, except io.EOF
}

// Read implements [io.Reader].
func (h *sniffer) Read(p []byte) (int, error) {
	const kept = 512 // as many as http.DetectContentType uses
	n, err := h.body.Read(p)
	h.start = append(h.start, p[:min(n, kept-len(h.start))]...)
	h.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		h.err = err
	}
	return n, err
}

// shape describes a body that is not a valid response, without quoting it.
func (h *sniffer) shape(err error) string {
	var syntax *jsontext.SyntacticError
	switch {
	case h.n == 0:
		return "it is empty"
	case strings.HasPrefix(http.DetectContentType(h.start), "text/html"):
		return "it is a web page"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Sprintf("it was cut off after %d bytes", h.n)
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is invalid JSON from byte %d", syntax.ByteOffset)
	}
	return err.Error()
}
