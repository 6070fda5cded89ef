package mapping

import (
	"testing"
	"unicode"
)

// TestDigitsOfAnyScript checks that Unicode places the digits of each script in order from zero, as
// digitOf assumes.
func TestDigitsOfAnyScript(t *testing.T) {
	for _, r16 := range unicode.Nd.R16 {
		if r16.Stride != 1 || (r16.Hi-r16.Lo+1)%10 != 0 {
			t.Errorf("U+%04X to U+%04X are not complete rows of digits", r16.Lo, r16.Hi)
		}
	}
	for _, r32 := range unicode.Nd.R32 {
		if r32.Stride != 1 || (r32.Hi-r32.Lo+1)%10 != 0 {
			t.Errorf("U+%04X to U+%04X are not complete rows of digits", r32.Lo, r32.Hi)
		}
	}
	for n, r := range []rune("٠١٢٣٤٥٦٧٨٩") {
		if got, ok := digitOf(r); !ok || int(got) != n {
			t.Errorf("U+%04X is %d, %v", r, got, ok)
		}
	}
}
