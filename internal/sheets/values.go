package sheets

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/url"

	"google.golang.org/api/googleapi"
)

// values is an answer of values.batchGet
// (https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/batchGet).
type values struct {
	ranges []valueRange
	wire   int64 // bytes of the body as it came
}

// batchGet makes one request. It is not the client library's, which keeps the body and an interface of each
// value ([decodeValues] has the figures), and does not tell what came over the wire.
func (c *connection) batchGet(ctx context.Context, spreadsheetID string, ranges []Range, render Render) (values, error) {
	cells, dates := render.options()
	query := url.Values{
		"alt": {"json"}, "prettyPrint": {"false"}, "majorDimension": {"ROWS"},
		"valueRenderOption": {cells}, "dateTimeRenderOption": {dates},
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
	body, err := unzip(res.Header.Get("Content-Encoding"), wire, maxAnswer)
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
	got, err := decodeValues(body, maxAnswer)
	return values{ranges: got, wire: wire.n}, err
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
