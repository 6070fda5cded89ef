package sheets

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"

	"google.golang.org/api/googleapi"
)

// values is a values.batchGet response
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/batchGet).
type values struct {
	ranges []valueRange // as many as requested
	wire   int64        // bytes of the body as transferred
}

// batchGet reads ranges in one request.
func (c *connection) batchGet(ctx context.Context, spreadsheetID string, ranges []Range, render Render) (got values, err error) {
	cells, dates := render.options()
	query := url.Values{
		"majorDimension": {"ROWS"}, "valueRenderOption": {cells}, "dateTimeRenderOption": {dates},
	}
	for _, r := range ranges {
		query.Add("ranges", r.String())
	}
	got.wire, err = c.get(ctx, "/values:batchGet", spreadsheetID, query, func(body io.Reader) (err error) {
		got.ranges, err = decodeValues(body, maxBody)
		nameless := func(r valueRange) bool { return r.at == "" }
		if err == nil && (len(got.ranges) != len(ranges) || slices.ContainsFunc(got.ranges, nameless)) {
			err = errShape // null and {} are invalid
		}
		return err
	})
	return got, err
}

// maxErrorBody bounds the body of a response other than 2xx, in bytes: the library makes maps of
// its details.
const maxErrorBody = 1 << 20

// get requests a part of a spreadsheet and passes the body of a 2xx response to decode. It returns
// the bytes of the body as transferred. It replaces the client library's method, which reads a body
// whole and does not bound what it makes of it.
func (c *connection) get(ctx context.Context, part, spreadsheetID string, query url.Values, decode func(io.Reader) error) (wire int64, err error) {
	query.Set("alt", "json")
	query.Set("prettyPrint", "false")
	address := googleapi.ResolveRelative(c.endpoint, "v4/spreadsheets/{spreadsheetId}"+part)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query.Encode(), nil)
	if err != nil {
		return 0, err
	}
	googleapi.Expand(req.URL, map[string]string{"spreadsheetId": spreadsheetID})
	req.Header.Set("User-Agent", c.agent)
	// Set explicitly, so that net/http leaves the body compressed and countable.
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	counting := &counted{r: res.Body}
	body, err := unzip(res.Header.Get("Content-Encoding"), counting, maxBody)
	if err != nil {
		return 0, err
	}
	res.Body = io.NopCloser(io.LimitReader(body, maxErrorBody))
	if err := googleapi.CheckResponse(res); err != nil {
		return 0, err
	}
	err = decode(body)
	return counting.n, err
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

// unzip returns the decompressed body, which ends with ErrTooBig after most bytes.
func unzip(encoding string, body io.Reader, most int) (io.Reader, error) {
	if encoding == "gzip" {
		zipped, err := gzip.NewReader(bufio.NewReader(body))
		if err != nil {
			return nil, err
		}
		body = zipped
	}
	return &cappedBody{ReadCloser: io.NopCloser(body), left: most}, nil
}
