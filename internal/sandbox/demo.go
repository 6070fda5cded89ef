package sandbox

import "time"

const (
	demoSpreadsheet = "demo-signups"
	demoWorksheet   = "Signups"
)

// SeedDemo adds the demo spreadsheet "demo-signups": worksheet Signups (gid 0) with a header and
// five rows.
func (s *Sandbox) SeedDemo() error {
	if err := s.sheets.AddSpreadsheet(demoSpreadsheet, "Webinar sign-ups (demo)", "Asia/Kolkata"); err != nil {
		return err
	}
	at := func(day, hour, minute, second int) Value {
		return DateOf(time.Date(2026, 11, day, hour, minute, second, 0, time.UTC), "dd/mm/yyyy hh:mm:ss")
	}
	return s.sheets.AddWorksheet(demoSpreadsheet, demoWorksheet, 0,
		[]Value{
			Text("Timestamp"), Text("First name"), Text("Last name"), Text("Email"), Text("Mobile"), Text("Country"), Text("Score"), Text("Consent"),
		},
		[]Value{at(21, 9, 12, 5), Text("Asha"), Text("Rao"), Text("asha.rao@example.com"), Text("+91 98450 12345"), Text("IN"), Number(82), Text("Yes")},
		[]Value{at(21, 11, 40, 51), Text("Wei Ling"), Text("Tan"), Text("weiling.tan@example.com"), Text("+65 8123 4567"), Text("SG"), Number(67.5), Text("Yes")},
		[]Value{at(22, 8, 3, 30), Text("Jonas"), Text("Berg"), Text("jonas.berg@example.com"), Text("+49 1512 3456789"), Text("DE"), Number(41), Text("No")},
		[]Value{at(22, 17, 26, 18), Text("Meera"), Text("Iyer"), Text("meera.iyer@example.com"), Text("+91 99000 54321"), Text("IN"), Number(95), Text("Yes")},
		[]Value{at(23, 10, 55, 2), Text("Sam"), Text("O'Neill"), Text("sam.oneill@example.com"), Text("+1 415 555 0132"), Text("US"), Number(58), Text("Yes")},
	)
}
