package traintracker

import (
	"errors"
	"net/http"

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

// code returns the Train Tracker's error code; 0 for any other failure.
func code(err error) int {
	if refused := (*rest.Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusOK {
		return refused.Code
	}
	return 0
}

// lasting reports whether the next try can't go better. Codes 501 to 503 and 900 pass,
// and so does one that isn't documented.
func lasting(err error) bool {
	switch c := code(err); {
	case c == codeDailyLimit:
		return false
	case c >= codeParameter && c <= codeInvalid, c == codeUnknown:
		return true
	}
	refused := (*rest.Error)(nil)
	if !errors.As(err, &refused) || errors.Is(err, errNotJSON) {
		return false
	}
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// hint is the remedy for a failure; "" for the usual one.
func hint(err error) string {
	switch c := code(err); {
	case c == codeKey:
		return "check the key (Config.Key); keys come from " + KeyURL
	case c == codeDailyLimit:
		return "calls begin again at midnight in Chicago; lower Config.DailyBudget, or end other programs that use the key"
	case c >= codeParameter && c <= codeInvalid, c == codeUnknown:
		return "check that Config.URL is that of ttpositions"
	case c != 0:
		return "nothing to do: the Train Tracker has trouble of its own"
	case errors.Is(err, errNotJSON):
		return "usually it passes; if it doesn't, check that Config.URL is that of ttpositions"
	}
	return ""
}
