// Package archtest holds the code to the rule of who may import whom, which stands in rules.txt.
package archtest

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
)

// Rules say which folder belongs to which layer, and what each may import.
type Rules struct {
	layerOf map[string]string
	layers  map[string][]string // layer or folder → layers or folders that it may import
	only    map[string][]string // package path prefix from outside → the folders that may import it
}

// Parse reads the text of rules.txt.
func Parse(text string) (*Rules, error) {
	r := &Rules{layerOf: map[string]string{}, layers: map[string][]string{}, only: map[string][]string{}}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if err := r.line(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("rules.txt:%d: %w", n, err)
		}
	}
	return r, nil
}

func (r *Rules) line(line string) error {
	if line == "" {
		return nil
	}
	if rest, ok := strings.CutPrefix(line, "layer "); ok {
		name, folders, ok := strings.Cut(rest, ":")
		if !ok {
			return fmt.Errorf("want layer NAME: folders")
		}
		for _, f := range strings.Fields(folders) {
			if before, taken := r.layerOf[f]; taken {
				return fmt.Errorf("%s stands in layer %s already", f, before)
			}
			r.layerOf[f] = strings.TrimSpace(name)
		}
		return nil
	}
	if rest, ok := strings.CutPrefix(line, "only "); ok {
		pkg, folders, ok := strings.Cut(rest, ":")
		if !ok {
			return fmt.Errorf("want only PACKAGE : folders")
		}
		r.only[strings.TrimSpace(pkg)] = strings.Fields(folders)
		return nil
	}
	from, to, ok := strings.Cut(line, "->")
	if !ok {
		return fmt.Errorf("want FOLDER -> folders, layer or only")
	}
	from = strings.TrimSpace(from)
	r.layers[from] = append(r.layers[from], strings.Fields(to)...)
	return nil
}

// Known reports whether a folder stands in a layer.
func (r *Rules) Known(folder string) bool { _, ok := r.layerOf[folder]; return ok }

// Allows reports whether the package in one folder of this module may import that in another.
func (r *Rules) Allows(from, to string) bool {
	may := slices.Concat(r.layers[r.layerOf[from]], r.layers[from])
	return slices.Contains(may, to) || slices.Contains(may, r.layerOf[to])
}

// AllowsOutside reports whether the package in a folder may import a package that is not of this module.
func (r *Rules) AllowsOutside(from, pkg string) bool {
	for prefix, folders := range r.only {
		if pkg != prefix && !strings.HasPrefix(pkg, prefix+"/") {
			continue
		}
		inside := slices.ContainsFunc(folders, func(f string) bool { return from == f || strings.HasPrefix(from, f+"/") })
		if !inside {
			return false
		}
	}
	return true
}
