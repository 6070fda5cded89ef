package draft

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

// sheet has the columns of a header with the cells below them.
type sheet struct {
	header  row.Header
	columns []column
}

type column struct {
	name     string // as mappings refer to it: its title or letter
	title    string // "" if it has none
	words    string // words of the title, in lower case
	template string // template of the column; "" if there is none
	cells    []row.Cell
}

func newSheet(h row.Header, rows []row.Row) sheet {
	s := sheet{header: h, columns: make([]column, h.Len())}
	for i, title := range h.Names() {
		c := &s.columns[i]
		c.name, c.title, c.words = h.Name(i), title, wordsOf(title)
		for _, r := range rows {
			if cell := r.Cell(i); !cell.Blank() && !cell.ErrorText() {
				c.cells = append(c.cells, cell)
			}
		}
		if title != "" || len(c.cells) > 0 {
			c.template = mapping.ColumnTemplate(h, i)
		}
	}
	return s
}

// wordsOf returns the words of a title in lower case, separated by single spaces.
func wordsOf(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	if len(words) > 1 && words[0] == "your" {
		words = words[1:]
	}
	return strings.Join(words, " ")
}

// Titles of columns, normalized by wordsOf.
var (
	emails = []string{"email", "e mail", "mail", "email address", "e mail address", "email id", "mail id", "emailaddress", "mail address", "correo electrónico", "メールアドレス", "邮箱", "電子郵件"}
	phones = []string{
		"phone", "phone number", "phone no", "phonenumber", "mobile", "mobile number", "mobile no", "mobile phone", "mobile phone number", "mobilenumber",
		"cell", "cell phone", "cell number", "telephone", "telephone number", "tel", "contact number", "contact no", "whatsapp", "whatsapp number", "whatsapp no",
		"msisdn", "teléfono", "電話番号", "手机", "手机号",
	}
	userIDs = []string{
		"customer id", "customerid", "user id", "userid", "identity", "clevertap id", "member id", "memberid", "client id", "uid", "account id", "subscriber id",
		"student id", "employee id", "contact id", "crm id", "id",
	}
	// certainIDs are titles that always identify the user: a sheet with one of them has its own
	// user IDs.
	certainIDs = []string{"identity", "objectid", "object id", "user id", "userid", "customer id", "customerid"}
	fullNames  = []string{"full name", "fullname", "customer name", "name surname", "first and last name", "姓名", "氏名"}
	firstNames = []string{"first name", "firstname", "given name", "forename"}
	lastNames  = []string{"last name", "lastname", "surname", "family name"}
	births     = []string{"date of birth", "birth date", "birthdate", "birthday", "birth day", "生年月日"}
	moments    = []string{
		"timestamp", "time stamp", "submitted at", "submitted on", "submission time", "submission date", "event time", "event date", "occurred at", "happened at",
		"order date", "purchase date", "purchased at", "registered at", "registered on", "registration date", "joined at", "created at", "created on", "created time", "received at",
	}
	lists    = []string{"tags", "tag", "interests", "topics", "categories", "hobbies", "skills", "segments", "labels", "products", "preferences", "languages", "courses"}
	consents = []string{"consent", "opt in", "optin", "opted in", "agree", "agreed", "i agree", "subscribe", "subscribed", "newsletter", "marketing", "gdpr", "permission"}
)

// called reports whether a title's words are one of the names, or end in a name of 5 bytes or more,
// such as Work e-mail.
func called(words string, names []string) bool {
	const telling = 5
	return slices.ContainsFunc(names, func(name string) bool {
		return words == name || len(name) >= telling && strings.HasSuffix(words, " "+name)
	})
}

// dated reports whether a title implies dates.
func (c *column) dated() bool {
	words := strings.Fields(c.words)
	return slices.ContainsFunc(words, func(w string) bool {
		return w == "date" || w == "dob" || w == "birthday" || w == "timestamp" || w == "birthdate"
	}) || len(words) > 1 && (words[len(words)-1] == "at" || words[len(words)-1] == "on")
}

// holdsEmails reports whether most of a column's cells are e-mail addresses.
func (c *column) holdsEmails() bool {
	return c.most(func(cell row.Cell) bool {
		return cell.Kind == row.Text && clevertap.IsEmail(strings.TrimSpace(cell.Text))
	})
}

// holdsPhones reports whether most of a column's cells may be phone numbers of some country.
func (c *column) holdsPhones() bool { return c.most(dialled) }

// dialled reports whether a cell may be a phone number of some country.
func dialled(cell row.Cell) bool {
	if cell.Kind != row.Text && cell.Kind != row.Number {
		return false
	}
	const fewest, most = 7, 15
	digits := 0
	for _, r := range strings.TrimSpace(cell.String()) {
		switch {
		case unicode.IsDigit(r):
			digits++
		case !strings.ContainsRune("+()-./", r) && !unicode.Is(unicode.Zs, r) && !unicode.Is(unicode.Cf, r):
			return false
		}
	}
	return digits >= fewest && digits <= most
}

// most reports whether so is true for more than half of a column's cells.
func (c *column) most(so func(row.Cell) bool) bool {
	n := 0
	for _, cell := range c.cells {
		if so(cell) {
			n++
		}
	}
	return 2*n > len(c.cells)
}

// emails, phones and users return the columns that identify a user in each way. A column is
// excluded if most of its cells do not match its title.
func (s *sheet) emails() []int {
	named := s.find(func(_ int, c *column) bool { return called(c.words, emails) && (len(c.cells) == 0 || c.holdsEmails()) })
	if len(named) > 0 {
		return named
	}
	return s.find(func(_ int, c *column) bool { return c.holdsEmails() })
}

func (s *sheet) phones() []int {
	return s.find(func(_ int, c *column) bool { return called(c.words, phones) && (len(c.cells) == 0 || c.holdsPhones()) })
}

func (s *sheet) users(names []string) []int {
	var all []int
	for _, name := range names {
		all = append(all, s.find(func(_ int, c *column) bool { return c.words == name })...)
	}
	return all
}

// find returns the columns that mappings can refer to and for which so is true, those with cells
// first.
func (s *sheet) find(so func(int, *column) bool) []int {
	var filled, blank []int
	for i := range s.columns {
		c := &s.columns[i]
		switch {
		case c.title == "" || len(c.title) > longestName || c.template == "" || row.TextCell(c.title).ErrorText() || !so(i, c):
		case len(c.cells) > 0:
			filled = append(filled, i)
		default:
			blank = append(blank, i)
		}
	}
	return append(filled, blank...)
}

// Identity returns the column that most likely identifies the user: in this order, a column titled
// as a user ID, unless its cells are blank; an e-mail address; another ID; a phone number. ok is
// false if there is none.
func Identity(h row.Header, rows []row.Row) (i int, ok bool) {
	s := newSheet(h, rows)
	certain := slices.DeleteFunc(s.users(certainIDs), func(i int) bool { return len(rows) > 0 && len(s.columns[i].cells) == 0 })
	for _, found := range [][]int{certain, s.emails(), s.users(userIDs), s.phones()} {
		if len(found) > 0 {
			return found[0], true
		}
	}
	return 0, false
}

// Nameable returns the names of the columns that mappings can refer to.
func Nameable(h row.Header) []string {
	s := newSheet(h, nil)
	var all []string
	for _, i := range s.find(func(int, *column) bool { return true }) {
		all = append(all, s.columns[i].name)
	}
	return all
}

// ownNames assigns CleverTap's predefined profile properties to columns, each to at most one. Exact
// spellings take precedence.
func (s *suggesting) ownNames() map[int]string {
	own := map[int]string{}
	if s.event() {
		return own
	}
	taken := map[string]bool{}
	give := func(i int, name string) {
		if name != "" && own[i] == "" && !taken[name] {
			own[i], taken[name] = name, true
		}
	}
	usable := s.find(func(int, *column) bool { return true })
	slices.Sort(usable)
	for _, fit := range []func(string) string{clevertap.ExactName, clevertap.PredefinedName, clevertap.NearlyPredefined} {
		for _, i := range usable {
			if name := fit(s.columns[i].title); s.fits(i, name) {
				give(i, name)
			}
		}
	}
	for _, i := range s.emails() {
		give(i, "Email")
	}
	for _, i := range s.phones() {
		give(i, "Phone")
	}
	for _, i := range usable {
		words := s.columns[i].words
		for name, titles := range map[string][]string{"Name": fullNames, "DOB": births, "Gender": {"sex"}, "Photo": {"photo url", "profile photo", "profile picture", "avatar"}} {
			if slices.Contains(titles, words) {
				give(i, name)
			}
		}
	}
	return own
}

// fits reports whether a column can have a predefined property: not if CleverTap would reject most
// of its cells.
func (s *suggesting) fits(i int, own string) bool {
	c := &s.columns[i]
	switch own {
	case "Email":
		return len(c.cells) == 0 || c.holdsEmails()
	case "Phone":
		return len(c.cells) == 0 || c.holdsPhones()
	case "Education", "Gender", "Employed", "Married", "Age":
		return 2*s.unreadable(config.Property{Name: own}, c.cells) <= len(c.cells)
	}
	return true
}

// fullName returns the columns of first and last name, unless a column has the full name.
func (s *suggesting) fullName() []int {
	if s.event() {
		return nil
	}
	for _, own := range s.own {
		if own == "Name" {
			return nil
		}
	}
	among := func(names []string) []int {
		return s.find(func(i int, c *column) bool { return i != s.Identity && slices.Contains(names, c.words) })
	}
	first, last := among(firstNames), among(lastNames)
	if len(first) == 0 || len(last) == 0 {
		return nil
	}
	s.used["Name"] = true
	return []int{first[0], last[0]}
}
