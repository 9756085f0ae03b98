// Package consent says what consent is: who may contact whom (a scope), what somebody did about it (an act), and what
// all acts together amount to (a record).
//
// It is pure: it stores nothing and asks no clock. Others may rely on the fold: the same acts give the same record in
// whatever order and however often they are told; at one moment the act that restricts wins; and only a dated act of
// the person ends a no.
package consent
