package sheets

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"google.golang.org/api/googleapi"

	"github.com/rowtap/rowtap/internal/row"
)

// values is an answer of values.batchGet
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/batchGet).
type values struct {
	ranges []valueRange
	wire   int64 // bytes of the body as it came
}

// valueRange is one range of an answer.
type valueRange struct {
	at    string       // in A1 notation
	cells [][]row.Cell // without the blank ones at each row's end
}

// batchGet makes one request. It is not the client library's, which decodes all values into interfaces at some
// three times the time and memory, and does not tell what came over the wire.
func (c *connection) batchGet(ctx context.Context, spreadsheetID string, ranges []Range, render Render) (values, error) {
	query := url.Values{
		"alt": {"json"}, "prettyPrint": {"false"}, "majorDimension": {"ROWS"},
		"valueRenderOption": {"UNFORMATTED_VALUE"}, "dateTimeRenderOption": {render.option()},
	}
	for _, r := range ranges {
		query.Add("ranges", r.String())
	}
	address := googleapi.ResolveRelative(c.endpoint, "v4/spreadsheets/{spreadsheetId}/values:batchGet")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query.Encode(), nil)
	if err != nil {
		return values{}, err
	}
	googleapi.Expand(req.URL, map[string]string{"spreadsheetId": spreadsheetID})
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept-Encoding", "gzip") // set here, so that net/http leaves the answer compressed and countable
	res, err := c.client.Do(req)
	if err != nil {
		return values{}, err
	}
	defer res.Body.Close()
	wire := &counted{r: res.Body}
	body, err := unzip(res.Header.Get("Content-Encoding"), wire)
	if err != nil {
		return values{}, err
	}
	res.Body = io.NopCloser(body)
	if err := googleapi.CheckResponse(res); err != nil {
		return values{}, err
	}
	if res.StatusCode == http.StatusNoContent {
		return values{}, nil
	}
	got, err := decodeValues(body)
	if err != nil {
		return values{}, err
	}
	_, err = io.Copy(io.Discard, body) // the check sum comes last
	got.wire = wire.n
	return got, err
}

// counted counts the bytes read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// unzip returns a body as it was before compression, with ErrTooBig past maxAnswer.
func unzip(encoding string, body io.Reader) (io.Reader, error) {
	if encoding == "gzip" {
		zipped, err := gzip.NewReader(bufio.NewReader(body))
		if err != nil {
			return nil, err
		}
		body = zipped
	}
	return &cappedBody{ReadCloser: io.NopCloser(body), left: maxAnswer}, nil
}

func decodeValues(body io.Reader) (values, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return values{}, err
	}
	var got struct {
		ValueRanges []struct {
			Range  string
			Values [][]any
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return values{}, err
	}
	var v values
	for _, r := range got.ValueRanges {
		v.ranges = append(v.ranges, valueRange{at: r.Range, cells: cellsOf(r.Values)})
	}
	return v, nil
}

// cellsOf returns decoded values as cells, without the blank ones at each row's end.
func cellsOf(values [][]any) [][]row.Cell {
	cells := make([][]row.Cell, len(values))
	for i, line := range values {
		for len(line) > 0 && row.FromJSON(line[len(line)-1]) == (row.Cell{}) {
			line = line[:len(line)-1]
		}
		if len(line) == 0 {
			continue
		}
		cells[i] = make([]row.Cell, len(line))
		for j, v := range line {
			cells[i][j] = row.FromJSON(v)
		}
	}
	return cells
}
