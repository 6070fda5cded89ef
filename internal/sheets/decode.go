package sheets

import (
	"cmp"
	"errors"
	"hash/maphash"
	"io"
	"unsafe"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/rowtap/rowtap/internal/row"
)

// valueRange is one range of a values.batchGet response.
type valueRange struct {
	at    string       // A1 notation
	cells [][]row.Cell // without trailing blanks in each row
}

// errShape is a response with status 200 that is not the one requested.
var errShape = errors.New("truncated or not a Sheets API response")

// decodeValues decodes a values.batchGet response to its end
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/batchGet).
// The error is that of the body, a *jsontext.SyntacticError, errShape, or ErrTooBig if the cells
// take more than most bytes of memory: two bytes of a response can become a cell of 32. The client
// library takes more than twice the time and memory: it reads the body whole and makes an interface
// of each value.
func decodeValues(body io.Reader, most int) ([]valueRange, error) {
	d := newDecoder(body, most/int(unsafe.Sizeof(row.Cell{})))
	var ranges []valueRange
	err := d.object(func(name string) error {
		if name != "valueRanges" {
			return d.json.SkipValue()
		}
		return d.array(func() error {
			var r valueRange
			err := d.object(func(name string) (err error) {
				switch name {
				case "range":
					r.at, err = d.text()
					return err
				case "values":
					return d.array(func() error {
						cells, err := d.row()
						r.cells = append(r.cells, cells)
						return err
					})
				}
				return d.json.SkipValue()
			})
			if ranges = append(ranges, r); len(ranges) > maxRanges {
				return ErrTooBig
			}
			return err
		})
	})
	if err = d.end(err); err != nil {
		return nil, err
	}
	return ranges, nil
}

type decoder struct {
	json *jsontext.Decoder
	left int // cells still allowed; a blank row counts as one because it takes memory

	line []row.Cell // the row being read
	// Rows are cut from slab: one allocation per row is slow, and in one slab for all rows each of
	// them would keep all others in memory.
	slab []row.Cell

	seed    maphash.Seed
	texts   [512]string // recent short texts by hash: columns repeat them
	unquote []byte
}

func newDecoder(body io.Reader, cells int) *decoder {
	return &decoder{
		json: jsontext.NewDecoder(body, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)),
		left: cells,
		seed: maphash.MakeSeed(),
	}
}

// end reads the body to its end, where a checksum may follow the JSON. It returns the body's own
// error, a *jsontext.SyntacticError, errShape, or ErrTooBig; nil if the response is complete.
func (d *decoder) end(err error) error {
	if err == nil {
		if _, err = d.json.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		}
	}
	_, syntax := errors.AsType[*jsontext.SyntacticError](err)
	_, shape := errors.AsType[*json.SemanticError](err)
	switch cause := errors.Unwrap(err); {
	// Trailing data, an empty body, or a wrong type.
	case err == nil || errors.Is(err, io.EOF) || shape && !syntax:
		return errShape
	case !syntax && cause != nil:
		return cause // of the body
	}
	return err
}

// spend counts the memory of one cell.
func (d *decoder) spend() error {
	if d.left--; d.left < 0 {
		return ErrTooBig
	}
	return nil
}

// object reads an object or null. member reads the value of each name.
func (d *decoder) object(member func(name string) error) error {
	if open, err := d.open('{'); !open {
		return err
	}
	for d.json.PeekKind() == '"' {
		name, err := d.text()
		if err == nil {
			err = member(name)
		}
		if err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// array reads an array or null. element reads each value.
func (d *decoder) array(element func() error) error {
	if open, err := d.open('['); !open {
		return err
	}
	for kind := d.json.PeekKind(); kind != ']' && kind != 0; kind = d.json.PeekKind() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// open reads the start of an object or array. It returns false and no error at null.
func (d *decoder) open(kind jsontext.Kind) (bool, error) {
	token, err := d.json.ReadToken()
	switch {
	case err != nil:
		return false, err
	case token.Kind() == 'n':
		return false, nil
	case token.Kind() != kind:
		return false, errShape
	}
	return true, nil
}

// row reads the cells of a row without trailing blanks; nil if all are blank.
func (d *decoder) row() ([]row.Cell, error) {
	d.line = d.line[:0]
	err := d.array(func() error {
		c, err := d.cell()
		d.line = append(d.line, c)
		return cmp.Or(err, d.spend())
	})
	n := len(d.line)
	for n > 0 && d.line[n-1] == (row.Cell{}) {
		n--
	}
	if n == 0 {
		return nil, cmp.Or(err, d.spend())
	}
	if err != nil {
		return nil, err
	}
	const slab = 256 // cells, 8 kB: as much as one retained row can keep alive
	if len(d.slab) < n {
		d.slab = make([]row.Cell, max(slab, n))
	}
	cells := d.slab[:n:n]
	d.slab = d.slab[n:]
	copy(cells, d.line)
	return cells, nil
}

// cell reads an UNFORMATTED_VALUE: null, a string, a number or a boolean. Other types, which Sheets
// does not send, give a blank cell.
func (d *decoder) cell() (row.Cell, error) {
	switch d.json.PeekKind() {
	case '"':
		text, err := d.text()
		return row.TextCell(text), err
	case '0':
		token, err := d.json.ReadToken()
		if err != nil {
			return row.Cell{}, err
		}
		number, err := token.Float()
		if err != nil {
			return row.Cell{}, errShape // too large for a float64, which Sheets never sends
		}
		return row.NumberCell(number), nil
	case 't', 'f':
		token, err := d.json.ReadToken()
		return row.BoolCell(err == nil && token.Bool()), err
	default:
		return row.Cell{}, d.json.SkipValue()
	}
}

// text reads a string. Recent short strings share memory, because columns such as a country repeat
// them.
func (d *decoder) text() (string, error) {
	value, err := d.json.ReadValue()
	switch {
	case err != nil:
		return "", err
	case value.Kind() == 'n':
		return "", nil
	case value.Kind() != '"':
		return "", errShape
	}
	// The error reports invalid UTF-8, which becomes U+FFFD as in encoding/json.
	d.unquote, _ = jsontext.AppendUnquote(d.unquote[:0], value)
	const short = 40 // bytes
	if len(d.unquote) > short {
		return string(d.unquote), nil
	}
	seen := &d.texts[maphash.Bytes(d.seed, d.unquote)%uint64(len(d.texts))]
	if *seen != string(d.unquote) {
		*seen = string(d.unquote)
	}
	return *seen, nil
}
