// Package policy decides by rule whether a number may be contacted: laws, carrier codes and platform terms as
// packs of data, compiled to tables that a check reads without allocating.
//
// A pack is one YAML file about one jurisdiction or one overlay (a contract that binds everywhere a channel is
// used). [Load] reads packs and reports everything that is wrong with them at once; [Compile] turns them into
// [Rules]; [Rules.Judge] answers one question. The package is pure: it reads the packs embedded in it and whatever
// file systems it is handed, holds no clock, and stores nothing. What counts attempts and registry answers is
// handed in by the caller as an interface.
//
// Others may rely on this. Every jurisdiction that may apply to a number is combined: windows intersect over all
// candidate time zones, the strictest consent and the lowest cap win, so that adding a jurisdiction never turns a
// deny into an allow. A number of no known jurisdiction is denied. What is not known is taken the strict way, and a
// point that courts or sources dispute is a named [Switch] whose default is strict. A rule whose text was not read
// in its source says verified: false and is applied all the same.
package policy

//go:generate go run ./gen zones.txt
