// Package modelserver has the types that all clients of model servers share: the
// configuration of the connection ([Config]) and the error of a failed call ([Error]).
//
// Each family of servers has a package of its own, such as those below generator.
package modelserver
