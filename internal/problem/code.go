package problem

import "net/http"

// Code is a stable identifier of a kind of failure. Codes are API: they are never renamed or reused.
type Code string

const (
	// CodeBadRequest: the request cannot be read (malformed JSON, bad cursor, bad header).
	CodeBadRequest Code = "bad_request"
	// CodeUnauthenticated: there is no valid session.
	CodeUnauthenticated Code = "unauthenticated"
	// CodeSecondFactorRequired: the session needs its second factor first.
	CodeSecondFactorRequired Code = "second_factor_required"
	// CodeReauthenticationRequired: the session is good, but signed in too long ago for this; sign in again.
	CodeReauthenticationRequired Code = "reauthentication_required"
	// CodeAccountDeleted: the account was deleted or is being so.
	CodeAccountDeleted Code = "account_deleted"
	// CodeForbidden: the session is good, the act is not allowed.
	CodeForbidden Code = "forbidden"
	// CodeCrossSite: a request with a cookie that does not prove that it comes from our own origin.
	CodeCrossSite Code = "cross_site"
	// CodeModelUnavailable: the model exists but this user may not use it now.
	CodeModelUnavailable Code = "model_unavailable"
	// CodeUnknownProvider: this installation knows no such provider of models or search.
	CodeUnknownProvider Code = "unknown_provider"
	// CodeNotFound: there is no such thing, or it is not the caller's; the two cannot be told apart.
	CodeNotFound Code = "not_found"
	// CodeMethodNotAllowed: the path exists, the method does not.
	CodeMethodNotAllowed Code = "method_not_allowed"
	// CodeConflict: the state of the thing does not allow this now.
	CodeConflict Code = "conflict"
	// CodeRunActive: a reply is being produced in this conversation; the answer names its run.
	CodeRunActive Code = "run_active"
	// CodeSecretUnreadable: a stored key or header cannot be opened any more (its master key is lost, or it is damaged); enter it again.
	CodeSecretUnreadable Code = "secret_unreadable"
	// CodeTooLarge: the body exceeds the limit.
	CodeTooLarge Code = "too_large"
	// CodeStorageFull: the user's data take as much room as they may.
	CodeStorageFull Code = "storage_full"
	// CodeMemoryFull: the user has as many notes as they may.
	CodeMemoryFull Code = "memory_full"
	// CodeShareTooLarge: the conversation is too long to be shared.
	CodeShareTooLarge Code = "share_too_large"
	// CodeShareLimit: the user has shared as many conversations as they may at a time.
	CodeShareLimit Code = "share_limit"
	// CodeTemporaryConversation: a temporary conversation does not allow this.
	CodeTemporaryConversation Code = "temporary_conversation"
	// CodeUnsupportedMediaType: the body is not application/json.
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	// CodeInvalid: the request can be read, but members of it are invalid; they are listed.
	CodeInvalid Code = "invalid"
	// CodeSQL: the query cannot be run, or failed; the answer tells why and where.
	CodeSQL Code = "sql_error"
	// CodeRateLimited: too many requests in a short time.
	CodeRateLimited Code = "rate_limited"
	// CodeQuotaDay and CodeQuotaMonth: the allowance of the UTC day or month is used up.
	CodeQuotaDay   Code = "quota_day"
	CodeQuotaMonth Code = "quota_month"
	// CodeQuotaCost: what the UTC day's ceiling leaves does not pay for a reply; CodeQuotaTokens: the tokens of the minute are used up.
	CodeQuotaCost   Code = "quota_cost"
	CodeQuotaTokens Code = "quota_tokens"
	// CodeInternal: a defect on our side.
	CodeInternal Code = "internal"
	// CodeUnavailable: a part we depend on is away; try again.
	CodeUnavailable Code = "unavailable"
	// CodeResumeUnavailable: a reply is being produced, but its stream cannot be read from here now.
	CodeResumeUnavailable Code = "resume_unavailable"
	// CodeBusy: the server is at its limit; try again.
	CodeBusy Code = "busy"
	// CodeBrainUnavailable: the caller's private brain cannot be opened now (a migration failed and will be retried).
	CodeBrainUnavailable Code = "brain_unavailable"
	// CodeProviderAuth …: the model provider's refusals, in our words.
	CodeProviderAuth        Code = "provider_auth"
	CodeProviderRate        Code = "provider_rate"
	CodeProviderOverloaded  Code = "provider_overloaded"
	CodeProviderFailed      Code = "provider_failed"
	CodeProviderRefused     Code = "provider_refused"
	CodeContextTooLong      Code = "context_too_long"
	CodeProviderInterrupted Code = "provider_interrupted"
)

// Info is what is fixed about a code.
type Info struct {
	Status int
	Title  string
}

var infos = map[Code]Info{
	CodeBadRequest:               {http.StatusBadRequest, "Unreadable request"},
	CodeUnauthenticated:          {http.StatusUnauthorized, "Not signed in"},
	CodeSecondFactorRequired:     {http.StatusForbidden, "Second factor required"},
	CodeReauthenticationRequired: {http.StatusForbidden, "Sign in again"},
	CodeAccountDeleted:           {http.StatusGone, "Account deleted"},
	CodeForbidden:                {http.StatusForbidden, "Not allowed"},
	CodeCrossSite:                {http.StatusForbidden, "Cross-site request refused"},
	CodeModelUnavailable:         {http.StatusForbidden, "Model not available"},
	CodeUnknownProvider:          {http.StatusNotFound, "Unknown provider"},
	CodeNotFound:                 {http.StatusNotFound, "Not found"},
	CodeMethodNotAllowed:         {http.StatusMethodNotAllowed, "Method not allowed"},
	CodeConflict:                 {http.StatusConflict, "Conflict"},
	CodeRunActive:                {http.StatusConflict, "A reply is under way"},
	CodeMemoryFull:               {http.StatusConflict, "Too many notes"},
	CodeSecretUnreadable:         {http.StatusConflict, "Stored secret unreadable"},
	CodeTooLarge:                 {http.StatusRequestEntityTooLarge, "Too large"},
	CodeStorageFull:              {http.StatusRequestEntityTooLarge, "Storage is full"},
	CodeShareTooLarge:            {http.StatusRequestEntityTooLarge, "Too long to be shared"},
	CodeShareLimit:               {http.StatusConflict, "Too many shared links"},
	CodeTemporaryConversation:    {http.StatusConflict, "The conversation is temporary"},
	CodeUnsupportedMediaType:     {http.StatusUnsupportedMediaType, "Unsupported media type"},
	CodeInvalid:                  {http.StatusUnprocessableEntity, "Invalid request"},
	CodeSQL:                      {http.StatusUnprocessableEntity, "The query failed"},
	CodeRateLimited:              {http.StatusTooManyRequests, "Too many requests"},
	CodeQuotaDay:                 {http.StatusTooManyRequests, "Daily quota reached"},
	CodeQuotaMonth:               {http.StatusTooManyRequests, "Monthly quota reached"},
	CodeQuotaCost:                {http.StatusTooManyRequests, "Daily budget reached"},
	CodeQuotaTokens:              {http.StatusTooManyRequests, "Tokens of the minute reached"},
	CodeInternal:                 {http.StatusInternalServerError, "Internal error"},
	CodeUnavailable:              {http.StatusServiceUnavailable, "Temporarily unavailable"},
	CodeResumeUnavailable:        {http.StatusServiceUnavailable, "The stream cannot be resumed"},
	CodeBusy:                     {http.StatusServiceUnavailable, "Busy"},
	CodeBrainUnavailable:         {http.StatusServiceUnavailable, "Private brain unavailable"},
	CodeProviderAuth:             {http.StatusBadGateway, "Model provider refused the key"},
	CodeProviderRate:             {http.StatusBadGateway, "Model provider limits requests"},
	CodeProviderOverloaded:       {http.StatusBadGateway, "Model provider is overloaded"},
	CodeProviderFailed:           {http.StatusBadGateway, "Model provider failed"},
	CodeProviderRefused:          {http.StatusBadGateway, "Model provider refused the request"},
	CodeContextTooLong:           {http.StatusBadGateway, "Conversation too long for the model"},
	CodeProviderInterrupted:      {http.StatusBadGateway, "Reply interrupted"},
}

// Info returns the status and title of a code.
func (c Code) Info() Info {
	if info, ok := infos[c]; ok {
		return info
	}
	return infos[CodeInternal]
}

// Codes lists every code, for the documentation and its test.
func Codes() map[Code]Info {
	all := make(map[Code]Info, len(infos))
	for c, i := range infos {
		all[c] = i
	}
	return all
}
