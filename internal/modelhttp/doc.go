// Package modelhttp is the HTTP client of all families of model servers. It does not
// depend on the content of requests and answers.
//
// A family makes one [Client] from the user's configuration and sends calls
// through it:
//
//	err := client.Do(ctx, modelhttp.Call{Path: "/v1/completions", Body: body}, func(a *modelhttp.Answer) error {
//		for {
//			event, err := a.Events().Next()
//			if err == io.EOF {
//				return a.Incomplete() // the final event did not come
//			}
//			…
//			a.Keep() // from here on, no retry
//			if !yield(step, nil) {
//				return nil
//			}
//		}
//	})
//
// Do tries a call again if the error may be temporary and no part of the answer was kept.
// The pauses between tries grow and are jittered, or are a little longer than the server
// asks. Do returns at once if the caller's deadline leaves no time for another try, or if
// the client has retried too often recently. With several base URLs it spreads calls over
// them and tries the next when one fails. A server that keeps failing gets no calls for
// some time.
//
// The client that a configuration names belongs to the caller: it is not changed, and its
// connections are not closed.
//
// Every error is a *[modelserver.Error], wraps the error of the caller's context, or comes
// from the reading function. No error and no log holds a key. The size of answers is
// bounded, and the time of each try.
package modelhttp
