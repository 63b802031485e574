package traintracker

import (
	"errors"
	"net/http"
	"time"

	"github.com/seed-921eec07/ctalive/cta/rest"
)

// Error codes of the documentation that are told apart here.
const (
	codeParameter  = 100 // required parameter missing
	codeKey        = 101
	codeDailyLimit = 102
	codeInvalid    = 112 // the last of those about wrong ids, limits and numbers
	codeUnknown    = 500 // invalid parameter
	codeServer     = 900
)

// refuse returns the error of a code. Codes 501 to 503 and 900 pass, and so does one that
// isn't documented.
func refuse(code int, message string) *rest.Error {
	e := &rest.Error{Status: http.StatusOK, Code: code, Message: message}
	if e.PermanentCode = invalid(code); code == codeDailyLimit {
		e.After = 15 * time.Minute
	}
	return e
}

// invalid reports whether a code says that the call itself is wrong.
func invalid(code int) bool {
	return code >= codeParameter && code <= codeInvalid && code != codeDailyLimit || code == codeUnknown
}

// code returns the Train Tracker's error code; 0 for any other failure.
func code(err error) int {
	if refused := (*rest.Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusOK {
		return refused.Code
	}
	return 0
}

// hint is the remedy for a failure; "" for the usual one.
func hint(err error) string {
	switch c := code(err); {
	case c == codeKey:
		return "check the key (Config.Key); keys come from " + KeyURL
	case c == codeDailyLimit:
		return "calls begin again at midnight in Chicago; lower Config.DailyBudget, or end other programs that use the key"
	case invalid(c):
		return "check that Config.URL is that of ttpositions"
	case c != 0:
		return "nothing to do: the Train Tracker has trouble of its own"
	case errors.Is(err, errNotJSON):
		return "usually it passes; if it doesn't, check that Config.URL is that of ttpositions"
	}
	return ""
}
