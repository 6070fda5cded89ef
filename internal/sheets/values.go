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

// values is an answer of values.batchGet
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/batchGet).
type values struct {
	ranges []valueRange // as many as were asked for
	wire   int64        // bytes of the body as it came
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
			err = errShape // null and {} say nothing, and are no answers
		}
		return err
	})
	return got, err
}

// maxRefusal bounds what is read of an answer other than 2xx, in bytes: the library makes maps of its details.
const maxErrorBody = 1 << 20

// get makes a request for a part of a spreadsheet, and has the body of a good answer decoded. It returns the body's bytes as they came.
// It is not the client library's, which reads a body whole and bounds nothing of what it makes of it.
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
	req.Header.Set("Accept-Encoding", "gzip") // set here, so that net/http leaves the answer compressed and countable
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

// unzip returns a body as it was before compression, with ErrTooBig past most bytes.
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
