package mapping

import (
	"strings"
	"sync"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"

	"github.com/rowtap/rowtap/internal/config"
)

// countryCode returns the code of a country given by its ISO 3166-1 code of two or three letters or
// its English name. ok is false for any other text, and for a country without known phone numbers.
func countryCode(text string) (code string, ok bool) {
	text = strings.TrimSpace(text)
	if n := len(text); n == 2 || n == 3 {
		if region, err := language.ParseRegion(text); err == nil {
			return config.ParseCountry(region.Canonicalize().String())
		}
	}
	const longest = 100
	if len(text) > longest {
		return "", false
	}
	code, ok = countryNames()[countryLetters(text)]
	return code, ok
}

// countryNames maps the letters of English country names to codes: the names in Unicode's CLDR
// (https://cldr.unicode.org/translation/displaynames/countryregion-territory-names), and other
// common ones.
var countryNames = sync.OnceValue(func() map[string]string {
	codes := map[string]string{}
	english := display.English.Regions()
	for code := range phonenumbers.GetSupportedRegions() {
		if region, err := language.ParseRegion(code); err == nil {
			codes[countryLetters(english.Name(region))] = code
		}
	}
	for code, names := range map[string]string{
		"AE": "U.A.E.", "BN": "Brunei Darussalam", "BO": "Plurinational State of Bolivia", "CD": "Democratic Republic of the Congo; DR Congo",
		"CG": "Republic of the Congo", "CI": "Ivory Coast", "CV": "Cabo Verde", "CZ": "Czech Republic",
		"GB": "U.K.; Great Britain; England; Scotland; Wales; Northern Ireland", "HK": "Hong Kong", "IR": "Islamic Republic of Iran",
		"KP": "Democratic People's Republic of Korea", "KR": "Republic of Korea; Korea, Republic of", "LA": "Lao PDR; Lao People's Democratic Republic",
		"MD": "Republic of Moldova", "MK": "North Macedonia", "MM": "Myanmar; Burma", "MO": "Macau; Macao", "NL": "Holland",
		"PS": "Palestine; State of Palestine", "RU": "Russian Federation", "SY": "Syrian Arab Republic", "SZ": "Eswatini", "TL": "East Timor",
		"TR": "Türkiye", "TW": "Taiwan, Province of China", "TZ": "United Republic of Tanzania", "US": "U.S.; U.S.A.; United States of America",
		"VA": "Holy See", "VE": "Bolivarian Republic of Venezuela", "VN": "Viet Nam",
	} {
		for name := range strings.SplitSeq(names, "; ") {
			codes[countryLetters(name)] = code
		}
	}
	return codes
})

// countryLetters returns the letters of a country name in lower case, without accents and without
// "the". It expands & to "and" and St. to "Saint".
func countryLetters(name string) string {
	words := strings.FieldsFunc(norm.NFD.String(strings.ReplaceAll(strings.ToLower(name), "&", " and ")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '.' && r != '\'' && r != '’'
	})
	var b strings.Builder
	for _, word := range words {
		switch strings.TrimRight(word, ".") {
		case "the":
			continue
		case "st":
			word = "saint"
		}
		for _, r := range word {
			if unicode.IsLetter(r) {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
