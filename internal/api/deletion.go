package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"twobrains/internal/account/deletion"
	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

// Deletion is the wire form of deletion.Receipt.
type Deletion struct {
	ReceiptID   string         `json:"receiptId" format:"uuid" doc:"Whoever knows it may look at the receipt, without a session: keep it."`
	State       string         `json:"state" enum:"running,done"`
	RequestedAt time.Time      `json:"requestedAt"`
	FinishedAt  *time.Time     `json:"finishedAt" doc:"Null: it is going on."`
	Step        string         `json:"step" enum:"runs,identity,schema,rows,mails,receipt,done" doc:"The step under way."`
	Steps       []DeletionStep `json:"steps" doc:"The steps that are done, in their order."`
	Mails       *string        `json:"mails" enum:"purged,kept" doc:"What became of the mails that were sent to the account: purged, or kept until the operator removes them; null: not known yet."`
	ErrorCode   *string        `json:"errorCode" doc:"Why the step under way could not be done yet; it is tried again."`
}

// DeletionStep is a step that is done.
type DeletionStep struct {
	Step string    `json:"step" enum:"runs,identity,schema,rows,mails,receipt" doc:"runs: replies under way stopped; identity: sign-in and sessions removed; schema: the private brain dropped; rows: what else there was removed; mails: sent mails; receipt: the last that names the account."`
	At   time.Time `json:"at"`
}

// DeletionRequest confirms a deletion.
type DeletionRequest struct {
	Confirm string `json:"confirm" minLength:"1" maxLength:"320" doc:"The e-mail address of the account, or its id if it has none."`
}

// deletionInput is a deletion as it comes in, with the request's headers: what is remembered of a session is not enough for it.
type deletionInput struct {
	Body   DeletionRequest
	header func(string) string
}

// Resolve implements huma.Resolver.
func (i *deletionInput) Resolve(ctx huma.Context) []error {
	i.header = auth.Header(fiberOf(ctx))
	return nil
}

func (s *Server) deletionRoutes() {
	const tag = "Account"
	register(s, operation{
		id: "deleteAccount", method: http.MethodPost, path: "/api/account/delete", tag: tag, summary: "Delete the account",
		description: "From the answer on, nobody can use the account, by any session. What there is of it is removed within moments; the receipt " +
			"tells how far that is. Asked again, while there still is a session, it answers with the same receipt.",
		status: http.StatusAccepted, codes: []problem.Code{problem.CodeReauthenticationRequired},
	}, func(ctx context.Context, _ auth.User, in *deletionInput) (*struct{ Body Deletion }, error) {
		cred, err := auth.CredentialFrom(in.header, s.verifier.CookieName())
		if err != nil {
			return nil, err
		}
		user, _, err := s.verifier.VerifyFresh(ctx, cred)
		if err != nil {
			return nil, err
		}
		receipt, err := s.deletions.Request(ctx, user, in.Body.Confirm)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Deletion }{wireDeletion(receipt)}, nil
	})

	s.app.Get("/api/deletions/:id", s.limitAddress, s.getDeletion)
	schemas := s.api.OpenAPI().Components.Schemas
	op := &huma.Operation{
		OperationID: "getDeletion", Method: http.MethodGet, Path: "/api/deletions/{id}", Tags: []string{tag}, Summary: "Look at the receipt of a deletion",
		Description: "Needs no session: the account that had one is gone.",
		Security:    []map[string][]string{},
		Parameters: []*huma.Param{{
			Name: "id", In: "path", Required: true, Description: "The receipt's id.", Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"},
		}},
		Responses: problems(schemas, []problem.Code{problem.CodeNotFound}),
	}
	op.Responses["200"] = &huma.Response{Description: "The receipt.", Content: map[string]*huma.MediaType{
		"application/json": {Schema: schemas.Schema(reflect.TypeFor[Deletion](), true, "")},
	}}
	s.api.OpenAPI().AddOperation(op)
}

func (s *Server) getDeletion(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
	defer cancel()
	id, err := uuid.Parse(c.Params("id"))
	if err != nil {
		return problem.New(problem.CodeNotFound, "There is no such receipt.")
	}
	receipt, err := s.deletions.Receipt(ctx, id)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(wireDeletion(receipt))
}

func wireDeletion(r deletion.Receipt) Deletion {
	d := Deletion{
		ReceiptID: r.ID.String(), State: "running", RequestedAt: r.RequestedAt.UTC(), FinishedAt: r.FinishedAt, Step: string(r.Step),
		Steps: make([]DeletionStep, len(r.Steps)),
	}
	if r.FinishedAt != nil {
		d.State = "done"
	}
	for i, step := range r.Steps {
		d.Steps[i] = DeletionStep{string(step.Step), step.At}
	}
	if r.Mails != "" {
		d.Mails = &r.Mails
	}
	if r.ErrorCode != "" {
		d.ErrorCode = &r.ErrorCode
	}
	return d
}
