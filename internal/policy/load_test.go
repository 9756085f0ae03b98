package policy

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func matches(s, pattern string) bool { return regexp.MustCompile(pattern).MatchString(s) }

// packFS makes a file system of packs, writing the name of each into its first line.
func packFS(packs map[string]string) fs.FS {
	files := fstest.MapFS{}
	for name, text := range packs {
		files[name+".yaml"] = &fstest.MapFile{Data: []byte("pack: " + name + "\n" + text)}
	}
	return files
}

const head = "title: x\nas_of: 2026-01-01\n"

func ruleText(body string) string {
	return head + "zone: UTC\nrules:\n  - {id: p.r, citation: c, verified: false, " + body + "}\n"
}

func TestLoadRefuses(t *testing.T) {
	hours := "mon-fri: '09:00-17:00', sat-sun: none"
	for name, c := range map[string]struct{ text, want string }{
		"no yaml":               {"a: [", `p.yaml:\d+: no YAML`},
		"unknown pack field":    {head + "colour: red\n", `p.yaml:4: pack: unknown field "colour"`},
		"field twice":           {head + "title: y\n", `p.yaml:4: pack: field "title" stands twice`},
		"wrong name":            {"pack: q\n" + head, `field "pack" stands twice`},
		"no title":              {"as_of: 2026-01-01\n", `a pack needs a title and as_of`},
		"alias":                 {head + "note: &a x\n", `anchors and aliases`},
		"no zone":               {head + "zone: Mars/Olympus\n", `"Mars/Olympus" is no IANA time zone`},
		"bad prefix":            {head + "region: P\nprefixes: ['0123']\n", `"0123" is no prefix`},
		"prefix without place":  {head + "prefixes: ['99']\n", `prefixes need a region`},
		"no parent":             {head + "parent: nobody\n", `the parent nobody is no pack`},
		"own ancestor":          {head + "parent: p\n", `pack p is its own ancestor`},
		"two kinds":             {ruleText("ban: x, consent: {requires: none}"), `a rule says one thing: consent stands beside ban`},
		"no kind":               {ruleText("channels: [sms]"), `rule p.r says nothing`},
		"no citation":           {head + "rules:\n  - {id: p.r, verified: false, ban: x}\n", `rule p.r needs a citation`},
		"verified on nothing":   {head + "rules:\n  - {id: p.r, citation: c, verified: true, ban: x}\n", `marked verified but names no source`},
		"source no address":     {ruleText("source: my notes, ban: x"), `"my notes" is no web address`},
		"foreign id":            {head + "rules:\n  - {id: q.r, citation: c, verified: false, ban: x}\n", `a rule's id begins with its pack: want p\.`},
		"id twice":              {head + "rules:\n  - {id: p.r, citation: c, verified: false, ban: x}\n  - {id: p.r, citation: c, verified: false, ban: y}\n", `p.yaml:6: rule id p.r stands in p.yaml:5 already`},
		"dates backwards":       {ruleText("effective_from: 2026-02-01, effective_until: 2026-02-01, ban: x"), `ends before it starts`},
		"no date":               {ruleText("effective_from: 2026-02-30, ban: x"), `"2026-02-30" is no date`},
		"hours that never meet": {head + "rules:\n  - {id: p.a, citation: c, verified: false, hours: {daily: '09:00-12:00'}}\n  - {id: p.b, citation: c, verified: false, channels: [sms], hours: {daily: '12:00-17:00'}}\n", `p.yaml:5: rule p.a contradicts the pack's other hours: together they leave no minute of the week for marketing by sms`},
		"lifted by itself":      {ruleText("ban: x, when: {facts: [customer]}, unless: [{facts: [customer]}]"), `p.yaml:6: rule p.r contradicts itself: wherever it speaks, its own unless lifts it`},
		"one registry, two":     {head + "rules:\n  - {id: p.a, citation: c, verified: false, registry: {id: r, name: R, about: do_not_call, max_age: P1D}}\n  - {id: p.b, citation: c, verified: false, registry: {id: r, name: S, about: do_not_call, max_age: P1D}}\n", `p.yaml:6: rule p.b contradicts p.yaml:5, which describes the registry r otherwise`},
		"dates without zone":    {head + "rules:\n  - {id: p.r, citation: c, verified: false, effective_from: 2026-01-01, ban: x}\n", `has dates but pack p no zone`},
		"channel":               {ruleText("channels: [pigeon], ban: x"), `unknown channel "pigeon"`},
		"any channel":           {ruleText("channels: ['*'], ban: x"), `leave channels out`},
		"empty list":            {ruleText("channels: [], ban: x"), `channels: the list is empty`},
		"class":                 {ruleText("classes: [spam], ban: x"), `unknown purpose class "spam"`},
		"need":                  {ruleText("consent: {requires: maybe}"), `unknown word "maybe": want one of none, no_objection`},
		"no need":               {ruleText("consent: {}"), `the field "requires" is missing`},
		"day missing":           {ruleText("hours: {mon-fri: '09:00-17:00', sat: none}"), `sun has no windows`},
		"day twice":             {ruleText("hours: {daily: '09:00-17:00', sat: none}"), `sat is given twice`},
		"window backwards":      {ruleText("hours: {daily: '21:00-08:00'}"), `ends before it starts`},
		"window empty":          {ruleText("hours: {daily: '08:00-08:00'}"), `ends before it starts`},
		"windows touch":         {ruleText("hours: {daily: '08:00-10:00 10:00-12:00'}"), `touches or overlaps`},
		"window past midnight":  {ruleText("hours: {daily: '08:00-24:01'}"), `is no window`},
		"four windows":          {ruleText("hours: {daily: '01:00-02:00 03:00-04:00 05:00-06:00 07:00-08:00'}"), `one to 3 windows`},
		"week backwards":        {ruleText("hours: {fri-mon: '08:00-10:00', tue-thu: none}"), `runs backwards`},
		"holiday, no calendar":  {ruleText("hours: {" + hours + ", holidays: blocked}"), `needs a calendar`},
		"calendar, no holiday":  {ruleText("hours: {" + hours + ", calendar: X}"), `the calendar X has no effect`},
		"calendar unknown":      {ruleText("hours: {" + hours + ", holidays: blocked, calendar: X}"), `no pack defines the calendar X`},
		"clock unknown":         {ruleText("hours: {" + hours + ", clock: sundial}"), `"sundial" is no IANA time zone`},
		"cap zero":              {ruleText("cap: {max: 0, per: P1D, by: subject, counts: attempts}"), `want a number from 1 to 10000`},
		"cap period":            {ruleText("cap: {max: 1, per: P, by: subject, counts: attempts}"), `"P" is no period`},
		"cap key":               {ruleText("cap: {max: 1, per: P1D, counts: attempts}"), `the field "by" is missing`},
		"cool down":             {ruleText("cool_down: {after: lunch, wait: P1D}"), `unknown word "lunch"`},
		"registry":              {ruleText("registry: {id: x, name: y, about: stamps, max_age: P1D}"), `unknown word "stamps"`},
		"expiry level":          {ruleText("expiry: {levels: [none], after: P1D}"), `none is no level`},
		"confirmation":          {ruleText("confirmation: {max: 1}"), `the field "within" is missing`},
		"condition empty":       {ruleText("ban: x, unless: [{}]"), `nothing is asked, so it would always hold`},
		"condition level":       {ruleText("ban: x, unless: [{consent: none}]"), `none is no level`},
		"condition fact":        {ruleText("ban: x, unless: [{facts: [tall]}]"), `unknown fact "tall"`},
		"condition region":      {ruleText("ban: x, unless: [{regions: [ZZ]}]"), `ZZ is no region`},
		"condition switch":      {ruleText("ban: x, unless: [{switch: s}]"), `no pack defines the switch s`},
		"fallback of terms":     {ruleText("fallback: true, duty: {at: setup, text: x}"), `can be a fallback`},
		"opt_out says nothing":  {ruleText("opt_out: {}"), `opt_out: says nothing`},
		"deadline":              {ruleText("opt_out: {deadline: soon}"), `"soon" is no deadline`},
		"retention":             {ruleText("retention: {of: hats, for: P1Y, from: creation}"), `unknown word "hats"`},
		"overlay with region":   {head + "region: P\noverlay: {packs: [p]}\n", `an overlay has neither region nor parent`},
		"overlay on nothing":    {head + "overlay: {packs: [zz]}\n", `the overlay lies on zz`},
		"holiday":               {head + "calendars:\n  - {id: C, days: [{name: x, on: 13-01}]}\n", `there is no day 13-01`},
		"holiday day":           {head + "calendars:\n  - {id: C, days: [{name: x, on: someday}]}\n", `names no day`},
		"observance":            {head + "calendars:\n  - {id: C, days: [{name: x, on: '01-01', observed: [sun]}]}\n", `"sun" is no observance`},
		"switch":                {head + "switches:\n  - {id: s}\n", `must say what is strict`},
		"switch twice":          {head + "switches:\n  - {id: s, strict: a, relaxed: b}\n  - {id: s, strict: a, relaxed: b}\n", `switch s is defined twice`},
		"postal":                {head + "region: P\npostal:\n  Q: ['12']\n", `Q is no region`},
		"postal range":          {head + "region: P\npostal:\n  P: ['12-1']\n", `begins no postal code`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(packFS(map[string]string{"p": c.text}))
			if err == nil || !matches(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if faults, ok := AsFaults(err); !ok || faults[0].File != "p.yaml" || faults[0].Line < 1 {
				t.Errorf("%v names no file and line", err)
			}
		})
	}
}

func TestLoadTellsEverythingAtOnce(t *testing.T) {
	_, err := Load(packFS(map[string]string{
		"a": head + "colour: red\nshape: round\n",
		"b": head + "parent: nobody\nrules:\n  - {id: b.r, citation: c, verified: false, ban: x, hat: y}\n",
	}))
	faults, _ := AsFaults(err)
	var got []string
	for _, f := range faults {
		got = append(got, fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	if want := "a.yaml:4 a.yaml:5 b.yaml:1 b.yaml:6"; strings.Join(got, " ") != want {
		t.Errorf("faults at %v, want %s\n%v", got, want, err)
	}
}

// A pack whose file is named otherwise would pass unread, and the rules would be laxer than its author thinks.
func TestLoadRefusesAFileThatItWouldNotRead(t *testing.T) {
	for name, want := range map[string]string{"us-ny.yml": "us-ny.yml:1", "us-ny.YAML": "us-ny.YAML:1", "README.md": "", "own.tsv": ""} {
		_, err := Load(fstest.MapFS{name: {Data: []byte("title: Own\n")}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func TestLoadLaysPacksOverEachOther(t *testing.T) {
	over := packFS(map[string]string{"us-ny": "title: Own\nas_of: 2026-11-21\nregion: US-NY\nparent: us\n", "ke": "title: Kenya\nas_of: 2026-11-21\nregion: KE\nparent: base\nprefixes: ['254']\nzone: Africa/Nairobi\nrules:\n  - {id: ke.all, citation: x, verified: false, consent: {requires: express}}\n"})
	packs, err := Load(BuiltIn(), over)
	if err != nil {
		t.Fatal(err)
	}
	if p := find(packs, "us-ny"); p.Title != "Own" || len(p.Rules) != 0 {
		t.Errorf("the later pack does not replace the built-in one: %s with %d rules", p.Title, len(p.Rules))
	}
	r, err := Compile(packs)
	if err != nil {
		t.Fatal(err)
	}
	if _, known := r.byRegion["KE"]; !known || r.RuleByID("us-ny.hours") != nil || r.RuleByID("ke.all") == nil {
		t.Error("the rules are not those of the packs laid over each other")
	}
}

func TestLoadRefusesTwoClaimsToOnePrefix(t *testing.T) {
	_, err := Load(packFS(map[string]string{
		"a": head + "region: A\nprefixes: ['99']\n", "b": head + "region: B\nprefixes: ['99']\n", "c": head + "region: A\n",
	}))
	faults, _ := AsFaults(err)
	if len(faults) != 2 || !matches(err.Error(), `prefix 99 belongs to A already`) || !matches(err.Error(), `region A belongs to pack a already`) {
		t.Errorf("got %v", err)
	}
}

func TestEveryRuleIsWhole(t *testing.T) {
	kinds := map[Kind]int{}
	for _, rule := range builtIn.All()[1:] {
		kinds[rule.Kind]++
		if rule.Verified && rule.Source == "" {
			t.Errorf("%s is verified by nothing", rule.ID)
		}
	}
	for k := KindExpiry; k <= KindRetention; k++ {
		if kinds[k] == 0 {
			t.Errorf("no built-in rule is of kind %s", k)
		}
	}
	regions := slices.Collect(maps.Keys(builtIn.byRegion))
	for _, want := range []string{"US-WY", "US-DC", "US-PR", "CA-NU", "IS", "FI", "NO", "ZA", "LI", "BR-RJ", "GB", "AE"} {
		if !slices.Contains(regions, want) {
			t.Errorf("no pack covers %s", want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	err := fs.WalkDir(BuiltIn(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(BuiltIn(), path)
		f.Add(string(data))
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ruleText("cap: {max: 3, per: week, by: event, counts: unanswered}"))
	f.Fuzz(func(t *testing.T, text string) {
		packs, err := Load(fstest.MapFS{"p.yaml": &fstest.MapFile{Data: []byte(text)}})
		if err != nil {
			if faults, ok := AsFaults(err); !ok || len(faults) == 0 || faults[0].Line < 1 {
				t.Fatalf("refused without file and line: %v", err)
			}
			return
		}
		r, err := Compile(packs)
		if err != nil {
			return
		}
		var out Judgement
		r.Judge(&Question{Number: 12025550123, Channel: 1, Class: 1}, &out)
	})
}
