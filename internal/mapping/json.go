package mapping

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // the error reports such bytes
	return dst
}

// appendDate appends a date in the form of CleverTap's properties
// (https://developer.clevertap.com/docs/api-faqs).
func appendDate(dst []byte, epochSeconds int64) []byte {
	dst = append(dst, `"$D_`...)
	dst = strconv.AppendInt(dst, epochSeconds, 10)
	return append(dst, '"')
}
