package phone

import (
	"errors"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func TestParsePastes(t *testing.T) {
	cases := []struct{ text, region, want string }{
		{"+12025550123", "", "+12025550123"},
		{"(202) 555-0123", "US", "+12025550123"},
		{"202.555.0123", "us", "+12025550123"},
		{"1-202-555-0123", "US", "+12025550123"},
		{"1 (202) 555 0123", "CA", "+12025550123"},
		{"Tel: +1 202 555 0123", "", "+12025550123"},
		{"Tel.: (202) 555-0123, ", "US", "+12025550123"},
		{"☎️ +1 (202) 555‑0123.", "", "+12025550123"},
		{"Phone (home): 202/555/0123", "US", "+12025550123"},
		{"'+12025550123", "", "+12025550123"},
		{`="+12025550123"`, "", "+12025550123"},
		{"12025550123.0", "US", "+12025550123"},
		{"\u200e\u202a+1\u00a0202\u2011555\u20130123\u202c", "", "+12025550123"},
		{"+\u200b1\u2060202\ufeff5550123", "", "+12025550123"},
		{"＋１（２０２）５５５－０１２３", "", "+12025550123"},
		{"1️⃣2️⃣0️⃣2️⃣5️⃣5️⃣5️⃣0️⃣1️⃣2️⃣3️⃣", "US", "+12025550123"},
		{"+1 202 555 0123 mobile", "", "+12025550123"},
		{"202-555-0123 (work)", "US", "+12025550123"},
		{"whatsapp:+12025550123", "", "+12025550123"},
		{"sms:+1-202-555-0123", "", "+12025550123"},
		{"callto://+12025550123", "", "+12025550123"},
		{"TEL:+1-202-555-0123", "", "+12025550123"},
		{"tel:+1%20202%20555%200123", "", "+12025550123"},
		{"tel:+1-202-555-0123;ext=22;foo=bar", "", "+12025550123;ext=22"},
		{"tel:555-0123;phone-context=+1-202", "", "+12025550123"},
		{"tel:2025550123;phone-context=+1", "", "+12025550123"},
		{"+12025550123;ext=0042", "", "+12025550123;ext=0042"},
		{"202 555 0123 x123", "US", "+12025550123;ext=123"},
		{"202 555 0123 ext. 12", "US", "+12025550123;ext=12"},
		{"202 555 0123 (ext 12)", "US", "+12025550123;ext=12"},
		{"202 555 0123, extension 7", "US", "+12025550123;ext=7"},
		{"202 555 0123 #7", "US", "+12025550123;ext=7"},
		{"+1 202 555 0123 ｅｘｔ １２", "", "+12025550123;ext=12"},
		{"011 44 7700 900123", "US", "+447700900123"},
		{"+011 44 7700 900123", "US", "+447700900123"},
		{"1-800-555-0199", "US", "+18005550199"},
		{"416 555 0123", "CA", "+14165550123"},
		{"07700 900123", "GB", "+447700900123"},
		{"00 1 202 555 0123", "GB", "+12025550123"},
		{"+44 (0) 7700 900123", "", "+447700900123"},
		{"(+44) 7700 900 123", "", "+447700900123"},
		{"++44 7700 900123", "", "+447700900123"},
		{"0044 7700 900123", "FR", "+447700900123"},
		{"447700900123", "GB", "+447700900123"},
		{"020 7946 0958", "GB", "+442079460958"},
		{"(020) 7946 0958", "GB", "+442079460958"},
		{"０２０ ７９４６ ０９５８", "GB", "+442079460958"},
		{"٠٢٠ ٧٩٤٦ ٠٩٥٨", "GB", "+442079460958"},
		{"०२० ७९४६ ०९५८", "GB", "+442079460958"},
		{"+۴۴ ۷۷۰۰ ۹۰۰۱۲۳", "", "+447700900123"},
		{"01632 960 001", "GB", "+441632960001"},
		{"01 99 00 12 34", "FR", "+33199001234"},
		{"06.39.98.12.34", "FR", "+33639981234"},
		{"06·39·98·12·34", "FR", "+33639981234"},
		{"+33 (0)6 39 98 12 34", "", "+33639981234"},
		{"01 99 00 12 34 poste 12", "FR", "+33199001234;ext=12"},
		{"030/23125-123", "DE", "+493023125123"},
		{"+49 (0)30 / 23125-123", "", "+493023125123"},
		{"030 23125123 Durchwahl 12", "DE", "+493023125123;ext=12"},
		{"0171 / 39200 42", "DE", "+491713920042"},
		{"070-174 06 35", "SE", "+46701740635"},
		{"08-465 004 56", "SE", "+46846500456"},
		{"0491 570 156", "AU", "+61491570156"},
		{"(02) 5550 1234", "AU", "+61255501234"},
		{"0011 1 202 555 0123", "AU", "+12025550123"},
		{"1800 160 401", "AU", "+611800160401"},
		{"020 910 0001", "IE", "+353209100001"},
	}
	for _, c := range cases {
		n, err := Parse(c.text, c.region)
		if err != nil || n.String() != c.want {
			t.Errorf("Parse(%q, %q) = %s, %v; want %s", c.text, c.region, n, err, c.want)
		}
	}
}

// TestParseNationalHabits writes the example number of each country's metadata as people there write theirs.
// Each X stands for a digit of the national number.
func TestParseNationalHabits(t *testing.T) {
	cases := []struct {
		region   string
		lineType phonenumbers.PhoneNumberType
		habits   []string
	}{
		{"AE", phonenumbers.MOBILE, []string{"0XX XXX XXXX", "00971 XX-XXXXXXX", "+971-XX-XXX-XXXX"}},
		{"AR", phonenumbers.FIXED_LINE, []string{"0XX XXXX-XXXX", "+54 XX XXXX-XXXX"}},
		{"AT", phonenumbers.MOBILE, []string{"0XXX/XXXXXX", "+43 (0)XXX XXX XXX", "0043 XXX XXXXXX"}},
		{"BE", phonenumbers.MOBILE, []string{"0XXX XX XX XX", "0XXX/XX.XX.XX", "+32 (0)XXX XX XX XX"}},
		{"BR", phonenumbers.MOBILE, []string{"(XX) XXXXX-XXXX", "0XX XXXXX XXXX", "+55 XX XXXXX-XXXX", "0 15 XX XXXXX-XXXX"}},
		{"CH", phonenumbers.MOBILE, []string{"0XX XXX XX XX", "+41 (0)XX XXX XX XX", "0041 XX XXX XX XX"}},
		{"CN", phonenumbers.MOBILE, []string{"XXX XXXX XXXX", "+86 XXX-XXXX-XXXX", "（+86）XXXXXXXXXXX"}},
		{"CZ", phonenumbers.MOBILE, []string{"XXX XXX XXX", "+420 XXX XXX XXX", "00420XXXXXXXXX"}},
		{"DK", phonenumbers.MOBILE, []string{"XX XX XX XX", "+45 XXXX XXXX", "(+45) XX XX XX XX"}},
		{"EG", phonenumbers.MOBILE, []string{"0XXX XXX XXXX", "+20 XXX XXX XXXX"}},
		{"ES", phonenumbers.MOBILE, []string{"XXX XX XX XX", "XXX-XXX-XXX", "+34 XXX XXX XXX"}},
		{"FI", phonenumbers.MOBILE, []string{"0XX XXX XXXX", "+358 (0)XX XXX XXXX"}},
		{"GR", phonenumbers.MOBILE, []string{"XXX XXX XXXX", "0030 XXXXXXXXXX"}},
		{"HU", phonenumbers.MOBILE, []string{"06 XX XXX XXXX", "06-XX/XXX-XXXX", "+36 XX XXX XXXX"}},
		{"ID", phonenumbers.MOBILE, []string{"0XXX-XXX-XXX", "+62 XXX XXX XXX"}},
		{"IL", phonenumbers.MOBILE, []string{"0XX-XXX-XXXX", "+972-XX-XXX-XXXX", "972XXXXXXXXX"}},
		{"IN", phonenumbers.MOBILE, []string{"XXXXX XXXXX", "0XXXXXXXXXX", "+91-XXXXX-XXXXX", "91 XXXXX XXXXX"}},
		{"IS", phonenumbers.MOBILE, []string{"XXX XXXX", "XXX-XXXX", "+354 XXX XXXX", "00354XXXXXXX"}},
		{"IT", phonenumbers.FIXED_LINE, []string{"XX XXXX XXXX", "+39 XX-XXXXXXXX", "0039 XX XXXXXXXX"}},
		{"IT", phonenumbers.MOBILE, []string{"XXX XXX XXXX", "XXX/XXXXXXX", "+39 XXX.XXX.XXXX"}},
		{"JP", phonenumbers.MOBILE, []string{"0XX-XXXX-XXXX", "０XX－XXXX－XXXX", "+81 (0)XX-XXXX-XXXX", "0XXーXXXXーXXXX"}},
		{"KE", phonenumbers.MOBILE, []string{"0XXX XXXXXX", "+254 XXX XXX XXX", "254XXXXXXXXX"}},
		{"KR", phonenumbers.MOBILE, []string{"0XX-XXXX-XXXX", "+82-XX-XXXX-XXXX", "+82 (0)XX XXXX XXXX"}},
		{"MX", phonenumbers.MOBILE, []string{"XX XXXX XXXX", "(XXX) XXX-XXXX", "+52 XXX XXX XXXX"}},
		{"NG", phonenumbers.MOBILE, []string{"0XXX XXX XXXX", "+234 XXX XXX XXXX"}},
		{"NL", phonenumbers.MOBILE, []string{"0X-XXXXXXXX", "0X XXXX XXXX", "+31 (0)X XX XX XX XX"}},
		{"NO", phonenumbers.MOBILE, []string{"XXX XX XXX", "XX XX XX XX", "0047 XXXXXXXX"}},
		{"NZ", phonenumbers.MOBILE, []string{"0XX XXX XXXX", "+64 XX-XXX-XXXX", "+64 (0)XX XXX XXXX"}},
		{"PH", phonenumbers.MOBILE, []string{"0XXX-XXX-XXXX", "+63 XXX XXX XXXX"}},
		{"PL", phonenumbers.MOBILE, []string{"XXX XXX XXX", "XXX-XXX-XXX", "+48 XXX XXX XXX", "0048XXXXXXXXX"}},
		{"PT", phonenumbers.MOBILE, []string{"XXX XXX XXX", "+351 XXX XXX XXX"}},
		{"RU", phonenumbers.MOBILE, []string{"8 (XXX) XXX-XX-XX", "+7 XXX XXX XX XX", "7XXXXXXXXXX", "8XXXXXXXXXX доб. 12"}},
		{"SA", phonenumbers.MOBILE, []string{"0XX XXX XXXX", "00966 XX XXX XXXX"}},
		{"SG", phonenumbers.MOBILE, []string{"XXXX XXXX", "+65-XXXX-XXXX"}},
		{"TH", phonenumbers.MOBILE, []string{"0XX-XXX-XXXX", "+66 XX XXX XXXX"}},
		{"TR", phonenumbers.MOBILE, []string{"0XXX XXX XX XX", "(0XXX) XXX XX XX", "+90 (XXX) XXX XX XX"}},
		{"UA", phonenumbers.MOBILE, []string{"0XX XXX XX XX", "+380 (XX) XXX-XX-XX", "380XXXXXXXXX"}},
		{"VN", phonenumbers.MOBILE, []string{"0XXX XXX XXX", "+84 XXX XXX XXX"}},
		{"ZA", phonenumbers.MOBILE, []string{"0XX XXX XXXX", "(0XX) XXX-XXXX", "+27 XX XXX XXXX"}},
	}
	for _, c := range cases {
		example := phonenumbers.GetExampleNumberForType(c.region, c.lineType)
		want, ok := fromLibrary(example)
		if !ok {
			t.Fatalf("%s: no example number", c.region)
		}
		for _, habit := range c.habits {
			text := fill(t, habit, phonenumbers.GetNationalSignificantNumber(example))
			n, err := Parse(text, c.region)
			if err != nil || n.WithoutExtension() != want {
				t.Errorf("%s %q: got %v, %v; want %v", c.region, habit, n, err, want)
			}
		}
	}
}

// fill replaces each X by the next digit, all of which must be used.
func fill(t *testing.T, habit, digits string) string {
	t.Helper()
	if strings.Count(habit, "X") != len(digits) {
		t.Fatalf("%q has %d places for %d digits", habit, strings.Count(habit, "X"), len(digits))
	}
	for _, digit := range digits {
		habit = strings.Replace(habit, "X", string(digit), 1)
	}
	return habit
}

// TestParseEveryCountry reads the example of every region and line type in each form that this package writes.
func TestParseEveryCountry(t *testing.T) {
	examples := 0
	for region := range phonenumbers.GetSupportedRegions() {
		for libraryType, lineType := range fromLibraryType {
			example := phonenumbers.GetExampleNumberForType(region, libraryType)
			if example == nil || phonenumbers.GetNumberType(example) != libraryType {
				continue
			}
			want, ok := fromLibrary(example)
			if !ok {
				t.Fatalf("%s %s: the example is no E.164 number", region, lineType)
			}
			examples++
			for _, text := range []string{
				want.String(), FormatNational(want), FormatInternational(want), TelURI(want), want.String() + ";ext=0012",
			} {
				n, err := Parse(text, Region(want))
				if err != nil || n.WithoutExtension() != want || Type(n) != lineType {
					t.Errorf("%s %s written %q: got %v %s, %v; want %v", region, lineType, text, n, Type(n), err, want)
				}
			}
		}
	}
	if examples < 700 {
		t.Errorf("only %d examples were found", examples)
	}
}

func TestParseVanity(t *testing.T) {
	for text, want := range map[string]string{
		"1-800-555-0199 TOLLFREE": "+18005550199", // without the remark it is whole, with it too long
		"+1 202 KLL 0123":         "+12025550123", // K, L, L are on the key of five
	} {
		if n, err := Parse(text, "US"); err != nil || n.String() != want {
			t.Errorf("Parse(%q) = %v, %v; want %s", text, n, err, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	cases := []struct {
		text, region string
		want         Reason
	}{
		{"", "US", ReasonEmpty},
		{" \u200b\t", "US", ReasonEmpty},
		{"n/a", "US", ReasonNotANumber},
		{"---", "US", ReasonNotANumber},
		{"tel:%zz", "US", ReasonNotANumber},
		{"Consentline", "US", ReasonAlphanumericSender},
		{"ACME 24", "", ReasonAlphanumericSender},
		{"1.20256E+10", "US", ReasonScientific},
		{"1,20256e10", "US", ReasonScientific},
		{"+12025550123 / +12025550124", "", ReasonSeveralNumbers},
		{"202-555-0123, 202-555-0124", "US", ReasonSeveralNumbers},
		{"2025550123;2025550124", "US", ReasonSeveralNumbers},
		{"202 555 0123 or 202 555 0124", "US", ReasonSeveralNumbers},
		{"1", "US", ReasonTooShort},
		{"12", "US", ReasonTooShort},
		{"+1202555", "", ReasonTooShort},
		{"+12", "", ReasonTooShort},
		{"+120255501234567", "", ReasonTooLong},
		{"202555012345678901234", "US", ReasonTooLong},
		{strings.Repeat("2", 300), "US", ReasonTooLong},
		{"+999 202 555 0123", "", ReasonUnknownCountryCode},
		{"2025550123", "", ReasonNoRegion},
		{"00447700900123", "", ReasonNoRegion},
		{"020 7946 0958", "UK", ReasonUnknownRegion},
		{"5550123", "US", ReasonAreaCodeMissing},
		{"+354 2091 0000", "", ReasonImpossible},
		{"+11005550123", "", ReasonUnassignedRange},
		{"72345", "US", ReasonShortCode},
		{"911", "US", ReasonEmergency},
		{"999", "GB", ReasonEmergency},
		{"112", "", ReasonEmergency},
		{"+12025550123 x12345", "", ReasonExtensionTooLong},
		{"+12025550123;ext=12345", "", ReasonExtensionTooLong},
		{"tel:+12025550123;isub=1", "", ReasonSubaddress},
		{"tel:7042;phone-context=example.com", "US", ReasonPrivateNumber},
	}
	for _, c := range cases {
		n, err := Parse(c.text, c.region)
		var got *InvalidError
		if !errors.As(err, &got) {
			t.Errorf("Parse(%q, %q) = %v, %v; want reason %s", c.text, c.region, n, err, c.want)
			continue
		}
		if got.Reason != c.want || got.Hint == "" || n != 0 {
			t.Errorf("Parse(%q, %q): reason %s, hint %q, number %v; want %s", c.text, c.region, got.Reason, got.Hint, n, c.want)
		}
	}
}

func TestExplanationsHoldNoDigits(t *testing.T) {
	for reason := range explanations {
		text := invalid(reason).Error()
		if digitRun(text) > 0 {
			t.Errorf("%s: %q holds digits, which could be those of a number", reason, text)
		}
		if !strings.Contains(text, ": ") || strings.HasSuffix(text, ": ") {
			t.Errorf("%s: %q does not say what would be right", reason, text)
		}
	}
}
