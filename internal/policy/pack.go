package policy

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Pack is one file of rules: a jurisdiction, an overlay that binds a channel in several, or a set of calendars.
type Pack struct {
	Name   string
	Title  string
	Region string // ISO 3166 code such as FI or US-TX; empty for bases, overlays and calendars
	Parent string // the pack whose rules hold here too
	Zone   string // the IANA zone whose midnights begin and end rules
	AsOf   int64  // day on which the facts were last looked at
	Note   string

	Prefixes    []string            // digits with which this region's numbers begin
	Elsewhere   []string            // longer prefixes that belong to no region of any pack
	Areas       map[string][]string // further regions under this pack and the prefixes of their numbers
	Complexes   [][]string          // prefixes that share one territory, so that each has the zones of all
	NoGeography []string            // prefixes that say nothing of where in this pack's regions the person is
	ExtraZones  map[string][]string // zones that the phone metadata misses, by prefix
	Postal      map[string][]string // region to the beginnings of its postal codes
	PostalZones map[string]string   // beginnings of postal codes to the zone there, where a region has several

	Overlay   *Overlay
	Switches  []Switch
	Calendars []Calendar
	Rules     []*Rule

	file string
	line int
}

// Overlay says where the rules of an overlay pack apply: in every region of the named packs, or everywhere.
type Overlay struct{ Packs []string }

// Switch is a contested point: what holds by default, which is the strict reading, and what relaxing it changes.
type Switch struct {
	ID      string
	Title   string
	Strict  string
	Relaxed string

	file string
	line int
}

//go:embed packs/*.yaml
var packFiles embed.FS

// BuiltIn returns the packs that are compiled into the program, as a file system of YAML files.
func BuiltIn() fs.FS {
	sub, err := fs.Sub(packFiles, "packs")
	if err != nil {
		panic(err) // the folder is embedded under this very name
	}
	return sub
}

// Load reads every *.yaml in the file systems; a later pack replaces an earlier one of the same name wholly. The
// error is [Faults] with every fault of every file, unless a file cannot be read at all.
func Load(from ...fs.FS) ([]*Pack, error) {
	var packs []*Pack
	var faults Faults
	for _, fsys := range from {
		layer, err := loadLayer(fsys)
		var f Faults
		if errors.As(err, &f) {
			faults = append(faults, f...)
		} else if err != nil {
			return nil, err
		}
		packs = slices.DeleteFunc(packs, func(p *Pack) bool { return find(layer, p.Name) != nil })
		packs = append(packs, layer...)
	}
	faults = append(faults, contradictions(packs)...)
	if len(faults) > 0 {
		return nil, faults.sorted()
	}
	slices.SortFunc(packs, func(a, b *Pack) int { return strings.Compare(a.Name, b.Name) })
	return packs, nil
}

// misnamed finds what was meant for a pack and would pass unread.
func misnamed(fsys fs.FS) (faults Faults, err error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case e.IsDir(), strings.HasSuffix(name, ".yaml"):
		case strings.EqualFold(path.Ext(name), ".yml"), strings.EqualFold(path.Ext(name), ".yaml"):
			faults = append(faults, Fault{name, 1, "the name of a pack's file ends in .yaml"})
		}
	}
	return faults, nil
}

func loadLayer(fsys fs.FS) ([]*Pack, error) {
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	var packs []*Pack
	faults, err := misnamed(fsys)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("read pack %s: %w", file, err)
		}
		p, f := parsePack(file, data)
		faults = append(faults, f...)
		if p == nil {
			continue
		}
		if other := find(packs, p.Name); other != nil {
			faults = append(faults, Fault{file, p.line, fmt.Sprintf("pack %s stands in %s already", p.Name, other.file)})
			continue
		}
		packs = append(packs, p)
	}
	if len(faults) > 0 {
		return packs, faults
	}
	return packs, nil
}

func find(packs []*Pack, name string) *Pack {
	for _, p := range packs {
		if p.Name == name {
			return p
		}
	}
	return nil
}

func parsePack(file string, data []byte) (*Pack, Faults) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, Faults{{file, yamlLine(err), fmt.Sprintf("no YAML: %v", err)}}
	}
	if len(doc.Content) == 0 {
		return nil, Faults{{file, 1, "the file is empty"}}
	}
	r := &reader{file: file}
	if alias := findAlias(&doc); alias != nil {
		r.fault(alias, "anchors and aliases are not allowed: each rule stands for itself")
		return nil, r.faults
	}
	p := r.pack(doc.Content[0])
	return p, r.faults
}

func findAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n
	}
	for _, c := range n.Content {
		if a := findAlias(c); a != nil {
			return a
		}
	}
	return nil
}

// yamlLine picks the line out of the parser's message, which is the only place where it tells.
func yamlLine(err error) int {
	line := 1
	if _, after, ok := strings.Cut(err.Error(), "line "); ok {
		if _, scanErr := fmt.Sscanf(after, "%d", &line); scanErr != nil {
			line = 1
		}
	}
	return line
}

func (r *reader) pack(n *yaml.Node) *Pack {
	p := &Pack{file: r.file, line: n.Line, Areas: map[string][]string{}, ExtraZones: map[string][]string{}, Postal: map[string][]string{}, PostalZones: map[string]string{}}
	var rules *yaml.Node
	fs := fields{
		"pack":    r.text("pack", &p.Name),
		"title":   r.text("title", &p.Title),
		"parent":  r.text("parent", &p.Parent),
		"as_of":   read(r, "as_of", &p.AsOf, parseDate),
		"note":    r.text("note", &p.Note),
		"overlay": func(n *yaml.Node) { p.Overlay = r.overlay(n) },
		"switches": func(n *yaml.Node) {
			r.list(n, "switches", func(s *yaml.Node) { p.Switches = append(p.Switches, r.switchOf(s)) })
		},
		"calendars": func(n *yaml.Node) {
			r.list(n, "calendars", func(c *yaml.Node) { p.Calendars = append(p.Calendars, r.calendar(c)) })
		},
		"rules": func(n *yaml.Node) { rules = n },
	}
	maps.Copy(fs, r.geography(p))
	r.mapping(n, "pack", fs)
	if rules != nil {
		r.list(rules, "rules", func(one *yaml.Node) { p.Rules = append(p.Rules, r.rule(one, p.Name)) })
	}
	if want := strings.TrimSuffix(path.Base(r.file), ".yaml"); p.Name != want {
		r.fault(n, "the pack in this file must be named %s, not %q", want, p.Name)
	}
	if p.Title == "" || p.AsOf == 0 {
		r.fault(n, "a pack needs a title and as_of, the day on which its facts were last looked at")
	}
	return p
}

// geography reads the fields that say where a pack's numbers and people are.
func (r *reader) geography(p *Pack) fields {
	return fields{
		"region":       r.text("region", &p.Region),
		"zone":         read(r, "zone", &p.Zone, knownZone),
		"prefixes":     r.prefixes("prefixes", &p.Prefixes),
		"elsewhere":    r.prefixes("elsewhere", &p.Elsewhere),
		"no_geography": r.prefixes("no_geography", &p.NoGeography),
		"areas":        r.prefixMap("areas", p.Areas),
		"complexes": func(n *yaml.Node) {
			r.list(n, "complexes", func(item *yaml.Node) {
				var one []string
				r.prefixes("complexes", &one)(item)
				p.Complexes = append(p.Complexes, one)
			})
		},
		"extra_zones":  r.extraZones(p.ExtraZones),
		"postal":       r.postal(p.Postal),
		"postal_zones": r.postalZones(p.PostalZones),
	}
}

func knownZone(s string) (string, error) {
	if _, err := time.LoadLocation(s); err != nil || s == "" || s == "Local" {
		return "", fmt.Errorf("%q is no IANA time zone", s)
	}
	return s, nil
}

func parsePrefix(s string) (string, error) {
	if s == "" || len(s) > 9 || strings.Trim(s, "0123456789") != "" || s[0] == '0' {
		return "", fmt.Errorf("%q is no prefix: want one to nine digits, calling code first", s)
	}
	return s, nil
}

func (r *reader) prefixes(what string, into *[]string) func(*yaml.Node) {
	return readSet(r, what, parsePrefix, func(s string) { *into = append(*into, s) })
}

func (r *reader) prefixMap(what string, into map[string][]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.pairs(n, what, func(key, value *yaml.Node) {
			var list []string
			r.prefixes(what, &list)(value)
			into[key.Value] = list
		})
	}
}

func (r *reader) extraZones(into map[string][]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.pairs(n, "extra_zones", func(key, value *yaml.Node) {
			if _, err := parsePrefix(key.Value); err != nil {
				r.fault(key, "extra_zones: %v", err)
			}
			var list []string
			readSet(r, "extra_zones", knownZone, func(s string) { list = append(list, s) })(value)
			into[key.Value] = list
		})
	}
}

func (r *reader) postal(into map[string][]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.pairs(n, "postal", func(key, value *yaml.Node) {
			readSet(r, "postal", expandPostal, func(codes []string) { into[key.Value] = append(into[key.Value], codes...) })(value)
		})
	}
}

var postalRange = regexp.MustCompile(`^(\d{2,3})-(\d{2,3})$`)

// expandPostal reads the beginning of a postal code, or a range of such as 350-352.
func expandPostal(s string) ([]string, error) {
	m := postalRange.FindStringSubmatch(s)
	if m == nil {
		if s == "" || len(s) > 8 || strings.ContainsAny(s, " -") {
			return nil, fmt.Errorf("%q begins no postal code", s)
		}
		return []string{strings.ToUpper(s)}, nil
	}
	from, errFrom := strconv.Atoi(m[1])
	to, errTo := strconv.Atoi(m[2])
	if errFrom != nil || errTo != nil || len(m[1]) != len(m[2]) || to < from {
		return nil, fmt.Errorf("%q is no range of postal codes", s)
	}
	var codes []string
	for i := from; i <= to; i++ {
		codes = append(codes, fmt.Sprintf("%0*d", len(m[1]), i))
	}
	return codes, nil
}

func (r *reader) postalZones(into map[string]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.pairs(n, "postal_zones", func(key, value *yaml.Node) {
			var zone string
			read(r, "postal_zones", &zone, knownZone)(value)
			into[key.Value] = zone
		})
	}
}

func (r *reader) overlay(n *yaml.Node) *Overlay {
	o := &Overlay{}
	r.mapping(n, "overlay", fields{"packs": r.texts("packs", &o.Packs)})
	return o
}

func (r *reader) switchOf(n *yaml.Node) Switch {
	s := Switch{file: r.file, line: n.Line}
	r.mapping(n, "switch", fields{
		"id": r.text("id", &s.ID), "title": r.text("title", &s.Title),
		"strict": r.text("strict", &s.Strict), "relaxed": r.text("relaxed", &s.Relaxed),
	})
	if s.ID == "" || s.Strict == "" || s.Relaxed == "" {
		r.fault(n, "a switch needs an id and must say what is strict and what is relaxed")
	}
	return s
}

func (r *reader) calendar(n *yaml.Node) Calendar {
	c := Calendar{file: r.file, line: n.Line}
	r.mapping(n, "calendar", fields{
		"id": r.text("id", &c.ID), "title": r.text("title", &c.Title), "source": r.text("source", &c.Source),
		"verified": r.boolean("verified", &c.Verified),
		"days":     func(n *yaml.Node) { r.list(n, "days", func(d *yaml.Node) { c.Days = append(c.Days, r.holiday(d)) }) },
	})
	if c.ID == "" || len(c.Days) == 0 {
		r.fault(n, "a calendar needs an id and at least one day")
	}
	return c
}

func (r *reader) holiday(n *yaml.Node) HolidayRule {
	var h HolidayRule
	year := func(s string) (int, error) {
		day, err := parseDate(s + "-01-01")
		y, _, _ := civil(day)
		return y, err
	}
	r.mapping(n, "holiday", fields{
		"name":  r.text("name", &h.Name),
		"on":    func(v *yaml.Node) { r.parsed(v, "on", h.parseOn) },
		"first": read(r, "first", &h.FirstYear, year),
		"last":  read(r, "last", &h.LastYear, year),
		"observed": func(v *yaml.Node) {
			r.list(v, "observed", func(m *yaml.Node) { r.parsed(m, "observed", h.parseMove) })
		},
	})
	if h.Name == "" || h.On == "" {
		r.fault(n, "a holiday needs a name and the day it falls on")
	}
	return h
}

func (r *reader) parsed(n *yaml.Node, what string, parse func(string) error) {
	s, ok := r.scalar(n, what)
	if !ok {
		return
	}
	if err := parse(s); err != nil {
		r.fault(n, "%s: %v", what, err)
	}
}
