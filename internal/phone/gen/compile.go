package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/nyaruka/phonenumbers"

	"github.com/consentline/consentline/internal/phone/dfa"
)

// builder shares equal states between all numbering plans, bottom up, so that the automaton comes out minimal.
type builder struct {
	labels []dfa.Label
	byName map[dfa.Label]uint16
	states []wideState
	known  map[wideState]int
}

// wideState is a state before it is known that 16 bits can number all of them; state 0 is dead.
type wideState struct {
	next  [10]int
	label uint16
}

func compile() ([]byte, error) {
	plans, err := loadPlans()
	if err != nil {
		return nil, err
	}
	b := &builder{
		labels: []dfa.Label{{}},
		byName: map[dfa.Label]uint16{{}: 0},
		states: []wideState{{}},
		known:  map[wideState]int{{}: 0},
	}
	entries := map[string]int{}
	for _, p := range plans {
		code := strconv.Itoa(p.code)
		seen := map[string]int{}
		entries[code] = b.build(p, p.nfa.begin(), 0, longest-len(code), seen)
	}
	return b.encode(b.callingCodes("", entries))
}

// build returns the state that accepts what p accepts after length digits that led to the positions at.
func (b *builder) build(p *plan, at positions, length, limit int, seen map[string]int) int {
	if len(at) == 0 {
		return 0
	}
	key := at.key(length)
	if state, ok := seen[key]; ok {
		return state
	}
	var state wideState
	if label, ok := p.label(at, length); ok {
		state.label = b.label(label)
	}
	if length < limit {
		for digit := range 10 {
			state.next[digit] = b.build(p, p.nfa.step(at, rune('0'+digit)), length+1, limit, seen)
		}
	}
	seen[key] = b.intern(state)
	return seen[key]
}

// callingCodes returns the state that leads by the digits of the calling codes to the states of their plans.
func (b *builder) callingCodes(prefix string, entries map[string]int) int {
	if state, ok := entries[prefix]; ok {
		return state
	}
	var state wideState
	if len(prefix) < 3 {
		for digit := range 10 {
			state.next[digit] = b.callingCodes(prefix+strconv.Itoa(digit), entries)
		}
	}
	return b.intern(state)
}

func (b *builder) intern(state wideState) int {
	if at, ok := b.known[state]; ok {
		return at
	}
	b.states = append(b.states, state)
	b.known[state] = len(b.states) - 1
	return len(b.states) - 1
}

func (b *builder) label(label dfa.Label) uint16 {
	if at, ok := b.byName[label]; ok {
		return at
	}
	b.labels = append(b.labels, label)
	b.byName[label] = uint16(len(b.labels) - 1)
	return b.byName[label]
}

// encode renumbers the states breadth first from the root, so that the first digits share cache lines.
func (b *builder) encode(root int) ([]byte, error) {
	order, number := []int{0, root}, map[int]int{0: 0, root: 1}
	for i := 1; i < len(order); i++ {
		for _, next := range b.states[order[i]].next {
			if _, ok := number[next]; !ok {
				number[next] = len(order)
				order = append(order, next)
			}
		}
	}
	states := make([]dfa.State, len(order))
	for i, from := range order {
		states[i].Label = b.states[from].label
		for digit, next := range b.states[from].next {
			states[i].Next[digit] = uint16(number[next])
		}
	}
	return dfa.Encode(b.labels, states)
}

// loadPlans returns the numbering plans of the library's metadata, by ascending calling code.
func loadPlans() ([]*plan, error) {
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, fmt.Errorf("read the phone library's metadata: %w", err)
	}
	type key struct {
		code   int32
		region string
	}
	byRegion := map[key]*phonenumbers.PhoneMetadata{}
	for _, meta := range collection.GetMetadata() {
		byRegion[key{meta.GetCountryCode(), meta.GetId()}] = meta
	}
	var codes []int
	for code := range phonenumbers.GetSupportedCallingCodes() {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	var plans []*plan
	for _, code := range codes {
		var regions []*phonenumbers.PhoneMetadata
		for _, region := range phonenumbers.GetRegionCodesForCountryCode(code) {
			meta := byRegion[key{int32(code), region}]
			if meta == nil {
				return nil, fmt.Errorf("calling code %d: no metadata for region %s", code, region)
			}
			regions = append(regions, meta)
		}
		p, err := newPlan(code, regions)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}
