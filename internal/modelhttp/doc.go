// Package modelhttp is the HTTP client of all families of model servers. It knows
// nothing of what they say to each other.
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
// Do tries a call again if the error says that this may help and nothing of the
// answer was kept, waits between tries with growing, jittered pauses or a little longer
// than the server asks, and gives up at once where the caller's deadline leaves no
// time for another try, or the client has retried too much of late. With several base
// URLs it spreads calls over them and goes on to the next when one fails. It leaves
// alone a server that keeps failing.
//
// The client that a configuration names belongs to the caller: it is not changed, and its
// connections are not closed.
//
// Every error is a *[modelserver.Error], or wraps the error of the caller's
// context, or is one that the reading function made. No error and no log holds a
// key. All reading is bounded in size, and each try in time.
package modelhttp
