package sheets

import (
	"errors"
	"hash/maphash"
	"io"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rowtap/rowtap/internal/row"
)

// valueRange is one range of an answer of values.batchGet.
type valueRange struct {
	at    string       // in A1 notation
	cells [][]row.Cell // without the blank ones at each row's end
}

// errShape is an answer that is JSON, but not that of values.batchGet.
var errShape = errors.New("not what the Sheets API answers")

// decodeValues reads an answer of values.batchGet to its end
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/batchGet). The error is that of
// the body, a *jsontext.SyntacticError, errShape, or ErrTooBig for cells that take more than most bytes of memory: two
// bytes of an answer can make one of 32. The client library reads the body whole and makes an
// interface of each value, for more than twice the time and memory.
func decodeValues(body io.Reader, most int) ([]valueRange, error) {
	d := decoder{
		json: jsontext.NewDecoder(body, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)),
		left: most / int(unsafe.Sizeof(row.Cell{})),
		seed: maphash.MakeSeed(),
	}
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
			ranges = append(ranges, r)
			return err
		})
	})
	if err == nil {
		_, err = d.json.ReadToken() // to the end: a check sum comes last
		if errors.Is(err, io.EOF) {
			return ranges, nil
		}
	}
	_, syntax := errors.AsType[*jsontext.SyntacticError](err)
	switch cause := errors.Unwrap(err); {
	case err == nil || errors.Is(err, io.EOF): // something more, or nothing at all
		return nil, errShape
	case !syntax && cause != nil:
		return nil, cause // the body's
	}
	return nil, err
}

type decoder struct {
	json *jsontext.Decoder
	left int // cells that may still come

	line []row.Cell // the row being read
	slab []row.Cell // where rows are cut from: making each alone is slow, one for all would be kept by any of them

	seed    maphash.Seed
	texts   [512]string // some short texts seen, by their hash: columns repeat them
	unquote []byte
}

// object reads an object, or null; member reads the value of each name.
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

// array reads an array, or null; element reads each value.
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

// open reads the beginning of an object or an array. It returns false at null, with no error.
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

// row reads the cells of a row, without the blank ones at its end; nil where there are no others.
func (d *decoder) row() ([]row.Cell, error) {
	d.line = d.line[:0]
	err := d.array(func() error {
		c, err := d.cell()
		d.line = append(d.line, c)
		if d.left--; d.left < 0 && err == nil {
			err = ErrTooBig
		}
		return err
	})
	n := len(d.line)
	for n > 0 && d.line[n-1] == (row.Cell{}) {
		n--
	}
	if err != nil || n == 0 {
		return nil, err
	}
	const slab = 256 // cells; 8 kB, which one row that is kept keeps
	if len(d.slab) < n {
		d.slab = make([]row.Cell, max(slab, n))
	}
	cells := d.slab[:n:n]
	d.slab = d.slab[n:]
	copy(cells, d.line)
	return cells, nil
}

// cell reads a value as [row.FromJSON] has it.
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
			return row.Cell{}, errShape // too large for a double, which Sheets has not
		}
		return row.NumberCell(number), nil
	case 't', 'f':
		token, err := d.json.ReadToken()
		return row.BoolCell(err == nil && token.Bool()), err
	default:
		return row.Cell{}, d.json.SkipValue()
	}
}

// text reads a string. Short ones that were seen before, as those of a column of countries, share their memory.
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
	// The error is that of invalid UTF-8, whose place U+FFFD takes, as encoding/json has it.
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
