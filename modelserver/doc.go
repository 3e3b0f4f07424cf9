// Package modelserver holds what all families of model servers have in common
// for their users: how a server is reached ([Config]) and the error it leads to
// ([Error]).
//
// The families themselves are packages of their own, such as those below
// generator.
package modelserver
